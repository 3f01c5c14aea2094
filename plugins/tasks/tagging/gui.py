"""How tagged sentences are edited and how a tagger's answers are shown. Only the shell imports this module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from workbench.api import Record, StoredRecord, TaggedTokens, TokenLabels
from workbench.api.schemes import spans
from workbench.shell.sdk import (
    EditorContext,
    LabelColours,
    Muted,
    PanelContext,
    ProbabilityBars,
    SentenceEditor,
    TokenFlow,
)


class TaggedTokensEditor(SentenceEditor):
    """Edits one tagged sentence; every change is one undoable edit through ``context.commit``.

    The dataset editor calls ``show_record`` and ``set_labels``, and listens to ``accepted`` (go to the next sentence)
    and ``moved_on(step)``; below the editor it shows ``keys``.
    """

    keys = "Drag or Shift+arrows choose words · 1–9 label · 0 clear · F2 edit text · Enter next"

    def __init__(self, context: EditorContext) -> None:
        labels = {name: list(known) for name, known in context.labels.items()}
        super().__init__(context.theme, LabelColours(sorted({one for known in labels.values() for one in known})))
        self.set_layers(context.layers, labels)
        self.set_read_only(context.read_only)
        self.edited.connect(context.commit)

    def set_labels(self, labels: dict[str, tuple[str, ...]], layers: dict[str, dict[str, Any]]) -> None:
        """The dataset knows other labels or layers now."""
        self.set_layers(layers, labels)

    def show_stored(self, stored: StoredRecord | None, *, keep_cursor: bool = False) -> None:
        record: Record | None = stored.record if stored is not None else None
        self.show_record(record if isinstance(record, TaggedTokens) else None, keep_cursor=keep_cursor)


class TokenLabelsView(QWidget):
    """One answer of a tagger: the sentence with its spans or labels; the word under the mouse or cursor with bars.

    ``compact`` leaves out the choice of other readings and the bars, for small places.
    """

    token_chosen = Signal(int)
    several_readings = True
    placeholder = "Type or paste a sentence; the answer follows as you type."

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        compact = bool(context.settings.get("compact", False))
        self._colours = LabelColours()
        self._result: TokenLabels | None = None
        self._chosen = -1
        self.flow = TokenFlow(context.theme, self._colours)
        self.flow.setAccessibleName("Tagged sentence")
        self.flow.token_hovered.connect(self._hover)
        self.flow.token_clicked.connect(self.choose)
        self.reading = QComboBox()
        self.reading.setAccessibleName("Reading")
        self.reading.setToolTip("The most probable labellings of the whole sentence, best first")
        self.reading.currentIndexChanged.connect(lambda _index: self._show())
        self.caption = Muted("Point at a word to see its alternatives.")
        self.bars = ProbabilityBars(context.theme, self._colours, limit=5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.flow)
        row = QHBoxLayout()
        row.addWidget(self.reading)
        row.addStretch(1)
        layout.addLayout(row)
        layout.addWidget(self.caption)
        layout.addWidget(self.bars)
        if not compact:
            self.flow.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.flow.installEventFilter(self)
            font = self.flow.font()
            font.setPointSizeF(context.theme.points(1.15))
            self.flow.setFont(font)
            layout.addStretch(1)
        self._compact = compact
        self.reading.hide()
        self.caption.hide()
        self.bars.hide()

    def show_result(self, result: TokenLabels | None, *, muted: bool = False) -> None:
        """Show ``result``; ``muted`` for an answer that a newer one has replaced."""
        self._result = result
        count = len(result.n_best) if result is not None and not self._compact else 0
        self.reading.blockSignals(True)
        self.reading.clear()
        if count > 1 and result is not None:
            self.reading.addItems([f"Reading {i + 1} · {p:.1%}" for i, (_, p) in enumerate(result.n_best)])
        self.reading.blockSignals(False)
        self.reading.setVisible(count > 1)
        has_bars = bool(result is not None and result.alternatives and not self._compact)
        self.caption.setVisible(has_bars)
        self.bars.setVisible(has_bars)
        self._show(muted=muted)

    def _show(self, *, muted: bool = False) -> None:
        result = self._result
        if result is None:
            self.flow.clear()
            return
        labels: Sequence[str] = result.labels
        found = result.spans
        index = self.reading.currentIndex()
        other = 0 < index < len(result.n_best)
        if other:
            labels = result.n_best[index][0]
        if found or all(label == "O" or label[1:2] == "-" for label in labels):
            shown = _spans_of(labels, result) if other else found
            self.flow.set_content(
                result.tokens, shown, alternatives=result.alternatives, probabilities=not other, muted=muted
            )
        else:
            self.flow.set_content(result.tokens, under=labels, alternatives=result.alternatives, muted=muted)
        self._hover(self._chosen)

    def choose(self, index: int) -> None:
        """Keep one word's alternatives in view."""
        self._chosen = index
        self.flow.mark(index)
        self._hover(index)
        self.token_chosen.emit(index)

    def _hover(self, index: int) -> None:
        index = index if index >= 0 else self._chosen
        result = self._result
        if result is None or not 0 <= index < len(result.tokens) or not result.alternatives:
            self.caption.setText("Point at a word to see its alternatives.")
            self.bars.show_values(())
            return
        self.caption.setText(f"“{result.tokens[index]}”, word {index + 1} of {len(result.tokens)}")
        self.bars.show_values(self.flow.alternatives(index))

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Arrows choose a word, as the mouse does."""
        if watched is self.flow and event.type() == event.Type.KeyPress and self._result is not None:
            step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
            if step is not None:
                self.choose(min(max(0, self._chosen + step), len(self._result.tokens) - 1))
                return True
        return super().eventFilter(watched, event)


def _spans_of(labels: Sequence[str], result: TokenLabels) -> list[Any]:
    from workbench.api import LabelledSpan

    del result  # the probability of another reading's span is not known
    return [LabelledSpan(start, end, label, 1.0) for start, end, label in spans(labels)]
