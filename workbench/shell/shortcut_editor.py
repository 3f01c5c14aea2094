"""The table of shortcuts: shown, changed, and conflicts told."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QKeySequenceEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.shell.actions import ACTIONS, conflicts, shortcuts
from workbench.shell.widgets import Button, Muted

STAGE_KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "data": (
        ("1 to 9", "Give the selection this label"),
        ("0", "Clear the label"),
        ("Arrows", "Move the token cursor"),
        ("Shift and arrows", "Extend the selection"),
        ("Enter", "Accept and go to the next sentence"),
    ),
    "explain": (("Space", "Play or stop the time scrubber"), ("Arrows", "One step back or forth")),
}


class ShortcutEditor(QDialog):
    """``changed`` carries the person's own keys: action id → keys."""

    changed = Signal(dict)

    def __init__(self, overrides: Mapping[str, str], stage: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Shortcuts")
        self.resize(640, 560)
        self._own = dict(overrides)
        layout = QVBoxLayout(self)
        here = STAGE_KEYS.get(stage, ())
        if here:
            words = " · ".join(f"{keys}: {what.lower()}" for keys, what in here)
            layout.addWidget(Muted(f"In this view: {words}"))
        self.note = Muted("")
        layout.addWidget(self.note)
        self.table = QTableWidget(len(ACTIONS), 3)
        self.table.setAccessibleName("Shortcuts")
        self.table.setHorizontalHeaderLabels(["Action", "Group", "Keys"])
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.setColumnWidth(2, 170)
        self._edits: dict[str, QKeySequenceEdit] = {}
        keys = shortcuts(self._own)
        for row, spec in enumerate(ACTIONS):
            self.table.setItem(row, 0, QTableWidgetItem(spec.title))
            self.table.setItem(row, 1, QTableWidgetItem(spec.group))
            edit = QKeySequenceEdit(QKeySequence(keys[spec.id]))
            edit.setMaximumSequenceLength(1)
            edit.setClearButtonEnabled(True)
            edit.setAccessibleName(f"Keys of {spec.title}")
            edit.editingFinished.connect(lambda name=spec.id: self._store(name))
            self.table.setCellWidget(row, 2, edit)
            self.table.setRowHeight(row, 32)
            self._edits[spec.id] = edit
        layout.addWidget(self.table, 1)
        layout.addWidget(Button("Back to the defaults", on_click=self.reset))
        self._tell_conflicts()

    def set_keys(self, action: str, keys: str) -> None:
        self._edits[action].setKeySequence(QKeySequence(keys))
        self._store(action)

    def reset(self) -> None:
        self._own.clear()
        for spec in ACTIONS:
            self._edits[spec.id].setKeySequence(QKeySequence(spec.keys))
        self._tell_conflicts()
        self.changed.emit({})

    def _store(self, action: str) -> None:
        text = self._edits[action].keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        default = next(spec.keys for spec in ACTIONS if spec.id == action)
        if text == default:
            self._own.pop(action, None)
        else:
            self._own[action] = text
        self._tell_conflicts()
        self.changed.emit(dict(self._own))

    def _tell_conflicts(self) -> None:
        titles = {spec.id: spec.title for spec in ACTIONS}
        found = conflicts(shortcuts(self._own))
        if found:
            words = "; ".join(
                f"{keys} is claimed by {' and '.join(titles[i] for i in ids)}" for keys, ids in found.items()
            )
            self.note.setText(f"Conflict: {words}. Neither works until one of them changes.")
        else:
            self.note.setText("Click into a field and press the keys you want. No two actions share keys.")
