"""How far back a loss reaches: |∂L_s/∂h_t| against the distance between s and t, where vanishing can be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.api import Trace

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

Values = NDArray[np.float64]
EARLIER, LATER = "earlier steps", "later steps"
LEVELS = "levels below the root"
LOWEST_SHARE = 1e-8
"""On the logarithmic scale, values below this part of the greatest stand on the lower edge."""


_OTHER_STYLES = (Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DashDotDotLine)


@dataclass(frozen=True, slots=True)
class Reach:
    """Gradient norms by distance (index 0: the step itself) of one side: of one step, and the mean over all."""

    name: str
    here: Values
    mean: Values


def reaches(trace: Trace, step: int) -> tuple[list[Reach], int]:
    """The curves of ``trace`` for the loss of ``step``, and the step they really are of.

    A forward layer is followed to earlier steps, a backward one to later steps, inputs to both sides where anything
    is there. In a long sequence only some steps have a row; the last of them then stands for ``step``.
    """
    rows = {int(s): i for i, s in enumerate(trace.gradient_steps)} if trace.gradient_steps is not None else {}
    if not rows or not trace.gradient_through_time:
        return [], step
    shown = step if step in rows else max(rows)
    if trace.parents is not None:
        return [_by_level(trace, rows[shown])], shown
    found: list[Reach] = []
    for direction, matrix in trace.gradient_through_time.items():
        norms = np.asarray(matrix, dtype=np.float64)
        sides = {"forward": (EARLIER,), "backward": (LATER,)}.get(direction, (EARLIER, LATER))
        for side in sides:
            lines = {s: norms[i, s::-1] if side == EARLIER else norms[i, s:] for s, i in rows.items()}
            if direction not in ("forward", "backward") and not any(line[1:].any() for line in lines.values()):
                continue
            found.append(Reach(f"{direction}, {side}", lines[shown], mean_by_distance(lines)))
    return found, shown


def _by_level(trace: Trace, row: int) -> Reach:
    """The mean over the nodes of each level below the root: in a tree that is how far away they are."""
    norms = np.asarray(next(iter(trace.gradient_through_time.values()))[row], dtype=np.float64)
    parents = np.asarray(trace.parents)
    levels = np.zeros(len(parents), dtype=np.int64)
    for node in range(len(parents) - 2, -1, -1):  # in post-order a parent comes after its children
        levels[node] = levels[parents[node]] + 1
    line: Values = np.bincount(levels, weights=norms[: len(levels)]) / np.bincount(levels)
    return Reach(LEVELS, line, line)


def mean_by_distance(lines: Mapping[int, Values]) -> Values:
    """The mean of ``lines`` at each distance, over those that are long enough."""
    longest = max(len(line) for line in lines.values())
    total, count = np.zeros(longest), np.zeros(longest)
    for line in lines.values():
        total[: len(line)] += line
        count[: len(line)] += 1
    return total / count


class ReachChart(QWidget):
    """A solid line for the chosen step, a dashed one for the mean over all steps; a colour for each direction."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.reaches: list[Reach] = []
        self.others: dict[str, Reach] = {}
        self._step = 0
        self._logarithmic = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Gradient against distance in steps")
        theme.changed.connect(self.update)

    def show_reaches(self, found: list[Reach], step: int, others: Mapping[str, Reach] | None = None) -> None:
        """Show ``found``, the curves for the loss of ``step``, and the means of ``others``, models by their titles."""
        self.reaches, self._step, self.others = found, step, dict(others or {})
        self.setAccessibleDescription(self.summary())
        self.update()

    @property
    def logarithmic(self) -> bool:
        return self._logarithmic

    def set_logarithmic(self, on: bool) -> None:
        self._logarithmic = on
        self.update()

    def summary(self) -> str:
        parts = []
        for one in self.reaches:
            ends = f"{one.here[0]:.3g} at the step itself"
            if len(one.here) > 1:
                ends += f", {one.here[-1]:.3g} at distance {len(one.here) - 1}"
            parts.append(f"{one.name}: {ends}")
        for title, one in self.others.items():
            parts.append(f"{title}, mean: {one.mean[0]:.3g}, {one.mean[-1]:.3g} at distance {len(one.mean) - 1}")
        return f"Loss of step {self._step + 1}. " + "; ".join(parts) if parts else ""

    def sizeHint(self) -> QSize:
        return QSize(420, 120)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, max(76, int(QFontMetricsF(self.font()).height() * 6.5)))

    # -- painting -----------------------------------------------------------------------------------------------

    def _range(self) -> tuple[float, float]:
        """Lowest and highest value of the axis."""
        parts = [part for one in self.reaches for part in (one.here, one.mean)]
        everything = np.concatenate([*parts, *(one.mean for one in self.others.values())])
        high = float(np.nanmax(everything, initial=0.0))
        if high <= 0 or not math.isfinite(high):
            return 0.0, 1.0
        if not self._logarithmic:
            return 0.0, high
        positive = everything[everything > 0]
        low = max(float(positive.min()), high * LOWEST_SHARE)
        return (low if low < high * 0.99 else high / 10), high

    def _share(self, values: Values, low: float, high: float) -> Values:
        """Heights from 0 to 1."""
        if self._logarithmic and low > 0:
            heights = (np.log(np.maximum(values, low)) - math.log(low)) / (math.log(high) - math.log(low))
        else:
            heights = (values - low) / (high - low)
        clipped: Values = np.clip(np.nan_to_num(heights), 0.0, 1.0)
        return clipped

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self.reaches:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(self.font())
        low, high = self._range()
        labels = [f"{high:.2g}", f"{low:.2g}"]
        line = metrics.height()
        left = max(metrics.horizontalAdvance(text) for text in labels) + 8
        area = QRectF(left, line * 1.5, self.width() - left - 8, self.height() - line * 2.7)
        muted = self._theme.color("muted")
        painter.setPen(muted)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for text, y in zip(labels, (area.top(), area.bottom()), strict=True):
            painter.drawText(QRectF(0, y - line / 2, left - 4, line), right, text)
        painter.setPen(QPen(self._theme.color("grid"), 1))
        for y in (area.top(), area.bottom()):
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        longest = max(max(len(one.here), len(one.mean)) for one in (*self.reaches, *self.others.values()))
        across = area.width() / max(1, longest - 1)
        self._draw_distances(painter, area, across, longest, metrics)
        for i, one in enumerate(self.reaches):
            colour = self._theme.series(i + 1)
            self._draw_line(painter, area, across, self._share(one.mean, low, high), colour, dashed=True)
            self._draw_line(painter, area, across, self._share(one.here, low, high), colour, dashed=False)
        for i, one in enumerate(self.others.values()):
            look = _OTHER_STYLES[i % len(_OTHER_STYLES)]
            colour = self._theme.series(i + 3)
            self._draw_line(painter, area, across, self._share(one.mean, low, high), colour, dashed=True, style=look)
        self._draw_legend(painter, area.left(), metrics)
        painter.end()

    def _draw_distances(
        self, painter: QPainter, area: QRectF, across: float, longest: int, metrics: QFontMetricsF
    ) -> None:
        painter.setPen(self._theme.color("muted"))
        title = LEVELS if self.reaches[0].name == LEVELS else "steps between"
        room = area.width() - metrics.horizontalAdvance(title) - 16
        each = max(1, math.ceil(metrics.horizontalAdvance("000") * 1.6 / max(across, 1e-6)))
        top = area.bottom() + 3
        for distance in range(0, longest, each):
            x = distance * across
            if x > room:
                break
            centre = Qt.AlignmentFlag.AlignHCenter if distance else Qt.AlignmentFlag.AlignLeft
            box = QRectF(area.left() + x - (40 if distance else 0), top, 80, metrics.height())
            painter.drawText(box, centre, str(distance))
        end = QRectF(area.left(), top, area.width(), metrics.height())
        painter.drawText(end, Qt.AlignmentFlag.AlignRight, title)

    def _draw_line(
        self,
        painter: QPainter,
        area: QRectF,
        across: float,
        heights: Values,
        colour: QColor,
        *,
        dashed: bool,
        style: Qt.PenStyle = Qt.PenStyle.DashLine,
    ) -> None:
        points = [
            QPointF(area.left() + i * across, area.bottom() - area.height() * share) for i, share in enumerate(heights)
        ]
        wide = 2.0 if style != Qt.PenStyle.DashLine or not dashed else 1.2
        painter.setPen(QPen(colour, wide, style if dashed else Qt.PenStyle.SolidLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        if not dashed:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            for point in points if len(points) <= 60 else points[:1]:
                painter.drawEllipse(point, 2.5, 2.5)

    def _draw_legend(self, painter: QPainter, x: float, metrics: QFontMetricsF) -> None:
        middle = metrics.height() / 2
        entries = [(one.name, self._theme.series(i + 1), Qt.PenStyle.SolidLine) for i, one in enumerate(self.reaches)]
        if self.reaches[0].name != LEVELS:
            entries.append(("mean over all steps", self._theme.color("muted"), Qt.PenStyle.DashLine))
        for i, title in enumerate(self.others):
            entries.append((title, self._theme.series(i + 3), _OTHER_STYLES[i % len(_OTHER_STYLES)]))
        for name, colour, style in entries:
            painter.setPen(QPen(colour, 1.2 if style == Qt.PenStyle.DashLine else 2.0, style))
            painter.drawLine(QPointF(x, middle), QPointF(x + 20, middle))
            painter.setPen(self._theme.color("muted"))
            width = metrics.horizontalAdvance(name)
            painter.drawText(QRectF(x + 25, 0, width + 4, metrics.height()), name)
            x += 25 + width + 18
