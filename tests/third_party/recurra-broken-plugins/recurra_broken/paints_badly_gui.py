"""A widget that raises in the middle of painting, its painter still open."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from workbench.shell.sdk import PanelContext


class BadPainter(QWidget):
    def __init__(self, context: PanelContext) -> None:
        super().__init__()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawText(5, 15, "about to fail")
        raise ValueError("the brush broke")
