"""How a text of a dataset is edited. Only the shell imports this module."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from workbench.api import Record, StoredRecord, Text
from workbench.shell.sdk import EditorContext, Muted

PAUSE_MS = 500
"""Typing that rests so long is stored as one edit."""


class TextEditor(QWidget):
    """Edits one text; what is typed until a pause is one undoable edit through ``context.commit``.

    The dataset editor calls ``show_stored``, listens to ``accepted`` (Ctrl+Enter: the next text) and
    ``moved_on(step)``, and shows ``keys`` below.
    """

    accepted = Signal()
    moved_on = Signal(int)
    keys = "Ctrl+Enter next text · Page Up, Page Down · Ctrl+Z undoes stored edits"

    def __init__(self, context: EditorContext) -> None:
        super().__init__()
        self._context = context
        self._stored: Text | None = None
        self.field = QPlainTextEdit()
        self.field.setAccessibleName("Text")
        self.field.setTabChangesFocus(True)
        # what is stored is undone with all other edits of the data, not by the field on its own
        self.field.setUndoRedoEnabled(False)
        self.field.setReadOnly(context.read_only)
        self.field.textChanged.connect(self._typed)
        self.field.installEventFilter(self)
        self.counts = Muted("")
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self.store)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.field, 1)
        layout.addWidget(self.counts)
        self.setFocusProxy(self.field)
        self.show_stored(None)

    def show_stored(self, stored: StoredRecord | None, *, keep_cursor: bool = False) -> None:
        # what was typed and not yet stored belonged to the record before: it was stored when the field was left
        record: Record | None = stored.record if stored is not None else None
        self._stored = record if isinstance(record, Text) else None
        self.setEnabled(self._stored is not None)
        text = self._stored.text if self._stored is not None else ""
        if self.field.toPlainText() != text:
            self.field.blockSignals(True)
            place = self.field.textCursor().position() if keep_cursor else 0
            self.field.setPlainText(text)
            cursor = self.field.textCursor()
            cursor.setPosition(min(place, len(self.field.toPlainText())))
            self.field.setTextCursor(cursor)
            self.field.blockSignals(False)
        self._pause.stop()
        self._count()

    def _typed(self) -> None:
        self._count()
        if not self._context.read_only:
            self._pause.start()

    def _count(self) -> None:
        text = self.field.toPlainText()
        told = f"{len(text):,} characters, {len(text.split()):,} words"
        self.counts.setText(told if self._stored is not None else "")

    def store(self) -> None:
        """Store what was typed, if it differs from what is stored."""
        self._pause.stop()
        before, text = self._stored, self.field.toPlainText()
        # the field turns every kind of line end into its own, which is no edit
        if before is None or self._context.read_only or text == "\n".join(before.text.splitlines()):
            return
        if text == before.text:
            return
        self._stored = Text(text)
        self._context.commit(self._stored, "Edit the text")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leaving the field stores it; Ctrl+Enter goes on to the next text."""
        if watched is self.field:
            if event.type() == QEvent.Type.FocusOut:
                self.store()
            elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
                if event.matches(QKeySequence.StandardKey.Undo):
                    self.store()  # so that it is this typing that is undone
            elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
                if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                    self.store()
                    self.accepted.emit()
                    return True
                if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                    self.store()
                    self.moved_on.emit(1 if event.key() == Qt.Key.Key_PageDown else -1)
                    return True
        return super().eventFilter(watched, event)

    def hideEvent(self, event: Any) -> None:
        self.store()
        super().hideEvent(event)
