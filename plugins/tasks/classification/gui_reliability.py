"""The reliability diagram: of answers given with some probability, how many were right. Only the shell imports it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget
from workbench_plugins.tasks.classification.scoring import BINS

from workbench.api import Report
from workbench.shell.sdk import Muted, PanelContext, Text, Theme

_COUNTS = 0.2
"""Of the height: the columns below that say how many answers each bin holds."""
NOTHING = "This evaluation has no probabilities to compare: evaluate the run once more."
HINT = "Left and right go from bin to bin"


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of ``place`` / 10 to a tenth more: their mean ``probability``, the share ``right``, how many."""

    place: int
    probability: float
    right: float
    count: int

    def words(self) -> str:
        gap = 100 * (self.probability - self.right)
        said = "as sure as right" if abs(gap) < 0.05 else f"{abs(gap):.1f} points too {'sure' if gap > 0 else 'unsure'}"
        low, high = 100 * self.place // BINS, 100 * (self.place + 1) // BINS
        answers = "1 answer" if self.count == 1 else f"{self.count:,} answers"
        sure, right = 100 * self.probability, 100 * self.right
        return f"{low} to {high} %: {answers}, given with {sure:.1f} % on average, {right:.1f} % right: {said}"


def bins_of(protocol: Mapping[str, Any]) -> tuple[Bin, ...]:
    """The bins of a report that hold answers, in order."""
    found = []
    for row in protocol.get("calibration_bins") or ():
        probability = float(row["probability"])
        place = round(BINS * float(row["from"])) if "from" in row else math.ceil(probability * BINS - 1e-9) - 1
        found.append(Bin(min(BINS - 1, max(0, place)), probability, float(row["right"]), int(row["count"])))
    return tuple(sorted(found, key=lambda one: one.place))


class ReliabilityDiagram(QWidget):
    """A column for each bin as high as its share right, the gap to how sure its answers were, and the diagonal.

    Below stand columns of how many answers there are. ``pointed(bin or None)`` follows the mouse and the arrow keys.
    """

    pointed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.bins: tuple[Bin, ...] = ()
        self._at: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Reliability diagram")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self.update)

    def show_bins(self, bins: Sequence[Bin]) -> None:
        self.bins = tuple(bins)
        self.setAccessibleDescription("; ".join(one.words() for one in self.bins))
        self._point(None)
        self.update()

    def _point(self, index: int | None) -> None:
        self._at = index
        self.pointed.emit(None if index is None else self.bins[index])
        self.update()

    # -- geometry -----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        line = QFontMetricsF(self.font()).height()
        return QSize(int(26 * line), int(17 * line))

    def minimumSizeHint(self) -> QSize:
        line = QFontMetricsF(self.font()).height()
        return QSize(int(15 * line), int(12 * line))

    def _areas(self) -> tuple[QRectF, QRectF]:
        """Where the shares are drawn, and below it the counts."""
        metrics = QFontMetricsF(self.font())
        left, line = metrics.horizontalAdvance("100 %") + 8, metrics.height()
        width = max(20.0, self.width() - left - metrics.horizontalAdvance("100 %") / 2 - 2)
        height = max(40.0, self.height() - 4.5 * line)
        shares = QRectF(left, line * 1.25, width, height * (1 - _COUNTS))
        return shares, QRectF(left, shares.bottom() + line * 1.5, width, height * _COUNTS)

    def _column(self, area: QRectF, place: int, share: float) -> QRectF:
        width, height = area.width() / BINS, area.height() * min(1.0, max(0.0, share))
        return QRectF(area.left() + place * width + 1.5, area.bottom() - height, width - 3, height)

    def index_at(self, position: QPointF) -> int | None:
        """The bin under ``position``, whether above or below its column; None beside them and where none is."""
        shares, counts = self._areas()
        if not shares.left() <= position.x() < shares.right() or position.y() > counts.bottom():
            return None
        place = int((position.x() - shares.left()) / shares.width() * BINS)
        return next((i for i, one in enumerate(self.bins) if one.place == place), None)

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shares, counts = self._areas()
        self._paint_axes(painter, shares, counts)
        most = max((one.count for one in self.bins), default=1)
        for i, one in enumerate(self.bins):
            pointed = i == self._at
            right, sure = self._column(shares, one.place, one.right), self._column(shares, one.place, one.probability)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.series(0))
            painter.drawRect(right)
            gap = QRectF(right.left(), min(right.top(), sure.top()), right.width(), abs(right.top() - sure.top()))
            over = one.probability > one.right
            colour = self._theme.series(1)
            painter.setPen(QPen(colour, 1.5, Qt.PenStyle.SolidLine if over else Qt.PenStyle.DotLine))
            tint = self._theme.series(1)
            tint.setAlphaF(0.35)
            # a pattern tells the gap from the column where colours do not
            painter.setBrush(tint)
            painter.drawRect(gap)
            painter.setBrush(QBrush(colour, Qt.BrushStyle.BDiagPattern if over else Qt.BrushStyle.FDiagPattern))
            painter.drawRect(gap)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("muted"))
            painter.drawRect(self._column(counts, one.place, max(one.count / most, 1 / max(1.0, counts.height()))))
            if pointed:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(self._theme.color("accent"), 2.0))
                whole = QRectF(right.left(), shares.top(), right.width(), counts.bottom() - shares.top())
                painter.drawRect(whole)
        painter.setPen(QPen(self._theme.color("text"), 1.2, Qt.PenStyle.DashLine))
        painter.drawLine(shares.bottomLeft(), shares.topRight())
        if self.hasFocus() and self._at is None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 2.0))
            painter.drawRect(shares.adjusted(-1, -1, 1, 1))
        painter.end()

    def _paint_axes(self, painter: QPainter, shares: QRectF, counts: QRectF) -> None:
        metrics = QFontMetricsF(self.font())
        line = metrics.height()
        muted, grid = self._theme.color("muted"), self._theme.color("grid")
        painter.setPen(muted)
        painter.drawText(QPointF(0, metrics.ascent()), "Right ↑")
        for percent in (0, 50, 100) if shares.height() < 7 * line else (0, 20, 40, 60, 80, 100):
            y = shares.bottom() - shares.height() * percent / 100
            painter.setPen(grid)
            painter.drawLine(QPointF(shares.left(), y), QPointF(shares.right(), y))
            painter.setPen(muted)
            box = QRectF(0, y - line / 2, shares.left() - 6, line)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{percent} %")
            x = shares.left() + shares.width() * percent / 100
            wide = metrics.horizontalAdvance("100 %") + 4
            painter.drawText(QRectF(x - wide / 2, shares.bottom() + 2, wide, line), Qt.AlignmentFlag.AlignCenter,
                             f"{percent} %")  # fmt: skip
        painter.setPen(grid)
        painter.drawLine(counts.bottomLeft(), counts.bottomRight())
        painter.setPen(muted)
        foot = QRectF(shares.left(), counts.bottom() + 2, shares.width(), line)
        painter.drawText(foot, Qt.AlignmentFlag.AlignCenter, "how sure the answers were; below, how many")

    # -- pointing -----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self.index_at(event.position())
        if found != self._at:
            self._point(found)

    def leaveEvent(self, event: QEvent) -> None:
        if not self.hasFocus():
            self._point(None)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        last = len(self.bins) - 1
        key = Qt.Key(event.key())
        if key in steps and self.bins:
            begin = 0 if steps[key] > 0 else last
            self._point(begin if self._at is None else min(last, max(0, self._at + steps[key])))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and self.bins:
            self._point(0 if key == Qt.Key.Key_Home else last)
        else:
            super().keyPressEvent(event)


