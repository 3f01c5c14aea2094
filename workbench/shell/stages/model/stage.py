"""The Model stage: which network and how large, what its cell computes, and how it runs through time."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from workbench.api import Trait
from workbench.shell.comparison import compare_button
from workbench.shell.model_size import megabytes
from workbench.shell.plots.cell_page import CellPage
from workbench.shell.session import Session
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.stages.model.choices import ChoiceList, why_not
from workbench.shell.stages.model.options import OptionsCard
from workbench.shell.stages.model.stack import Box, StackDiagram
from workbench.shell.stages.model.unrolled import UnrolledCard
from workbench.shell.stages.model_layers import StackLayer, notes_of, sizes_of, stack_of
from workbench.shell.stages.page_tabs import PageTabs
from workbench.shell.widgets import Card, EmptyState, Figure, Muted, ScrollColumn
from workbench.shell.widgets.labels import Elided


class ModelStage(Stage):
    """Three pages: the choice with its options, the cell with its equations, the network unrolled over a real input."""

    id: ClassVar[str] = "model"
    title: ClassVar[str] = "Model"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.pages = QStackedWidget()
        outer.addWidget(self.pages)
        self.empty = EmptyState(
            "No model yet",
            "A model joins a task (what to learn) with an architecture (the network). Which ones fit depends on your "
            "data, so open data first.",
            "Go to Data",
            lambda: session.stage_requested.emit("data"),
        )
        self.pages.addWidget(self.empty)
        self.tabs = PageTabs("Network, cell or unrolled")
        self.tabs.addTab(self._build_network(), "Network")
        self.tabs.addTab(self._build_cell(), "Cell and equations")
        self.tabs.addTab(self._build_unrolled(), "Unrolled in time")
        self.pages.addWidget(self.tabs)
        session.draft_changed.connect(self.refresh)
        session.dataset_changed.connect(self.refresh)
        session.size.changed.connect(self._show_size)
        self.refresh()

    # -- the pages ----------------------------------------------------------------------------------------------

    def _build_network(self) -> QWidget:
        page = QWidget()
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._build_choices(), 4)
        layout.addWidget(self._build_details(), 6)
        return page

    def _build_choices(self) -> QWidget:
        card = Card("Task and network")
        self.task_box = QComboBox()
        self.task_box.setAccessibleName("Task")
        self.task_box.setMinimumHeight(28)
        self.task_box.activated.connect(self._choose_task)
        row = QHBoxLayout()
        row.addWidget(Muted("Task", wrap=False))
        row.addWidget(self.task_box, 1)
        card.body.addLayout(row)
        self.task_note = Muted("")
        card.body.addWidget(self.task_note)
        self.choice_list = ChoiceList(self.session.catalogue.architectures())
        self.choices = self.choice_list.choices
        self.choice_list.chosen.connect(lambda name: self.session.set_draft(architecture=name))
        self._choice_scroll = ScrollColumn(self.choice_list)
        card.body.addWidget(self._choice_scroll, 1)
        self.compare_button = compare_button(self.session)
        card.body.addWidget(self.compare_button, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _build_details(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.size_card = Card("Size")
        self.figure = Figure("–")
        self.size_note = Elided("", muted=True)
        self.stack = StackDiagram(self.session.theme)
        self.notes = Muted("")
        self.notes.setAccessibleName("Notes on this model")
        for widget in (self.figure, self.size_note, self.stack, self.notes):
            self.size_card.body.addWidget(widget)
        column.addWidget(self.size_card)
        self.options = OptionsCard()
        self.options.changed.connect(lambda values: self.session.set_draft(architecture_params=values))
        column.addWidget(self.options)
        column.addStretch(1)
        return ScrollColumn(holder)

    def _build_cell(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 8, 0, 0)
        self.cell_card = Card("Cell")
        self.cell = CellPage(self.session.theme)
        self.cell_card.body.addWidget(ScrollColumn(self.cell), 1)  # scrolls where text is large
        layout.addWidget(self.cell_card)
        return holder

    def _build_unrolled(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 8, 0, 0)
        self.unrolled = UnrolledCard(self.session)
        layout.addWidget(self.unrolled)
        return holder

    # -- following the session ----------------------------------------------------------------------------------

    def state(self) -> StageState:
        if self.session.config is None:
            return "empty"
        return "problem" if self.session.size.error is not None or self.session.architecture is None else "ready"

    def activated(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        session = self.session
        config, task, architecture = session.config, session.task, session.architecture
        self.pages.setCurrentIndex(0 if config is None or session.dataset is None else 1)
        self.state_changed.emit()
        if config is None or session.dataset is None:
            return
        tasks = [one for one in session.catalogue.tasks() if one.record == session.dataset.record]
        self.task_box.blockSignals(True)
        self.task_box.clear()
        for one in tasks:
            self.task_box.addItem(one.title, one.id)
        self.task_box.setCurrentIndex(self.task_box.findData(config.task.id))
        self.task_box.blockSignals(False)
        self.task_box.setToolTip(self.task_box.currentText())
        self.task_note.setText(task.summary if task else f"The plugin of the task “{config.task.id}” is missing.")
        self.task_note.setVisible(bool(self.task_note.text()))
        self.choice_list.show_task(task, config.architecture.id)
        self._show_chosen()
        self.options.show_architecture(architecture, dict(config.architecture.params))
        what = "node" if architecture is not None and Trait.TREE in architecture.accepts else "step"
        self.cell_card.set_title(architecture.title if architecture else "Cell", f"what one {what} computes")
        self._show_size()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self, self._show_chosen)  # once everything has its place

    def _show_chosen(self) -> None:
        """The chosen network is in view, however long the list."""
        config = self.session.config
        chosen = self.choices.get(config.architecture.id) if config is not None else None
        if chosen is not None:
            self._choice_scroll.ensureWidgetVisible(chosen, 0, 4)

    def _choose_task(self, index: int) -> None:
        name = str(self.task_box.itemData(index))
        session = self.session
        task = session.catalogue.task(name)
        current = session.architecture
        if current is not None and not why_not(task, current):
            session.set_draft(task=name)
            return
        fitting = next((one for one in session.catalogue.architectures() if not why_not(task, one)), None)
        session.set_draft(task=name, architecture=fitting.id if fitting else None)

    def _show_size(self) -> None:
        session = self.session
        size, task, architecture = session.size, session.task, session.architecture
        described = size.value
        letters = sizes_of(self._all_params(), described)
        layers = stack_of(described, letters.get("H", 0))
        self.size_note.setVisible(size.error is None)
        if size.error is not None:
            self.figure.setText("–")
        elif described is None:
            self.figure.setText("–")
            self.size_note.setText("counted as soon as the worker is warm" if not session.device else "counting")
        else:
            self.figure.setText(f"{int(described['parameters']):,} parameters")
            self.size_note.setText(f"{megabytes(int(described['bytes']))} in memory while it trains")
        params = dict(session.config.architecture.params) if session.config is not None else {}
        reason = why_not(task, architecture, params) if architecture is not None else ""
        if size.error is not None:  # the reason in full, and what to do
            plain = size.error.what.removeprefix("architecture.params.")
            notes = [part for part in (plain, size.error.why, size.error.fix) if part]
        else:
            notes = [*([reason] if reason else []), *notes_of(described)]
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))
        title = architecture.title if architecture else "Network"
        kind = session.find(session.catalogue.record_type, session.dataset.record) if session.dataset else None
        record = kind.title if kind is not None else ""
        self.stack.set_boxes(boxes_of(layers, record, title, task.title.partition(" (")[0] if task else "Head"))
        self.cell.show_architecture(architecture, letters)
        self.state_changed.emit()

    def _all_params(self) -> dict[str, object]:
        """The options of the draft, with the defaults of those it does not name."""
        session = self.session
        if session.architecture is None or session.config is None:
            return {}
        given = dict(session.config.architecture.params)
        return {**session.architecture.params().model_dump(), **given}


def boxes_of(layers: list[StackLayer], record: str, network: str, task: str) -> list[Box]:
    """Boxes for the stack diagram; both directions of a layer share one."""
    boxes = [Box("Input", record)]
    embedder = [one for one in layers if one.part == "embedder"]
    if embedder or not layers:
        inputs = next((one.inputs for one in layers if one.part == "network" and one.inputs), 0)
        boxes.append(Box("Embedding", f"{inputs:,} numbers" if inputs else "", _parameters(embedder)))
    recurrent = [one for one in layers if one.part in ("network", "decoder")]
    if not recurrent:
        boxes.append(Box(network, recurrent=True))
    groups: dict[tuple[str, str], list[StackLayer]] = {}
    for layer in recurrent:
        groups.setdefault((layer.part, layer.name), []).append(layer)
    for (part, name), group in groups.items():
        words = [name.capitalize() if name else network]
        if part == "decoder":
            words = ["Decoder", name]
        elif name and any(other == "decoder" for other, _ in groups):
            words = ["Encoder", name]
        sizes = tuple(f"{one.arrow} {one.size:,} units".strip() if one.size else one.arrow for one in group)
        both = sizes if len(group) > 1 else ()
        boxes.append(Box(" ".join(words), "" if both else sizes[0], _parameters(group), True, both))
    head = [one for one in layers if one.part == "head"]
    outputs = next((one.size for one in head if one.size), 0)
    boxes.append(Box(task, f"{outputs:,} output{'' if outputs == 1 else 's'}" if outputs else "", _parameters(head)))
    return boxes


def _parameters(layers: list[StackLayer]) -> str:
    total = sum(one.parameters for one in layers)
    return f"{total:,} parameters" if total else ""
