"""The Data stage: drop files, accept the proposal, then edit; every step stored as it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QTime, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from workbench.api import Cancelled, TimeCut, WorkbenchError
from workbench.shell.stages.base import Stage, StageState
from workbench.shell.stages.data.check_view import CheckView, choose_records
from workbench.shell.stages.data.dataset_editor import DatasetEditor
from workbench.shell.stages.data.divide_dialog import DivideDialog, Division, TimeChoice
from workbench.shell.stages.data.export_dialog import ExportDialog
from workbench.shell.stages.data.findings_card import FindingsCard
from workbench.shell.stages.data.import_view import ImportView
from workbench.shell.stages.data.split_bar import SplitBar
from workbench.shell.stages.data.statistics_view import StatisticsView
from workbench.shell.stages.data.time_split import StepCounts, cut_of_task, parts_in_time, time_cut
from workbench.shell.widgets import Button, Card, EmptyState, ErrorCard, Muted

if TYPE_CHECKING:
    from workbench.data import DatasetInfo
    from workbench.shell.session import Session


class DataStage(Stage):
    """Empty state, import card, editor or statistics: one at a time, with the dataset's line above."""

    import_refused = Signal(object)
    """The :class:`WorkbenchError` of files that can be nothing at all."""

    id: ClassVar[str] = "data"
    title: ClassVar[str] = "Data"

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._statistics_revision: tuple[int, int] | None = None
        self._problem: WorkbenchError | None = None
        self._shown_dataset: int | None = None
        self.ask_files: Callable[[QWidget], list[str]] = _ask_files
        self.ask_division: Callable[[QWidget, TimeChoice | None], Division | None] = DivideDialog.ask
        self.setAcceptDrops(True)

        self.splits = SplitBar(session.theme)
        self._steps = StepCounts(session, self._show_steps)
        self.saved = Muted("", wrap=False)
        self.undo_button = Button("Undo", kind="quiet", on_click=session.undo)
        self.redo_button = Button("Redo", kind="quiet", on_click=session.redo)
        self.statistics_button = Button(
            "Statistics", on_click=self._toggle_statistics, tip="Counts, lengths, labels, unknown words"
        )
        self.statistics_button.setCheckable(True)
        self.check_button = Button("Check", on_click=self._toggle_check, tip="Look for what is wrong or doubtful")
        self.check_button.setCheckable(True)
        self.divide_button = Button("Divide…", on_click=self.divide, tip="Put every record into a split anew")
        self.import_button = Button("Import…", on_click=self.choose_files, tip="Open files as a new dataset")
        self.export_button = Button("Export…", on_click=self.export, tip="Write the dataset to a file")
        self.head = Card("Dataset")
        for widget in (self.saved, self.undo_button, self.redo_button):
            self.head.header.addWidget(widget)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.splits, 1)
        for button in (
            self.statistics_button,
            self.check_button,
            self.divide_button,
            self.import_button,
            self.export_button,
        ):
            row.addWidget(button)
        self.head.body.addLayout(row)

        self.editor = DatasetEditor(session)
        self.editor.edited.connect(self._note_saved)
        self.statistics = StatisticsView(session.theme)
        self.check = CheckView(session)
        self.check.records_chosen.connect(self._show_records)
        self.check.divide_requested.connect(lambda: self.divide())
        self.check.edited.connect(self._note_saved)
        self.importing = ImportView(session)
        self.importing.imported.connect(self._imported)
        self.importing.closed.connect(self.refresh)
        self.importing.refused.connect(self.import_refused)
        self.empty = EmptyState(
            "No data yet",
            "A dataset holds what a model learns from: texts, sentences with tags, pairs of texts, series. Drop files "
            "or a folder here. What they are is worked out for you to accept.",
            "Open my data…",
            self.choose_files,
        )
        self.pages = QStackedWidget()
        for page in (self.empty, self.importing, self.editor, self.statistics, self.check):
            self.pages.addWidget(page)
        self._notice = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.head)
        layout.addLayout(self._notice)
        layout.addWidget(self.pages, 1)

        session.project_changed.connect(self.refresh)
        session.dataset_changed.connect(self.refresh)
        session.dataset_edited.connect(self._refresh_head)
        session.draft_changed.connect(self._draft_changed)
        self.refresh()

    # -- what the window asks -----------------------------------------------------------------------------------

    def state(self) -> StageState:
        if self._problem is not None:
            return "problem"
        return "ready" if self.session.dataset is not None else "empty"

    def activated(self) -> None:
        self._refresh_head()

    def open_record(self, record_id: int) -> bool:
        """Bring a record into view for editing (from the error browser)."""
        self._show_editor()
        return self.editor.open_record(record_id)

    # -- pages --------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what the session has: its dataset, or the way to get one."""
        dataset = self.session.dataset
        self.head.setVisible(dataset is not None)
        self._show_problem(None)
        if dataset is None:
            self._shown_dataset = None
            self.editor.show_dataset(None)
            self.pages.setCurrentWidget(self.empty)
        else:
            if self._shown_dataset != dataset.id:
                self._shown_dataset = dataset.id
                self._statistics_revision = None
                self.saved.setText("")
                self._guarded(lambda: self.editor.show_dataset(dataset))
            self._show_editor()
        self._refresh_head()
        self.state_changed.emit()

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except WorkbenchError as error:
            self._show_problem(error)

    def _show_problem(self, error: WorkbenchError | None) -> None:
        self._problem = error
        while (item := self._notice.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if error is not None:
            self._notice.addWidget(ErrorCard(error, on_dismiss=lambda: self._show_problem(None)))
        self.state_changed.emit()

    def _show_editor(self) -> None:
        self.statistics_button.setChecked(False)
        self.check_button.setChecked(False)
        self.pages.setCurrentWidget(self.editor)

    def _refresh_head(self) -> None:
        dataset, project = self.session.dataset, self.session.project
        if dataset is None or project is None:
            return
        store = project.store
        about = [self._counted(dataset), ", ".join(dataset.layers)]
        self.head.set_title(dataset.name, " · ".join(filter(None, about)))
        self._show_splits()
        for button, verb, step in (
            (self.undo_button, "Undo", store.can_undo(dataset.id)),
            (self.redo_button, "Redo", store.can_redo(dataset.id)),
        ):
            button.setEnabled(bool(step))
            button.setToolTip(f"{verb}: {step}" if step else f"Nothing to {verb.lower()}")
        read_only = bool(getattr(store, "read_only", False))
        if read_only:
            self.saved.setText("read-only")
        for button in (self.divide_button, self.import_button):
            button.setEnabled(not read_only)
            if read_only:
                button.setToolTip("This project is open for reading only.")
        if self.pages.currentWidget() is self.statistics:
            self._read_statistics()
        elif self.pages.currentWidget() is self.check:
            self.check.examine()

    def _show_splits(self) -> None:
        """Records in each split; steps where the task cuts every record in time, which assigned splits do not touch."""
        dataset, project = self.session.dataset, self.session.project
        if dataset is None or project is None:
            return
        cut = time_cut(self.session)
        self.divide_button.setToolTip("Cut every record in time" if cut else "Put every record into a split anew")
        self.editor.show_cut(parts_in_time(cut, self.session) if cut is not None else None)
        if cut is not None:
            self._steps.count(cut)
            return
        self._steps.forget()
        if self.editor.counts_changed or self.splits.unit:
            self.splits.show_counts(project.store.split_counts(dataset.id))

    def _show_steps(self, steps: Mapping[str, int]) -> None:
        if time_cut(self.session) is not None:
            self.splits.show_counts(steps, unit="steps")

    def _draft_changed(self) -> None:
        self._show_splits()
        if self.pages.currentWidget() is self.check:
            self.check.examine()

    def _counted(self, dataset: DatasetInfo) -> str:
        """How many there are of what: 414 series, 1 pair of texts."""
        kind = self.session.find(self.session.catalogue.record_type, dataset.record)
        if kind is None:
            return f"{dataset.count:,} {'record' if dataset.count == 1 else 'records'}"
        return f"{dataset.count:,} {kind.title if dataset.count == 1 else kind.plural}"

    def _note_saved(self) -> None:
        self.saved.setText(f"saved {QTime.currentTime().toString('HH:mm:ss')}")

    # -- statistics ---------------------------------------------------------------------------------------------

    def _toggle_statistics(self) -> None:
        if self.statistics_button.isChecked():
            self.check_button.setChecked(False)
            self.pages.setCurrentWidget(self.statistics)
            self._read_statistics()
        else:
            self._show_editor()

    def _toggle_check(self) -> None:
        if self.check_button.isChecked():
            self.statistics_button.setChecked(False)
            self.pages.setCurrentWidget(self.check)
            self.check.examine()
        else:
            self._show_editor()

    def _show_records(self, ids: list[int]) -> None:
        self._show_editor()
        choose_records(self.editor, ids)

    def _read_statistics(self) -> None:
        dataset, project = self.session.dataset, self.session.project
        if dataset is None or project is None:
            return
        wanted = (dataset.id, dataset.revision)
        if self._statistics_revision == wanted:
            return
        self._statistics_revision = wanted
        store = project.store

        def show(found: Any) -> None:
            if self._statistics_revision == wanted:
                self.statistics.show_statistics(found, dataset.layers)

        self.session.run_in_background(
            lambda _progress, _cancelled: store.statistics(dataset.id), show, self._show_problem, title="Counting"
        )

    # -- importing ----------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.import_paths(paths)

    def choose_files(self) -> None:
        paths = self.ask_files(self)
        if paths:
            self.import_paths([Path(path) for path in paths])

    def import_paths(self, paths: list[Path]) -> None:
        """Propose an import of ``paths`` (dropped, chosen, or given by the welcome page)."""
        if self.session.project is None:
            self.session.notify(
                WorkbenchError("There is no project to import into.", fix="Create or open a project first.")
            )
            return
        self._show_problem(None)
        self.statistics_button.setChecked(False)
        self.check_button.setChecked(False)
        self.pages.setCurrentWidget(self.importing)
        self.importing.look_at(paths)

    def _imported(self, report: Any) -> None:
        self.session.set_dataset(report.dataset.id)
        self.refresh()
        if report.problems:
            card = FindingsCard(report.problems)
            card.dismissed.connect(lambda: self._show_problem(None))
            self._notice.addWidget(card)

    # -- splits and export --------------------------------------------------------------------------------------

    def divide(self) -> None:
        """Ask how, then give every record its split as one undoable step; a cut in time is an option of the task."""
        dataset, project = self.session.dataset, self.session.project
        if dataset is None or project is None:
            return
        cut, store = cut_of_task(self.session), project.store
        division = self.ask_division(self, self._time_choice(cut) if cut is not None else None)
        if division is None:
            return
        if cut is not None and division.method == "time":
            _, validation, test = division.fractions
            self.session.set_draft(task_params=cut.cut(validation, test))
            return
        if cut is not None:
            self.session.set_draft(task_params=cut.whole())

        def work(_progress: object, _cancelled: object) -> object:
            return store.assign_splits(dataset.id, division.method, division.fractions, division.seed)

        def done(_outcome: object) -> None:
            self.session.refresh_dataset()
            self._note_saved()

        self.session.run_in_background(work, done, self._show_problem, title="Dividing the dataset")

    def _time_choice(self, cut: TimeCut) -> TimeChoice | None:
        """What the dialog needs to offer a cut in time: how it is cut now, shown on the first record."""
        dataset, project, config = self.session.dataset, self.session.project, self.session.config
        if dataset is None or project is None or config is None or not dataset.count:
            return None
        stored = project.store.get(project.store.ids(dataset.id)[:1].tolist())[0]
        return TimeChoice(cut, stored.record, dict(config.task.params), dataset.count)

    def export(self) -> None:
        """Ask what to write where, and write it in the background."""
        dataset, project = self.session.dataset, self.session.project
        if dataset is None or project is None:
            return
        dialog = ExportDialog(self.session.catalogue, dataset, self)
        choice = dialog.ask()
        dialog.deleteLater()
        if choice is None:
            return
        from workbench.data.exporting import export_dataset

        store = project.store

        def work(progress: Any, cancelled: Any) -> object:
            return export_dataset(
                store,
                dataset.id,
                choice.exporter,
                choice.path,
                split=choice.split,
                progress=lambda done, total: progress("records", done, total),
                cancelled=cancelled,
            )

        def failed(error: WorkbenchError) -> None:
            if not isinstance(error, Cancelled):
                self._show_problem(error)

        self.session.run_in_background(
            work,
            lambda _value: self.session.notify(f"Written: {choice.path}"),
            failed,
            title=f"Exporting {choice.path.name}",
        )


def _ask_files(parent: QWidget) -> list[str]:
    paths, _ = QFileDialog.getOpenFileNames(parent, "Open files as a dataset")
    return paths
