"""A small curve over the steps of one sequence: the value of a unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


class StepCurve(QWidget):
    """One value for each step; the present step is marked."""

    def __init__(self, theme: Theme, name: str, *, series: int = 0) -> None:
        super().__init__()
        self._theme, self._name, self._series = theme, name, series
        self._values: NDArray[np.float64] = np.zeros(0)
        self._step = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)
        theme.changed.connect(self.update)

    def show_values(self, values: Sequence[float] | NDArray[np.float64]) -> None:
        self._values = np.asarray(values, dtype=np.float64)
        self.setAccessibleDescription(self.summary())
        self.update()

    @property
    def values(self) -> NDArray[np.float64]:
        return self._values

    def set_step(self, step: int) -> None:
        self._step = step
        self.setAccessibleDescription(self.summary())
        self.update()

    def summary(self) -> str:
        if not self._values.size:
            return ""
        here = float(self._values[min(self._step, len(self._values) - 1)])
        return f"{here:.3g} at step {self._step + 1}; from {self._values.min():.3g} to {self._values.max():.3g}"

    def sizeHint(self) -> QSize:
        return QSize(220, 90)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, max(64, int(QFontMetricsF(self.font()).height() * 3.6)))

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._values.size:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(self.font())
        low, high = float(np.nanmin(self._values)), float(np.nanmax(self._values))
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        labels = [f"{high:.2g}", f"{low:.2g}"]
        left = max(metrics.horizontalAdvance(text) for text in labels) + 8
        area = QRectF(left, metrics.height() / 2, self.width() - left - 8, self.height() - metrics.height() - 2)
        painter.setPen(self._theme.color("muted"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for text, y in zip(labels, (area.top(), area.bottom()), strict=True):
            painter.drawText(QRectF(0, y - metrics.height() / 2, left - 4, metrics.height()), right, text)
        painter.setPen(QPen(self._theme.color("grid"), 1))
        for y in (area.top(), area.bottom()):
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        if low < 0 < high:
            zero = area.bottom() - area.height() * (0 - low) / (high - low)
            painter.drawLine(QPointF(area.left(), zero), QPointF(area.right(), zero))
        across = max(1, len(self._values) - 1)
        points = [
            QPointF(area.left() + area.width() * i / across, area.bottom() - area.height() * share)
            for i, share in enumerate((self._values - low) / (high - low))
        ]
        painter.setPen(QPen(self._theme.series(self._series), 2))
        painter.drawPolyline(QPolygonF(points))
        step = min(self._step, len(points) - 1)
        painter.setPen(QPen(self._theme.color("accent"), 1.4))
        painter.drawLine(QPointF(points[step].x(), area.top()), QPointF(points[step].x(), area.bottom()))
        painter.setBrush(self._theme.color("accent"))
        painter.setPen(QPen(self._theme.color("surface"), 1.5))
        painter.drawEllipse(points[step], 4, 4)
        painter.end()
