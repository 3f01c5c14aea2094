"""How pairs of texts are edited and how translations are shown. Only the shell imports this module."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget
from workbench_plugins.tasks.translation.attention_map import AttentionMap

from workbench.api import Record, StoredRecord, TextPair, Translation
from workbench.shell.sdk import Button, EditorContext, Muted, PanelContext, Text

PAUSE_MS = 500
"""Typing that rests so long is stored as one edit."""
END_SHOWN = "∎"


class TextPairEditor(QWidget):
    """Edits a source and its target side by side; what is typed until a pause is one undoable edit.

    The dataset editor calls ``show_stored``, listens to ``accepted`` (Ctrl+Enter: the next pair) and
    ``moved_on(step)``, and shows ``keys`` below.
    """

    accepted = Signal()
    moved_on = Signal(int)
    keys = "Tab goes to the other side · Ctrl+Enter next pair · Page Up, Page Down · Ctrl+Z undoes stored edits"

    def __init__(self, context: EditorContext) -> None:
        super().__init__()
        self._context = context
        self._stored: TextPair | None = None
        self.source = self._field("Source")
        self.target = self._field("Target")
        self.counts = Muted("")
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._pause.timeout.connect(self.store)
        row = QHBoxLayout()
        row.setSpacing(8)
        for title, field in (("Source", self.source), ("Target", self.target)):
            column = QVBoxLayout()
            column.setSpacing(4)
            column.addWidget(Muted(title))
            column.addWidget(field, 1)
            row.addLayout(column, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row, 1)
        layout.addWidget(self.counts)
        self.setFocusProxy(self.source)
        context.theme.changed.connect(self._dress)
        self._dress()
        self.show_stored(None)

    def _dress(self) -> None:
        palette = self._context.theme.palette()
        palette.setColor(QPalette.ColorRole.WindowText, self._context.theme.field_line())
        for field in (self.source, self.target):
            field.setPalette(palette)

    def _field(self, name: str) -> QPlainTextEdit:
        field = QPlainTextEdit()
        field.setAccessibleName(name)
        field.setTabChangesFocus(True)
        field.setFrameStyle(QFrame.Shape.Box | QFrame.Shadow.Plain)  # Fusion's own line is hardly seen on dark
        # what is stored is undone with all other edits of the data, not by the field on its own
        field.setUndoRedoEnabled(False)
        field.setReadOnly(self._context.read_only)
        field.textChanged.connect(self._typed)
        field.installEventFilter(self)
        return field

    def record(self) -> TextPair:
        """What the fields say now; a text is one line."""
        return TextPair(*(" ".join(f.toPlainText().splitlines()) for f in (self.source, self.target)))

    def show_stored(self, stored: StoredRecord | None, *, keep_cursor: bool = False) -> None:
        # what was typed and not yet stored belonged to the record before: it was stored when the field was left
        record: Record | None = stored.record if stored is not None else None
        self._stored = record if isinstance(record, TextPair) else None
        self.setEnabled(self._stored is not None)
        for field, text in zip((self.source, self.target), self._texts(), strict=True):
            if field.toPlainText() == text:
                continue
            field.blockSignals(True)
            place = field.textCursor().position() if keep_cursor else 0
            field.setPlainText(text)
            cursor = field.textCursor()
            cursor.setPosition(min(place, len(text)))
            field.setTextCursor(cursor)
            field.blockSignals(False)
        self._pause.stop()
        self._count()

    def _texts(self) -> tuple[str, str]:
        return ("", "") if self._stored is None else (self._stored.source, self._stored.target)

    def _typed(self) -> None:
        self._count()
        if not self._context.read_only:
            self._pause.start()

    def _count(self) -> None:
        pair = self.record()
        words = [len(text.split()) for text in (pair.source, pair.target)]
        empty = [side for side, count in zip(("source", "target"), words, strict=True) if not count]
        note = f" · the {' and the '.join(empty)} is empty" if empty and self._stored is not None else ""
        self.counts.setText(f"{words[0]} and {words[1]} words{note}" if self._stored is not None else "")

    def store(self) -> None:
        """Store what was typed, if it differs from what is stored."""
        self._pause.stop()
        before, now = self._stored, self.record()
        if before is None or self._context.read_only or now == before:
            return
        if now.source == " ".join(before.source.splitlines()) and now.target == " ".join(before.target.splitlines()):
            return  # nothing was typed; the record has line ends, which stay
        self._stored = now
        sides = [side for side in ("source", "target") if getattr(before, side) != getattr(now, side)]
        self._context.commit(now, f"Edit the {' and the '.join(sides)}")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leaving a field stores it; Ctrl+Enter goes on to the next pair."""
        if watched in (self.source, self.target):
            if event.type() == QEvent.Type.FocusOut:
                self.store()
            elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
                if event.matches(QKeySequence.StandardKey.Undo):
                    self.store()  # so that it is this typing that is undone
            elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                    if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                        self.store()
                        self.accepted.emit()
                    return True  # a text of a pair is one line
                if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                    self.store()
                    self.moved_on.emit(1 if event.key() == Qt.Key.Key_PageDown else -1)
                    return True
        return super().eventFilter(watched, event)

    def hideEvent(self, event: Any) -> None:
        self.store()
        super().hideEvent(event)


