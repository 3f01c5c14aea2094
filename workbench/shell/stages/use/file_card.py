"""A whole file through the model: choose it, watch it, cancel it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from workbench.api import Cancelled, WorkbenchError
from workbench.shell.stages.model_state import is_live
from workbench.shell.widgets import Button, Card, ErrorCard, Muted

if TYPE_CHECKING:
    from workbench.shell.session import Session


SURE = 0.5
"""An importer less sure than this does not take a file from plain text."""


class FileCard(Card):
    """Files in, answers out, on the worker; one at a time."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("A whole file", parent, subtitle="of any format that can be imported for this task")
        self.session = session
        self.ask_input: Callable[[QWidget], str] = _ask_input
        self.ask_output: Callable[[QWidget, Path], str] = _ask_output
        self._handle: Any = None
        self._looking = False
        self.choose_button = Button("Answer a file…", on_click=self.choose, tip="Answers are written to a new file")
        self.cancel_button = Button("Cancel", on_click=self.cancel)
        self.status = Muted("Each record of the file is answered and written beside it.")
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the file")
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.choose_button)
        row.addWidget(self.cancel_button)
        row.addWidget(self.status, 1)
        self.body.addLayout(row)
        self.body.addWidget(self.bar)
        self._problem = QVBoxLayout()
        self.body.addLayout(self._problem)
        self._busy(False)
        session.project_changed.connect(self.cancel)  # what was looking at a file has been ended without a word

    def choose(self) -> None:
        source = self.ask_input(self)
        if not source:
            return
        target = self.ask_output(self, Path(source))
        if target:
            self.start(Path(source), Path(target))

    def start(self, source: Path, target: Path) -> None:
        """Answer every record of ``source`` into ``target``."""
        if self.session.run is None or self._handle is not None or self._looking:
            return
        self._show_problem(None)
        self._busy(True)
        self._looking = True
        self.status.setText(f"Looking at {source.name}…")
        catalogue = self.session.catalogue

        def look(_progress: object, _cancelled: object) -> list[Any]:
            from workbench.data.proposals import propose

            return propose(catalogue, [source])

        self.session.run_in_background(
            look, lambda found: self._submit(source, target, found), self._failed, title=f"Looking at {source.name}"
        )

    def _submit(self, source: Path, target: Path, proposals: list[Any]) -> None:
        run = self.session.run
        if run is None or not self._looking:
            return  # cancelled meanwhile, or another run was chosen
        self._looking = False
        importer = proposals[0].importer if proposals else None
        # a file of columns may be called .txt; what is not surely something else is read as plain text
        sure = importer is not None and importer.record == self._record() and proposals[0].confidence >= SURE
        self.status.setText(f"Reading {source.name}" + (f" as {importer.title}…" if sure and importer else "…"))
        self._handle = self.session.submit(
            {
                "job": "predict_file",
                "run": str(run.path),
                "input": str(source),
                "output": str(target),
                "options": {"importer": importer.id} if sure and importer else {},
                "live": is_live(self.session),
            },
            self._done,
            self._failed,
            self._progress,
        )

    def cancel(self) -> None:
        """End the job; the worker leaves no half file."""
        if self._handle is not None or self._looking:
            if self._handle is not None:
                self._handle.cancel()
            self._handle, self._looking = None, False
            self._busy(False)
            self.status.setText("Cancelled; nothing was written.")

    def _busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)
        self.cancel_button.setVisible(busy)
        self.choose_button.setEnabled(not busy)

    def _progress(self, message: Mapping[str, Any]) -> None:
        done, total = int(message.get("done", 0)), int(message.get("total", 0))
        if total > 0:
            self.bar.setRange(0, 1000)
            self.bar.setValue(1000 * done // total)
            self.status.setText(f"{100 * done // total} % of the file")

    def _done(self, value: Mapping[str, Any]) -> None:
        self._handle = None
        self._busy(False)
        written = f"{int(value.get('records', 0)):,} records written to {value.get('output', '')}"
        self.status.setText("\n".join(filter(None, (written, str(value.get("notice") or "")))))

    def _record(self) -> str:
        """The kind of record the selected run's task reads."""
        run = self.session.run
        try:
            return self.session.catalogue.task(run.config.task.id).record if run is not None else ""
        except WorkbenchError:
            return ""

    def _failed(self, error: WorkbenchError) -> None:
        self._handle, self._looking = None, False
        self._busy(False)
        if isinstance(error, Cancelled):
            self.status.setText("Cancelled; nothing was written.")
            return
        self.status.setText("Nothing was written.")
        self._show_problem(error)

    def _show_problem(self, error: WorkbenchError | None) -> None:
        while (item := self._problem.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if error is not None:
            self._problem.addWidget(ErrorCard(error, on_dismiss=lambda: self._show_problem(None)))


def _ask_input(parent: QWidget) -> str:
    return QFileDialog.getOpenFileName(parent, "File with inputs")[0]


def _ask_output(parent: QWidget, source: Path) -> str:
    proposed = source.with_name(f"{source.stem}-answers.jsonl")
    kinds = "JSON lines (*.jsonl);;Text (*.txt);;CoNLL columns (*.conll);;All files (*)"
    return QFileDialog.getSaveFileName(parent, "Write the answers to", str(proposed), kinds)[0]
