"""How labelled texts are edited and how a classifier's answers are shown. Only the shell imports this module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget
from workbench_plugins.tasks.classification.gui_words import WeightedWords
from workbench_plugins.tasks.classification.text import cut_as_trained

from workbench.api import ClassProbabilities, LabelledText, StoredRecord, WorkbenchError
from workbench.shell.sdk import (
    Button,
    EditorContext,
    LabelChips,
    LabelColours,
    Muted,
    PanelContext,
    ProbabilityBars,
    Text,
)

if TYPE_CHECKING:
    from workbench_plugins.tasks.translation.vocabulary_view import VocabularyView

    from workbench.nn.text import Tokeniser

LAYER = "label"
METHODS = ("integrated gradients", "left out")
_METHOD_TITLES = ("Words that decided: gradients", "Words that decided: left out", "Without words")
_TIPS = (
    "Integrated gradients: what every word adds to the log-odds of the answer, all at once",
    "What the log-odds of the answer lose when a word is not known",
    "The probabilities alone, which is faster for long texts",
)
MOST_BARS = 12


class LabelledTextEditor(QWidget):
    """Edits a text and its label; every change is one undoable edit through ``context.commit``.

    Digits label the text, 0 takes its label away; F2 opens the text for editing. The dataset editor calls
    ``show_stored`` and ``set_labels``, listens to ``accepted`` and ``moved_on(step)``, and shows ``keys`` below.
    ``ask_label`` is asked for a new label's name; tests give their own.
    """

    accepted = Signal()
    moved_on = Signal(int)
    keys = "1–9 label · 0 clear · F2 edits the text, Ctrl+Enter keeps it, Esc gives up · Enter next"

    def __init__(self, context: EditorContext, *, ask_label: Callable[[QWidget], str] | None = None) -> None:
        super().__init__()
        self._context = context
        self._ask_label = ask_label or _ask_label
        self._record: LabelledText | None = None
        self._known: tuple[str, ...] = tuple(label for label in context.labels.get(LAYER, ()) if label)
        self.chips = LabelChips(context.theme, LabelColours(self._known), noun="text")
        self.chips.chosen.connect(self.apply_label)
        self.chips.add_requested.connect(self._add_label)
        self.caption = Muted("")
        self.text = QPlainTextEdit()
        self.text.setAccessibleName("Text of the record")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.installEventFilter(self)
        self.text.viewport().installEventFilter(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.chips)
        layout.addWidget(self.caption)
        layout.addWidget(self.text, 1)
        self.setFocusProxy(self.text)
        self._refresh_chips()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of their digits."""
        return self._known

    def set_labels(self, labels: Mapping[str, tuple[str, ...]], layers: Mapping[str, Mapping[str, Any]]) -> None:
        """The dataset knows other labels now."""
        found = [label for label in labels.get(LAYER, ()) if label]
        self._known = tuple(found + [label for label in self._known if label not in found])
        self._refresh_chips()

    def show_stored(self, stored: StoredRecord | None, *, keep_cursor: bool = False) -> None:
        if self.editing and keep_cursor:
            return  # its own label was stored; what is being typed stays
        self._set_editing(False)
        record = stored.record if stored is not None else None
        self._record = record if isinstance(record, LabelledText) else None
        self._show()

    def _show(self) -> None:
        record = self._record
        self.text.setPlainText(record.text if record is not None else "")
        if record is None:
            self.caption.setText("")
        else:
            self.caption.setText(f"Label: {record.label}" if record.label else "No label yet")

    def _refresh_chips(self) -> None:
        self.chips.set_labels(self._known)
        self.chips.set_enabled_for(not self._context.read_only)

    # -- edits --------------------------------------------------------------------------------------------------

    def apply_label(self, number: int) -> None:
        """Give the text the ``number``-th label; 0 takes its label away."""
        record = self._record
        if record is None or self._context.read_only or not 0 <= number <= len(self._known):
            return
        label = self._known[number - 1] if number else ""
        if label == record.label:
            return
        self._record = LabelledText(record.text, label)
        self._context.commit(self._record, f"Label the text {label}" if label else "Take the label off the text")
        if not self.editing:
            self._show()

    def _add_label(self) -> None:
        if self._context.read_only:
            return
        label = " ".join(self._ask_label(self).split())
        if not label:
            return
        if label not in self._known:
            self._known = (*self._known, label)
            self._refresh_chips()
        self.apply_label(self._known.index(label) + 1)
        self.text.setFocus()

    @property
    def editing(self) -> bool:
        """Whether the text is open for typing."""
        return not self.text.isReadOnly()

    def edit_text(self) -> None:
        """Open the text for typing."""
        if self._record is not None and not self._context.read_only:
            self._set_editing(True)
            self.text.setFocus()

    def keep_text(self) -> None:
        """Store what was typed, as one edit."""
        record = self._record
        if not self.editing or record is None:
            return
        typed = self.text.toPlainText()
        self._set_editing(False)
        if typed != record.text:
            self._record = LabelledText(typed, record.label)
            self._context.commit(self._record, "Change the text")
        self._show()

    def give_up(self) -> None:
        """Back to the text as it is stored."""
        self._set_editing(False)
        self._show()

    def _set_editing(self, editing: bool) -> None:
        self.text.setReadOnly(not editing)
        flags = Qt.TextInteractionFlag
        if not editing:
            self.text.setTextInteractionFlags(flags.TextSelectableByMouse | flags.TextSelectableByKeyboard)
        else:
            self.text.setTextInteractionFlags(flags.TextEditorInteraction)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Digits label while the text is not open for typing; a double click opens it, leaving it keeps what was
        typed."""
        if watched is self.text.viewport() and event.type() == QEvent.Type.MouseButtonDblClick and not self.editing:
            self.edit_text()
        elif watched is self.text and event.type() == QEvent.Type.FocusOut and self.editing:
            self.keep_text()
        elif watched is self.text and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._typing_key(event) if self.editing else self._reading_key(event)
        return super().eventFilter(watched, event)

    def _typing_key(self, event: QKeyEvent) -> bool:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.keep_text()
            return True
        if event.key() == Qt.Key.Key_Escape:
            self.give_up()
            return True
        return False

    def _reading_key(self, event: QKeyEvent) -> bool:
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        key = event.key()
        if Qt.Key.Key_0 <= key <= Qt.Key.Key_9:
            self.apply_label(key - Qt.Key.Key_0)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accepted.emit()
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self.moved_on.emit(1 if key == Qt.Key.Key_PageDown else -1)
        elif key == Qt.Key.Key_F2:
            self.edit_text()
        else:
            return False
        return True


def _ask_label(parent: QWidget) -> str:
    text, accepted = QInputDialog.getText(parent, "Add a label", "Name of the label")
    return text if accepted else ""


class ClassProbabilitiesView(QWidget):
    """One answer of a classifier: its label, a bar for each label, and the words with what each adds to the answer.

    ``compact`` leaves out the bars of all but the likeliest labels, for small places.
    """

    options_changed = Signal()
    placeholder = "Type or paste texts, one a line"
    shows_input = False

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self._compact = bool(context.settings.get("compact", False))
        self._asked = context.settings.get("place") == "use"
        self._result: ClassProbabilities | None = None
        self.headline = Text("")
        self.method = QComboBox()
        self.method.setAccessibleName("Words that decided")
        self.method.addItems(_METHOD_TITLES)
        for i, tip in enumerate(_TIPS):
            self.method.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)
        self.method.currentIndexChanged.connect(self._method_changed)
        self.bars = ProbabilityBars(context.theme, LabelColours(), limit=3 if self._compact else MOST_BARS)
        self.words = WeightedWords(context.theme)
        self.note = Muted("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        row = QHBoxLayout()
        row.addWidget(self.headline, 1)
        row.addWidget(self.method)
        self.vocabulary: VocabularyView | None = None
        self.more = Button(
            "Vocabulary…", kind="quiet", on_click=self.show_vocabulary, tip="The symbols, and how texts are cut"
        )
        row.addWidget(self.more)
        layout.addLayout(row)
        layout.addWidget(self.bars)
        layout.addWidget(self.words)
        layout.addWidget(self.note)
        self.method.setVisible(self._asked and not self._compact)
        self.more.setVisible(self._asked and not self._compact and bool(context.settings.get("vocabulary", True)))
        for widget in (self.words, self.note):
            widget.hide()

    def show_vocabulary(self) -> None:
        """Show the symbols and how a text is cut, below the answer; the second time hide them."""
        if self.vocabulary is None:
            from workbench_plugins.tasks.translation.vocabulary_view import VocabularyView

            self.vocabulary = VocabularyView(self._context, prepare=_as_read)
            self.layout().addWidget(self.vocabulary)
            self.vocabulary.hide()
        self.vocabulary.setVisible(self.vocabulary.isHidden())
        self._refresh_vocabulary()

    def _refresh_vocabulary(self) -> None:
        """Another run has another vocabulary."""
        if self.vocabulary is not None and not self.vocabulary.isHidden():
            self.vocabulary.refresh()

    def options(self) -> dict[str, Any]:
        """What is sent with a question: whether the words are asked for."""
        return {"explain": self.method.currentIndex() < len(METHODS)}

    def _method_changed(self) -> None:
        self._show()
        self.options_changed.emit()

    def show_result(self, result: ClassProbabilities | None, *, muted: bool = False) -> None:
        """Show ``result``; ``muted`` for an answer that a newer one has replaced."""
        self._result = result
        self.setEnabled(not muted)
        self._refresh_vocabulary()
        self._show()

    def _show(self) -> None:
        result = self._result
        if result is None:
            self.headline.setText("")
            self.bars.show_values(())
            self.words.hide()
            self.note.hide()
            return
        sure = result.probabilities.get(result.label, 0.0)
        self.headline.setText(f"{result.label}  ·  {sure:.0%}")
        self.bars.show_values(list(result.probabilities.items()))
        hidden = len(result.probabilities) - len(self.bars.values)
        index = self.method.currentIndex()
        values = result.saliency.get(METHODS[index], ()) if index < len(METHODS) else ()
        self.words.show_words(result.tokens, values)
        self.words.setVisible(bool(result.tokens) and index < len(METHODS))
        notes = []
        if result.saliency and index < len(METHODS) and not values:
            notes.append("This network lets no gradient through: ask for words left out instead.")
        elif values and not self._compact:
            notes.append("Solid line: speaks for the answer; dotted: against it. Point at a word for its figure.")
        if hidden > 0 and not self._compact:
            notes.append(f"{hidden} less likely labels are not shown.")
        self.note.setText(" ".join(notes))
        self.note.setVisible(bool(notes))


def _as_read(text: str, codec: Mapping[str, Any], tokeniser: Tokeniser) -> str:
    """``text`` as the model reads it: cut at punctuation first where its training texts came cut."""
    if not codec.get("cut_already"):
        return text
    from workbench.nn.text import UNKNOWN

    lower = tokeniser.lowercase
    return cut_as_trained(text, lambda word: tokeniser.id_of(word.lower() if lower else word) != UNKNOWN)


class SaliencyPanel(QWidget):
    """In Explain: a text, the answer to it, and the words that decided; asked again as one types."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self._asking = False
        self._again = False
        self.input = QLineEdit()
        self.input.setAccessibleName("Text to explain")
        self.input.setPlaceholderText("Type a text")
        self.view = ClassProbabilitiesView(
            PanelContext(theme=context.theme, notify=context.notify, settings={"place": "use", "vocabulary": False})
        )
        self.problem = Muted("")
        self.problem.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.input)
        layout.addWidget(self.view)
        layout.addWidget(self.problem)
        layout.addStretch(1)
        self._later = QTimer(self, singleShot=True, interval=150)
        self._later.timeout.connect(self.ask)
        self.input.textChanged.connect(lambda _text: self._later.start())
        self.view.options_changed.connect(self.ask)
        context.events.restarted.connect(self._run_changed)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        if not self.input.text():
            self._prefill()

    def _run_changed(self) -> None:
        self.view.show_result(None)
        if self.isVisible():
            self._prefill()
            self._later.start()

    def _prefill(self) -> None:
        run = self._context.run()
        inputs = getattr(getattr(run, "config", None), "inputs", ())
        if inputs and not self.input.text():
            self.input.setText(inputs[0])

    def ask(self) -> None:
        """Ask the worker about the present text; what changed meanwhile is asked once the answer is there."""
        run, text = self._context.run(), self.input.text().strip()
        if run is None or not text:
            self.view.show_result(None)
            return
        if self._asking:
            self._again = True
            return
        self._asking = True
        self._context.submit(
            {"job": "predict", "run": str(run.path), "texts": [text], "options": self.view.options()},
            self._answered,
            self._failed,
        )

    def _answered(self, value: Mapping[str, Any]) -> None:
        self._asking = False
        results = list(value.get("results", ()))
        self.problem.hide()
        if value.get("result_kind") == ClassProbabilities.KIND and results:
            self.view.show_result(ClassProbabilities.from_json(results[0]))
        self._ask_again()

    def _failed(self, error: WorkbenchError) -> None:
        self._asking = False
        self.problem.setText(f"{error.what} {error.fix}".strip())
        self.problem.show()
        self._ask_again()

    def _ask_again(self) -> None:
        if self._again:
            self._again = False
            self.ask()
