"""What dropped files could be, as a card to accept or mend; then the import itself, with progress and cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from workbench.api import SPLITS, Cancelled, Importer, WorkbenchError
from workbench.shell.stages.data.encoding_card import EncodingCard
from workbench.shell.widgets import Button, Card, ErrorCard, Muted, ParamsForm, Text
from workbench.shell.widgets.labels import Elided

if TYPE_CHECKING:
    from workbench.data.importing import ImportReport
    from workbench.data.proposals import Proposal
    from workbench.shell.session import Session

_CERTAIN = ((0.9, "Almost certainly"), (0.6, "Probably"), (0.0, "Perhaps"))


class ImportView(QWidget):
    """``imported(ImportReport)`` when a dataset was made, ``closed`` when the person changed their mind.

    ``refused(WorkbenchError)`` when the files, just looked at, can be nothing at all.
    """

    imported = Signal(object)
    refused = Signal(object)
    closed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.paths: list[Path] = []
        self.proposals: list[Proposal] = []
        self.form: ParamsForm | None = None
        self.error_card: ErrorCard | None = None
        self._task: Any = None
        self._splits: list[QComboBox] = []

        self.card = Card("Import")
        self.reason = Text()
        self.importer = QComboBox()
        self.importer.setAccessibleName("Read the files as")
        self.importer.currentIndexChanged.connect(self._choose)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the dataset")
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        for row, (title, widget) in enumerate((("Read as", self.importer), ("Dataset name", self.name))):
            widget.setMinimumHeight(28)
            grid.addWidget(Text(title, wrap=False), row, 0)
            grid.addWidget(widget, row, 1)
        self._files = QGridLayout()
        self._files.setHorizontalSpacing(12)
        self._files.setColumnStretch(0, 1)
        self.skip_bad = QCheckBox("Leave out records that cannot be read, and list them")
        self.options_button = Button("Options", tip="How the file is read", on_click=self._toggle_options)
        self.options_button.setCheckable(True)
        self._options_box = QVBoxLayout()
        self.start_button = Button("Import", kind="primary", on_click=self.start)
        self.cancel_button = Button("Cancel", on_click=self.cancel)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.start_button)
        buttons.addWidget(self.cancel_button)
        buttons.addStretch(1)
        self.phase = Muted()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the import")
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        body = self.card.body
        body.addWidget(self.reason)
        self.rows = QWidget()  # seen once there is something to choose
        rows = QVBoxLayout(self.rows)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        rows.addLayout(grid)
        rows.addWidget(Muted("Files and the split each becomes"))
        rows.addLayout(self._files)
        rows.addWidget(self.skip_bad)
        rows.addWidget(self.options_button, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addLayout(self._options_box)
        body.addWidget(self.rows)
        body.addWidget(self.phase)
        body.addWidget(self.bar)
        body.addLayout(buttons)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.card)
        self._problem_box = QVBoxLayout()
        column.addLayout(self._problem_box)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        scroll.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        self._busy(False)
        session.project_changed.connect(self._forget)

    # -- the proposal -------------------------------------------------------------------------------------------

    def look_at(self, paths: Sequence[Path], encoding: str = "") -> None:
        """See what ``paths`` could be, and show the card. ``encoding`` is the person's choice; "" is UTF-8."""
        from workbench.data.proposals import encodings_to_offer, explain_unknown, propose

        if self._task is not None:
            self.session.notify("An import is running; wait for it or cancel it first.")
            return
        self.paths = [Path(path) for path in paths]
        self.proposals = []  # those of other files must not be imported in their place
        self.importer.blockSignals(True)
        self.importer.clear()
        self.importer.blockSignals(False)
        _empty(self._files)
        _empty(self._options_box)
        self.form = None
        self._drop_error()
        self.card.set_title("Import", ", ".join(path.name for path in self.paths[:3]))
        self.reason.setText("Looking at the files…")
        self._show_form(False)
        catalogue, looked_at = self.session.catalogue, list(self.paths)

        def look(_progress: object, _cancelled: object) -> tuple[list[Proposal], tuple[WorkbenchError, Any] | None]:
            found = propose(catalogue, looked_at, encoding=encoding)
            return found, (explain_unknown(catalogue, looked_at), encodings_to_offer(looked_at)) if not found else None

        def show(outcome: tuple[list[Proposal], tuple[WorkbenchError, Any] | None]) -> None:
            if self.paths != looked_at:
                return  # other files were dropped meanwhile
            proposals, problem = outcome
            if problem is not None:
                self._explain(*problem)
            else:
                self._show_proposals(proposals)

        self.session.run_in_background(look, show, self._refuse, title="Looking at the files")

    def _show_form(self, shown: bool) -> None:
        for widget in (self.importer, self.name, self.skip_bad, self.options_button, self.start_button):
            widget.setEnabled(shown)
        something = bool(self.proposals)
        self.rows.setVisible(something)
        self.start_button.setVisible(something)
        self.cancel_button.setText("Cancel" if something or self._task is not None else "Close")

    def _explain(self, error: WorkbenchError, encodings: Sequence[str]) -> None:
        """Nothing can be imported as it is: say why, and offer encodings where that is the matter."""
        file = Path(error.file) if error.file is not None else None
        if encodings and file is not None:
            self._busy(False)
            self._show_form(False)
            self.reason.setText("The encoding of this file has to be named first.")
            self._drop_error()
            card = EncodingCard(error, file, encodings)
            card.chosen.connect(lambda encoding: self.look_at(self.paths, encoding))
            self.error_card = card
            self._problem_box.addWidget(card)
            return
        if "--importer" in error.fix:  # advice for the command line
            error = WorkbenchError(
                error.what,
                why="It is neither a text with columns, nor CoNLL-U, nor JSON lines, nor plain text.",
                fix="Check that the file is the one you meant; a plugin can add another importer.",
                file=error.file,
            )
        self._refuse(error)

    def _refuse(self, error: WorkbenchError) -> None:
        self._fail(error)
        if not isinstance(error, Cancelled):
            self.refused.emit(error)

    def _show_proposals(self, proposals: list[Proposal]) -> None:
        self.proposals = proposals
        self.importer.blockSignals(True)
        self.importer.clear()
        self.importer.addItems([f"{p.importer.title} ({p.confidence:.0%})" for p in proposals])
        self.importer.blockSignals(False)
        self._show_form(True)
        self._choose(0)

    @property
    def proposal(self) -> Proposal | None:
        index = self.importer.currentIndex()
        return self.proposals[index] if 0 <= index < len(self.proposals) else None

    def _choose(self, _index: int) -> None:
        proposal = self.proposal
        if proposal is None:
            return
        sure = next(words for bound, words in _CERTAIN if proposal.confidence >= bound)
        self.reason.setText(f"{sure} {proposal.importer.title}: {proposal.reason}")
        project = self.session.project
        name = proposal.dataset_name or proposal.files[0][0].stem
        self.name.setText(project.store.unused_name(name) if project is not None else name)
        self._show_files(proposal)
        self._show_options(proposal.importer, dict(proposal.options))
        self.skip_bad.setVisible("skip_bad" in proposal.importer.params.model_fields)
        self.start_button.setFocus()

    def _show_files(self, proposal: Proposal) -> None:
        _empty(self._files)
        self._splits = []
        for row, (path, split) in enumerate(proposal.files):
            label = Elided(f"{path.name} · {_size(path)}")
            combo = QComboBox()
            combo.setAccessibleName(f"Split of {path.name}")
            combo.setMinimumHeight(28)
            combo.addItem("As in the file, or none", "")
            for known in SPLITS:
                combo.addItem(known.capitalize(), known)
            combo.setCurrentIndex(combo.findData(split))
            self._files.addWidget(label, row, 0)
            self._files.addWidget(combo, row, 1)
            self._splits.append(combo)

    def _show_options(self, importer: Importer, values: dict[str, Any]) -> None:
        _empty(self._options_box)
        self.form = ParamsForm(importer.params, values)
        self.form.setVisible(self.options_button.isChecked())
        self._options_box.addWidget(self.form)
        self.options_button.setVisible(bool(self.form.specs))

    def _toggle_options(self) -> None:
        if self.form is not None:
            self.form.setVisible(self.options_button.isChecked())

    # -- the import ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Import as the card says, on a thread of its own."""
        from workbench.data.importing import import_proposal

        proposal, project = self.proposal, self.session.project
        if proposal is None or project is None or self._task is not None:
            return
        files = tuple(
            (path, combo.currentData() or "") for (path, _), combo in zip(proposal.files, self._splits, strict=True)
        )
        options = self.form.values() if self.form is not None else dict(proposal.options)
        accepted = replace(proposal, files=files, options=options)
        name, skip_bad, store = self.name.text().strip() or None, self.skip_bad.isChecked(), project.store
        self._drop_error()
        self._busy(True)

        def work(progress: Any, cancelled: Any) -> ImportReport:
            def tell(done: int, total: int, records: int) -> None:
                progress(f"{records:,} records", done, total)

            return import_proposal(
                store, accepted, dataset_name=name, progress=tell, cancelled=cancelled, skip_bad=skip_bad
            )

        self._task = self.session.run_in_background(
            work, self._done, self._fail, self._show_progress, title=f"Importing {name or ''}"
        )

    def cancel(self) -> None:
        """End a running import (nothing of it remains), or close the card."""
        if self._task is not None:
            self._task.cancel()
            self.phase.setText("Cancelling…")
        else:
            self.closed.emit()

    def _forget(self) -> None:
        """The project was closed or changed: an import into it has been ended without a word, and goes on no longer."""
        self._task = None
        self._busy(False)
        self._show_form(bool(self.proposals))

    def _busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.phase.setVisible(busy)
        self.bar.setRange(0, 0)
        self.phase.setText("Reading…" if busy else "")
        self._show_form(not busy)

    def _show_progress(self, phase: str, done: int, total: int) -> None:
        if total:
            # bytes may exceed Qt's 32-bit range
            self.bar.setRange(0, 1000)
            self.bar.setValue(int(1000 * done / total))
        self.phase.setText(phase)

    def _done(self, report: ImportReport) -> None:
        self._task = None
        self._busy(False)
        self.imported.emit(report)

    def _fail(self, error: WorkbenchError) -> None:
        self._task = None
        self._busy(False)
        self._show_form(bool(self.proposals))
        if isinstance(error, Cancelled):
            self.reason.setText("The import was cancelled; nothing was added.")
            return
        if not self.proposals:
            self.reason.setText("These files cannot be imported.")
        self._drop_error()
        can_skip = self.proposal is not None and not self.skip_bad.isHidden() and error.line is not None
        self.error_card = ErrorCard(
            error, on_fix=self._retry_without_bad if can_skip else None, fix_text="Leave out bad records"
        )
        self._problem_box.addWidget(self.error_card)

    def _retry_without_bad(self) -> None:
        self.skip_bad.setChecked(True)
        self.start()

    def _drop_error(self) -> None:
        if self.error_card is not None:
            self.error_card.hide()
            self.error_card.deleteLater()
            self.error_card = None


def _empty(layout: Any) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def _size(path: Path) -> str:
    try:
        size = float(path.stat().st_size)
    except OSError:
        return "unknown size"
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
