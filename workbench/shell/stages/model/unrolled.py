"""The Model stage's third page: the network of the draft unrolled over the first record of the dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.api import Cancelled, IOShape, Record, Trace, Trait, WorkbenchError
from workbench.shell.plots.unrolled_page import UnrolledPage
from workbench.shell.plots.unrolling import (
    Unrolled,
    steps_of,
    targets_of,
    unrolled_structure,
    unrolled_trace,
)
from workbench.shell.stages.model_layers import StackLayer, stack_of
from workbench.shell.stages.model_state import has_model, is_live, read_trace
from workbench.shell.widgets import Card, EmptyState

if TYPE_CHECKING:
    from workbench.shell.session import Session

HOW = "Solid arrows go up within a step, dashed ones through time."
HOW_TREE = "Every node is composed of its children, from the leaves up to the root."
UNTRAINED = "The structure only: no model of this network has been trained yet, so there are no states to show."


class UnrolledCard(Card):
    """Asks nothing while it is not seen. A trained model of just this configuration gives states and answers."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Unrolled", parent, subtitle="over a real input")
        self.session = session
        self.record: Record | None = None
        self._record_of: tuple[Any, ...] = ()
        self._handle: Any = None
        self._traced: tuple[Any, ...] = ()
        self._trace: Trace | None = None
        self.page = UnrolledPage(session.theme)
        self.empty = EmptyState("No record to read", "The dataset is empty, so there is no input to unroll over.")
        holder = QWidget()
        stack = QVBoxLayout(holder)
        stack.setContentsMargins(0, 0, 0, 0)
        stack.addWidget(self.page)
        stack.addWidget(self.empty)
        self.body.addWidget(holder, 1)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        session.draft_changed.connect(self.refresh)
        session.dataset_changed.connect(self.refresh)
        session.dataset_edited.connect(self.refresh)
        session.run_changed.connect(self.refresh)
        session.training_changed.connect(self.refresh)
        session.size.changed.connect(self.refresh)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Show the record, with states where there is a model; later, once it is seen."""
        if not self.isVisible():
            return
        self._read_record()
        record = self.record
        self.page.setVisible(record is not None)
        self.empty.setVisible(record is None)
        if record is None:
            return
        key = self._model_key()
        if key and self._traced == key and self._trace is not None:
            self._show_trace(self._trace)
            return
        self._show_structure(UNTRAINED)
        if key and self._traced != key:
            self._traced, self._trace = key, None
            self._ask(record)

    # -- the input ----------------------------------------------------------------------------------------------

    def _read_record(self) -> None:
        """The first record of the dataset, read again when it may have changed."""
        session = self.session
        if session.project is None or session.dataset is None:
            self.record, self._record_of = None, ()
            return
        key = (str(session.project.path), session.dataset.id, session.dataset.revision)
        if key == self._record_of:
            return
        self._record_of, self.record = key, None
        try:
            for stored in session.project.store.iterate(session.dataset.id):
                self.record = stored.record
                break
        except WorkbenchError as error:
            session.notify(error)
        self._traced = ()

    # -- before training ----------------------------------------------------------------------------------------

    def structure(self) -> Unrolled:
        """The layers of the draft over the record, without values."""
        session = self.session
        assert self.record is not None
        stack = stack_of(session.size.value)
        layers = _named(stack, "network") or self._guessed()
        steps = steps_of(self.record) or ("x",)
        architecture, task = session.architecture, session.task
        if architecture is not None and Trait.DECODER in architecture.accepts:
            decoder = _named(stack, "decoder") or [("layer 1", "forward")]
            attends = str(self._option("attention", "none")) not in ("none", "False", "")
            return unrolled_structure(
                steps, layers, decoder=decoder, targets=targets_of(self.record), attends=attends
            )
        last = task is not None and task.shape in (IOShape.MANY_TO_ONE, IOShape.ONE_TO_ONE)
        return unrolled_structure(steps, layers, answers="last" if last else "each")

    def _show_structure(self, origin: str) -> None:
        parents: Any = getattr(self.record, "parents", None)
        architecture = self.session.architecture
        reads_trees = architecture is not None and Trait.TREE in architecture.accepts
        if parents is not None and reads_trees and self.record is not None:
            self.page.show_tree(steps_of(self.record), parents, f"{origin} {HOW_TREE}")
        else:
            self.page.show_unrolled(self.structure(), f"{origin} {HOW}")

    def _guessed(self) -> list[tuple[str, str]]:
        """Layers by the options alone, while nothing has been counted yet."""
        count = self._option("layers", 1)
        number = count if isinstance(count, int) else len(count) if isinstance(count, list | tuple) else 1
        architecture = self.session.architecture
        both = architecture is not None and Trait.CAUSAL not in architecture.accepts
        ways = ("forward", "backward") if both else ("forward",)
        return [(f"layer {i + 1}", way) for i in range(max(1, min(number, 8))) for way in ways]

    def _option(self, name: str, default: Any) -> Any:
        session = self.session
        if session.config is None or session.architecture is None:
            return default
        if name in session.config.architecture.params:
            return session.config.architecture.params[name]
        field = session.architecture.params.model_fields.get(name)
        return field.default if field is not None else default

    # -- after training -----------------------------------------------------------------------------------------

    def _model_key(self) -> tuple[Any, ...]:
        """What a trace of the selected run's model depends on; empty where that run is not of this draft."""
        session = self.session
        run, config = session.run, session.config
        if run is None or config is None or not has_model(session):
            return ()
        try:
            theirs = run.config
        except WorkbenchError:
            return ()
        if (theirs.task, theirs.architecture, theirs.data.dataset) != (
            config.task,
            config.architecture,
            config.data.dataset,
        ):
            return ()
        return (run.id, is_live(session), *self._record_of)

    def _ask(self, record: Record) -> None:
        if self._handle is not None:
            self._handle.cancel()
        run = self.session.run
        assert run is not None
        job = {"job": "trace", "run": str(run.path), "record": record.to_json(), "live": is_live(self.session)}
        self._handle = self.session.submit(job, self._answered, self._failed)

    def _answered(self, value: Mapping[str, Any]) -> None:
        self._handle = None
        try:
            self._trace = read_trace(value)
        except WorkbenchError as error:
            self._failed(error)
            return
        self.refresh()

    def _failed(self, error: WorkbenchError) -> None:
        self._handle = None
        if not isinstance(error, Cancelled) and self.record is not None:
            self._show_structure(f"The structure only: {error.what}")

    def _show_trace(self, trace: Trace) -> None:
        run = self.session.run
        name = (run.config.name or run.id) if run is not None else ""
        if trace.parents is not None and trace.layers:
            norms = np.linalg.norm(np.asarray(trace.layers[-1].states, dtype=np.float64), axis=1)
            labels = trace.predicted if len(trace.predicted) == len(trace.parents) else ()
            self.page.show_tree(
                trace.steps,
                trace.parents,
                f"States and answers of the model of {name} for the first record. {HOW_TREE}",
                values=norms,
                labels=labels,
                caption="length of the state",
            )
            return
        self.page.show_unrolled(
            unrolled_trace(trace), f"States and answers of the model of {name} for the first record. {HOW}"
        )


def _named(stack: list[StackLayer], part: str) -> list[tuple[str, str]]:
    """Layers of a part as (name, direction), each once."""
    rows = [one for one in stack if one.part == part and (one.name.startswith("layer") or not one.name)]
    found = [(one.name or "layer 1", one.direction or "forward") for one in rows]
    return list(dict.fromkeys(found))
