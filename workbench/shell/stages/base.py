"""What the window asks of every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from workbench.shell.session import Session

StageState = Literal["empty", "ready", "running", "problem"]


class Stage(QWidget):
    """A page of the window. It reads everything from the session and tells its state in one word."""

    id: ClassVar[str] = ""
    title: ClassVar[str] = ""

    state_changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setObjectName(f"stage.{self.id}")

    def state(self) -> StageState:
        return "empty"

    def activated(self) -> None:
        """The stage came into view."""
