"""The project panel: datasets, models and runs with their state."""

from __future__ import annotations

import logging
from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHeaderView, QMenu, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from workbench.api import WorkbenchError
from workbench.runs.outcome import FAILED, outcome
from workbench.shell.figures import metric_text
from workbench.shell.session import Session
from workbench.shell.widgets import Button, Card, Muted

logger = logging.getLogger(__name__)

_KIND, _KEY = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class ProjectPanel(Card):
    """A tree; a click selects, Delete asks for the trash."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.session = session
        self.layout().setContentsMargins(6, 8, 6, 8)
        self._states: dict[str, Any] = {}
        self._asked: set[str] = set()
        self._live = ""
        self.empty = QWidget()
        empty = QVBoxLayout(self.empty)
        empty.addWidget(Muted("No project is open. A project is a folder that holds data, models and runs."))
        self.open_button = Button("Open my data")
        empty.addWidget(self.open_button)
        empty.addStretch(1)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Project: datasets, models and runs")
        self.tree.setFrameShape(QFrame.Shape.NoFrame)
        self.tree.setHeaderHidden(True)
        self.tree.setColumnCount(2)
        self.tree.setIndentation(12)
        self.tree.setUniformRowHeights(True)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.tree.itemClicked.connect(self._choose)
        self.tree.itemActivated.connect(self._choose)
        self.body.addWidget(self.empty)
        self.body.addWidget(self.tree)
        self._groups: dict[str, QTreeWidgetItem] = {}
        for kind, title in (("dataset", "Datasets"), ("model", "Models"), ("run", "Runs")):
            item = QTreeWidgetItem([title])
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            font = QFont()
            font.setWeight(QFont.Weight.DemiBold)
            item.setFont(0, font)
            self.tree.addTopLevelItem(item)
            item.setExpanded(True)
            item.setFirstColumnSpanned(True)
            self._groups[kind] = item
        for signal in (
            session.project_changed,
            session.dataset_changed,
            session.dataset_edited,
            session.run_changed,
            session.runs_changed,
        ):
            signal.connect(self.refresh)
        session.events_arrived.connect(self._on_events)
        self.refresh()

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 19, 80)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 24, 400)

    def refresh(self) -> None:
        session = self.session
        self.empty.setVisible(session.project is None)
        self.tree.setVisible(session.project is not None)
        if session.project is None:
            for group in self._groups.values():
                group.takeChildren()
            self._states.clear()
            self._asked.clear()
            return
        self._fill(
            "dataset",
            [(str(info.id), info.name, f"{info.count:,}") for info in session.project.store.datasets()],
            str(session.dataset.id) if session.dataset else "",
        )
        live = session.training_run.id if session.training_run is not None else ""
        if self._live and self._live != live:
            self._asked.discard(self._live)  # it has ended, perhaps without a word: how, its folder tells
        self._live = live
        runs = session.runs()
        rows, models = [], []
        for number, run in enumerate(runs, 1):
            title, state = f"{number}  {self._title(run)}", self._state_text(run)
            rows.append((run.id, title, state))
            if run.model_folder.is_dir():
                models.append((run.id, title, self._score(run)))
        self._fill("model", models[::-1], "")
        self._fill("run", rows[::-1], session.run.id if session.run else "")
        self._ask_states(runs)

    def _fill(self, kind: str, rows: list[tuple[str, str, str]], current: str) -> None:
        group = self._groups[kind]
        group.setHidden(False)
        while group.childCount() > len(rows):
            group.takeChild(group.childCount() - 1)
        while group.childCount() < len(rows):
            group.addChild(QTreeWidgetItem())
        for i, (key, title, detail) in enumerate(rows):
            item = group.child(i)
            assert item is not None
            item.setData(0, _KIND, kind)
            item.setData(0, _KEY, key)
            item.setText(0, title)
            item.setText(1, detail)
            item.setToolTip(0, f"{title}\n{detail}" if detail else title)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if key == current:
                self.tree.setCurrentItem(item)

    def _title(self, run: Any) -> str:
        try:
            config = run.config
        except WorkbenchError:
            return str(run.id)
        if config.name:
            return str(config.name)
        architecture = self.session.find(self.session.catalogue.architecture, config.architecture.id)
        return architecture.title if architecture is not None else str(config.architecture.id)

    def _score(self, run: Any) -> str:
        state = self._states.get(run.id)
        if state is None or not state.best_metrics:
            return ""
        return metric_text(*next(iter(state.best_metrics.items())))

    def _state_text(self, run: Any) -> str:
        live = self.session.training_run
        if live is not None and live.path == run.path:
            return "paused" if self.session.paused else "running"
        state = self._states.get(run.id)
        if state is None:
            return ""
        if state.status != "finished":
            return str(state.status)
        return FAILED.get(state.reason) or self._score(run) or outcome(state)

    def _ask_states(self, runs: list[Any]) -> None:
        """Read the journals of runs not known yet, off the GUI thread."""
        live = self.session.training_run
        wanted = [run for run in runs if run.id not in self._asked and (live is None or run.path != live.path)]
        if not wanted:
            return
        self._asked.update(run.id for run in wanted)

        def read(_progress: Any, cancelled: Any) -> dict[str, Any]:
            return {run.id: run.state() for run in wanted if not cancelled()}

        self.session.run_in_background(read, self._know, lambda _error: None, title="Reading runs", quiet=True)

    def _know(self, states: dict[str, Any]) -> None:
        self._states.update(states)
        self.refresh()

    def _on_events(self, events: list[Any]) -> None:
        if self.session.run is not None and any(event.TYPE == "finished" for event in events):
            self._asked.discard(self.session.run.id)

    def _choose(self, item: QTreeWidgetItem) -> None:
        kind, key = item.data(0, _KIND), item.data(0, _KEY)
        if kind == "dataset":
            if self.session.dataset is None or str(self.session.dataset.id) != key:
                self.session.set_dataset(int(key) if key.isdigit() else key)
            self.session.stage_requested.emit("data")
        elif kind in ("run", "model"):
            self.session.set_run(key)
            self.session.stage_requested.emit("train" if kind == "run" else "use")

    def _show_menu(self, position: QPoint) -> None:
        item = self.tree.itemAt(position)
        if item is None or item.data(0, _KIND) not in ("run", "model"):
            return
        key = item.data(0, _KEY)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Show its training", lambda: (self.session.set_run(key), self._go("train")))
        menu.addAction("Evaluate", lambda: (self.session.set_run(key), self._go("evaluate")))
        menu.addAction("Use its model", lambda: (self.session.set_run(key), self._go("use")))
        window: Any = self.window()
        if item.data(0, _KIND) == "model" and hasattr(window, "export_model"):
            menu.addAction("Export the model…", lambda: (self.session.set_run(key), window.export_model()))
        menu.addAction("Use its settings for the next run", lambda: self.session.adopt_config(key))
        menu.addSeparator()
        menu.addAction("Move to the trash", lambda: self._delete(key))
        menu.popup(self.tree.viewport().mapToGlobal(position))

    def _go(self, stage: str) -> None:
        self.session.stage_requested.emit(stage)

    def _delete(self, key: str) -> None:
        run = next((run for run in self.session.runs() if run.id == key), None)
        if run is None:
            return
        try:
            run.delete()
        except WorkbenchError as error:
            self.session.notice.emit(error)
            return
        if self.session.run is not None and self.session.run.id == key:
            self.session.set_run(None)
        self.session.runs_changed.emit()
