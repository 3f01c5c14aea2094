"""The pinned inputs, answered again after every validation: now, and as it was in the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.api import TokenLabels, WorkbenchError
from workbench.api.events import SamplePrediction
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.session import Session
from workbench.shell.stages.model_state import result_from, summary_of
from workbench.shell.stages.plugin_views import plugin_view
from workbench.shell.widgets import Card, FlowText, Muted, Piece, ScrollColumn

MAXIMUM_INPUTS = 5
PINNED = "What is pinned for this run is answered here as it gets better."
NOTHING_PINNED = "Nothing is pinned for this run. What you pin in Use is answered here while the next one learns."


class PinnedCard(Card):
    """A view for each pinned input (the plugin's own where it brings one), and the first answer, faded, below."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Pinned inputs", parent, subtitle="answered as it learns")
        self.session = session
        self._label_order: dict[str, int] = {}
        self._views: list[QWidget] = []
        self._captions: list[QWidget] = []
        """What was pinned, above answers whose view does not show it."""
        self._kind = ""
        self._first: SamplePrediction | None = None
        holder = QWidget()
        self._list = QVBoxLayout(holder)
        self._list.setContentsMargins(0, 0, 4, 0)
        self._list.setSpacing(6)
        self._note = Muted(PINNED)
        self._before = Muted("")
        self._before_text = FlowText()
        self._list.addWidget(self._note)
        self._list.addWidget(self._before)
        self._list.addWidget(self._before_text)
        self._list.addStretch(1)
        self._scroll = ScrollColumn(holder)
        self.body.addWidget(self._scroll, 1)
        self.restart()

    def restart(self) -> None:
        for view in (*self._views, *self._captions):
            self._list.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._views.clear()
        self._captions.clear()
        self._first, self._kind = None, ""
        self._note.setText(PINNED if self.session.run is None or self._pinned() else NOTHING_PINNED)
        self._note.show()
        self._before.hide()
        self._before_text.hide()
        self.set_title("Pinned inputs", "answered as it learns")

    def show_sample(self, sample: SamplePrediction) -> None:
        results = list(sample.results[:MAXIMUM_INPUTS])
        if not results:
            return
        if self._kind != sample.result_kind or len(self._views) != len(results):
            first = self._first
            self.restart()
            self._first, self._kind = first, sample.result_kind
            for text in self._inputs(len(results)):
                view = self._make_view(sample.result_kind)
                if text and not getattr(getattr(view, "widget", None), "shows_input", True):
                    self._captions.append(Muted(text))
                    self._list.insertWidget(len(self._views) + len(self._captions) - 1, self._captions[-1])
                self._list.insertWidget(len(self._views) + len(self._captions), view)
                self._views.append(view)
        self._note.hide()
        for view, result in zip(self._views, results, strict=True):
            self._show(view, sample.result_kind, result)
        self.set_title("Pinned inputs", f"as of {self.session.run_view.unit} {sample.epoch}")
        if self._first is None:
            self._first = sample
        elif self._first.epoch != sample.epoch and self._first.result_kind == sample.result_kind:
            self._before.setText(f"{self.session.run_view.unit} {self._first.epoch}")
            self._before.show()
            self._before_text.set_pieces(self.pieces(self._first.result_kind, self._first.results[0], faded=True))
            self._before_text.show()

    def _inputs(self, count: int) -> list[str]:
        """The texts that were pinned, where each has its own answer."""
        texts = self._pinned()
        return texts if len(texts) == count else [""] * count

    def _pinned(self) -> list[str]:
        """What was pinned for the selected run; nothing where its configuration cannot be read."""
        run = self.session.run
        try:
            return list(getattr(run.config, "inputs", ())) if run is not None else []
        except WorkbenchError:
            return []

    def _make_view(self, kind: str) -> QWidget:
        contribution = self.session.catalogue.inference_view(kind)
        if contribution is None:
            return FlowText()
        return plugin_view(self.session, contribution, {"compact": True, "place": "train"})

    def _show(self, view: QWidget, kind: str, result: Mapping[str, Any]) -> None:
        if isinstance(view, FlowText):
            view.set_pieces(self.pieces(kind, result))
            return
        assert isinstance(view, PluginFrame)
        if view.widget is None:
            return  # it has failed and says so
        try:
            shown: Any = view.widget
            shown.show_result(result_from(kind, result))
        except Exception as error:
            view.fail(error)

    def pieces(self, kind: str, result: Mapping[str, Any], *, faded: bool = False) -> list[Piece]:
        """A result as flowing text."""
        if kind != TokenLabels.KIND:
            return [Piece(summary_of(result_from(kind, result)), faded=faded)]
        return token_pieces(TokenLabels.from_json(result), self._label_order, faded=faded)


def token_pieces(labels: TokenLabels, order: dict[str, int], *, faded: bool = False) -> list[Piece]:
    """Spans as tinted pieces with label and probability; plain labels as a small note after each token.

    ``order`` gives each label its colour for good, in the order of first appearance.
    """
    pieces: list[Piece] = []
    inside = {span.start: span for span in labels.spans}
    position = 0
    spans_only = bool(labels.spans) or all(label == "O" or label[1:2] == "-" for label in labels.labels)
    while position < len(labels.tokens):
        span = inside.get(position)
        if span is not None and span.end > position:
            series = order.setdefault(span.label, len(order))
            text = " ".join(labels.tokens[span.start : span.end])
            note = f"{span.label} {f'{span.probability:.2f}'.removeprefix('0')}"
            pieces.append(Piece(text, note, series, f"{span.label}, probability {span.probability:.3f}", faded))
            position = span.end
            continue
        token = labels.tokens[position]
        if spans_only:
            pieces.append(Piece(token, faded=faded))
        else:
            label = labels.labels[position]
            series = order.setdefault(label, len(order))
            tip = f"{label}, probability {labels.probabilities[position]:.3f}"
            pieces.append(Piece(token, label, series, tip, faded))
        position += 1
    return pieces
