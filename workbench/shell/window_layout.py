"""Where the window's docks stand: given way in a narrow window, put away without a project, kept from last time."""

from __future__ import annotations

from PySide6.QtCore import QByteArray
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

from workbench.shell.docks.dock import Dock
from workbench.shell.session import Session

NARROW_WIDTH = 1024
LAYOUT_VERSION = 1


class WindowLayout(QMainWindow):
    """The window's base class; ``docks`` are made by the window before any of this is called."""

    session: Session
    docks: dict[str, Dock]

    def __init__(self) -> None:
        super().__init__()
        self._collapsed: list[Dock] | None = None
        self._put_away: list[Dock] | None = None

    def _show_side_docks(self, show: bool) -> None:
        """The side panels are about the project: while none is open they would be empty."""
        sides = [self.docks["dock.project"], self.docks["dock.inspector"]]
        if not show and self._put_away is None:
            self._put_away = [dock for dock in sides if not dock.isHidden()]
            for dock in self._put_away:
                dock.hide()
        elif show and self._put_away is not None:
            back, self._put_away = self._put_away, None
            if self._collapsed is not None:  # the window is narrow now: they come back when it has room
                self._collapsed = [*self._collapsed, *(dock for dock in back if dock not in self._collapsed)]
                return
            for dock in back:
                dock.show()
            self._fit_docks()

    def _fit_docks(self) -> None:
        """Side panels give way in a window that is narrow for its text size, and come back with room."""
        narrow = self.width() <= NARROW_WIDTH * self.session.theme.scale
        sides = [self.docks["dock.project"], self.docks["dock.inspector"]]
        if narrow and self._collapsed is None:
            self._collapsed = [dock for dock in sides if not dock.isHidden()]
            for dock in self._collapsed:
                dock.hide()
        elif not narrow and self._collapsed is not None:
            for dock in self._collapsed:
                dock.show()
            self._collapsed = None

    def _restore(self) -> None:
        settings = self.session.settings
        if settings is None:
            return
        geometry, state = settings.layout("window.geometry"), settings.layout("window.state")
        if geometry:
            self.restoreGeometry(QByteArray(geometry))
            screen = QGuiApplication.primaryScreen()
            if screen is not None and not screen.availableGeometry().intersects(self.geometry()):
                self.resize(1280, 800)
        if state:
            self.restoreState(QByteArray(state), LAYOUT_VERSION)

    def save_layout(self) -> None:
        settings = self.session.settings
        if settings is not None:
            settings.set_layout("window.geometry", bytes(self.saveGeometry().data()))
            if self._collapsed is None and self._put_away is None:
                settings.set_layout("window.state", bytes(self.saveState(LAYOUT_VERSION).data()))
