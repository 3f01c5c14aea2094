"""The Train stage as a page: tiles on top, the loss as the largest thing, a small plot and the pinned inputs below."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from workbench.api import Event, WorkbenchError
from workbench.api.events import RunFinished, SamplePrediction, StepMetrics
from workbench.api.events import Warning as RunWarning
from workbench.shell.pace import Pace
from workbench.shell.panels import panel_cards
from workbench.shell.plots.gradient_flow import FlowHistory
from workbench.shell.session import Session
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.stages.train.data import Curves
from workbench.shell.stages.train.pinned import PinnedCard
from workbench.shell.stages.train.tiles import Tiles
from workbench.shell.widgets import Button, EmptyState, ErrorCard, ScrollColumn

REDRAW_MILLISECONDS = 200


class TrainStage(Stage):
    """Events go into columns as they come; plots are drawn only while they are seen, and a few times a second."""

    id: ClassVar[str] = "train"
    title: ClassVar[str] = "Train"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.curves = Curves()
        self.flow = FlowHistory()
        self.view = session.run_view
        self._dirty = False
        self._plots_made = False
        self._pace = Pace(self._redraw, REDRAW_MILLISECONDS, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.pages = QStackedWidget()
        layout.addWidget(self.pages)
        self.empty = EmptyState(
            "Nothing has been trained yet",
            "Training shows its loss here while it runs, with the task's metric, the time left, and the network's "
            "answers to your pinned sentences as they get better.",
            "Train",
            self._train,
        )
        self.pages.addWidget(self.empty)
        self.page = QWidget()
        self._build_page()
        self.page_scroll = ScrollColumn(self.page)  # for large text in a small window
        self.page_scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.pages.addWidget(self.page_scroll)
        session.run_changed.connect(self._restart)
        session.events_arrived.connect(self._add)
        session.training_changed.connect(self._on_training_changed)
        session.draft_changed.connect(self._update_empty)
        session.theme.changed.connect(self._mark_dirty)
        self._restart()
        if session.events:
            self._add(session.events)

    def _build_page(self) -> None:
        layout = QVBoxLayout(self.page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.messages = QVBoxLayout()
        self.messages.setSpacing(8)
        layout.addLayout(self.messages)
        self.tiles = Tiles(self.view)
        layout.addWidget(self.tiles)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(8)
        lower = QWidget()
        self.lower_row = QHBoxLayout(lower)
        self.lower_row.setContentsMargins(0, 0, 0, 0)
        self.lower_row.setSpacing(8)
        self.pinned = PinnedCard(self.session)
        self.pinned.setMinimumHeight(110)
        self.lower_row.addWidget(self.pinned, 1)
        self.split.addWidget(lower)
        layout.addWidget(self.split, 1)

    def _make_plots(self) -> None:
        """Import pyqtgraph now: the first plot is about to be seen."""
        from workbench.shell.stages.train.plots import LossCard, SmallCard
        from workbench.shell.stages.train.xray import XrayCard

        self.loss = LossCard(self.session, self.curves)
        self.xray = XrayCard(self.session, self.flow)
        self.upper = QStackedWidget()
        for large in (self.loss, self.xray):
            large.setMinimumHeight(150)
            self.upper.addWidget(large)
        self.xray_button = Button(
            "X-ray", kind="quiet", on_click=lambda: self.show_upper(self.xray), tip="How far back the gradient reaches"
        )
        self.loss.header.addWidget(self.xray_button)
        self.loss_button = Button(
            "Loss", kind="quiet", on_click=lambda: self.show_upper(self.loss), tip="The loss curve again"
        )
        self.xray.header.addWidget(self.loss_button)
        self.small = SmallCard(self.session, self.curves)
        self.split.insertWidget(0, self.upper)
        self.split.setStretchFactor(0, 3)
        self.split.setStretchFactor(1, 2)
        self.lower_row.insertWidget(0, self.small, 1)
        for _, card in panel_cards(self.session, frozenset({"train"})):
            self.lower_row.addWidget(card, 1)
            card.follow_run()
        self._plots_made = True

    def show_upper(self, card: QWidget) -> None:
        """The loss or the gradient X-ray as the large picture."""
        self.upper.setCurrentWidget(card)
        (self.loss_button if card is self.xray else self.xray_button).setFocus()
        self._mark_dirty()

    def state(self) -> StageState:
        if self.view.is_live:
            return "running"
        finished = self.view.finished
        if finished is not None and finished.error:
            return "problem"
        if self.session.run is not None or self.session.config is not None:
            return "ready"
        return "empty"

    def activated(self) -> None:
        self._redraw()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw()

    def _train(self) -> None:
        if self.session.config is None:
            self.session.stage_requested.emit("data")
        else:
            self.session.start_training()

    def _update_empty(self) -> None:
        assert self.empty.button is not None
        self.empty.button.setText("Train" if self.session.config is not None else "Choose data first")
        self.state_changed.emit()

    def _restart(self) -> None:
        self.curves.clear()
        self.flow.clear()
        if self._plots_made:
            self.xray.restart()
        self.pinned.restart()
        self._clear_messages()
        self.pages.setCurrentWidget(self.page_scroll if self.session.run is not None else self.empty)
        self._update_empty()
        self._mark_dirty()
        self.state_changed.emit()

    def _add(self, events: list[Event]) -> None:
        self.curves.add(events)
        self.flow.add(events)
        sample: SamplePrediction | None = None
        for event in events:
            if isinstance(event, SamplePrediction):
                if self.pinned._first is None:
                    self.pinned.show_sample(event)
                sample = event
            elif isinstance(event, RunWarning):
                self._warn(event)
            elif isinstance(event, RunFinished) and event.error:
                self._say(WorkbenchError.from_dict(event.error), resume=True)
        if sample is not None:
            self.pinned.show_sample(sample)
        self._dirty = True
        self._pace.ask()
        if any(not isinstance(event, StepMetrics) for event in events):
            self.state_changed.emit()

    def _on_training_changed(self) -> None:
        live, run = self.view.is_live, self.session.run
        if run is not None and not live and self.view.started is not None and self.view.finished is None:
            if self.messages.count() == 0:
                interrupted = WorkbenchError(
                    "This run was interrupted.",
                    why="The process that trained it ended before the run did.",
                    fix="Resume goes on from its last checkpoint, exactly as if it had never stopped.",
                )
                self._say(interrupted, resume=True)
        elif live:
            self._clear_messages()
        self._mark_dirty()  # a run that has ended is shown to its edges
        self.state_changed.emit()

    def _warn(self, event: RunWarning) -> None:
        """Advice, unless it ends with a run to resume."""
        resume = "can be resumed" in event.fix
        self._say(WorkbenchError(event.what, fix=event.fix), resume=resume, advice=not resume)

    def _say(self, error: WorkbenchError, *, resume: bool = False, advice: bool = False) -> None:
        while self.messages.count() >= 1:
            self._remove_message(0)
        card = ErrorCard(
            error,
            self.session.resume_run if resume else None,
            fix_text="Resume",
            on_dismiss=lambda: self._dismiss(card),
            advice=advice,
        )
        self.messages.addWidget(card)

    def says(self, error: WorkbenchError) -> bool:
        """Whether a card here tells ``error`` already (with its cause, maybe)."""
        cards = [self.messages.itemAt(i).widget() for i in range(self.messages.count())]
        return any(isinstance(card, ErrorCard) and card.error.what.startswith(error.what) for card in cards)

    def _dismiss(self, card: ErrorCard) -> None:
        self._remove_message(self.messages.indexOf(card))

    def _clear_messages(self) -> None:
        while self.messages.count():
            self._remove_message(0)

    def _remove_message(self, place: int) -> None:
        item = self.messages.takeAt(place)
        if item is not None and item.widget() is not None:
            item.widget().hide()
            item.widget().deleteLater()

    def _mark_dirty(self) -> None:
        self._dirty = True
        self._redraw()

    def _redraw(self) -> None:
        if not self._dirty or not self.isVisible() or self.pages.currentWidget() is not self.page_scroll:
            return
        if not self._plots_made:
            self._make_plots()
        self._dirty = False
        self.loss.canvas.live = self.small.canvas.live = self.view.is_live
        self.small.metric_title = self.view.main_metric()[0]
        if self.upper.currentWidget() is self.xray:
            self.xray.canvas.live = self.view.is_live
            self.xray.redraw()
        else:
            self.loss.redraw()
        self.small.redraw()
