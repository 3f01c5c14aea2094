"""Inline notices above the stage: sentences that go by themselves, and error cards that stay."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.api import Cancelled, WorkbenchError
from workbench.shell.widgets import Button, Card, ErrorCard, Text

SENTENCE_MILLISECONDS = 8000
MAXIMUM_SHOWN = 2


class Notices(QWidget):
    """At most two at once; the oldest gives way. Errors are kept in the Problems tab as well."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self.hide()

    def show_notice(
        self, notice: WorkbenchError | str, on_fix: Callable[[], object] | None = None, fix_text: str = ""
    ) -> None:
        """Show it; ``on_fix`` is what the button ``fix_text`` on an error's card does (the card goes away then)."""
        if isinstance(notice, Cancelled):
            notice = notice.what
        if self._is_shown(notice):
            return
        if isinstance(notice, str):
            self._put(self._sentence(notice))
            return

        def fix() -> None:
            self._drop(card)
            if on_fix is not None:
                on_fix()

        card = ErrorCard(
            notice, fix if on_fix is not None else None, fix_text=fix_text, on_dismiss=lambda: self._drop(card)
        )
        self._put(card)

    def _is_shown(self, notice: WorkbenchError | str) -> bool:
        """One event may be told twice, once with its cause in the same sentence: the dead worker's jobs fail too."""
        for i in range(self._layout.count()):
            widget = self._layout.itemAt(i).widget()
            if isinstance(notice, str):
                if widget.property("sentence") == notice:
                    return True
            elif isinstance(widget, ErrorCard) and (
                widget.error.where == notice.where and notice.what.startswith(widget.error.what)
            ):
                return True
        return False

    def clear(self) -> None:
        while self._layout.count():
            self._drop(self._layout.itemAt(0).widget())

    def count(self) -> int:
        return self._layout.count()

    def _sentence(self, text: str) -> Card:
        card = Card()
        row = QHBoxLayout()
        row.addWidget(Text(text), 1)
        row.addWidget(Button("Dismiss", kind="quiet", on_click=lambda: self._drop(card)))
        card.body.addLayout(row)
        card.setAccessibleName(text)
        card.setProperty("sentence", text)
        timer = QTimer(card)
        timer.setSingleShot(True)
        timer.timeout.connect(lambda: self._drop(card))
        timer.start(SENTENCE_MILLISECONDS)
        return card

    def _put(self, card: QWidget) -> None:
        while self._layout.count() >= MAXIMUM_SHOWN:
            self._drop(self._layout.itemAt(0).widget())
        self._layout.addWidget(card)
        self.show()

    def _drop(self, card: QWidget | None) -> None:
        if card is not None and self._layout.indexOf(card) >= 0:
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.setVisible(self._layout.count() > 0)
