"""A place for one error card: empty while all is well."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QVBoxLayout

from workbench.api import WorkbenchError
from workbench.shell.widgets.card import ErrorCard


class ProblemSlot(QVBoxLayout):
    """Shows what went wrong last, with a way to try again; :meth:`tell` with None clears it."""

    def tell(
        self, error: WorkbenchError | None, on_fix: Callable[[], object] | None = None, fix_text: str = "Try again"
    ) -> None:
        while (item := self.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if error is not None:
            self.addWidget(ErrorCard(error, on_fix=on_fix, fix_text=fix_text))
