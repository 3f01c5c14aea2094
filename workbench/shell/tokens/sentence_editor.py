"""One tagged sentence to label and mend: chips, the sentence, a line to edit its text. It tells what was changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from workbench.api import TaggedTokens
from workbench.api.schemes import OUTSIDE
from workbench.shell.tokens.label_chips import LabelChips
from workbench.shell.tokens.labelling import (
    LabelColours,
    breaks_of,
    preferred_layer,
    realign,
    span_around,
    spans_of,
    with_span,
)
from workbench.shell.tokens.token_editor import TokenEditor

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


class _TextLine(QLineEdit):
    """Escape leaves the text as it was."""

    cancelled = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
            return
        super().keyPressEvent(event)


class SentenceEditor(QWidget):
    """``edited(record, what)`` carries the new record and its step's name for the history ("label “London” LOC").

    ``accepted`` asks for the next sentence; ``moved_on(step)`` goes there without accepting.
    ``ask_label(labels) -> str`` is asked for a new label's name; tests give their own.
    """

    edited = Signal(object, str)
    accepted = Signal()
    moved_on = Signal(int)
    layer_changed = Signal(str)

    def __init__(
        self,
        theme: Theme,
        colours: LabelColours | None = None,
        parent: QWidget | None = None,
        *,
        ask_label: Callable[[QWidget], str] | None = None,
    ) -> None:
        super().__init__(parent)
        self._ask_label = ask_label or _ask_label
        self._colours = colours or LabelColours()
        self._record: TaggedTokens | None = None
        self._layers: dict[str, str] = {}
        self._labels: dict[str, list[str]] = {}
        self._layer = ""
        self._read_only = False

        self._layer_choice = QComboBox()
        self._layer_choice.setAccessibleName("Label layer")
        self._layer_choice.setToolTip("Which of the sentence's label layers to see and edit")
        self._layer_choice.currentTextChanged.connect(self._choose_layer)
        self.chips = LabelChips(theme, self._colours)
        self.chips.chosen.connect(self.apply_label)
        self.chips.add_requested.connect(self._add_label)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._layer_choice, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.chips, 1)

        self.tokens = TokenEditor(theme, self._colours)
        font = self.tokens.font()
        font.setPointSizeF(font.pointSizeF() + 1.5)
        self.tokens.setFont(font)
        self.tokens.label_requested.connect(self.apply_label)
        self.tokens.accepted.connect(self.accepted)
        self.tokens.moved_on.connect(self.moved_on)
        self.tokens.text_requested.connect(self.edit_text)
        self.tokens.cursor_moved.connect(self._show_cursor)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self.tokens)
        self._scroll.viewport().setAutoFillBackground(False)
        self.tokens.setAutoFillBackground(False)

        self.text_line = _TextLine()
        self.text_line.setAccessibleName("Text of the sentence, words separated by spaces")
        self.text_line.returnPressed.connect(self._commit_text)
        self.text_line.cancelled.connect(self._leave_text)
        self.text_line.hide()
        self._hint = QLabel()
        self._hint.setWordWrap(True)
        self._hint.setForegroundRole(self.foregroundRole())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.text_line)
        layout.addWidget(self._hint)
        self._hint.hide()
        self.setFocusProxy(self.tokens)

    # -- what is shown ------------------------------------------------------------------------------------------

    def set_layers(self, layers: Mapping[str, Mapping[str, Any]], labels: Mapping[str, Sequence[str]]) -> None:
        """``layers`` as the dataset describes them (name → {"kind": "span" | "label"}), ``labels`` known in each."""
        self._layers = {name: str(about.get("kind", "span")) for name, about in layers.items()}
        self._labels = {name: [label for label in labels.get(name, ()) if label] for name in self._layers}
        if self._layer not in self._layers:
            self._layer = preferred_layer(self._layers)
        self._layer_choice.blockSignals(True)
        self._layer_choice.clear()
        self._layer_choice.addItems(list(self._layers))
        self._layer_choice.setCurrentText(self._layer)
        self._layer_choice.blockSignals(False)
        self._layer_choice.setVisible(len(self._layers) > 1)
        self._refresh_chips()

    def show_record(self, record: TaggedTokens | None, *, keep_cursor: bool = False) -> None:
        """Show ``record``; the cursor goes to its first word unless it is the same sentence after an edit."""
        self._record = record
        self.text_line.hide()
        self._hint.hide()
        if record is not None:
            missing = [name for name in record.layers if name not in self._layers]
            if missing:
                found = {name: {"kind": self._guess_kind(record.layers[name])} for name in missing}
                self.set_layers({**{n: {"kind": k} for n, k in self._layers.items()}, **found}, self._labels)
        self._refresh()
        if not keep_cursor:
            self.tokens.place_cursor(0)
            self._scroll.verticalScrollBar().setValue(0)

    @property
    def record(self) -> TaggedTokens | None:
        return self._record

    @property
    def layer(self) -> str:
        return self._layer

    def set_read_only(self, read_only: bool) -> None:
        self._read_only = read_only
        self.chips.set_enabled_for(not read_only)

    @staticmethod
    def _guess_kind(labels: Sequence[str]) -> str:
        return "span" if all(label == OUTSIDE or label[1:2] == "-" for label in labels) else "label"

    @property
    def _is_span(self) -> bool:
        return self._layers.get(self._layer, "span") == "span"

    def _choose_layer(self, name: str) -> None:
        if name and name != self._layer:
            self._layer = name
            self._refresh_chips()
            self._refresh()
            self.layer_changed.emit(name)

    def _refresh_chips(self) -> None:
        clear = "Clear" if self._is_span else ""
        self.chips.set_labels(self._labels.get(self._layer, []), clear_text=clear, can_add=bool(self._layer))
        self.chips.set_enabled_for(not self._read_only)

    def _refresh(self) -> None:
        record = self._record
        if record is None:
            self.tokens.clear()
            return
        labels = record.layers.get(self._layer, ())
        if not labels:
            self.tokens.set_content(record.tokens)
        elif self._is_span:
            self.tokens.set_content(record.tokens, spans_of(labels), broken=breaks_of(labels), probabilities=False)
        else:
            self.tokens.set_content(record.tokens, under=[label or "–" for label in labels])

    def _show_cursor(self, _index: int) -> None:
        place = self.tokens.cursor_rect().center()
        self._scroll.ensureVisible(int(place.x()), int(place.y()), 10, 30)

    # -- labelling ----------------------------------------------------------------------------------------------

    def apply_label(self, number: int) -> None:
        """Give the chosen tokens label ``number`` (from 1), or clear them (0).

        With only a cursor inside a span, the whole span is meant.
        """
        record = self._record
        known = self._labels.get(self._layer, [])
        if record is None or not record.tokens or self._read_only or not self._layer or number > len(known):
            return
        if number == 0 and not self._is_span:
            return
        label = known[number - 1] if number > 0 else ""
        labels = record.layers.get(self._layer) or (OUTSIDE if self._is_span else "",) * len(record.tokens)
        start, end = self.tokens.selection
        if self._is_span and not self.tokens.extended:
            start, end = span_around(labels, start)
        if self._is_span:
            changed = with_span(labels, start, end, label)
        else:
            changed = (*labels[:start], *[label] * (end - start), *labels[end:])
        if changed == tuple(labels):
            return
        words = _short(" ".join(record.tokens[start:end]))
        self._emit(record.with_layer(self._layer, changed), f"Label “{words}” {label}" if label else f"Clear “{words}”")
        if not self._is_span and end < len(record.tokens):
            self.tokens.place_cursor(end)

    def _add_label(self) -> None:
        label = self._ask_label(self).strip()
        if not label or self._read_only:
            return
        known = self._labels.setdefault(self._layer, [])
        if label not in known:
            known.append(label)
            self._refresh_chips()
        self.apply_label(known.index(label) + 1)
        self.tokens.setFocus()

    def _emit(self, record: TaggedTokens, what: str) -> None:
        self._record = record
        self._refresh()
        self.edited.emit(record, what)

    # -- the text itself ----------------------------------------------------------------------------------------

    def edit_text(self) -> None:
        """Open the line that edits the words; Enter keeps, Escape leaves."""
        if self._record is None or self._read_only:
            return
        self.text_line.setText(" ".join(self._record.tokens))
        self.text_line.show()
        self._hint.setText("Words are separated by spaces. Enter keeps the change, Escape leaves it.")
        self._hint.show()
        self.text_line.setFocus()
        start, end = self.tokens.selection
        before = len(" ".join(self._record.tokens[:start])) + (1 if start else 0)
        self.text_line.setSelection(before, len(" ".join(self._record.tokens[start:end])))

    def _commit_text(self) -> None:
        record = self._record
        words = tuple(self.text_line.text().split())
        if record is None:
            return
        if not words:
            self._hint.setText("A sentence needs at least one word; delete the sentence from the list instead.")
            return
        self._leave_text()
        if words == record.tokens:
            return
        layers = {
            name: realign(record.tokens, words, labels, is_span=self._layers.get(name, "span") == "span")
            for name, labels in record.layers.items()
        }
        self._emit(TaggedTokens(words, layers), f"Edit text “{_short(' '.join(words))}”")

    def _leave_text(self) -> None:
        self.text_line.hide()
        self._hint.hide()
        self.tokens.setFocus()


def _short(text: str, most: int = 32) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _ask_label(parent: QWidget) -> str:
    text, accepted = QInputDialog.getText(parent, "Add a label", "Name of the label, for example PRODUCT:")
    return text if accepted else ""