class ReliabilityPanel(QWidget):
    """In the stage Evaluate: the diagram of the report that is shown, with what it comes to and the temperature."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.headline, self.figures = Text(""), Muted("")
        self.diagram = ReliabilityDiagram(context.theme)
        self.value = Muted(HINT)
        self.value.setAccessibleName("The bin pointed at")
        self.empty = Muted(NOTHING)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.headline, self.figures, self.diagram, self.value, self.empty):
            column.addWidget(widget, int(widget is self.diagram))
        self.diagram.pointed.connect(self._pointed)
        self._show((), {}, {})

    def show_report(self, report: Report) -> bool:
        """Draw the report; one of another task has nothing to do with this panel."""
        if "class_accuracy" not in report.metrics:
            return False
        protocol = report.protocol or {}
        self._show(bins_of(protocol), report.metrics, protocol)
        return True

    def _show(self, bins: Sequence[Bin], metrics: Mapping[str, float], protocol: Mapping[str, Any]) -> None:
        for widget in (self.headline, self.figures, self.diagram, self.value):
            widget.setVisible(bool(bins))
        self.empty.setVisible(not bins)
        self.diagram.show_bins(bins)
        if not bins:
            return
        # room for a second line, so that nothing moves while bins are pointed at
        self.value.setMinimumHeight(2 * self.value.fontMetrics().lineSpacing())
        error = float(metrics.get("calibration_error", math.nan))
        sure = sum(one.count * one.probability for one in bins) / sum(one.count for one in bins)
        right = sum(one.count * one.right for one in bins) / sum(one.count for one in bins)
        said = "too sure" if sure - right > 0.005 else "too unsure" if right - sure > 0.005 else "as sure as right"
        self.headline.setText(
            f"On average {100 * sure:.1f} % sure and {100 * right:.1f} % right: {said}. "
            f"Expected calibration error {100 * error:.1f} %."
        )
        self.figures.setText(_temperature(protocol.get("temperature")))

    def _pointed(self, one: Bin | None) -> None:
        self.value.setText(HINT if one is None else one.words())


def _temperature(value: Any) -> str:
    """The temperature in words: what it did to the probabilities."""
    if not isinstance(value, int | float):
        return ""
    if abs(value - 1.0) < 5e-4:
        return "Temperature 1: the scores are taken as they are."
    made = "less" if value > 1 else "more"
    return f"Temperature {value:.2f}: the scores are divided by it, which makes every answer {made} sure."
