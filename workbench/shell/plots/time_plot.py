"""A plot over time: lines with gaps, bands, rules, points one can drag. Zoomed by wheel or keys, y follows by itself.

Whatever is drawn is cut to the visible part and reduced to what the screen can show, so that a million points pan and
zoom as a hundred do. Nothing is made anew when data change: items are kept and given new numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPen, QResizeEvent

from workbench.shell.plots.drag_box import DragBox
from workbench.shell.plots.series import Floats, apart, envelope
from workbench.shell.plots.time_axis import TimeAxis
from workbench.shell.plots.time_items import NOTHING, DrawnBand, DrawnLine, DrawnRule, DrawnSpans
from workbench.shell.theme import SMALL_FACTOR, Theme

GRIP_PIXELS = 14
"""How near a press must be to a point to take hold of it."""
POINTS_SHOWN = 240
"""With no more than this many values in view each is a dot, and can be dragged."""


class TimePlot(pg.PlotWidget):
    """Named lines, bands and rules over one time axis.

    Colours are named by ``role``: a series number as text ("0", "1", …) or a role of the theme ("accent", "muted").
    ``dragged`` and ``dropped`` carry (line, index of the point, wanted y): the owner changes the line's data or leaves
    it. ``clicked`` carries the x of a click, ``pointed`` that under the mouse (NaN when it leaves).
    """

    dragged = Signal(str, int, float)
    dropped = Signal(str, int, float)
    clicked = Signal(float)
    pointed = Signal(float)
    range_chosen = Signal()
    x_changed = Signal()

    def __init__(self, title: str, *, theme: Theme, clock: str = "none") -> None:
        axis, box = TimeAxis(clock), DragBox()
        super().__init__(viewBox=box, axisItems={"bottom": axis})
        self.axis, self.box = axis, box
        box.plot = self
        self.title, self.theme = title, theme
        self.selectable = False
        self.grips: dict[str, Callable[[int], bool]] = {}
        """Line → whether the point of an index may be dragged."""
        self.on_key: Callable[[QKeyEvent], bool] | None = None
        """Asked first; True where the key was taken."""
        self.y_of: tuple[str, ...] = ()
        """The lines and bands that y must hold; all of them when empty."""
        self._lines: dict[str, DrawnLine] = {}
        self._bands: dict[str, DrawnBand] = {}
        self._rules: dict[str, DrawnRule] = {}
        self._spans: DrawnSpans | None = None
        self._region: Any = None
        self._cursor: Any = None
        self._whole: tuple[float, float] = (0.0, 1.0)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(48)
        item = self.getPlotItem()
        item.hideButtons()
        item.setMenuEnabled(False)
        item.showGrid(y=True, alpha=1.0)
        self.box.setMouseEnabled(x=True, y=False)
        self.box.setDefaultPadding(0.0)
        self.box.disableAutoRange()
        for side in ("left", "bottom"):
            item.getAxis(side).enableAutoSIPrefix(False)
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.redraw)
        self.box.sigXRangeChanged.connect(self._moved)
        self.scene().sigMouseMoved.connect(self._mouse_moved)
        self.setAccessibleName(title)
        theme.changed.connect(self.dress)
        self.dress()

    # --- data ----------------------------------------------------------------------------------------------------

    def set_clock(self, clock: str) -> None:
        self.axis.set_clock(clock)

    def set_line(
        self,
        name: str,
        x: Floats,
        y: Floats,
        *,
        role: str = "0",
        width: float = 1.6,
        style: Qt.PenStyle = Qt.PenStyle.SolidLine,
        dots: bool = False,
        label: str = "",
    ) -> None:
        """A line with gaps where y is NaN. ``dots``: single values are marked when there is room for them."""
        line = self._lines.get(name)
        if line is None:
            item = pg.PlotDataItem(connect="finite", symbolSize=6, antialias=True)
            self.addItem(item)
            line = self._lines[name] = DrawnLine(item, x, y, role, width, style, dots)
        line.x, line.y, line.role, line.width, line.style, line.dots = x, y, role, width, style, dots
        if label and line.text is None:
            line.text = pg.TextItem("", anchor=(0, 0.5))
            self.addItem(line.text, ignoreBounds=True)
        line.label = label
        line.dress(self.theme)
        self._later.start()

    def set_band(
        self, name: str, x: Floats, low: Floats, high: Floats, *, role: str = "0", strength: float = 0.2
    ) -> None:
        """A filled band from ``low`` to ``high``; in high contrast its edges are drawn instead."""
        band = self._bands.get(name)
        if band is None:
            band = self._bands[name] = DrawnBand.on(self, role, strength)
        band.role, band.strength = role, strength
        band.set(x, low, high)
        band.dress(self.theme)
        self._later.start()

    def set_spans(self, spans: Floats) -> None:
        """Mark ranges of time (S, 2) at the foot of the plot: what is missing."""
        if self._spans is None:
            if not len(spans):
                return
            self._spans = DrawnSpans.on(self)
            self._spans.dress(self.theme)
        self._spans.spans = spans
        self._later.start()

    def set_rule(self, name: str, x: float, label: str = "", *, role: str = "muted") -> None:
        """A vertical line, with a word at its top."""
        rule = self._rules.get(name)
        if rule is None:
            rule = self._rules[name] = DrawnRule.on(self, role, label)
        rule.set(x, label)
        rule.dress(self.theme)

    def remove(self, *names: str) -> None:
        """Empty the lines, bands and rules of these names (the items are kept for the next time)."""
        for name in names:
            line, band, rule = self._lines.get(name), self._bands.get(name), self._rules.get(name)
            if line is not None:
                line.x = line.y = NOTHING
                line.label = ""
            if band is not None:
                band.set(NOTHING, NOTHING, NOTHING)
            if rule is not None:
                rule.line.setVisible(False)
        self._later.start()

    def remove_all(self) -> None:
        self.remove(*self._lines, *self._bands, *self._rules)

    def names(self, prefix: str = "") -> list[str]:
        """Lines, bands and rules that hold anything, by their names."""
        found = [name for name, line in self._lines.items() if len(line.x)]
        found += [name for name, band in self._bands.items() if len(band.x)]
        found += [name for name, rule in self._rules.items() if rule.line.isVisible()]
        return [name for name in found if name.startswith(prefix)]

    def line(self, name: str) -> tuple[Floats, Floats]:
        """(x, y) of a line as it was given."""
        line = self._lines.get(name)
        return (line.x, line.y) if line is not None else (NOTHING, NOTHING)

    def drawn_points(self, name: str) -> int:
        """How many points of a line were last drawn."""
        line = self._lines.get(name)
        return len(line.shown[0]) if line is not None else 0

    # --- ranges --------------------------------------------------------------------------------------------------

    def set_whole(self, left: float, right: float) -> None:
        """The range that "all" means, and beyond which one cannot go far."""
        width = max(right - left, 1e-9)
        self._whole = (left, right)
        self.box.setLimits(xMin=left - 0.2 * width, xMax=right + 0.2 * width, minXRange=min(1.0, width) * 1e-3)

    def show_all(self) -> None:
        left, right = self._whole
        self.show_x(left, right)

    def show_x(self, left: float, right: float) -> None:
        pad = 0.01 * max(right - left, 1e-9)
        self.box.setXRange(left - pad, right + pad, padding=0)
        self._later.start()

    def x_range(self) -> tuple[float, float]:
        low, high = self.box.viewRange()[0]
        return float(low), float(high)

    def zoom(self, factor: float, centre: float | None = None) -> None:
        """Show ``factor`` times the width (0.5: closer), about ``centre`` or the middle."""
        left, right = self.x_range()
        middle = centre if centre is not None else (left + right) / 2
        self.box.setXRange(middle - (middle - left) * factor, middle + (right - middle) * factor, padding=0)

    def pan(self, share: float) -> None:
        left, right = self.x_range()
        by = share * (right - left)
        self.box.setXRange(left + by, right + by, padding=0)

    def bring_into_view(self, x: float) -> None:
        left, right = self.x_range()
        if not left <= x <= right:
            half = (right - left) / 2
            self.box.setXRange(x - half, x + half, padding=0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps: dict[int, Callable[[], None]] = {
            Qt.Key.Key_Plus: lambda: self.zoom(0.5),
            Qt.Key.Key_Equal: lambda: self.zoom(0.5),
            Qt.Key.Key_Minus: lambda: self.zoom(2.0),
            Qt.Key.Key_0: self.show_all,
            Qt.Key.Key_PageUp: lambda: self.pan(-0.5),
            Qt.Key.Key_PageDown: lambda: self.pan(0.5),
        }
        if self.on_key is not None and self.on_key(event):
            event.accept()
            return
        step = steps.get(event.key())
        if step is None:
            event.ignore()
            return
        step()
        event.accept()

    # --- choosing ------------------------------------------------------------------------------------------------

    def select(self, left: float, right: float) -> None:
        """Show a chosen range."""
        if self._region is None:
            self._region = pg.LinearRegionItem(movable=False)
            self._region.setZValue(-20)
            self.addItem(self._region, ignoreBounds=True)
            self._dress_marks()
        self._region.setRegion((left, right))
        self._region.setVisible(True)

    def selection(self) -> tuple[float, float] | None:
        if self._region is None or not self._region.isVisible():
            return None
        left, right = self._region.getRegion()
        return float(left), float(right)

    def clear_selection(self) -> None:
        if self._region is not None:
            self._region.setVisible(False)

    def set_cursor(self, x: float | None) -> None:
        """The line that marks the chosen step."""
        if self._cursor is None:
            self._cursor = pg.InfiniteLine(angle=90, movable=False)
            self._cursor.setZValue(20)
            self.addItem(self._cursor, ignoreBounds=True)
            self._dress_marks()
        self._cursor.setVisible(x is not None)
        if x is not None:
            self._cursor.setValue(x)

    def point_at(self, place: QPointF) -> tuple[str, int] | None:
        """The point that may be dragged at a place of the scene."""
        best: tuple[str, int] | None = None
        nearest = float(GRIP_PIXELS)
        here = self.box.mapSceneToView(place)
        for name, allowed in self.grips.items():
            line = self._lines.get(name)
            if line is None or not len(line.x) or not self._shows_dots(line):
                continue
            index = nearest_index(line.x, float(here.x()))
            for one in range(max(0, index - 1), min(len(line.x), index + 2)):
                if not allowed(one):
                    continue
                y = float(line.y[one])
                # a missing value is taken hold of anywhere above its step
                at = self.box.mapViewToScene(QPointF(float(line.x[one]), here.y() if np.isnan(y) else y))
                distance = ((at.x() - place.x()) ** 2 + (at.y() - place.y()) ** 2) ** 0.5
                if distance < nearest:
                    best, nearest = (name, one), distance
        return best

    def _mouse_moved(self, place: QPointF) -> None:
        inside = self.box.sceneBoundingRect().contains(place)
        self.pointed.emit(float(self.box.mapSceneToView(place).x()) if inside else float("nan"))
        if self.grips:
            held = inside and self.point_at(place) is not None
            self.viewport().setCursor(Qt.CursorShape.SizeVerCursor if held else Qt.CursorShape.ArrowCursor)

    # --- drawing -------------------------------------------------------------------------------------------------

    def _moved(self, *_: object) -> None:
        self._later.start()
        self.x_changed.emit()

    def _shows_dots(self, line: DrawnLine) -> bool:
        return line.dots and self._in_view(line)[1] - self._in_view(line)[0] <= POINTS_SHOWN

    def _in_view(self, line: DrawnLine) -> tuple[int, int]:
        left, right = self.x_range()
        begin = int(np.searchsorted(line.x, left, side="left"))
        end = int(np.searchsorted(line.x, right, side="right"))
        return max(0, begin - 1), min(len(line.x), end + 1)

    def redraw(self) -> None:
        """Draw what is in view, and let y hold it."""
        self._later.stop()
        buckets = max(200, int(self.box.width()))
        low, high = np.inf, -np.inf
        for name, line in self._lines.items():
            begin, end = self._in_view(line)
            x, y = envelope(line.x[begin:end], line.y[begin:end], buckets)
            if np.isnan(y).all():
                x = y = NOTHING  # pyqtgraph draws a line of nothing but gaps by reading where there is nothing
            line.shown = (x, y)
            symbol = "o" if self._shows_dots(line) else None
            if line.item.opts["symbol"] != symbol:
                line.item.setSymbol(symbol)
            # wide pens are drawn ten times slower, which shows where there are many points
            line.item.setPen(line.pen(self.theme, thin=len(x) > 2 * POINTS_SHOWN))
            line.item.setData(x, y)
            if len(y) and (not self.y_of or name in self.y_of):
                with np.errstate(all="ignore"):
                    low, high = np.fmin(low, np.fmin.reduce(y)), np.fmax(high, np.fmax.reduce(y))
        left, right = self.x_range()
        for name, band in self._bands.items():
            if len(band.x) and (not self.y_of or name in self.y_of):
                seen = (band.x >= left) & (band.x <= right)
                if seen.any():
                    low = np.fmin(low, np.fmin.reduce(band.bounds[0][seen]))
                    high = np.fmax(high, np.fmax.reduce(band.bounds[1][seen]))
        if np.isfinite(low) and np.isfinite(high):
            pad = 0.08 * (high - low) or max(abs(high) * 0.05, 0.5)
            self.box.setYRange(float(low - pad), float(high + pad), padding=0)
        if self._spans is not None:
            bottom, top = self.box.viewRange()[1]
            self._spans.place((left, right), bottom + 0.03 * (top - bottom))
        self._place_labels()

    def _place_labels(self) -> None:
        """Each label right of its line's end, moved up or down until none covers another."""
        _left, right = self.x_range()
        (_, _), (bottom, top) = self.box.viewRange()
        need = (top - bottom) * QFontMetrics(self.theme.font(SMALL_FACTOR)).height() / max(1.0, self.box.height())
        ends: list[tuple[float, float, DrawnLine]] = []
        for line in self._lines.values():
            if line.text is None:
                continue
            known = np.flatnonzero(~np.isnan(line.y)) if line.label and len(line.y) < 100_000 else NOTHING
            visible = bool(len(known)) and float(line.x[int(known[-1])]) <= right
            line.text.setVisible(visible)
            if visible:
                last = int(known[-1])
                ends.append((float(line.y[last]), float(line.x[last]), line))
        ends.sort(key=lambda one: one[0])
        heights = apart([y for y, _, _ in ends], need, bottom + need * 0.5, top - need * 0.5)
        for (_, x, line), at in zip(ends, heights, strict=True):
            line.text.setPos(x, at)

    def label_room(self) -> float:
        """Pixels the widest label at a line's end takes."""
        metrics = QFontMetrics(self.theme.font(SMALL_FACTOR))
        labels = [line.label for line in self._lines.values() if line.label]
        return max((float(metrics.horizontalAdvance(label) + 14) for label in labels), default=0.0)

    # --- look ----------------------------------------------------------------------------------------------------

    def dress(self) -> None:
        """Colours and sizes from the roles."""
        theme = self.theme
        self.setBackground(theme.color("surface"))
        grid = theme.color("border" if not theme.is_high_contrast else "grid")
        font = theme.font(SMALL_FACTOR)
        metrics = QFontMetrics(font)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(QPen(grid, 1))
            axis.setTextPen(theme.color("muted"))
            axis.setTickFont(font)
            axis.setStyle(tickLength=0, maxTickLevel=0 if side == "bottom" else 1)
            axis.setGrid(90 if side == "left" else False)
        self.getPlotItem().getAxis("left").setWidth(metrics.horizontalAdvance("−00,000") + 8)
        self.axis.setHeight(metrics.height() + 8)
        dressed: tuple[dict[str, Any], ...] = (self._lines, self._bands, self._rules)
        for items in dressed:
            for drawn in items.values():
                drawn.dress(theme)
        if self._spans is not None:
            self._spans.dress(theme)
        self._dress_marks()
        self._later.start()

    def _dress_marks(self) -> None:
        if self._region is not None:
            colour = self.theme.color("accent")
            colour.setAlphaF(0.18)
            self._region.setBrush(pg.mkBrush(colour))
            for edge in self._region.lines:
                edge.setPen(pg.mkPen(self.theme.color("accent"), width=1))
        if self._cursor is not None:
            self._cursor.setPen(pg.mkPen(self.theme.color("accent"), width=1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if hasattr(self, "_later"):
            self._later.start()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_later"):
            self.dress()


def nearest_index(x: Floats, at: float) -> int:
    """The index of the value of rising ``x`` nearest to ``at``."""
    place = int(np.searchsorted(x, at))
    around: Sequence[int] = [i for i in (place - 1, place) if 0 <= i < len(x)]
    return min(around, key=lambda i: abs(float(x[i]) - at)) if around else 0
