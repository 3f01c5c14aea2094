"""The Evaluate stage: figures with their protocol, what is taken for what, and the worst records to look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from workbench.api import SPLITS, Cancelled, Event, Report, Series, WorkbenchError
from workbench.api.events import RunFinished
from workbench.shell.figures import is_share, metric_name, units_of
from workbench.shell.panels import panel_cards
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.stages.evaluate.confusion import ConfusionMatrix
from workbench.shell.stages.evaluate.error_browser import ErrorBrowser
from workbench.shell.stages.evaluate.examples import record_reader, view_maker
from workbench.shell.stages.evaluate.export import ask_export_path, kinds_text, report_exporters, write_report
from workbench.shell.stages.evaluate.tables import TypeTableModel, figure, make_table
from workbench.shell.stages.model_state import answers_from_checkpoint, is_live, model_title, say_why_empty
from workbench.shell.widgets import Button, Card, EmptyState, Figure, FlowLayout, Muted, ProblemSlot, ScrollColumn, Text

if TYPE_CHECKING:
    from workbench.shell.session import Session

_METRICS = {"entity_f1": "Entity F1", "token_accuracy": "Token accuracy", "accuracy": "Token accuracy"}
_SHARE_UNITS = "%"


class EvaluateStage(Stage):
    """Validation is the default. The test split is asked for once: figures chosen on it are no longer honest."""

    id: ClassVar[str] = "evaluate"
    title: ClassVar[str] = "Evaluate"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.ask_export_path: Callable[[QWidget, str, str], str] = ask_export_path
        self.report: Report | None = None
        self._stored: tuple[Path, int] | None = None
        """The file whose report is shown, and when it was written."""
        self._problem: WorkbenchError | None = None
        self._handle: Any = None
        self._test_allowed: set[str] = set()

        self.split = QComboBox()
        self.split.setAccessibleName("Split to evaluate")
        self.split.setMinimumHeight(28)
        for name in ("validation", "test", "train"):
            self.split.addItem(name.capitalize(), name)
        self.split.currentIndexChanged.connect(lambda _index: self._show_stored())
        self.start_button = Button("Evaluate", kind="primary", on_click=self.evaluate)
        self.cancel_button = Button("Cancel", on_click=self.cancel)
        self.export_button = Button("Export…", on_click=self.export, tip="Write this report: Markdown, CSV or JSON")
        self.status = Muted("")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the evaluation")
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.head = Card("Evaluate")
        row = QHBoxLayout()
        row.setSpacing(8)
        for widget in (self.split, self.start_button, self.cancel_button, self.export_button):
            row.addWidget(widget)
        row.addWidget(self.status, 1)
        self.head.body.addLayout(row)
        self.head.body.addWidget(self.bar)
        self._problem_box = ProblemSlot()
        self.head.body.addLayout(self._problem_box)
        self.confirm = self._confirm_card()

        self.figures = QWidget()
        self._figures = FlowLayout(self.figures, spacing=8, stretch=True)
        self.table_model = TypeTableModel(self)
        self.table = make_table(self.table_model)
        self.types_card = Card("By type")
        self.types_card.body.addWidget(self.table)
        self.matrix = ConfusionMatrix(session.theme)
        self.matrix_card = Card("Confusion", subtitle="click a cell to filter")
        self.matrix_card.body.addWidget(_scrolling(self.matrix))
        self.errors = ErrorBrowser(session.theme, record_of=record_reader(session), make_view=view_maker(session))
        self.errors_card = Card("Errors", subtitle="worst first")
        self.clear_button = Button("Show all", kind="quiet", on_click=lambda: self.matrix.choose(None))
        self.clear_button.hide()
        self.errors_card.header.addWidget(self.clear_button)
        self.errors_card.body.addWidget(self.errors)
        self.matrix.cell_chosen.connect(self._filter)
        self.errors.open_requested.connect(self._open_record)
        middle = self._middle = QSplitter(Qt.Orientation.Horizontal)
        middle.addWidget(self.types_card)
        middle.addWidget(self.matrix_card)
        middle.setStretchFactor(0, 3)
        middle.setStretchFactor(1, 2)
        columns = QSplitter(Qt.Orientation.Vertical)
        columns.addWidget(middle)
        columns.addWidget(self.errors_card)
        for splitter in (middle, columns):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(8)
        results = QWidget()
        column = QVBoxLayout(results)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._columns = columns
        self.figures_only = Muted("This task reports figures only: it lists neither types nor single records.")
        column.addWidget(self.figures)
        column.addWidget(self.figures_only)
        column.addWidget(columns, 1)
        column.addStretch(0)
        self.empty = EmptyState(
            "No trained model yet",
            "Evaluation compares a finished model's answers with the labels of records it did not learn from.",
            "Go to Train",
            lambda: session.stage_requested.emit("train"),
        )
        self.not_yet = EmptyState(
            "Not evaluated on this split yet",
            "Evaluating answers every record of the split once and counts what was right.",
        )
        self.pages = QStackedWidget()
        self._page = ScrollColumn(results)  # large text in a small window scrolls; nothing is squeezed
        for page in (self.empty, self.not_yet, self._page):
            self.pages.addWidget(page)
        self._panels = [card for _panel, card in panel_cards(session, frozenset({"evaluate"}))]
        for card in self._panels:
            column.addWidget(card)
            card.follow_run()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.head)
        layout.addWidget(self.confirm)
        layout.addWidget(self.pages, 1)
        self._busy(False)
        session.run_changed.connect(self._run_changed)
        session.training_changed.connect(self.refresh)
        session.events_arrived.connect(self._events)
        self.refresh()

    def _confirm_card(self) -> Card:
        card = Card("Use the test split?")
        card.body.addWidget(
            Text(
                "The test split answers one question, once: how good is the final model. Choose between models on "
                "validation; a figure that was looked at while choosing is too good to be true."
            )
        )
        row = QHBoxLayout()
        self.confirm_button = Button("Evaluate on test", kind="primary", on_click=self._confirmed)
        row.addWidget(self.confirm_button)
        row.addWidget(Button("Not yet", on_click=card.hide))
        row.addStretch(1)
        card.body.addLayout(row)
        card.hide()
        return card

    # -- what the window asks -----------------------------------------------------------------------------------

    def state(self) -> StageState:
        if self._problem is not None:
            return "problem"
        if self._handle is not None:
            return "running"
        return "ready" if self._can_evaluate() else "empty"

    def _can_evaluate(self) -> bool:
        run = self.session.run
        return run is not None and ((run.path / "model").is_dir() or answers_from_checkpoint(self.session))

    def activated(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Follow the selected run and what was measured of it."""
        can = self._can_evaluate()
        self.head.setVisible(can)
        if not can:
            self.confirm.hide()
            learning = is_live(self.session)
            say_why_empty(self.session, self.empty, "The model is still learning" if learning else "")
            self.pages.setCurrentWidget(self.empty)
        else:
            self.head.set_title("Evaluate", model_title(self.session))
            self._show_stored()
        self.state_changed.emit()

    def _run_changed(self) -> None:
        self.cancel()
        self.report = None
        self.errors.forget_view()
        self._show_problem(None)
        self.refresh()

    def _events(self, events: list[Event]) -> None:
        if any(isinstance(event, RunFinished) for event in events):
            self.refresh()

    # -- evaluating ---------------------------------------------------------------------------------------------

    def _stored_path(self, split: str) -> Path | None:
        run = self.session.run
        return run.path / "evaluations" / f"{split}.json" if run is not None else None

    def _show_stored(self) -> None:
        """Show what was measured before for the chosen split, if anything."""
        self.confirm.hide()
        if not self._can_evaluate() or self._handle is not None:
            return
        path = self._stored_path(self.split.currentData())
        if path is None or not path.is_file():
            self.report = None
            self.export_button.setEnabled(False)
            self.pages.setCurrentWidget(self.not_yet)
            self.status.setText("")
            return
        try:
            stamp = (path, path.stat().st_mtime_ns)
            if self.report is None or stamp != self._stored:  # else what is shown, sorted and chosen there, stays
                self.show_report(Report.from_json(json.loads(path.read_text(encoding="utf-8"))))
                self._stored = stamp
            self.pages.setCurrentWidget(self._page)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._show_problem(
                WorkbenchError(
                    "The stored evaluation cannot be read.", why=str(error), fix="Evaluate again.", file=path
                )
            )

    def evaluate(self) -> None:
        """Measure the chosen split; the test split asks first, once for each run."""
        run = self.session.run
        split = str(self.split.currentData())
        if run is None or self._handle is not None or not self._can_evaluate():
            return
        stored = self._stored_path(split)
        asked = run.id in self._test_allowed or (stored is not None and stored.is_file())
        if split == "test" and not asked:
            self.confirm.show()
            self.confirm_button.setFocus()
            return
        self._show_problem(None)
        self._busy(True)
        project = self.session.project
        self._handle = self.session.submit(
            {
                "job": "evaluate",
                "run": str(run.path),
                "project": str(project.path) if project is not None else "",
                "split": self._split_of_run(split),
            },
            self._done,
            self._failed,
            self._progress,
        )
        self.state_changed.emit()

    def _split_of_run(self, role: str) -> str:
        """The dataset's split that plays ``role`` in this run (a run may name its splits otherwise)."""
        data = getattr(self.session.run.config, "data", None) if self.session.run is not None else None
        return str(getattr(data, role, role)) if role in SPLITS else role

    def _confirmed(self) -> None:
        if self.session.run is not None:
            self._test_allowed.add(self.session.run.id)
        self.confirm.hide()
        self.evaluate()

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._busy(False)
            self.status.setText("Cancelled.")
            self.state_changed.emit()

    def _busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)
        self.cancel_button.setVisible(busy)
        self.start_button.setVisible(not busy)
        self.split.setEnabled(not busy)
        if busy:
            self.status.setText("Reading the model…")

    def _progress(self, message: Mapping[str, Any]) -> None:
        done, total = int(message.get("done", 0)), int(message.get("total", 0))
        if total > 0:
            self.bar.setRange(0, total if total < 2**31 else 1000)
            self.bar.setValue(done if total < 2**31 else 1000 * done // total)
            self.status.setText(f"{done:,} of {total:,} records")

    def _done(self, value: Mapping[str, Any]) -> None:
        self._handle = None
        self._busy(False)
        self.show_report(Report.from_json(value))
        self.state_changed.emit()

    def _failed(self, error: WorkbenchError) -> None:
        self._handle = None
        self._busy(False)
        self.status.setText("")
        if not isinstance(error, Cancelled):
            self._show_problem(error)
        self.state_changed.emit()

    def _show_problem(self, error: WorkbenchError | None) -> None:
        self._problem = error
        self._problem_box.tell(error, self.evaluate)
        self.state_changed.emit()

    # -- the report ---------------------------------------------------------------------------------------------

    def show_report(self, report: Report) -> None:
        """Fill the page with ``report``."""
        self.report = report
        self._fit()
        self.pages.setCurrentWidget(self._page)
        self.export_button.setEnabled(True)
        record = self._record_kind()
        counted = units_of(record)
        note = (report.protocol or {}).get("note", "")  # what whoever reads the figures must know
        told = f"{report.split}: {report.n_records:,} {counted[0]}, {report.n_tokens:,} {counted[1]}"
        self.status.setText(f"{told}. {note}" if note else told)
        self.types_card.set_title("Beside the simple methods" if record == Series.KIND else "By type")
        protocol = "; ".join(f"{name}: {value}" for name, value in (report.protocol or {}).items())
        self.status.setToolTip(protocol)
        _empty(self._figures)
        for name, value in list(report.metrics.items())[:5]:
            card = Card()
            share = is_share(name) and isinstance(value, float) and 0.0 <= value <= 1.0
            card.body.addWidget(Muted(self._metric_title(name), wrap=False))
            card.body.addWidget(Figure(f"{figure(value, name)} {_SHARE_UNITS}" if share else figure(value, name)))
            self._figures.addWidget(card)
        self.table_model.show_rows(report.table)
        self.matrix.show_counts(report.confusion_labels, report.confusion)
        for card, there in ((self.types_card, report.table), (self.matrix_card, report.confusion)):
            card.setVisible(bool(there))
        self._middle.setVisible(bool(report.table or report.confusion))
        self.errors_card.setVisible(bool(report.examples))
        nothing = not (report.table or report.confusion or report.examples)
        self._columns.setVisible(not nothing)
        self.figures_only.setVisible(nothing)
        self.errors_card.set_title("Errors", f"the {len(report.examples):,} worst records, worst first")
        self.errors.show_examples(report.examples)
        for panel in self._panels:
            panel.show_report(report)
        self.clear_button.hide()

    def _record_kind(self) -> str:
        run = self.session.run
        task = self.session.find(self.session.catalogue.task, run.config.task.id) if run is not None else None
        return str(getattr(task, "record", ""))

    def _metric_title(self, name: str) -> str:
        metric = self.session.find(self.session.catalogue.metric, name) if name not in _METRICS else None
        return _METRICS.get(name) or (metric.title if metric is not None else metric_name(name))

    def _fit(self) -> None:
        """Room that tables and errors need at the present text size."""
        line = self.fontMetrics().lineSpacing()
        header = self.table.horizontalHeader()
        texts = [str(self.table_model.headerData(i, Qt.Orientation.Horizontal)) for i in range(header.count())]
        header.setMinimumSectionSize(max((header.fontMetrics().horizontalAdvance(t) for t in texts), default=20) + 12)
        self.table.verticalHeader().setDefaultSectionSize(max(26, line + 10))
        self.types_card.setMinimumHeight(line * 8)
        self.errors_card.setMinimumHeight(line * 9)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange) and self.report is not None:
            self._fit()

    def _filter(self, gold: str, predicted: str) -> None:
        self.errors.filter(gold, predicted)
        self.clear_button.setVisible(bool(gold))
        words = f"{gold} taken for {predicted}" if gold != predicted else f"with a right {gold}"
        count = len(self.errors.shown)
        subtitle = f"{words}: {count:,} of the worst records" if gold else f"the {count:,} worst records, worst first"
        self.errors_card.set_title("Errors", subtitle)

    def _open_record(self, record_id: int) -> None:
        """To the Data stage with that record, in the dataset the run learned from."""
        session = self.session
        run = session.run
        name = getattr(getattr(run.config, "data", None), "dataset", "") if run is not None else ""
        if name and (session.dataset is None or session.dataset.name != name):
            try:
                session.set_dataset(name)
            except WorkbenchError as error:
                session.notify(error)
                return
        session.stage_requested.emit("data")
        window = self.window()
        for stage in window.findChildren(Stage):
            if stage.id == "data" and hasattr(stage, "open_record") and not stage.open_record(record_id):
                session.notify("This record is no longer in the dataset.")

    def export(self) -> None:
        """Write the report to a file, with the exporter its suffix chooses."""
        report = self.report
        if report is None:
            return
        try:
            exporters = report_exporters(self.session)
        except WorkbenchError as error:
            self.session.notify(error)
            return
        path = self.ask_export_path(self, f"{report.split}-report{exporters[0].suffix}", kinds_text(exporters))
        if not path:
            return
        try:
            write_report(self.session, exporters, report, Path(path))
        except WorkbenchError as error:
            self._show_problem(error)
            return
        self.session.notify(f"Written: {path}")


def _scrolling(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(widget)
    area.viewport().setAutoFillBackground(False)
    widget.setAutoFillBackground(False)
    return area


def _empty(layout: Any) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
