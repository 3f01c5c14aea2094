"""One themed plot: lines, dashes, marks and labels at the line ends. Made once, then only given new data."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.shell.plots.series import Floats, apart
from workbench.shell.theme import SMALL_FACTOR, Theme


@dataclass(slots=True)
class _Line:
    item: Any
    label: Any
    text: str
    series: int
    dashed: bool
    faded: bool
    x: Floats
    y: Floats
    log: bool = False
    mark: Any = None
    points: bool = False
    bold: bool = False
    style: Qt.PenStyle | None = None


_AHEAD = 0.1
EDGE = 0.02
"""Room above the highest value there can be, as a part of the range."""


def _fits(low: float, high: float, seen_low: float, seen_high: float) -> bool:
    """Whether ``low`` to ``high`` is seen whole, and fills most of what is seen."""
    return seen_low <= low and high <= seen_high and high - low >= 0.8 * (seen_high - seen_low)


class WholeAxis(pg.AxisItem):
    """Ticks at whole numbers only: steps and epochs."""

    def tickSpacing(self, minimum: float, maximum: float, size: float) -> list[tuple[float, float]]:
        return [(max(1.0, round(spacing)), 0.0) for spacing, _ in super().tickSpacing(minimum, maximum, size)]


MANTISSAS: tuple[tuple[int, ...], ...] = (tuple(range(1, 10)), (1, 2, 5), (1,))
"""The figures of a decade that may be named, from what needs most room."""


class ValueAxis(pg.AxisItem):
    """On a logarithmic scale, only as many figures as do not touch: all, else 1 2 5, else whole powers of ten."""

    def logTickValues(self, low: float, high: float, size: float, std: list[Any]) -> list[Any]:
        """A power of ten is named once, not by two levels of ticks over each other."""
        levels = super().logTickValues(low, high, size, std)
        if not levels or levels[-1][0] is not None:
            return levels
        powers = {round(value) for spacing, values in levels if spacing is not None for value in values}
        between = [value for value in levels[-1][1] if abs(value - round(value)) > 1e-6 or round(value) not in powers]
        return [*levels[:-1], (None, between)]

    def logTickStrings(self, values: list[float], scale: float, spacing: float | None) -> list[str]:
        named: list[str] = super().logTickStrings(values, scale, spacing)
        low, high = self.range
        decade = self.geometry().height() / max(high - low, 1e-9)  # pixels
        line = QFontMetricsF(self.style["tickFont"] or self.font()).height()
        kept = next((kept for kept in MANTISSAS if decade * _closest(kept) >= line), MANTISSAS[-1])
        leads = [round(10 ** (value - math.floor(value + 1e-9))) for value in values]
        return [name if lead in kept else "" for name, lead in zip(named, leads, strict=True)]


def _closest(figures: tuple[int, ...]) -> float:
    """The least distance between two of ``figures``, in decades."""
    return min(math.log10(after / before) for before, after in pairwise((*figures, 10)))


class Canvas(QWidget):
    """``set_line`` adds or updates a named line. Its accessible name is a summary in words."""

    def __init__(self, title: str, *, theme: Theme, x_label: str = "", y_label: str = "") -> None:
        super().__init__()
        self.title, self.theme = title, theme
        self.x_label, self.y_label = x_label, y_label
        self.log_y = False
        self.ignore_outliers = False
        self.live = False
        """While points keep coming the ranges leave them some room, so that the axes need not be drawn each time."""
        self.lowest: float | None = None
        self.highest: float | None = None
        """Bounds of the quantity itself: no range goes beyond them (a share is never below 0)."""
        self.first: float | None = None
        """Where x begins, whatever the first point is: so that a single epoch stands at its tick."""
        self._lines: dict[str, _Line] = {}
        self._by_hand = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.plot = pg.PlotWidget(self, axisItems={"bottom": WholeAxis("bottom"), "left": ValueAxis("left")})
        self.plot.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.plot.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.item = self.plot.getPlotItem()
        self.item.hideButtons()
        self.item.setMenuEnabled(False)
        self.item.getViewBox().setDefaultPadding(0.0)
        self.item.getViewBox().sigRangeChangedManually.connect(self._on_manual_range)
        self.item.getViewBox().sigResized.connect(lambda *_: self.fit())  # only now is its height known
        self.item.showGrid(y=True, alpha=1.0)
        for side in ("left", "bottom"):
            self.item.getAxis(side).enableAutoSIPrefix(False)
            # kept as a picture: an axis costs more to draw than the curves, and seldom changes
            self.item.getAxis(side).setCacheMode(pg.QtWidgets.QGraphicsItem.CacheMode.DeviceCoordinateCache)
        layout.addWidget(self.plot)
        self.setAccessibleName(title)
        self.plot.setAccessibleName(title)
        theme.changed.connect(self.dress)
        self.dress()

    # --- data ----------------------------------------------------------------------------------------------------

    def set_line(
        self,
        name: str,
        x: Floats,
        y: Floats,
        *,
        series: int = 0,
        label: str = "",
        dashed: bool = False,
        faded: bool = False,
        points: bool = False,
        bold: bool = False,
        style: Qt.PenStyle | None = None,
    ) -> None:
        line = self._lines.get(name)
        new = line is None
        if line is None:
            item = pg.PlotDataItem(
                symbol="o" if points else None, symbolSize=5, connect="all", skipFiniteCheck=True, antialias=not faded
            )
            text = pg.TextItem("", anchor=(0, 0.5)) if label else None
            line = _Line(item, text, label, series, dashed, faded, x, y, points=points, bold=bold, style=style)
            self._lines[name] = line
            self.item.addItem(item)
            if text is not None:
                self.item.addItem(text, ignoreBounds=True)
            self._dress_line(line)
        same = line.log == self.log_y and np.array_equal(line.x, x) and np.array_equal(line.y, y)
        line.x, line.y, line.log = x, y, self.log_y
        if label and label != line.text and line.label is not None:
            line.text = label
            line.label.setText(label, self.theme.series_text(line.series))
        shown = self._shown(y)
        if not same or new:
            # a line of one point has no length to be seen by
            symbol = "o" if line.points or len(x) == 1 else None
            if line.item.opts["symbol"] != symbol:
                line.item.setSymbol(symbol)
            line.item.setData(x, shown)
        if line.label is not None:
            line.label.setVisible(len(x) > 0)
            if len(x):
                line.label.setPos(float(x[-1]), float(shown[-1]))

    def set_mark(self, name: str, x: float, y: float) -> None:
        """A diamond on line ``name`` (the best point)."""
        line = self._lines[name]
        if line.mark is None:
            line.mark = pg.ScatterPlotItem(symbol="d", size=12)
            self.item.addItem(line.mark)
            self._dress_line(line)
        line.mark.setData([x], [float(self._shown(np.array([y]))[0])])

    def clear(self) -> None:
        for line in self._lines.values():
            line.item.setData([], [])
            line.x = line.y = np.empty(0)
            if line.label is not None:
                line.label.setVisible(False)
            if line.mark is not None:
                line.mark.setData([], [])
        self._by_hand = False

    def line_names(self) -> list[str]:
        """Every line there has been, those that are empty now too."""
        return list(self._lines)

    def clear_others(self, chosen: str) -> None:
        """Empty every line whose name does not begin with ``chosen``."""
        for name, line in self._lines.items():
            if not name.startswith(chosen) and len(line.x):
                self.set_line(name, np.empty(0), np.empty(0))

    def fit(self) -> None:
        """Choose the ranges, unless the person zoomed by hand; put the labels where they do not touch."""
        lines = [line for line in self._lines.values() if len(line.x)]
        if lines and not self._by_hand:
            right = max(float(line.x[-1]) for line in lines)
            left = min(float(line.x[0]) for line in lines)
            left = left if self.first is None else min(left, self.first)
            room = max(right - left, 1e-9) * self._label_share(lines)
            low, high = self._y_range(lines)
            pad = 0.06 * max(high - low, 1e-9)
            bottom, top = self._within(low - pad, high + pad)
            (now_left, now_right), (now_low, now_high) = self.item.getViewBox().viewRange()
            if not (self.live and _fits(left, right + room, now_left, now_right)):
                left -= 0.015 * (right - left)
                right += _AHEAD * (right - left) if self.live else 0.0
                self.item.setXRange(left, max(right + room, left + 1), padding=0)
            if not (self.live and _fits(*self._within(low - pad / 2, high + pad / 2), now_low, now_high)):
                self.item.setYRange(bottom, top, padding=0)
        self._part_labels()
        self._summarise()

    def reset_view(self) -> None:
        self._by_hand = False
        self.fit()

    def set_log(self, log: bool) -> None:
        self.log_y = log
        self.item.getAxis("left").setLogMode(log)
        self._again()

    def set_ignore_outliers(self, ignore: bool) -> None:
        self.ignore_outliers = ignore
        self._by_hand = False
        self.fit()

    def width_points(self) -> int:
        """Pixels across: how many points are worth drawing."""
        return max(200, self.plot.width())

    # --- export --------------------------------------------------------------------------------------------------

    def export(self, path: Path, facts: str, columns: Mapping[str, tuple[Iterable[float], Iterable[float]]]) -> None:
        """``path`` (PNG) with ``facts`` below the plot, and the numbers beside it as CSV."""
        scale = 2.0
        footer = int(self.fontMetrics().height() * 1.8)
        image = QImage(
            int(self.width() * scale), int((self.height() + footer) * scale), QImage.Format.Format_ARGB32
        )
        image.setDevicePixelRatio(scale)
        image.fill(self.theme.color("surface"))
        painter = QPainter(image)
        painter.drawPixmap(0, 0, self.grab())
        painter.setPen(self.theme.color("muted"))
        painter.setFont(self.theme.font(SMALL_FACTOR))
        painter.drawText(
            QRectF(8, self.height(), self.width() - 16, footer), int(Qt.AlignmentFlag.AlignVCenter), facts
        )
        painter.end()
        image.save(str(path))
        with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["series", self.x_label or "x", self.y_label or "y"])
            for name, (x, y) in columns.items():
                writer.writerows((name, float(a), float(b)) for a, b in zip(x, y, strict=True))

    # --- look ----------------------------------------------------------------------------------------------------

    def dress(self) -> None:
        """Colours and sizes from the roles."""
        theme = self.theme
        self.plot.setBackground(theme.color("surface"))
        grid = theme.color("border" if not theme.is_high_contrast else "grid")
        font = theme.font(SMALL_FACTOR)
        for side in ("left", "bottom"):
            axis = self.item.getAxis(side)
            axis.setPen(QPen(grid, 1))
            axis.setTextPen(theme.color("muted"))
            axis.setTickFont(font)
            axis.setStyle(tickLength=0, maxTickLevel=1)
            axis.setGrid(90 if side == "left" else False)
        metrics_width = self.fontMetrics().horizontalAdvance("0.0000")
        self.item.getAxis("left").setWidth(metrics_width + 8)
        self.item.getAxis("bottom").setHeight(self.fontMetrics().height() + 8)
        for line in self._lines.values():
            self._dress_line(line)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange and hasattr(self, "item"):
            self.dress()
        super().changeEvent(event)

    def _dress_line(self, line: _Line) -> None:
        colour = self.theme.series(line.series)
        if line.faded:
            colour = QColor(colour)
            colour.setAlphaF(0.45)
        style = line.style or (Qt.PenStyle.DashLine if line.dashed else self.theme.dash(line.series))
        # width 1 where there are many points: pyqtgraph draws wide pens ten times slower
        line.item.setPen(pg.mkPen(colour, width=1 if line.faded else 2.8 if line.bold else 1.8, style=style))
        line.item.setSymbolPen(None)
        line.item.setSymbolBrush(colour)
        if line.label is not None:
            line.label.setText(line.text, self.theme.series_text(line.series))
            line.label.setFont(self.theme.font())
        if line.mark is not None:
            line.mark.setPen(pg.mkPen(self.theme.color("surface"), width=1))
            line.mark.setBrush(colour)

    def _shown(self, y: Floats) -> Floats:
        return np.log10(np.maximum(y, 1e-12)) if self.log_y else y

    def _again(self) -> None:
        for name, line in self._lines.items():
            mark = line.mark.getData() if line.mark is not None else None
            self.set_line(name, line.x, line.y, label=line.text)
            if mark is not None and len(mark[0]):
                at = int(np.argmin(np.abs(line.x - mark[0][0])))
                self.set_mark(name, float(line.x[at]), float(line.y[at]))
        self._by_hand = False
        self.fit()

    def _y_range(self, lines: list[_Line]) -> tuple[float, float]:
        lows, highs = [], []
        for line in lines:
            shown = self._shown(line.y)
            if self.ignore_outliers and line.faded and len(shown) > 20:
                low, high = np.quantile(shown[len(shown) // 50 :], [0.01, 0.97])
            else:
                low, high = shown.min(), shown.max()
            lows.append(float(low))
            highs.append(float(high))
        low, high = min(lows), max(highs)
        if high - low < 1e-12:
            return low - 0.5, high + 0.5
        return low, high

    def _within(self, low: float, high: float) -> tuple[float, float]:
        if self.log_y:
            return low, high
        low = low if self.lowest is None else max(low, self.lowest)
        if self.highest is None:
            return low, high
        edge = self.highest + EDGE * (self.highest - low)  # a line along the bound is seen whole
        return low, max(min(high, edge), low + 1e-9)

    def _label_share(self, lines: list[_Line]) -> float:
        """Room to the right of the last point for the widest label, as a share of the x range."""
        metrics = self.fontMetrics()
        widths = [metrics.horizontalAdvance(line.text) + 16 for line in lines if line.label is not None]
        across = max(120.0, float(self.item.getViewBox().width()))
        wide = min(max(widths, default=0), 0.45 * across)
        return wide / (across - wide) if wide else 0.02

    def _part_labels(self) -> None:
        """Move labels up and down until none covers another."""
        labels = [line for line in self._lines.values() if line.label is not None and len(line.x)]
        view = self.item.getViewBox()
        (_, _), (low, high) = view.viewRange()
        height = max(view.height(), 1.0)
        need = (high - low) * (self.fontMetrics().height() * 1.0) / height
        ends = [(float(self._shown(line.y[-1:])[0]), line) for line in labels]
        ends.sort(key=lambda one: one[0])
        heights = apart([at for at, _ in ends], need, low + need * 0.6, high - need * 0.6)
        for (_, line), at in zip(ends, heights, strict=True):
            line.label.setPos(float(line.x[-1]), at)
            line.label.updateTextPos()

    def _summarise(self) -> None:
        parts = [
            f"{line.text} {line.y[-1]:.4g} at {self.x_label or 'x'} {line.x[-1]:,.0f}"
            for line in self._lines.values()
            if line.text and len(line.x)
        ]
        summary = f"{self.title}: {'; '.join(parts)}" if parts else f"{self.title}: no points yet"
        if summary != self.accessibleName():
            self.setAccessibleName(summary)
            self.plot.setAccessibleName(summary)

    def _on_manual_range(self, *_: object) -> None:
        self._by_hand = True
