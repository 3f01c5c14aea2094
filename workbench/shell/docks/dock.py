"""A dock without a title bar: a card beside the stage. It is shown, hidden and resized; its name is in the menu."""

from __future__ import annotations

from PySide6.QtWidgets import QDockWidget, QVBoxLayout, QWidget


class Dock(QDockWidget):
    """``name`` is the contribution's id, by which layouts are saved."""

    def __init__(self, name: str, title: str, content: QWidget, margins: tuple[int, int, int, int]) -> None:
        super().__init__(title)
        self.setObjectName(name)
        self.setTitleBarWidget(QWidget(self))
        self.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        holder = QWidget(self)
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(*margins)
        layout.addWidget(content)
        self.setWidget(holder)
        self.content = content
        self.setAccessibleName(title)
