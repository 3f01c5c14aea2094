"""Search and filters above the list of records; typing waits a moment before it asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from workbench.api import SPLITS
from workbench.shell.widgets import Muted

if TYPE_CHECKING:
    from workbench.data import Query

TYPING_PAUSE_MS = 180
_STATES = {"All states": {}, "Edited": {"edited": True}, "With a problem": {"problem": True}}


class FilterBar(QWidget):
    """``changed`` fires when :meth:`query` answers something new."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the text")
        self.search.setAccessibleName("Search the text")
        self.search.setClearButtonEnabled(True)
        self.split = _combo("Filter by split", [("All splits", None), *[(name.capitalize(), name) for name in SPLITS]])
        self.split.addItem("In no split", "")
        self.label = _combo("Filter by label", [("All labels", None)])
        self.state = _combo("Filter by state", [(name, name) for name in _STATES])
        self.found = Muted("", wrap=False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.search, 1)
        for combo in (self.split, self.label, self.state):
            layout.addWidget(combo)
            combo.currentIndexChanged.connect(self._changed_now)
        layout.addWidget(self.found)
        self._pause = QTimer(self, singleShot=True, interval=TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.changed)
        self.search.textChanged.connect(lambda _text: self._pause.start())
        self.search.returnPressed.connect(self._changed_now)

    def _changed_now(self) -> None:
        self._pause.stop()
        self.changed.emit()

    def set_labels(self, labels: Mapping[str, Sequence[str]]) -> None:
        """Offer these labels (layer → labels), keeping the choice."""
        chosen = self.label.currentData()
        self.label.blockSignals(True)
        self.label.clear()
        self.label.addItem("All labels", None)
        for layer, names in labels.items():
            for name in names:
                self.label.addItem(f"{layer}: {name}" if len(labels) > 1 else name, (layer, name))
        place = next((i for i in range(self.label.count()) if self.label.itemData(i) == chosen), 0)
        self.label.setCurrentIndex(place)
        self.label.blockSignals(False)
        self.label.setEnabled(self.label.count() > 1)

    def query(self) -> Query:
        from workbench.data import Query

        values: dict[str, Any] = dict(_STATES[self.state.currentText()])
        label = self.label.currentData()
        return Query(
            text=self.search.text().strip(),
            split=self.split.currentData(),
            label=tuple(label) if label is not None else None,
            **values,
        )

    def clear(self) -> None:
        """Show everything again."""
        for widget in (self.search, self.split, self.label, self.state):
            widget.blockSignals(True)
        self.search.clear()
        for combo in (self.split, self.label, self.state):
            combo.setCurrentIndex(0)
        for widget in (self.search, self.split, self.label, self.state):
            widget.blockSignals(False)
        self._changed_now()

    def set_found(self, shown: int, of: int) -> None:
        self.found.setText(f"{shown:,} of {of:,}" if shown != of else f"{of:,}")


def _combo(name: str, items: Sequence[tuple[str, Any]]) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setToolTip(name)
    combo.setMinimumHeight(28)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    for text, value in items:
        combo.addItem(text, value)
    return combo