class TranslationView(QWidget):
    """One translation: the text, where it looked, other answers of the beam with their scores.

    In the stage Use it also has a field for how the answer is to begin. ``compact`` shows the text alone.
    """

    options_changed = Signal()
    several_readings = True
    placeholder = "Type or paste a text, a sentence a line; its translation follows as you type."

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        compact = bool(context.settings.get("compact", False))
        self._result: Translation | None = None
        self._theme = context.theme
        self.text = Text("", factor=1.0 if compact else 1.25)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setAccessibleName("Translation")
        self.source = Muted("")
        self.sure = Muted("")
        self.others = Text("")
        self.others.setTextFormat(Qt.TextFormat.RichText)
        self.others.setAccessibleName("Other answers")
        self.map = AttentionMap(context.theme)
        self.prefix = QLineEdit()
        self.prefix.setAccessibleName("The answer begins with")
        self.prefix.setPlaceholderText("The answer is to begin with…")
        self.prefix.setClearButtonEnabled(True)
        self.prefix.textEdited.connect(lambda _text: self.options_changed.emit())
        self._in_use = context.settings.get("place") == "use" and not compact
        self._context = context
        self.vocabulary: QWidget | None = None
        self.more = Button("Vocabulary…", kind="quiet", on_click=self.show_vocabulary, tip="How texts are cut")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for widget in (self.prefix, self.source, self.text, self.sure, self.map, self.others):
            layout.addWidget(widget)
        layout.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self.more.setVisible(self._in_use)
        self.prefix.setVisible(self._in_use)
        self.source.setVisible(compact)
        self._compact = compact
        for widget in (self.sure, self.map, self.others):
            widget.hide()
        if not compact:
            layout.addStretch(1)

    def show_vocabulary(self) -> None:
        """Show the symbols and how a text is cut, below the answer; the second time hide them."""
        if self.vocabulary is None:
            from workbench_plugins.tasks.translation.vocabulary_view import VocabularyView

            self.vocabulary = VocabularyView(self._context)
            self.layout().insertWidget(self.layout().indexOf(self.more) + 1, self.vocabulary)
            self.vocabulary.hide()
        self.vocabulary.setVisible(self.vocabulary.isHidden())
        self._refresh_vocabulary()

    def _refresh_vocabulary(self) -> None:
        if self.vocabulary is not None and not self.vocabulary.isHidden():
            self.vocabulary.refresh()  # type: ignore[attr-defined]

    def options(self) -> dict[str, Any]:
        """Sent with a question."""
        prefix = self.prefix.text().strip() if self._in_use else ""
        return {"prefix": prefix} if prefix else {}

    def show_result(self, result: Translation | None, *, muted: bool = False) -> None:
        self._result = result
        self._refresh_vocabulary()
        if result is None:
            self.text.setText("")
            for widget in (self.sure, self.map, self.others):
                widget.hide()
            return
        self.text.setText(result.text or "(nothing)")
        self.text.setEnabled(not muted)
        if self._compact:
            source = source_text(result)
            self.source.setText(source)
            self.source.setVisible(bool(source))
            return
        self._show_certainty(result)
        rows = (*result.tokens, END_SHOWN)
        self.map.show_attention(result.source_tokens, rows, result.attention)
        self._show_others(result)

    def _show_certainty(self, result: Translation) -> None:
        chances = result.token_log_probabilities
        self.sure.setVisible(bool(chances))
        if chances:
            least = min(range(len(chances)), key=chances.__getitem__)
            word = (*result.tokens, "the end")[least] if least <= len(result.tokens) else ""
            mean = math.exp(sum(chances) / len(chances))
            self.sure.setText(
                f"On average {mean:.0%} sure of a symbol; least of “{word}” ({math.exp(chances[least]):.0%})."
            )

    def _show_others(self, result: Translation) -> None:
        self.others.setVisible(len(result.n_best) > 1)
        rows = "".join(
            f"<tr><td align='right' style='color:{self._theme.css('muted')}'>{one.score:.2f}&nbsp;&nbsp;</td>"
            f"<td>{_escaped(one.text)}</td></tr>"
            for one in result.n_best
        )
        self.others.setText(f"<table>{rows}</table>")


def source_text(result: Translation) -> str:
    """What was read. Answers from before it was kept with them have its symbols only, the end among them or not."""
    if result.source:
        return result.source
    symbols = result.source_tokens
    if symbols and symbols[-1] == END_SHOWN:
        symbols = symbols[:-1]
    characters = any(symbol.isspace() for symbol in symbols) and all(len(symbol) == 1 for symbol in symbols)
    return ("" if characters else " ").join(symbols)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
