"""The choice of a network: every architecture with its summary, or greyed out with the reason why it does not fit."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import pairwise

from PySide6.QtCore import Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QRadioButton, QVBoxLayout, QWidget

from workbench.api import Architecture, Task, WorkbenchError, compatibility
from workbench.shell.widgets import Muted

logger = logging.getLogger(__name__)


class Choice(QWidget):
    """An architecture to choose, with its summary; or, greyed out, with the reason why not."""

    chosen = Signal(str)

    def __init__(self, architecture: Architecture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.architecture = architecture
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(1)
        self.button = QRadioButton(architecture.title)
        self.button.setAutoExclusive(False)
        self.button.setAccessibleName(architecture.title)
        self.button.clicked.connect(lambda _on=False: self.chosen.emit(architecture.id))
        self.note = Muted(architecture.summary)
        self.note.setContentsMargins(24, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.note)

    def set_reason(self, reason: str) -> None:
        """An empty reason means it fits."""
        self.button.setEnabled(not reason)
        self.button.setToolTip(reason)
        self.button.setAccessibleDescription(reason or self.architecture.summary)
        self.note.setText(reason or self.architecture.summary)
        self.note.setVisible(bool(self.note.text()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.button.isEnabled():
            self.chosen.emit(self.architecture.id)


class ChoiceList(QWidget):
    """All of them, those that fit the task first."""

    chosen = Signal(str)

    def __init__(self, architectures: Iterable[Architecture], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(2)
        self.choices: dict[str, Choice] = {}
        self._order: list[str] = []
        for architecture in architectures:
            choice = Choice(architecture, self)
            choice.chosen.connect(self.chosen)
            self._column.addWidget(choice)
            self.choices[architecture.id] = choice
            self._order.append(architecture.id)
        self._column.addStretch(1)

    def show_task(self, task: Task | None, chosen: str) -> None:
        """Which of them fit ``task``, and which is ``chosen``."""
        fitting: list[str] = []
        for name, choice in self.choices.items():
            reason = why_not(task, choice.architecture)
            choice.set_reason(reason)
            choice.button.setChecked(name == chosen)
            if not reason:
                fitting.append(name)
        order = [*fitting, *(name for name in self.choices if name not in fitting)]
        if order != self._order:
            self._order = order
            for place, name in enumerate(order):
                self._column.insertWidget(place, self.choices[name])
            for before, after in pairwise(order):
                self.setTabOrder(self.choices[before].button, self.choices[after].button)


def why_not(task: Task | None, architecture: Architecture, params: dict[str, object] | None = None) -> str:
    """The reason why ``architecture`` (with these options) cannot serve ``task``, "" where it can.

    A plugin whose answer fails fits nothing; what it raised is the reason.
    """
    if task is None:
        return ""
    try:
        verdict = compatibility(task, architecture, params) if params is not None else compatibility(task, architecture)
    except WorkbenchError as error:
        return error.what
    except Exception as error:  # traits are a plugin's own code
        logger.warning("the architecture %s cannot say what it offers", architecture.id, exc_info=error)
        return f"Its plugin failed: {error}."
    return "" if verdict else verdict.reason
