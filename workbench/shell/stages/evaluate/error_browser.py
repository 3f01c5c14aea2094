"""The records the model got wrong, worst first: gold above predicted, and the way into the editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workbench.api import TaggedTokens, TokenLabels
from workbench.shell.stages.evaluate.examples import RecordOf, errors_text, gold_text, line_text
from workbench.shell.stages.model_state import result_from, summary_of
from workbench.shell.tokens.labelling import LabelColours, span_type, spans_of
from workbench.shell.tokens.token_flow import TokenFlow
from workbench.shell.widgets import Button, Muted, Text

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


class ErrorBrowser(QWidget):
    """``open_requested(record_id)`` asks to edit the shown record."""

    open_requested = Signal(int)

    def __init__(
        self,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        record_of: RecordOf = lambda _example: None,
        make_view: Callable[[], tuple[str, QWidget] | None] = lambda: None,
    ) -> None:
        super().__init__(parent)
        self._record_of, self._make_view = record_of, make_view
        self._view: QWidget | None = None
        """How the plugin shows an answer, where it is not a labelled sentence."""
        self._view_kind = ""
        self._examples: list[Mapping[str, Any]] = []
        self._shown: list[Mapping[str, Any]] = []
        self._none = ""
        """What stands where no record is shown."""
        self._kind = TokenLabels.KIND
        colours = LabelColours()
        self.list = QListWidget()
        self.list.setAccessibleName("Records with errors, worst first")
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(self._show)
        self.list.itemActivated.connect(lambda _item: self._open())
        self.gold = TokenFlow(theme, colours)
        self.predicted = TokenFlow(theme, colours)
        self.gold.setAccessibleName("Gold labels")
        self.predicted.setAccessibleName("Predicted labels")
        self.plain = Text()
        self.caption = Muted("")
        self.open_button = Button("Open in editor", on_click=self._open, tip="Mend this record's labels in Data")
        detail = QWidget()
        grid = QGridLayout(detail)
        grid.setContentsMargins(8, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        self._titles = [Muted("Gold", wrap=False), Muted("Predicted", wrap=False)]
        grid.addWidget(self._titles[0], 1, 0, top)
        grid.addWidget(self.gold, 1, 1, top)
        grid.addWidget(self._titles[1], 2, 0, top)
        grid.addWidget(self.predicted, 2, 1, top)
        self._other_titles = [Muted("Gold", wrap=False), Muted("Predicted", wrap=False)]
        for row, title in enumerate(self._other_titles, 3):
            grid.addWidget(title, row, 0, top)
            title.hide()
        grid.addWidget(self.plain, 3, 1)
        grid.setRowStretch(5, 1)
        self._grid = grid
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(detail)
        scroll.viewport().setAutoFillBackground(False)
        detail.setAutoFillBackground(False)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        line = QHBoxLayout()
        line.setContentsMargins(8, 0, 0, 0)
        line.addWidget(self.caption, 1)
        line.addWidget(self.open_button)
        column.addLayout(line)
        column.addWidget(scroll, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.list)
        splitter.addWidget(right)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 3)
        splitter.setSizes([260, 500])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def show_examples(self, examples: Sequence[Mapping[str, Any]]) -> None:
        """``examples`` as a report holds them, worst first."""
        self._examples = [one for one in examples if one.get("errors", 1)]
        self.filter("", "")

    @property
    def shown(self) -> list[Mapping[str, Any]]:
        return self._shown

    def filter(self, gold: str, predicted: str) -> None:
        """Only records in which ``gold`` was taken for ``predicted`` (both empty: all)."""
        self._none = "No errors of this kind among the worst records." if gold else "None of the records has an error."
        self._shown = [one for one in self._examples if not gold or _confuses(one, gold, predicted)]
        self.list.clear()
        for one in self._shown:
            tokens = one.get("gold", {}).get("tokens")
            text = " ".join(tokens) if tokens else line_text(self._record_of(one), one)
            how = errors_text(one)
            short = how.removesuffix(" errors").removesuffix(" error")
            item = QListWidgetItem(" · ".join(filter(None, (short, text[:300]))))
            item.setToolTip(f"{how}: {text[:600]}".removeprefix(": "))
            self.list.addItem(item)
        if self._shown:
            self.list.setCurrentRow(0)
        else:
            self._show(-1)

    def _show(self, row: int) -> None:
        one = self._shown[row] if 0 <= row < len(self._shown) else None
        self.open_button.setEnabled(one is not None and one.get("record_id") is not None)
        for title in self._other_titles:
            title.hide()
        if one is None:
            self.caption.setText(self._none)
            for flow, title in zip((self.gold, self.predicted), self._titles, strict=True):
                flow.clear()
                title.hide()
            self.plain.setText("")
            if self._view is not None:
                self._view.hide()
            return
        loss = f"loss {float(one['loss']):.2f}" if one.get("loss") is not None else ""
        self.caption.setText(" · ".join(filter(None, (errors_text(one), loss))))
        result = result_from(self._kind, one["result"]) if "labels" in one.get("result", {}) else one.get("result")
        sentence = isinstance(result, TokenLabels) and "tokens" in one.get("gold", {})
        for widget in (*self._titles, self.gold, self.predicted):
            widget.setVisible(sentence)
        if self._view is not None:
            self._view.setVisible(not sentence)
        if not isinstance(result, TokenLabels) or not sentence:
            self._show_other(one)
            return
        self.plain.setText("")
        gold = gold_labels(one, result)
        wrong = frozenset(i for i, (a, b) in enumerate(zip(gold, result.labels, strict=False)) if a != b)
        if all(label == "O" or label[1:2] == "-" for label in (*gold, *result.labels)):
            self.gold.set_content(result.tokens, spans_of(gold), changed=wrong, probabilities=False)
            self.predicted.set_content(result.tokens, result.spans or spans_of(result.labels), changed=wrong)
        else:
            self.gold.set_content(result.tokens, under=gold, changed=wrong)
            self.predicted.set_content(result.tokens, under=result.labels, changed=wrong)

    def _show_other(self, one: Mapping[str, Any]) -> None:
        """An answer of another kind than labels: what was wanted in words, and the plugin's view of the answer."""
        wanted = gold_text(self._record_of(one), one)
        if self._view is None:
            made = self._make_view()
            if made is not None:
                self._view_kind, self._view = made
                self._grid.addWidget(self._view, 4, 1)
        shown: Any = getattr(self._view, "widget", None)
        if shown is None:
            self.plain.setText("\n".join(filter(None, (wanted, summary_of(one.get("result"))))))
            return
        self.plain.setText(wanted)
        self.plain.setVisible(bool(wanted))
        for title in self._other_titles:
            title.setVisible(bool(wanted))
        shown.show_result(result_from(self._view_kind, one.get("result")))

    def forget_view(self) -> None:
        """Another task may be shown next."""
        if self._view is not None:
            self._grid.removeWidget(self._view)
            self._view.hide()
            self._view.deleteLater()
            self._view = None

    def _open(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._shown) and self._shown[row].get("record_id") is not None:
            self.open_requested.emit(int(self._shown[row]["record_id"]))


def gold_labels(example: Mapping[str, Any], result: TokenLabels) -> tuple[str, ...]:
    """The labels of the layer the model was trained on; with one layer, that one."""
    record = TaggedTokens.from_json(example["gold"])
    layer = result.layer if result.layer in record.layers else next(iter(record.layers), "")
    return record.layers.get(layer, ("O",) * len(record.tokens))


def _confuses(example: Mapping[str, Any], gold: str, predicted: str) -> bool:
    result = example.get("result", {})
    if "labels" not in result or "tokens" not in example.get("gold", {}):
        return False
    labels = gold_labels(example, TokenLabels.from_json(result))
    pairs = zip(labels, result["labels"], strict=False)
    return any(_same(a, gold) and _same(b, predicted) for a, b in pairs)


def _same(label: str, name: str) -> bool:
    """Whether a tag is of the matrix's row or column ``name``: the type of an entity, or the label itself."""
    return label == name or (span_type(label) or "O") == name
