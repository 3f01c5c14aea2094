"""The Explain stage: trace a sentence through the selected model, and walk through it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from workbench.api import Architecture, Cancelled, Event, Trace, WorkbenchError
from workbench.api.events import EpochMetrics, RunFinished
from workbench.shell.panels import PanelCard, panel_cards
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.stages.explain.compare import Comparison
from workbench.shell.stages.explain.trace_view import TraceView
from workbench.shell.stages.model_layers import sizes_of
from workbench.shell.stages.model_state import has_model, is_live, model_title, read_trace, say_why_empty
from workbench.shell.stages.page_tabs import PageTabs
from workbench.shell.widgets import Button, Card, EmptyState, Muted, ProblemSlot, ScrollColumn

if TYPE_CHECKING:
    from workbench.shell.session import Session

TYPING_PAUSE_MS = 500
SETTLING_MS = 120
BELOW_TABS = 8


ASKS = {
    "tagged_tokens": "Type a sentence to see what the network does with it",
    "labelled_text": "Type a text to see what the network does with it",
    "text": "Type a text to see what the network does with it",
    "text_pair": "Type a text to see what the network reads, writes, and looks at",
    "labelled_tree": "Type a tree in brackets, as (2 (3 good) (2 film))",
}
"""What the line above the trace asks for, by the kind of record that is read."""


class ExplainStage(Stage):
    """One trace is asked for at a time; while the model learns, a new one comes after each epoch."""

    id: ClassVar[str] = "explain"
    title: ClassVar[str] = "Explain"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._handle: Any = None
        self._again = False
        self._problem: WorkbenchError | None = None
        self._prefilled = ""
        self._pause = QTimer(self, singleShot=True, interval=TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.ask)
        self.text = QLineEdit()
        self.text.setAccessibleName("Sentence to trace")
        self.text.setPlaceholderText(ASKS["tagged_tokens"])
        self.text.setMinimumHeight(30)
        self.text.returnPressed.connect(self.ask)
        self.text.textEdited.connect(lambda _text: self._pause.start())
        self.trace_button = Button("Trace", kind="primary", on_click=self.ask, tip="Run the model and look inside")
        self.status = Muted("", wrap=False)
        self.head = Card("Explain")
        self.head.header.addWidget(self.status)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.text, 1)
        row.addWidget(self.trace_button)
        self.head.body.addLayout(row)
        self._problem_box = ProblemSlot()
        self.head.body.addLayout(self._problem_box)
        self.view = TraceView(session.theme)
        self.comparison = Comparison(session, self)
        self.comparison.changed.connect(lambda: self.view.details.gradient.show_others(self.comparison.traces()))
        self.comparison.failed.connect(self._show_problem)
        self.view.details.gradient.menu_wanted.connect(self.comparison.fill)
        self.empty = EmptyState(
            "No model to look into",
            "Here you walk through a sentence step by step and see states, gates and outputs change together. Train "
            "a model first; it can be looked into while it learns.",
            "Go to Train",
            lambda: session.stage_requested.emit("train"),
        )
        self.untraced = EmptyState(
            "Nothing traced yet",
            "Type a sentence above and press Enter: its hidden states, gates and outputs appear here.",
        )
        self.pages = QStackedWidget()
        self.view_page = ScrollColumn(self.view)  # for large text, and trees
        self._brought: QWidget | None = None
        self._settled = QTimer(self, singleShot=True, interval=SETTLING_MS)
        self._settled.timeout.connect(self._leave)
        self.view.room_made.connect(self._bring)
        self.view_page.verticalScrollBar().rangeChanged.connect(lambda _low, _high: self._follow_brought())
        for page in (self.empty, self.untraced, self.view_page):
            self.pages.addWidget(page)
        traced = QWidget()
        column = self._trace_column = QVBoxLayout(traced)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.head)
        column.addWidget(self.pages, 1)
        self.tabs = PageTabs("Views into the network")
        self.tabs.addTab(traced, "Trace")
        self.panels: list[PanelCard] = []
        for panel, card in panel_cards(session, frozenset({"explain"})):
            self.panels.append(card)
            page = ScrollColumn(card)
            page.setViewportMargins(0, BELOW_TABS, 0, 0)
            self.tabs.addTab(page, panel.title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.tabs)
        session.run_changed.connect(self._run_changed)
        session.training_changed.connect(self.refresh)
        session.events_arrived.connect(self._events)
        self.refresh()

    def state(self) -> StageState:
        if self._problem is not None:
            return "problem"
        if not has_model(self.session):
            return "empty"
        return "running" if self._handle is not None else "ready"

    def activated(self) -> None:
        self.refresh()
        if has_model(self.session) and self.view.trace is None:
            self.ask()

    def _show_tabs(self) -> None:
        """Panels of plugins beside the trace, those that were made for the selected run's architecture or for all."""
        for place, card in enumerate(self.panels, 1):
            self.tabs.setTabVisible(place, card.belongs)
        if not self.tabs.isTabVisible(self.tabs.currentIndex()):
            self.tabs.setCurrentIndex(0)
        several = any(card.belongs for card in self.panels)
        self.tabs.tabBar().setVisible(several)
        self._trace_column.setContentsMargins(0, BELOW_TABS if several else 0, 0, 0)

    def _wanted(self) -> str:
        """What can be typed for the selected run's task."""
        run = self.session.run
        try:
            task = self.session.catalogue.task(run.config.task.id) if run is not None else None
        except WorkbenchError:
            task = None
        if task is None:
            return ASKS["tagged_tokens"]
        if getattr(task, "parse_input", "") is None:
            return "This task takes no typed input; a record of the dataset is looked into"
        return ASKS.get(getattr(task, "record", ""), "Type an input to see what the network does with it")

    def _typed(self) -> bool:
        """Whether the selected run's task understands typed input."""
        run = self.session.run
        task = self.session.find(self.session.catalogue.task, run.config.task.id) if run is not None else None
        return getattr(task, "parse_input", "") is not None

    def refresh(self) -> None:
        """Follow the selected run."""
        self._show_tabs()
        ready = has_model(self.session)
        self.head.setVisible(ready)
        if not ready:
            say_why_empty(self.session, self.empty)
            self.pages.setCurrentWidget(self.empty)
        else:
            self.head.set_title("Explain", model_title(self.session))
            self.text.setPlaceholderText(self._wanted())
            self.text.setEnabled(self._typed())
            self.pages.setCurrentWidget(self.view_page if self.view.trace is not None else self.untraced)
            run = self.session.run
            inputs = getattr(run.config, "inputs", ()) if run is not None else ()
            if inputs and self.text.text() in ("", self._prefilled):
                self._prefilled = inputs[0]
                self.text.setText(inputs[0])
                self.text.setCursorPosition(0)
        self.state_changed.emit()

    def _run_changed(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._show_problem(None)
        self.comparison.restart()
        self.refresh()
        if self.isVisible():
            self.ask()

    def _events(self, events: list[Event]) -> None:
        if any(isinstance(event, RunFinished) for event in events):
            self.refresh()
        if self.isVisible() and any(isinstance(event, EpochMetrics | RunFinished) for event in events):
            self.ask()

    # -- bringing a picture into view ---------------------------------------------------------------------------

    def _bring(self, card: QWidget) -> None:
        """Scroll to ``card``, which has just grown: the page learns of its new height some moments later."""
        self._brought = card
        self._settled.start()

    def _follow_brought(self) -> None:
        if self._brought is not None:
            self.view_page.ensureWidgetVisible(self._brought, 0, 0)

    def _leave(self) -> None:
        self._follow_brought()
        self._brought = None

    # -- asking -------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Trace the sentence through the selected model."""
        self._pause.stop()
        run = self.session.run
        if run is None or not has_model(self.session):
            return
        inputs = self._inputs()
        if not inputs:
            return
        if self._handle is not None:
            self._again = True
            return
        self.status.setText("Tracing…")
        self._handle = self.session.submit(
            {"job": "trace", "run": str(run.path), **inputs, "gradient": True, "live": is_live(self.session)},
            partial(self._answered, inputs),
            self._failed,
        )
        self.state_changed.emit()

    def _inputs(self) -> dict[str, Any]:
        """What to trace: the text typed, else the first record of the run's dataset; empty where there is neither."""
        if (text := self.text.text().strip()) and self.text.isEnabled():
            return {"text": text}
        session = self.session
        if session.project is None or session.dataset is None or session.run is None:
            return {}
        try:
            if session.run.config.data.dataset != session.dataset.name:
                return {}
            for stored in session.project.store.iterate(session.dataset.id):
                return {"record": stored.record.to_json()}
        except WorkbenchError as error:
            self._show_problem(error)
        return {}

    def _answered(self, inputs: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        self._handle = None
        try:
            trace = read_trace(value)
        except WorkbenchError as error:
            self._failed(error)
            return
        self._show_problem(None)
        self.show_trace(trace)
        epoch = value.get("epoch")
        parts = ["" if "text" in inputs else "first record of the dataset", "learning" if is_live(self.session) else ""]
        parts.append(f"{self.session.run_view.unit} {epoch}" if epoch else "")
        self.status.setText(", ".join(part for part in parts if part))
        self.comparison.ask(inputs)
        self._ask_again()

    def show_trace(self, trace: Trace) -> None:
        """Show ``trace``, however it was made."""
        self.view.show_trace(trace, self._architecture(), self._sizes())
        self.pages.setCurrentWidget(self.view_page)
        self.state_changed.emit()

    def _sizes(self) -> dict[str, int]:
        """Letters whose numbers a trace does not tell (D inputs), where the draft's model is just this run's."""
        session = self.session
        run, config = session.run, session.config
        params = dict(getattr(run.config.architecture, "params", {})) if run is not None else {}
        same = run is not None and config is not None and run.config.architecture == config.architecture
        return sizes_of(params, session.size.value if same else None)

    def _architecture(self) -> Architecture | None:
        run = self.session.run
        try:
            return self.session.catalogue.architecture(run.config.architecture.id) if run is not None else None
        except WorkbenchError:
            return None  # its plugin is missing: no equations

    def _failed(self, error: WorkbenchError) -> None:
        self._handle = None
        self.status.setText("")
        if not isinstance(error, Cancelled):
            self._show_problem(error)
        self._ask_again()

    def _ask_again(self) -> None:
        if self._again:
            self._again = False
            self.ask()

    def _show_problem(self, error: WorkbenchError | None) -> None:
        self._problem = error
        self._problem_box.tell(error, self.ask, "Try again")
        self.state_changed.emit()
