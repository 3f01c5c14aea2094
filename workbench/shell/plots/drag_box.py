"""The area of a plot over time and what the mouse does in it: pan, take hold of a point, choose a range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from workbench.shell.plots.time_plot import TimePlot


class DragBox(pg.ViewBox):
    """Pans as usual; a press on a point takes hold of it, and Shift chooses a range."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.plot: TimePlot | None = None
        self._held: tuple[str, int] | None = None
        self._from: float | None = None

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        plot = self.plot
        if plot is None or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        place = self.mapSceneToView(event.scenePos())
        if event.isStart():
            pressed = event.buttonDownScenePos()
            self._held = plot.point_at(pressed)
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._from = float(self.mapSceneToView(pressed).x()) if shift and plot.selectable else None
        if self._from is not None:
            event.accept()
            plot.select(min(self._from, place.x()), max(self._from, place.x()))
            if event.isFinish():
                self._from = None
                plot.range_chosen.emit()
        elif self._held is not None:
            event.accept()
            name, index = self._held
            if event.isFinish():
                self._held = None
                plot.dropped.emit(name, index, float(place.y()))
            else:
                plot.dragged.emit(name, index, float(place.y()))
        else:
            super().mouseDragEvent(event, axis)

    def mouseClickEvent(self, event: Any) -> None:
        if self.plot is not None and event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.plot.clicked.emit(float(self.mapSceneToView(event.scenePos()).x()))
