"""The page that compares all families of networks: what each is for, and what was measured of it on this machine.

``open_comparison(session, parent)`` shows it; ``compare_button(session)`` is the button that does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from workbench.shell.session import Session
    from workbench.shell.widgets import Button

ACTION = "model.compare"
TITLE = "Compare architectures…"


def compare_button(session: Session) -> Button:
    """A button for the Model stage. In the window it is the same as the window's own action."""
    from workbench.shell.widgets import Button

    button = Button(TITLE, tip="What each network is for, and how fast and how forgetful it is on this machine")

    def show() -> None:
        window: Any = button.window()
        action = getattr(window, "actions_by_id", {}).get(ACTION)
        if action is not None:
            action.trigger()
        else:
            open_comparison(session, window)

    button.clicked.connect(lambda _on=False: show())
    return button


def open_comparison(session: Session, parent: QWidget | None = None) -> QWidget:
    """The page in a window of its own, not modal."""
    from workbench.shell.comparison.page import ComparisonDialog

    dialog = ComparisonDialog(session, parent)
    dialog.show()
    return dialog
