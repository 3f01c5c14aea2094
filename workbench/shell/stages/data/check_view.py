"""What is wrong or doubtful in the dataset: a card for each finding, its records a click away, the fix another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.api import Cancelled, DoctorCheck, Finding, WorkbenchError
from workbench.shell.stages.data.time_split import time_cut
from workbench.shell.widgets import Button, Card, ErrorCard, Muted, Text
from workbench.shell.widgets.scroll import ScrollColumn

if TYPE_CHECKING:
    from workbench.data.doctor import Remedy
    from workbench.shell.session import Session
    from workbench.shell.stages.data.dataset_editor import DatasetEditor

_EDGES = {"error": "danger", "warning": "warning"}
_WORDS = {"error": "Error", "warning": "Warning", "info": "Note"}


class FindingCard(Card):
    """One finding: how grave, what, what to do about it, and the buttons that do it."""

    def __init__(self, finding: Finding, remedy: Remedy | None, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.finding, self.remedy = finding, remedy
        self.edge_role = _EDGES.get(finding.severity, "border")
        row = QHBoxLayout()
        row.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Text(finding.message, semibold=True))
        # in words as well as by colour
        grade = _WORDS.get(finding.severity, finding.severity.capitalize())
        words.addWidget(Muted(f"{grade}. {finding.fix}".strip()))
        row.addLayout(words, 1)
        self.show_button: Button | None = None
        self.fix_button: Button | None = None
        top = Qt.AlignmentFlag.AlignTop
        if finding.record_ids:
            self.show_button = Button("Show", tip="Choose these records in the list")
            self.show_button.setAccessibleName(f"Show the records: {finding.message}")
            row.addWidget(self.show_button, 0, top)
        if remedy is not None or finding.check == "splits":
            self.fix_button = Button(remedy.title if remedy is not None else "Divide…")
            row.addWidget(self.fix_button, 0, top)
        self.body.addLayout(row)
        self.setAccessibleName(finding.message)


class CheckView(ScrollColumn):
    """The findings of the session's dataset. It is examined again after every edit while this is shown."""

    records_chosen = Signal(list)
    divide_requested = Signal()
    edited = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        content = QWidget()
        super().__init__(content, parent)
        self.session = session
        self.setAccessibleName("Findings in the dataset")
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._examined: tuple[str, int, int, str] | None = None
        self._task: Any = None
        self.cards: list[FindingCard] = []
        self.outcome = Muted("")
        self._column.addWidget(self.outcome)

    def examine(self) -> None:
        """Look again, in the background, unless this very state of the data was looked at."""
        dataset, project = self.session.dataset, self.session.project
        if dataset is None or project is None:
            return
        draft = self._draft()
        # options decide whether a series is long enough: other ones, another look
        wanted = (str(project.path), dataset.id, dataset.revision, repr(draft))
        if self._examined == wanted:
            return
        self._examined = wanted
        if self._task is not None:
            self._task.cancel()
        store, catalogue, problems = project.store, self.session.catalogue, self.session.problems
        self._say("Checking the dataset…")
        cut_in_time = time_cut(self.session) is not None

        raised: list[tuple[DoctorCheck, Exception]] = []

        def work(progress: Any, cancelled: Any) -> list[tuple[Finding, Remedy | None]]:
            from workbench.data.doctor import examine, remedy

            found = examine(
                store,
                dataset.id,
                catalogue.doctor_checks(),
                draft=draft,
                on_error=lambda check, error: raised.append((check, error)),
                progress=progress,
                cancelled=cancelled,
            )
            if cut_in_time:
                found = [finding for finding in found if finding.check != "splits"]
            writable = not getattr(store, "read_only", False)
            return [(finding, remedy(store, dataset.id, finding) if writable else None) for finding in found]

        def show(found: list[tuple[Finding, Remedy | None]]) -> None:
            for check, error in raised:
                problems.report(catalogue.owner(check), f"check {check.title}", error)
            if self._examined == wanted:
                self._task = None
                self.show_findings(found)

        def failed(error: WorkbenchError) -> None:
            if self._examined != wanted:
                return  # a later one is under way
            self._task, self._examined = None, None
            if isinstance(error, Cancelled):
                self._say("The check was cancelled.")
            else:
                self._clear()
                self._column.addWidget(ErrorCard(error, on_fix=self.examine, fix_text="Try again"))
                self._column.addStretch(1)

        self._task = self.session.run_in_background(work, show, failed, title="Checking")

    def _draft(self) -> tuple[str, dict[str, Any]] | None:
        """The task that the next Train learns, and its options."""
        config = self.session.config
        return (config.task.id, dict(config.task.params)) if config is not None else None

    def show_findings(self, found: Sequence[tuple[Finding, Remedy | None]]) -> None:
        """A card for each of ``found``, the gravest first as they come."""
        if not found:
            self._say(
                "Nothing was found: times and values are as they should be, and every part is long enough."
                if time_cut(self.session) is not None
                else "Nothing was found: labels are legal, splits are there and do not share records."
            )
            return
        count = len(found)
        self._say(f"{count:,} {'thing' if count == 1 else 'things'} to look at", stretch=False)
        for finding, remedy in found:
            card = FindingCard(finding, remedy)
            if card.show_button is not None:
                card.show_button.clicked.connect(
                    lambda _checked=False, ids=finding.record_ids: self.records_chosen.emit(list(ids))
                )
            if card.fix_button is not None:
                if remedy is None:
                    card.fix_button.clicked.connect(lambda _checked=False: self.divide_requested.emit())
                else:
                    card.fix_button.setToolTip("One step, which Undo takes back")
                    card.fix_button.clicked.connect(lambda _checked=False, remedy=remedy: self.apply(remedy))
            self.cards.append(card)
            self._column.addWidget(card)
        self._column.addStretch(1)

    def apply(self, remedy: Remedy) -> None:
        """Carry out one remedy in the background; the findings are looked for again."""
        dataset, project = self.session.dataset, self.session.project
        if dataset is None or project is None:
            return
        store = project.store
        for card in self.cards:
            if card.fix_button is not None:
                card.fix_button.setEnabled(False)

        def done(_outcome: object) -> None:
            self.session.refresh_dataset()
            self.edited.emit()
            self.examine()

        def failed(_error: WorkbenchError) -> None:  # the session shows it
            self._examined = None
            self.examine()

        self.session.run_in_background(
            lambda _progress, _cancelled: store.apply(dataset.id, remedy.edit), done, failed, title=remedy.title
        )

    def _say(self, text: str, *, stretch: bool = True) -> None:
        self._clear()
        self.outcome = Muted(text)
        self._column.addWidget(self.outcome)
        if stretch:
            self._column.addStretch(1)

    def _clear(self) -> None:
        self.cards = []
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()


def choose_records(editor: DatasetEditor, ids: Sequence[int]) -> None:
    """Choose the records ``ids`` in the list of ``editor``, dropping filters; the first comes into view."""
    if not ids or not editor.open_record(ids[0]):
        return
    if any(editor.model.row_of(number) < 0 for number in ids):
        editor.filters.clear()
    selection = QItemSelection()
    for number in ids:
        row = editor.model.row_of(number)
        if row >= 0:
            index = editor.model.index(row, 0)
            selection.select(index, index)
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    editor.table.selectionModel().select(selection, flags)
    editor.table.setFocus()
