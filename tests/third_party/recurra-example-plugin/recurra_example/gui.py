"""The panel: how sure the network is after each word. Imports the shell's kit for plugins, and Qt."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from workbench.shell.sdk import PanelContext


class VerdictBar(QWidget):
    """One bar for each word, as high as the probability of the verdict so far."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._theme = context.theme
        self._heights: tuple[float, ...] = (0.2, 0.5, 0.9)

    def sizeHint(self) -> QSize:
        return QSize(240, 80)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        width = self.width() / max(1, len(self._heights))
        for i, height in enumerate(self._heights):
            top = round(self.height() * (1 - height))
            painter.fillRect(round(i * width), top, round(width) - 2, self.height() - top, self._theme.color("accent"))
