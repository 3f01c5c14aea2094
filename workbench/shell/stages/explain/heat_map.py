"""Units against steps as colour: hidden states, cell states and gates of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.colour_maps import cividis, diverging

if TYPE_CHECKING:
    from workbench.shell.theme import Theme



class HeatMap(QWidget):
    """``values`` (T, H): a column for each step, a row for each unit.

    ``step_chosen(t)`` and ``unit_chosen(unit)`` follow clicks and arrow keys. Signed values are shown blue to orange
    around 0 with one scale for the whole map; gates, between 0 and 1, in cividis.
    """

    step_chosen = Signal(int)
    unit_chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._values: NDArray[np.float64] = np.zeros((0, 0))
        self._steps: tuple[str, ...] = ()
        self._title = ""
        self._signed = True
        self._limit = 1.0
        self._step, self._unit = 0, 0
        self._image: QImage | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Heat map of the layer")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self._recolour)

    def show_values(self, values: NDArray[np.float64], steps: Sequence[str], title: str, *, signed: bool) -> None:
        """Show another array; step and unit stay where they can."""
        self._values = np.asarray(values, dtype=np.float64)
        self._steps = tuple(steps)
        self._title, self._signed = title, signed
        finite = np.abs(self._values[np.isfinite(self._values)])
        self._limit = max(1e-6, float(finite.max(initial=0.0))) if signed else 1.0
        self._step = min(self._step, max(0, len(self._values) - 1))
        self._unit = min(self._unit, max(0, self.units - 1))
        self.setAccessibleName(f"Heat map: {title}")
        self._recolour()
        self._describe()

    @property
    def units(self) -> int:
        return int(self._values.shape[1]) if self._values.ndim == 2 else 0

    @property
    def step(self) -> int:
        return self._step

    @property
    def unit(self) -> int:
        return self._unit

    def set_step(self, step: int) -> None:
        if step != self._step and 0 <= step < len(self._values):
            self._step = step
            self._describe()
            self.update()

    def set_unit(self, unit: int) -> None:
        if 0 <= unit < self.units and unit != self._unit:
            self._unit = unit
            self._describe()
            self.update()

    def value(self, step: int, unit: int) -> float:
        return float(self._values[step, unit])

    def _describe(self) -> None:
        if self.units and len(self._values):
            value = self.value(self._step, self._unit)
            self.setAccessibleDescription(f"{self._title}, step {self._step + 1}, unit {self._unit}: {value:.3f}")

    def _recolour(self) -> None:
        self._image = None
        if self._values.size:
            scaled = np.nan_to_num(self._values.T / self._limit)
            if self._signed:
                middle = self._theme.color("surface")
                rgb = diverging(scaled, (middle.red(), middle.green(), middle.blue()))
            else:
                rgb = cividis(scaled)
            rgb = np.ascontiguousarray(rgb)
            height, width, _ = rgb.shape
            # a copy: the image must outlive the array
            self._image = QImage(rgb.data, width, height, width * 3, QImage.Format.Format_RGB888).copy()
        self.update()

    # -- geometry -----------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(420, 240)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, max(120, int(QFontMetricsF(self.font()).height() * 7)))

    def _room(self) -> tuple[float, float, float]:
        """Pixels at the left for numbers of units, below for steps, at the right for the scale."""
        metrics = QFontMetricsF(self.font())
        return metrics.horizontalAdvance("0000") + 6, metrics.height() + 4, metrics.horizontalAdvance("-0.00") + 22

    def _map(self) -> QRectF:
        left, below, scale = self._room()
        return QRectF(left, 2, max(10.0, self.width() - left - scale), max(10.0, self.height() - below - 2))

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """(step, unit) under ``place``."""
        area = self._map()
        if not area.contains(place) or not self._values.size:
            return None
        step = int((place.x() - area.left()) / area.width() * len(self._values))
        unit = int((place.y() - area.top()) / area.height() * self.units)
        return min(step, len(self._values) - 1), min(unit, self.units - 1)

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = self._map()
        if self._image is None:
            painter.end()
            return
        painter.drawImage(area, self._image)
        painter.setPen(QPen(self._theme.color("border"), 1))
        painter.drawRect(area)
        metrics = QFontMetricsF(self.font())
        self._paint_axes(painter, area, metrics)
        self._paint_scale(painter, area, metrics)
        column = area.width() / len(self._values)
        row = area.height() / self.units
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.color("accent"), 2))
        painter.drawRect(QRectF(area.left() + self._step * column, area.top(), column, area.height()))
        painter.setPen(QPen(self._theme.color("text"), 1.2, Qt.PenStyle.DashLine))
        middle = area.top() + (self._unit + 0.5) * row
        painter.drawLine(QPointF(area.left(), middle), QPointF(area.right(), middle))
        if self.hasFocus():
            painter.setPen(QPen(self._theme.color("accent"), 1.2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.8, 0.8, -0.8, -0.8), 4, 4)
        painter.end()

    def _paint_axes(self, painter: QPainter, area: QRectF, metrics: QFontMetricsF) -> None:
        painter.setPen(self._theme.color("muted"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        height = metrics.height()
        for unit, top in ((0, area.top()), (self.units - 1, area.bottom() - height)):
            painter.drawText(QRectF(0, top, area.left() - 5, height), right, str(unit))
        column = area.width() / len(self._values)
        end = area.left() - 10
        for step, word in enumerate(self._steps):
            left = area.left() + step * column
            room = max(column - 4, min(metrics.horizontalAdvance(word), metrics.averageCharWidth() * 11))
            if left < end + 4 or left + room > area.right() + self._room()[2]:
                continue
            shown = metrics.elidedText(word, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(left + 2, area.bottom() + 2, room + 2, height), shown)
            end = left + metrics.horizontalAdvance(shown)

    def _paint_scale(self, painter: QPainter, area: QRectF, metrics: QFontMetricsF) -> None:
        bar = QRectF(area.right() + 8, area.top(), 8, area.height())
        shares = np.linspace(1.0, -1.0 if self._signed else 0.0, 64)
        middle = self._theme.color("surface")
        tone = (middle.red(), middle.green(), middle.blue())
        colours = diverging(shares, tone) if self._signed else cividis(shares)
        step = bar.height() / len(colours)
        for i, (red, green, blue) in enumerate(colours):
            painter.fillRect(
                QRectF(bar.left(), bar.top() + i * step, bar.width(), step + 1), QColor(int(red), int(green), int(blue))
            )
        painter.setPen(self._theme.color("muted"))
        low = -self._limit if self._signed else 0.0
        for value, top in ((self._limit, bar.top()), (low, bar.bottom() - metrics.height())):
            painter.drawText(QRectF(bar.right() + 3, top, self._room()[2] - 18, metrics.height()), f"{value:.2g}")

    # -- choosing -----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        cell = self.cell_at(event.position())
        if cell is not None:
            self.set_step(cell[0])
            self.set_unit(cell[1])
            self.step_chosen.emit(cell[0])
            self.unit_chosen.emit(cell[1])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            cell = self.cell_at(event.position())
            if cell is not None:
                self.set_step(cell[0])
                self.step_chosen.emit(cell[0])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
        move = moves.get(Qt.Key(event.key()))
        if move is None or not self.units:
            super().keyPressEvent(event)  # left, right and Space are the scrubber's, on the stage
            return
        self.set_unit(min(self.units - 1, max(0, self._unit + move)))
        self.unit_chosen.emit(self._unit)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            cell = self.cell_at(QPointF(event.pos()))
            if cell is None:
                QToolTip.hideText()
            else:
                word = self._steps[cell[0]] if cell[0] < len(self._steps) else ""
                text = f"{word}, step {cell[0] + 1}, unit {cell[1]}: {self.value(*cell):.3f}"
                QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)
