"""What a plot over time is drawn of: lines with gaps, bands, rules. Each knows how to dress itself in a theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from workbench.shell.plots.series import Floats
from workbench.shell.theme import SMALL_FACTOR, Theme

NOTHING: Floats = np.empty(0)


def role_colour(theme: Theme, role: str) -> QColor:
    """A series colour for a number as text ("0", "1", …), else the theme's colour of that name."""
    return theme.series(int(role)) if role.isdigit() else theme.color(role)


@dataclass(slots=True)
class DrawnLine:
    """``shown`` is what was last drawn of (``x``, ``y``)."""

    item: Any
    x: Floats
    y: Floats
    role: str
    width: float
    style: Qt.PenStyle
    dots: bool
    label: str = ""
    text: Any = None
    shown: tuple[Floats, Floats] = (NOTHING, NOTHING)

    def pen(self, theme: Theme, *, thin: bool = False) -> QPen:
        return QPen(pg.mkPen(role_colour(theme, self.role), width=1 if thin else self.width, style=self.style))

    def dress(self, theme: Theme) -> None:
        colour = role_colour(theme, self.role)
        self.item.setPen(self.pen(theme))
        self.item.setSymbolPen(None)
        self.item.setSymbolBrush(colour)
        if self.text is not None:
            self.text.setText(self.label, theme.series_text(int(self.role)) if self.role.isdigit() else colour)
            self.text.setFont(theme.font(SMALL_FACTOR))


@dataclass(slots=True)
class DrawnBand:
    """``low`` and ``high`` are its edges; in high contrast they are drawn, and nothing is filled."""

    low: Any
    high: Any
    fill: Any
    x: Floats
    bounds: tuple[Floats, Floats]
    role: str
    strength: float

    @classmethod
    def on(cls, plot: Any, role: str, strength: float) -> DrawnBand:
        """An empty band on a plot, below everything else."""
        low, high = pg.PlotCurveItem(connect="finite"), pg.PlotCurveItem(connect="finite")
        fill = pg.FillBetweenItem(low, high)
        for item in (low, high, fill):
            plot.addItem(item)
            item.setZValue(-10)
        return cls(low, high, fill, NOTHING, (NOTHING, NOTHING), role, strength)

    def set(self, x: Floats, low: Floats, high: Floats) -> None:
        self.x, self.bounds = x, (low, high)
        self.low.setData(x, low)
        self.high.setData(x, high)

    def dress(self, theme: Theme) -> None:
        colour = role_colour(theme, self.role)
        fill = QColor(colour)
        fill.setAlphaF(0.0 if theme.is_high_contrast else self.strength)
        self.fill.setBrush(pg.mkBrush(fill))
        edge = pg.mkPen(colour, width=1, style=Qt.PenStyle.DotLine)
        for item in (self.low, self.high):
            item.setPen(edge if theme.is_high_contrast else pg.mkPen(None))


@dataclass(slots=True)
class DrawnRule:
    """A vertical line with a word at its top."""

    line: Any
    role: str

    @classmethod
    def on(cls, plot: Any, role: str, label: str) -> DrawnRule:
        options = {"position": 0.97, "anchors": [(0, 0), (0, 0)], "movable": False} if label else None
        line = pg.InfiniteLine(angle=90, movable=False, label=label or None, labelOpts=options)
        plot.addItem(line, ignoreBounds=True)
        return cls(line, role)

    def set(self, x: float, label: str) -> None:
        self.line.setValue(x)
        self.line.setVisible(True)
        if label and getattr(self.line, "label", None) is not None:
            self.line.label.setFormat(label)

    def dress(self, theme: Theme) -> None:
        colour = role_colour(theme, self.role)
        self.line.setPen(pg.mkPen(colour, width=1, style=Qt.PenStyle.DashLine))
        label = getattr(self.line, "label", None)
        if label is not None:
            label.setColor(colour)
            label.textItem.setFont(theme.font(SMALL_FACTOR))


MOST_SPANS = 500


@dataclass(slots=True)
class DrawnSpans:
    """Short thick lines at the foot of a plot; ``spans`` (S, 2) are rising and do not overlap."""

    item: Any
    spans: Floats

    @classmethod
    def on(cls, plot: Any) -> DrawnSpans:
        item = pg.PlotCurveItem(connect="pairs")
        plot.addItem(item, ignoreBounds=True)
        return cls(item, np.empty((0, 2)))

    def place(self, seen: tuple[float, float], y: float) -> None:
        """Draw those in view at height ``y``; many of them as fewer, which looks the same."""
        inside = self.spans[(self.spans[:, 1] >= seen[0]) & (self.spans[:, 0] <= seen[1])]
        if len(inside) > MOST_SPANS:
            group = -(-len(inside) // MOST_SPANS)
            last = np.append(inside[group - 1 :: group, 1], inside[-1, 1])[: len(inside[::group])]
            inside = np.column_stack([inside[::group, 0], last])
        x = inside.ravel()
        self.item.setData(x, np.full(len(x), y))

    def dress(self, theme: Theme) -> None:
        self.item.setPen(pg.mkPen(theme.color("danger"), width=5))
