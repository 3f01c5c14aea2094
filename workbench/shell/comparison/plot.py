"""How far each network remembers, problem by problem: a row of marks on one logarithmic axis."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.comparison.rows import Measured
from workbench.shell.theme import SMALL_FACTOR, Theme

MARK = 5.5
TICKS = (3, 10, 30, 100, 300, 1000, 3000)


class MemoryPlot(QWidget):
    """A line for each network; marks differ in colour and in shape, and each says what it is under the mouse."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.measured = Measured()
        self._spots: list[tuple[QRectF, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.changed.connect(self.update)

    def show_measured(self, measured: Measured) -> None:
        self.measured = measured
        self.setAccessibleName("Longest length solved, by architecture and problem")
        self.setAccessibleDescription(" ".join(self.sentences()))
        self.updateGeometry()
        self.update()

    def sentences(self) -> list[str]:
        """What the picture says, in words."""
        titles = dict(self.measured.tasks)
        return [
            f"{bar.title}: "
            + ", ".join(f"{titles.get(name, name).lower()} {length or 'none'}" for name, length in bar.solved.items())
            + "."
            for bar in self.measured.bars
        ]

    def sizeHint(self) -> QSize:
        line = self._line_height()
        return QSize(420, int(line * (len(self.measured.bars) + 2.6)) + 8)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, self.sizeHint().height())

    def _line_height(self) -> float:
        return max(24.0, self.fontMetrics().height() * 1.55)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()
        super().changeEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            near = [text for spot, text in self._spots if spot.contains(QPointF(event.pos()))]
            if near:
                QToolTip.showText(event.globalPos(), "\n".join(near), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._spots = []
        bars, theme = self.measured.bars, self.theme
        if not bars:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self._line_height()
        top = line * 1.3
        names = max(self.fontMetrics().horizontalAdvance(bar.title) for bar in bars)
        left = min(names + 16.0, self.width() * 0.38)
        none_at = left + 14.0
        first, last = none_at + 26.0, self.width() - 22.0
        bottom = top + line * len(bars)
        self._paint_legend(painter, line)
        self._paint_axis(painter, first, last, none_at, top, bottom)
        for i, bar in enumerate(bars):
            y = top + line * (i + 0.5)
            painter.setPen(theme.color("text"))
            painter.setFont(self.font())
            cut = self.fontMetrics().elidedText(bar.title, Qt.TextElideMode.ElideRight, int(left - 10))
            painter.drawText(
                QRectF(0, y - line / 2, left - 8, line),
                int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
                cut,
            )
            painter.setPen(QPen(theme.color("grid"), 1))
            painter.drawLine(QPointF(left, y), QPointF(last, y))
            self._paint_marks(painter, bar.title, bar.solved, y, first, last, none_at)

    def _paint_legend(self, painter: QPainter, line: float) -> None:
        painter.setFont(self.font())
        x = 0.0
        for i, (_name, title) in enumerate(self.measured.tasks):
            self._mark(painter, i, QPointF(x + MARK + 1, line * 0.5))
            wide = self.fontMetrics().horizontalAdvance(title)
            painter.setPen(self.theme.color("text"))
            painter.drawText(QRectF(x + 2 * MARK + 6, 0, wide + 4, line), int(Qt.AlignmentFlag.AlignVCenter), title)
            x += 2 * MARK + wide + 22

    def _paint_axis(
        self, painter: QPainter, first: float, last: float, none_at: float, top: float, bottom: float
    ) -> None:
        theme = self.theme
        small = theme.font(SMALL_FACTOR)
        height = QFontMetrics(small).height()
        painter.setFont(small)
        for value, x in [(0, none_at), *((tick, self._x(tick, first, last)) for tick in TICKS)]:
            if value > self.measured.longest:
                continue
            painter.setPen(QPen(theme.color("grid"), 1))
            painter.drawLine(QPointF(x, top), QPointF(x, bottom))
            painter.setPen(theme.color("muted"))
            text = f"{value:,}" if value else "none"
            place = QRectF(x - 40, bottom + 2, 80, height)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), text)

    def _x(self, length: int, first: float, last: float) -> float:
        low, high = math.log(TICKS[0]), math.log(max(self.measured.longest, TICKS[1]))
        return first + (last - first) * (math.log(max(length, TICKS[0])) - low) / (high - low)

    def _paint_marks(
        self,
        painter: QPainter,
        title: str,
        solved: object,
        y: float,
        first: float,
        last: float,
        none_at: float,
    ) -> None:
        assert isinstance(solved, dict)
        taken: dict[int, int] = {}
        for i, (name, task) in enumerate(self.measured.tasks):
            if name not in solved:
                continue
            length = int(solved[name])
            beside = taken.get(length, 0)  # marks at the same length stand beside each other
            taken[length] = beside + 1
            way = -1 if length >= self.measured.longest else 1
            x = (self._x(length, first, last) if length else none_at) + way * beside * MARK * 1.1
            self._mark(painter, i, QPointF(x, y))
            words = f"{length:,} steps" if length else "not solved at any length"
            if length >= self.measured.longest:
                words = f"{length:,} steps or more"
            spot = QRectF(x - MARK - 2, y - MARK - 4, 2 * MARK + 4, 2 * MARK + 8)
            self._spots.append((spot, f"{title}, {task.lower()}: {words}"))

    def _mark(self, painter: QPainter, series: int, at: QPointF) -> None:
        """Circle, square, triangle, diamond, or a triangle upside down."""
        painter.setPen(QPen(self.theme.color("surface"), 1.0))
        painter.setBrush(self.theme.series(series))
        x, y, r = at.x(), at.y(), MARK
        shape = series % 5
        if shape == 0:
            painter.drawEllipse(at, r, r)
        elif shape == 1:
            painter.drawRect(QRectF(x - r * 0.9, y - r * 0.9, 1.8 * r, 1.8 * r))
        elif shape == 3:
            corners = ((0, -1), (1, 0), (0, 1), (-1, 0))
            painter.drawPolygon(QPolygonF([QPointF(x + dx * r * 1.2, y + dy * r * 1.2) for dx, dy in corners]))
        else:
            way = 1.0 if shape == 2 else -1.0
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF(x, y - way * r * 1.15),
                        QPointF(x + r * 1.1, y + way * r * 0.85),
                        QPointF(x - r * 1.1, y + way * r * 0.85),
                    ]
                )
            )
