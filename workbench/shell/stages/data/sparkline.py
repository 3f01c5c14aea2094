"""A series in a row of the list: its name, and the line of its first channels as far as it fits."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF

from workbench.api import Series
from workbench.shell.plots.series import envelope

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

NAME_SHARE = 0.32
KEPT = 400


class Sparklines:
    """Paints series; the shapes of those lately seen are kept, so that scrolling computes nothing twice."""

    def __init__(self) -> None:
        self._shapes: OrderedDict[tuple[int, int], tuple[Series, list[QPolygonF]]] = OrderedDict()

    def paint(self, painter: QPainter, area: QRectF, series: Series, theme: Theme) -> None:
        """The name left, the line right of it."""
        metrics = QFontMetricsF(painter.font())
        name = series.name or ", ".join(series.channels)
        room = min(NAME_SHARE * area.width(), max(80.0, metrics.horizontalAdvance(name) + 12))
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room - 8)
        painter.setPen(theme.color("text"))
        top = area.center().y() - metrics.height() / 2
        painter.drawText(QPointF(area.left(), top + metrics.ascent()), shown)
        plot = area.adjusted(room, 4, 0, -4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        targets = series.of_role("target") or (0,)
        pen = QPen(theme.series(targets[0]), 1.2)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.save()
        painter.translate(plot.topLeft())
        painter.scale(1.0, plot.height())
        for polygon in self._shape(series, max(20, int(plot.width()))):
            painter.drawPolyline(polygon)
        painter.restore()

    def _shape(self, series: Series, width: int) -> list[QPolygonF]:
        """Pieces of the line between its gaps: x in pixels, y from 0 (top) to 1."""
        key = (id(series.data), width)
        kept = self._shapes.get(key)
        if kept is not None and kept[0].data is series.data:
            self._shapes.move_to_end(key)
            return kept[1]
        targets = series.of_role("target") or (0,)
        y = np.ascontiguousarray(series.values[:, targets[0]])
        x, y = envelope(np.linspace(0, width, len(y)), y, width // 2)
        known = np.isfinite(y)
        pieces: list[QPolygonF] = []
        if known.any():
            low, high = float(y[known].min()), float(y[known].max())
            scaled = 1 - (y - low) / ((high - low) or 1.0) if high > low else np.full(len(y), 0.5)
            edges = np.flatnonzero(np.diff(known, prepend=False, append=False)).reshape(-1, 2)
            for start, stop in edges:
                points = zip(x[start:stop].tolist(), scaled[start:stop].tolist(), strict=True)
                pieces.append(QPolygonF([QPointF(a, b) for a, b in points]))
        self._shapes[key] = (series, pieces)
        while len(self._shapes) > KEPT:
            self._shapes.popitem(last=False)
        return pieces
