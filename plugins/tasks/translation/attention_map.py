"""A heat map of attention: a row for each symbol that was written, a column for each of the source. Only gui.py
imports this module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.sdk import Theme

LARGEST_CELL, SMALLEST_CELL = 26.0, 8.0
MOST_CELLS = 120
"""Rows and columns beyond which a map is not drawn: nothing could be read."""


class AttentionMap(QWidget):
    """``show_attention`` draws; the pair under the mouse is marked, told in a tip and by ``pointed(row, column)``."""

    pointed = Signal(int, int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._weights: Sequence[Sequence[float]] = ()
        self._source: Sequence[str] = ()
        self._target: Sequence[str] = ()
        self._at = (-1, -1)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Attention")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._renew)

    def show_attention(
        self, source: Sequence[str], target: Sequence[str], weights: Sequence[Sequence[float]] | None
    ) -> None:
        """``weights`` has a row for each of ``target``, over ``source``; None hides the map."""
        fits = weights is not None and len(source) <= MOST_CELLS and len(target) <= MOST_CELLS
        self._weights = weights if fits and weights is not None else ()
        self._source, self._target, self._at = tuple(source), tuple(target), (-1, -1)
        self.setVisible(bool(self._weights))
        self.setAccessibleDescription(self._described())
        self._renew()

    def _described(self) -> str:
        rows = []
        for word, row in zip(self._target, self._weights, strict=False):
            best = max(range(len(row)), key=row.__getitem__, default=-1)
            if 0 <= best < len(self._source):
                rows.append(f"{word} from {self._source[best]} ({row[best]:.0%})")
        return "; ".join(rows)

    def _renew(self) -> None:
        self.updateGeometry()
        self.update()

    # -- geometry -------------------------------------------------------------------------------------------------

    def _metrics(self) -> QFontMetricsF:
        return QFontMetricsF(self._theme.font(0.88))

    def _margins(self) -> tuple[float, float]:
        """Room for the names: at the left, and above, where they are written upwards unless all are short."""
        metrics = self._metrics()
        left = max((metrics.horizontalAdvance(word) for word in self._target), default=0.0)
        widest = max((metrics.horizontalAdvance(word) for word in self._source), default=0.0)
        above = metrics.height() if widest <= LARGEST_CELL - 4 else widest
        return min(left, 160.0) + 12, min(above, 120.0) + 8

    def _cell(self) -> float:
        left, _ = self._margins()
        room = max(1.0, self.width() - left - 4)
        return min(LARGEST_CELL, max(SMALLEST_CELL, room / max(1, len(self._source))))

    def sizeHint(self) -> QSize:
        left, above = self._margins()
        cell = self._cell()
        return QSize(round(left + cell * len(self._source)) + 4, round(above + cell * len(self._weights)) + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height() if self._weights else 0)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.updateGeometry()

    # -- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._weights:
            return
        painter = QPainter(self)
        painter.setFont(self._theme.font(0.88))
        metrics = self._metrics()
        (left, above), cell = self._margins(), self._cell()
        row_at, column_at = self._at
        for row, (word, weights) in enumerate(zip(self._target, self._weights, strict=False)):
            top = above + row * cell
            painter.setPen(self._theme.color("accent" if row == row_at else "text"))
            name = metrics.elidedText(word, Qt.TextElideMode.ElideRight, left - 12)
            width = metrics.horizontalAdvance(name)
            painter.drawText(QPointF(left - 6 - width, top + (cell + metrics.ascent() - metrics.descent()) / 2), name)
            for column, weight in enumerate(weights[: len(self._source)]):
                painter.fillRect(
                    QRectF(left + column * cell, top, max(1.0, cell - 1), max(1.0, cell - 1)), self._colour(weight)
                )
        self._paint_source(painter, left, above, cell)
        if row_at >= 0:
            painter.setPen(QPen(self._theme.color("text"), 1.5))
            painter.drawRect(QRectF(left + column_at * cell, above + row_at * cell, cell - 1, cell - 1))
        painter.end()

    def _paint_source(self, painter: QPainter, left: float, above: float, cell: float) -> None:
        metrics = self._metrics()
        upright = max((metrics.horizontalAdvance(word) for word in self._source), default=0.0) <= LARGEST_CELL - 4
        every = 1 if cell >= metrics.height() * 0.8 or upright else 2
        for column, word in enumerate(self._source):
            if column % every:
                continue
            painter.setPen(self._theme.color("accent" if column == self._at[1] else "text"))
            middle = left + (column + 0.5) * cell
            if upright:
                painter.drawText(QPointF(middle - metrics.horizontalAdvance(word) / 2 - 0.5, above - 6), word)
                continue
            painter.save()
            painter.translate(middle + (metrics.ascent() - metrics.descent()) / 2, above - 5)
            painter.rotate(-90)
            painter.drawText(QPointF(0, 0), metrics.elidedText(word, Qt.TextElideMode.ElideRight, above - 8))
            painter.restore()

    def _colour(self, weight: float) -> QColor:
        """From the surface to the accent; the root lets small weights be seen."""
        share = min(1.0, max(0.0, weight)) ** 0.6
        low, high = self._theme.color("grid"), self._theme.color("accent")
        mixed = [
            a + (b - a) * share
            for a, b in (
                (low.redF(), high.redF()),
                (low.greenF(), high.greenF()),
                (low.blueF(), high.blueF()),
            )
        ]
        return QColor.fromRgbF(*mixed)

    # -- pointing -------------------------------------------------------------------------------------------------

    def cell_at(self, position: QPointF) -> tuple[int, int]:
        """(row, column) at a place of the widget; (-1, -1) outside."""
        (left, above), cell = self._margins(), self._cell()
        column, row = int((position.x() - left) // cell), int((position.y() - above) // cell)
        if 0 <= row < len(self._weights) and 0 <= column < len(self._source):
            return row, column
        return -1, -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mark(*self.cell_at(event.position()))
        row, column = self._at
        if row >= 0:
            QToolTip.showText(event.globalPosition().toPoint(), self.told(row, column), self)

    def leaveEvent(self, event: Any) -> None:
        self.mark(-1, -1)

    def keyPressEvent(self, event: Any) -> None:
        """Arrows move the mark, as the mouse does."""
        step = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }.get(event.key())
        if step is None or not self._weights:
            super().keyPressEvent(event)
            return
        row = min(max(0, self._at[0] + step[0]), len(self._weights) - 1)
        column = min(max(0, self._at[1] + step[1]), len(self._source) - 1)
        self.mark(row, column)

    def mark(self, row: int, column: int) -> None:
        if (row, column) != self._at:
            self._at = (row, column)
            self.pointed.emit(row, column)
            self.update()

    def told(self, row: int, column: int) -> str:
        """What the tip of a cell says."""
        written = self._target[row] if row < len(self._target) else "∎"
        return f"“{written}” looked at “{self._source[column]}”: {self._weights[row][column]:.0%}"
