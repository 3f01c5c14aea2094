"""The page itself: the table of families, the picture of what was measured, and the button that measures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QCloseEvent, QFontMetrics
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QProgressBar,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from workbench.api import Cancelled, WorkbenchError
from workbench.project.measured import keep_measured, load_measured
from workbench.shell.comparison.plot import MemoryPlot
from workbench.shell.comparison.rows import families, measured
from workbench.shell.comparison.table import FamilyTable
from workbench.shell.widgets import Button, Card, EmptyState, Muted, ProblemSlot, ScrollColumn

if TYPE_CHECKING:
    from workbench.shell.jobs import JobHandle
    from workbench.shell.session import Session

BENCHMARK = "memory"
WORKER = "bench"
"""A worker of its own: measuring takes minutes, and the others must stay free to train and to answer."""
BUDGETS = ((4.0, "Quick"), (20.0, "Thorough"))
PROBLEMS = 5


class ComparisonPage(QWidget):
    """``folder`` is where measurements are kept; the user's own data folder by default."""

    def __init__(self, session: Session, parent: QWidget | None = None, *, folder: Path | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._folder = folder
        self._handle: JobHandle | None = None
        self._so_far: Mapping[str, Any] = {}
        self.result = load_measured(BENCHMARK, folder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(8)
        splitter.addWidget(self._build_table())
        splitter.addWidget(self._build_measured())
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        splitter.setSizes([430, 330])
        layout.addWidget(splitter)
        self._fit()
        self.refresh()

    def _build_table(self) -> QWidget:
        card = Card("Architectures", subtitle="press a heading to sort")
        self.table = FamilyTable()
        card.body.addWidget(self.table)
        return card

    def _build_measured(self) -> QWidget:
        card = Card("Longest length solved", subtitle="in an equal budget, on this machine")
        self.budget = QComboBox()
        self.budget.setAccessibleName("How long to measure")
        self.budget.setMinimumHeight(28)
        for seconds, title in BUDGETS:
            self.budget.addItem(f"{title}, about {self._minutes(seconds)} min", seconds)
        self.measure_button = Button("Measure on this machine", kind="primary", on_click=self.measure)
        self.cancel_button = Button("Cancel", on_click=self.cancel, tip="Networks measured so far are kept")
        card.header.addWidget(self.budget)
        card.header.addWidget(self.measure_button)
        card.header.addWidget(self.cancel_button)
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the measurement")
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.status = Muted("")
        card.body.addWidget(self.bar)
        card.body.addWidget(self.status)
        self.problem = ProblemSlot()
        card.body.addLayout(self.problem)
        self.plot = MemoryPlot(self.session.theme)
        self.note = Muted("")
        filled = QWidget()
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 4, 0)
        column.setSpacing(8)
        column.addWidget(self.plot)
        column.addWidget(self.note)
        column.addStretch(1)
        self.pages = QStackedWidget()
        self.empty = EmptyState(
            "Not measured on this machine yet",
            "Each network learns to add, copy, count, recall and match brackets over longer and longer distances, with "
            "as many weights and as much time as the others.",
        )
        self.pages.addWidget(self.empty)
        self.pages.addWidget(ScrollColumn(filled))
        card.body.addWidget(self.pages, 1)
        return card

    # --- showing -------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is known, and whether something is being measured."""
        self.table.families.show_families(families(self.session.catalogue.architectures(), self.result))
        found = measured(self.result)
        self.plot.show_measured(found)
        left_out = [f"{title} is left out: {_lower_first(reason)}" for title, reason in found.reasons.items()]
        self.note.setText(" ".join([found.note, *left_out]))
        self.pages.setCurrentIndex(1 if found.bars else 0)
        self._show_running()

    def _show_running(self) -> None:
        running = self._handle is not None
        self.measure_button.setVisible(not running)
        self.budget.setVisible(not running)
        self.cancel_button.setVisible(running)
        self.bar.setVisible(running)
        self.status.setVisible(running and bool(self.status.text()))

    def _minutes(self, seconds: float) -> int:
        count = sum(1 for one in self.session.catalogue.architectures()) + 1
        return max(1, round(count * PROBLEMS * seconds / 60))

    # --- measuring -----------------------------------------------------------------------------------------------

    @property
    def measuring(self) -> bool:
        return self._handle is not None

    def measure(self) -> None:
        """Hand the job to a worker of its own."""
        if self._handle is not None:
            return
        self.problem.tell(None)
        self._so_far = {}
        self.bar.setRange(0, 0)
        self.status.setText("Starting a worker for it…")
        job = {"job": "benchmark_memory", "budget": float(self.budget.currentData())}
        self._handle = self.session.workers.submit(
            job, self._on_result, self._on_error, self._on_progress, name=WORKER
        )
        self._show_running()
        self.cancel_button.setFocus()

    def cancel(self) -> None:
        """Stop; the networks that were measured whole are kept."""
        if self._handle is None:
            return
        self._handle.cancel()
        self._end()
        self._keep(self._so_far)
        self.refresh()
        self.measure_button.setFocus()

    def _on_progress(self, message: Mapping[str, Any]) -> None:
        total, done = int(message.get("total", 0)), int(message.get("done", 0))
        if total:
            self.bar.setRange(0, total)
            self.bar.setValue(done)
        self.status.setText(f"{done} of {total} · {message.get('what', '')}")
        self.status.setVisible(True)
        before, self._so_far = len(self._so_far.get("rows", ())), message.get("so_far") or {}
        if len(self._so_far.get("rows", ())) > before:
            self._keep(self._so_far)
            self.refresh()

    def _on_result(self, result: Any) -> None:
        self._end()
        self._keep(result)
        self.refresh()

    def _on_error(self, error: WorkbenchError) -> None:
        self._end()
        if not isinstance(error, Cancelled):
            self.problem.tell(error)
        self.refresh()

    def _end(self) -> None:
        self._handle = None
        self.session.workers.release(WORKER)

    def _keep(self, result: Mapping[str, Any]) -> None:
        if not result.get("rows"):
            return
        try:
            self.result = keep_measured(BENCHMARK, result, self._folder)
        except WorkbenchError as error:
            self.problem.tell(error)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "plot"):
            self._fit()

    def _fit(self) -> None:
        self.table.fit()
        words = QFontMetrics(self.session.theme.font(semibold=True)).horizontalAdvance(self.measure_button.text())
        self.measure_button.setMinimumWidth(words + 36)  # its words are bold


class ComparisonDialog(QDialog):
    """The page in a window; closing it stops a measurement and keeps what it has."""

    def __init__(self, session: Session, parent: QWidget | None = None, *, folder: Path | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare architectures")
        self.resize(1120, 760)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        self.page = ComparisonPage(session, self, folder=folder)
        layout.addWidget(self.page, 1)
        row = QHBoxLayout()
        row.addWidget(Muted("More about each of them stands in the help: press F1 in the Model stage.", wrap=False))
        row.addStretch(1)
        row.addWidget(Button("Close", on_click=self.close))
        layout.addLayout(row)
        self.page.table.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.page.cancel()
        super().closeEvent(event)

    def reject(self) -> None:
        self.page.cancel()
        super().reject()


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
