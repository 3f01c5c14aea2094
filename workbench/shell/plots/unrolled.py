"""Draws an unrolled network: x below, layers above it, y on top, a column for each step, arrows through time.

Only the columns in view are painted, so a document of thousands of steps scrolls as quickly as a sentence.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.plots.arrows import paint_head
from workbench.shell.plots.symbol_card import strip_image
from workbench.shell.plots.unrolled_layout import PlacedSide, place_sides
from workbench.shell.plots.unrolling import Unrolled, subscript

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

class UnrolledView(QWidget):
    """``step_chosen(side, step)`` follows the mouse and the arrow keys."""

    step_chosen = Signal(int, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._unrolled: Unrolled | None = None
        self._sides: list[PlacedSide] = []
        self._size = QSize(200, 120)
        self._laid_out = False
        self._side, self._step = 0, 0
        self.by_mouse = False
        """Whether the mouse made the latest choice: then nothing may move under it."""
        self._strips: dict[tuple[int, int], QImage] = {}
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Unrolled network")
        theme.changed.connect(self._restyle)

    # -- content ------------------------------------------------------------------------------------------------

    def show_unrolled(self, unrolled: Unrolled | None) -> None:
        """Show another input or another model; the chosen step stays where it can."""
        self._unrolled = unrolled
        sides = unrolled.sides if unrolled is not None else ()
        self._side = min(self._side, max(0, len(sides) - 1))
        self._step = min(self._step, max(0, len(sides[self._side].steps) - 1)) if sides else 0
        self._restyle()
        self.setAccessibleDescription(self.summary())

    @property
    def unrolled(self) -> Unrolled | None:
        return self._unrolled

    @property
    def chosen(self) -> tuple[int, int]:
        """(side, step) in focus."""
        return self._side, self._step

    def choose(self, side: int, step: int, *, tell: bool = True) -> None:
        """Put a step into focus: its arrows are drawn in the accent."""
        if self._unrolled is None or not 0 <= side < len(self._unrolled.sides):
            return
        if not 0 <= step < len(self._unrolled.sides[side].steps) or (side, step) == (self._side, self._step):
            return
        self._side, self._step = side, step
        self.setAccessibleDescription(self.summary())
        self.update()
        if tell:
            self.step_chosen.emit(side, step)

    def summary(self) -> str:
        """The chosen step in words."""
        if self._unrolled is None or not self._unrolled.sides:
            return ""
        side = self._unrolled.sides[self._side]
        if not side.steps:
            return "no steps"
        t = self._step
        where = f"{side.title.lower()} step" if side.title else "step"
        parts = [f"{where} {t + 1} of {len(side.steps)}: {side.steps[t]}"]
        for row in side.rows:
            other = t + 1 if row.backward else t - 1
            comes = f" {row.direction} from step {other + 1}"
            if not 0 <= other < len(side.steps):
                comes = f" {row.direction} from nothing before it"
            if not row.direction:
                comes = " of this step alone"
            values = ""
            if row.states is not None and t < len(row.states):
                here = row.states[t]
                values = f", {here.min():.2g} to {here.max():.2g}"
            parts.append(f"{row.name}{comes}{values}")
        if t < len(side.outputs) and side.outputs[t]:
            parts.append(f"output {side.outputs[t]}")
        weights = self._weights()
        if weights is not None and weights.size:
            most = int(weights.argmax())
            parts.append(f"looks most at {self._unrolled.sides[0].steps[most]} ({weights[most]:.2f})")
        return "; ".join(parts)

    def _weights(self) -> NDArray[np.float64] | None:
        """The attention of the chosen step of the decoder."""
        if self._unrolled is None or self._unrolled.attention is None or self._side != 1:
            return None
        matrix = self._unrolled.attention
        if self._step >= len(matrix):
            return None
        row: NDArray[np.float64] = matrix[self._step]
        return row[: len(self._unrolled.sides[0].steps)]

    # -- layout -------------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        self._laid_out = False
        self._strips.clear()
        self._lay_out()
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange):
            self._restyle()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        self._lay_out()
        return self._size

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _lay_out(self) -> None:
        if self._laid_out:
            return
        self._laid_out = True
        self._sides = []
        if self._unrolled is None:
            self._size = QSize(200, 120)
            return
        metrics = QFontMetricsF(self.font())
        line = metrics.height()
        placed = place_sides(self._unrolled, line, self._box_height(line), metrics.horizontalAdvance)
        self._sides, self._head, self._floor = placed.sides, placed.head, placed.floor
        self._size = QSize(int(placed.width), int(placed.height))

    def _box_height(self, line: float) -> float:
        known = self._unrolled is not None and self._unrolled.known
        return line * 1.35 + (14 if known else 4)

    def column(self, side: int, step: int) -> QRectF:
        """The column of a step, in this widget's pixels."""
        self._lay_out()
        place = self._sides[side]
        return QRectF(place.left + step * place.width, 0, place.width, self._size.height())

    def at(self, place: QPointF) -> tuple[int, int] | None:
        """(side, step) under ``place``."""
        self._lay_out()
        for number, side in enumerate(self._sides):
            step = int((place.x() - side.left) // side.width)
            if 0 <= step < len(side.side.steps) and place.x() >= side.left:
                return number, step
        return None

    def _box(self, place: PlacedSide, row: int, step: int) -> QRectF:
        left, top, width = place.boxes[row]
        tall = self._box_height(QFontMetricsF(self.font()).height())
        return QRectF(place.left + step * place.width + left, top, width, tall)

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        self._lay_out()
        if self._unrolled is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        painter.translate(0, max(0.0, (self.height() - self._size.height()) / 3))
        for number, place in enumerate(self._sides):
            self._paint_side(painter, number, place, event.rect())
        if self._unrolled.decodes:
            self._paint_bridge(painter)
            self._paint_attention(painter)
        painter.restore()
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _paint_side(self, painter: QPainter, number: int, place: PlacedSide, seen: QRect) -> None:
        count = len(place.side.steps)
        first = max(0, int((seen.left() - place.left) // place.width) - 1)
        last = min(count, int((seen.right() - place.left) // place.width) + 2)
        theme, metrics = self._theme, QFontMetricsF(self.font())
        if number == self._side and first <= self._step < last and not theme.is_high_contrast:
            column = self.column(number, self._step)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("selection"))
            painter.drawRoundedRect(column.adjusted(3, 2, -3, -2), 6, 6)
        for lit in (False, True):
            for step in range(first, last):
                self._paint_arrows(painter, number, place, step, lit=lit)
        for step in range(first, last):
            self._paint_column(painter, number, place, step, metrics)
        if place.gutter and seen.left() < place.left:
            self._paint_names(painter, place, metrics)
        if place.side.title and self._unrolled is not None and self._unrolled.decodes:
            painter.setPen(theme.color("muted"))
            top, width = self._floor + metrics.height() * 1.8 + 4, place.width * max(1, count)
            area = QRectF(place.left, top, width, metrics.height())
            painter.drawText(area, int(Qt.AlignmentFlag.AlignHCenter), place.side.title)

    def _paint_names(self, painter: QPainter, place: PlacedSide, metrics: QFontMetricsF) -> None:
        """Which layer is which, to the left of its first state."""
        painter.setPen(self._theme.color("muted"))
        for level in place.side.levels():
            box = self._box(place, level[0], 0)
            name = place.side.rows[level[0]].name
            area = QRectF(place.left - place.gutter, box.top(), place.gutter - 6, box.height())
            words = metrics.elidedText(name, Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), words)

    def _is_lit(self, number: int, step: int) -> bool:
        return (number, step) == (self._side, self._step)

    def _arrow(self, painter: QPainter, way: list[tuple[float, float]], *, lit: bool, time: bool = False) -> None:
        colour = self._theme.color("accent" if lit else "muted")
        if not lit and not self._theme.is_high_contrast:
            colour.setAlphaF(0.75)
        pen = QPen(colour, 2.2 if lit else 1.2)
        if time:
            pen.setDashPattern([4, 2])
        painter.setPen(pen)
        for (ax, ay), (bx, by) in pairwise(way):
            painter.drawLine(QPointF(ax, ay), QPointF(bx, by))
        paint_head(painter, way, colour, 5.0)

    def _paint_arrows(self, painter: QPainter, number: int, place: PlacedSide, step: int, *, lit: bool) -> None:
        """The arrows of a column: up through the layers, and sideways from the step before (or after)."""
        side = place.side
        here = self._is_lit(number, step)
        if here == lit:
            middle = place.left + (step + 0.5) * place.width
            below = self._floor - 1
            levels = side.levels()
            source: tuple[float, float] = (middle, below)
            for at, level in enumerate(levels):
                boxes = [self._box(place, row, step) for row in level]
                for box in boxes:
                    x = box.center().x()
                    way = [source, (x, source[1]), (x, box.bottom() + 1)]
                    if abs(x - source[0]) < 1:
                        way = [source, (x, box.bottom() + 1)]
                    self._arrow(painter, way, lit=lit)
                if len(boxes) > 1:
                    high = place.junctions[at]
                    painter.setPen(QPen(self._theme.color("accent" if lit else "muted"), 2.2 if lit else 1.2))
                    for box in boxes:
                        painter.drawLine(QPointF(box.center().x(), box.top()), QPointF(box.center().x(), high))
                    painter.drawLine(QPointF(boxes[0].center().x(), high), QPointF(boxes[-1].center().x(), high))
                    source = (middle, high)
                    painter.setBrush(painter.pen().color())
                    painter.drawEllipse(QPointF(*source), 2.2, 2.2)
                else:
                    source = (boxes[0].center().x(), boxes[0].top() - 1)
            if step < len(side.outputs) and side.outputs[step]:
                self._arrow(painter, [source, (source[0], self._head + 2)], lit=lit)
        for row, layer in enumerate(side.rows):
            other = step + 1 if layer.backward else step - 1
            if not layer.recurrent or not 0 <= other < len(side.steps):
                continue
            touches = here or self._is_lit(number, other)
            if touches != lit:
                continue
            a, b = self._box(place, row, other), self._box(place, row, step)
            y = b.center().y()
            ends = (a.left() - 1, b.right() + 1) if layer.backward else (a.right() + 1, b.left() - 1)
            self._arrow(painter, [(ends[0], y), (ends[1], y)], lit=lit, time=True)

    def _paint_column(
        self, painter: QPainter, number: int, place: PlacedSide, step: int, metrics: QFontMetricsF
    ) -> None:
        theme, side, line = self._theme, place.side, metrics.height()
        lit = self._is_lit(number, step)
        left = place.left + step * place.width + 4
        width = place.width - 8
        painter.setFont(self.font())
        painter.setPen(theme.color("text"))
        centre = int(Qt.AlignmentFlag.AlignCenter)
        word = metrics.elidedText(side.steps[step], Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(left, self._floor + 2, width, line * 1.5), centre, word)
        for row, layer in enumerate(side.rows):
            box = self._box(place, row, step)
            painter.setPen(QPen(theme.color("accent") if lit else theme.series_text(1 if layer.backward else 0), 1.4))
            painter.setBrush(theme.color("surface"))
            painter.drawRoundedRect(box, 5, 5)
            inner = box.adjusted(4, 2, -4, -2)
            letter = "s" if side.title == "Decoder" else "h"
            name = f"{letter}{subscript(step + 1)}"
            strip = self._strip(number, row, step)
            painter.setPen(theme.color("text"))
            text = QRectF(inner.left(), inner.top(), inner.width(), line * 1.2)
            painter.drawText(text if strip is not None else inner, centre, name)
            if strip is not None:
                bar = QRectF(inner.left(), inner.bottom() - 10, inner.width(), 9)
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
                painter.drawImage(bar, strip)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme.color("border"), 1))
                painter.drawRect(bar)
        if step < len(side.outputs) and side.outputs[step]:
            known = self._unrolled is not None and self._unrolled.known
            box = QRectF(left, 4, width, line * 1.5)
            pen = QPen(theme.color("accent" if lit else "border"), 1.2)
            if not known:
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(box, 5, 5)
            painter.setPen(theme.color("text"))
            cut = metrics.elidedText(side.outputs[step], Qt.TextElideMode.ElideRight, width - 8)
            painter.drawText(box, centre, cut)

    def _strip(self, number: int, row: int, step: int) -> QImage | None:
        """One step of a row as a strip of colour; the scale is the row's own over the whole input."""
        states = self._sides[number].side.rows[row].states
        if states is None or step >= len(states):
            return None
        key = (number * 1000 + row, step)
        if key not in self._strips:
            if len(self._strips) > 4000:
                self._strips.clear()
            limit = max(1e-9, float(np.nanmax(np.abs(states), initial=0.0)))
            self._strips[key] = strip_image(states[step], self._theme, signed=True, limit=limit)
        return self._strips[key]

    def _top(self, number: int, step: int) -> QPointF:
        """Where the states of a step leave its highest layer."""
        place = self._sides[number]
        rows = place.side.levels()[-1]
        if len(rows) > 1:
            return QPointF(place.left + (step + 0.5) * place.width, place.junctions[-1])
        box = self._box(place, rows[0], step)
        return QPointF(box.center().x(), box.top() - 1)

    def _paint_bridge(self, painter: QPainter) -> None:
        """What the decoder starts from: the encoder's last states."""
        first, second = self._sides[0], self._sides[1]
        if not (first.side.rows and second.side.rows and first.side.steps and second.side.steps):
            return
        a, b = self._box(first, 0, len(first.side.steps) - 1), self._box(second, 0, 0)
        x = (a.right() + b.left()) / 2
        lit = self._is_lit(1, 0) or self._is_lit(0, len(first.side.steps) - 1)
        high, low = a.center().y(), b.center().y()
        way = [(a.right() + 1, high), (x, high), (x, low), (b.left() - 1, low)]
        self._arrow(painter, way, lit=lit, time=True)

    def _paint_attention(self, painter: QPainter) -> None:
        """Lines from the encoder's states to the chosen step of the decoder, as wide as their weight."""
        weights = self._weights()
        if weights is None or not self._sides[0].side.rows or not self._sides[1].side.rows:
            return
        end = self._top(1, self._step) + QPointF(-8, 1)
        lane = self._head + 8
        for step, weight in enumerate(weights):
            if not np.isfinite(weight) or weight < 0.01:
                continue
            start = self._top(0, step)
            colour = QColor(self._theme.color("accent"))
            colour.setAlphaF(min(1.0, 0.25 + 0.75 * float(weight)))
            painter.setPen(QPen(colour, 0.8 + 5.0 * float(weight)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            path = QPainterPath(start)
            path.cubicTo(QPointF(start.x(), lane), QPointF(end.x() - 20, lane), end)
            painter.drawPath(path)

    # -- choosing -----------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self.at(event.position())
        if found is not None:
            self.by_mouse = True
            self.choose(*found)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        found = self.at(event.position())
        if found is not None:
            self.choose(*found)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._unrolled is None or not self._unrolled.sides:
            super().keyPressEvent(event)
            return
        counts = [len(side.steps) for side in self._unrolled.sides]
        whole = sum(counts)
        at = sum(counts[: self._side]) + self._step
        moves = {Qt.Key.Key_Left: at - 1, Qt.Key.Key_Right: at + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: whole - 1}
        goal = moves.get(Qt.Key(event.key()))
        if goal is None:
            super().keyPressEvent(event)
            return
        goal = min(max(0, goal), max(0, whole - 1))
        side = 0
        while side < len(counts) - 1 and goal >= counts[side]:
            goal -= counts[side]
            side += 1
        self.by_mouse = False
        self.choose(side, goal)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            found = self.at(QPointF(event.pos()))
            if found is not None:
                self.choose(*found)
                QToolTip.showText(event.globalPos(), self.summary().replace("; ", "\n"), self)
            else:
                QToolTip.hideText()
            return True
        return bool(super().event(event))
