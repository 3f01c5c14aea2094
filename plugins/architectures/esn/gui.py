"""The reservoir's own view: does it forget, how far back does it remember, its eigenvalues, and what was tried."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget
from workbench_plugins.architectures.esn.gui_eigenvalues import EigenvaluePlane

from workbench.api import Cancelled, Event, WorkbenchError
from workbench.api.events import EpochMetrics, RunFinished, RunStarted, event_from_json
from workbench.shell.sdk import Button, EmptyState, ErrorCard, Muted, PanelContext, SectionTitle, make_canvas

PLOT_HEIGHT = 170
TWO_COLUMNS_EM = 44
IDLE = "What the reservoir forgets and remembers is measured in the worker; it takes some seconds."


class Figure(QWidget):
    """A question, what was found, the picture of it, and the words of its axes."""

    def __init__(self, title: str, picture: QWidget, axes: str) -> None:
        super().__init__()
        self.picture = picture
        picture.setMinimumHeight(PLOT_HEIGHT)
        self.sentence = Muted("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(SectionTitle(title, wrap=True))
        layout.addWidget(self.sentence)
        layout.addWidget(picture, 1)
        below = Muted(axes, factor=0.88)
        below.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(below)


class ReservoirPanel(QWidget):
    """Examines the selected run when it is first seen, unless it is still being fitted: then when it is asked to."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self._trials: dict[int, EpochMetrics] = {}
        self._over = False
        self._examined = ""
        self._handle: Any = None
        self._columns = 0
        self.found: Mapping[str, Any] | None = None
        self.status = Muted(IDLE)
        self.button = Button("Examine", on_click=self.press, tip="Measure this reservoir")
        self.problem: ErrorCard | None = None
        self.empty = EmptyState(
            "No reservoir to look into",
            "Train an echo state network: here you see then whether it forgets where it began, how far back it "
            "remembers, and what its search tried.",
        )
        self.head = QWidget()
        row = QHBoxLayout(self.head)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.status, 1)
        row.addWidget(self.button)
        self._problems = QVBoxLayout()
        self._area = QWidget()
        self._grid = QGridLayout(self._area)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(16)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.head)
        layout.addLayout(self._problems)
        layout.addWidget(self._area, 1)
        self._make_figures()
        context.events.arrived.connect(self._add)
        context.events.restarted.connect(self._restart)
        self._restart()

    def _make_figures(self) -> None:
        theme = self._context.theme
        self.echo = make_canvas("Distance of two starts", x_label="step", y_label="distance", theme=theme)
        self.echo.set_log(True)
        self.memory = make_canvas("Memory by delay", x_label="steps back", y_label="r²", theme=theme)
        self.memory.lowest, self.memory.highest, self.memory.first = 0.0, 1.0, 0.0
        self.plane = EigenvaluePlane(theme)
        self.search = make_canvas("Score by trial", x_label="trial", y_label="score", theme=theme)
        self.search.first = 0.0
        self.figures = {
            "echo": Figure("Does it forget where it began?", self.echo, "distance against steps, logarithmic"),
            "memory": Figure("How far back does it remember?", self.memory, "r² against steps back"),
            "eigenvalues": Figure(
                "What does a step do to a small state?", self.plane, "eigenvalues of (1 − a) I + a W in the unit circle"
            ),
            "search": Figure("What did the search find?", self.search, "score against trials"),
        }
        for figure in self.figures.values():
            figure.setParent(self._area)

    # -- the run ---------------------------------------------------------------------------------------------------

    def _restart(self) -> None:
        """Another run is selected, or none."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._trials.clear()
        self._over, self._examined, self.found = False, "", None
        self._tell(None)
        run = self._context.run()
        if run is not None:
            self._take(_read_journal(Path(run.journal_path)))
        self._refresh()
        self._examine_if_seen()

    def _add(self, events: Sequence[Event]) -> None:
        before = (len(self._trials), self._over)
        self._take(events)
        if before != (len(self._trials), self._over):
            self._refresh()
            self._examine_if_seen()

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, EpochMetrics):
                self._trials[event.epoch] = event
            elif isinstance(event, RunStarted):
                self._over = False
            elif isinstance(event, RunFinished):
                self._over = bool(self._trials)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._examine_if_seen()

    def _examine_if_seen(self) -> None:
        run = self._context.run()
        if run is not None and self._over and self.isVisible() and self._examined != str(run.path):
            self.examine()

    # -- asking ----------------------------------------------------------------------------------------------------

    def press(self) -> None:
        """Examine, or stop doing so."""
        if self._handle is None:
            self.examine()
        else:
            self._handle.cancel()
            self._handle = None
            self._refresh()

    def examine(self) -> None:
        """Ask the worker; one question at a time."""
        run = self._context.run()
        if run is None or self._handle is not None:
            return
        self._examined = str(run.path)
        self._tell(None)
        job = {"job": "examine", "run": str(run.path)}
        self._handle = self._context.submit(job, self._answered, self._failed, self._progress)
        self._refresh()
        self.status.setText("Examining…")

    def _progress(self, message: Mapping[str, Any]) -> None:
        self.status.setText(f"{str(message.get('what', '')).capitalize()}…")

    def _answered(self, value: Mapping[str, Any]) -> None:
        self._handle = None
        self.found = value
        self._refresh()

    def _failed(self, error: WorkbenchError) -> None:
        self._handle = None
        if not isinstance(error, Cancelled):
            self._tell(error)
        self._refresh()

    def _tell(self, error: WorkbenchError | None) -> None:
        if self.problem is not None:
            self.problem.hide()
            self._problems.removeWidget(self.problem)
            self.problem.deleteLater()
            self.problem = None
        if error is not None:
            self.problem = ErrorCard(error, on_fix=self.examine, fix_text="Try again")
            self._problems.addWidget(self.problem)

    # -- showing ---------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        run = self._context.run()
        found = self.found
        self.empty.setVisible(run is None)
        self.head.setVisible(run is not None)
        asking = self._handle is not None
        self.button.setText("Stop" if asking else "Examine" if found is None else "Examine again")
        if not asking:
            self.status.setText(IDLE if found is None else summary(found))
        if found is not None:
            self._show_echo(found["echo"])
            self._show_memory(found["memory"], int(found["units"]))
            self._show_eigenvalues(found["eigenvalues"])
        scores = trial_scores(list(self._trials.values()))
        self._show_search(*scores)
        shown = {"echo", "memory", "eigenvalues"} if found is not None else set()
        shown |= {"search"} if len(scores[1]) > 1 else set()
        for name, figure in self.figures.items():
            figure.setVisible(name in shown)
        self._area.setVisible(bool(shown))
        self._columns = 0
        self._arrange()

    def _show_echo(self, echo: Mapping[str, Any]) -> None:
        y = np.asarray(echo["distances"], dtype=np.float64)
        if echo["converged"]:  # what follows is the noise of rounding, on and on
            y = y[: max(50, 3 * int(echo["steps"]))]
        x = np.arange(1, len(y) + 1, dtype=np.float64)
        # below this float32 tells nothing apart, and the curve would be the noise of rounding
        y = np.maximum(y, 1e-9)
        self.echo.set_line("distance", x, y, series=0, label="distance")
        limit = np.full(2, float(echo["tolerance"]))
        self.echo.set_line("agree", x[[0, -1]], limit, series=1, label="they agree", dashed=True)
        self.echo.fit()
        under = "under inputs of the task" if echo["inputs"] == "task" else "under white noise"
        self.figures["echo"].sentence.setText(f"{echo['sentence']} Measured {under}.")

    def _show_memory(self, memory: Mapping[str, Any] | None, units: int) -> None:
        sentence = self.figures["memory"].sentence
        if memory is None:
            self.memory.clear()
            sentence.setText(f"Not measured: with {units:,} units it would take minutes and gigabytes.")
            return
        y = np.asarray(memory["by_delay"], dtype=np.float64)
        last = int(np.flatnonzero(y >= 0.05)[-1]) + 1 if (y >= 0.05).any() else 1
        stop = min(len(y), max(10, round(1.3 * last)))  # the long tail of nothing is left out
        self.memory.set_line("r²", np.arange(1, stop + 1, dtype=np.float64), y[:stop], series=0, label="r²")
        self.memory.fit()
        span = int(memory["span"])
        back = f"inputs up to {span:,} step{'s' if span != 1 else ''} back" if span else "not even the last input"
        sentence.setText(
            f"Memory capacity {memory['total']:.1f}, at most {units:,}: of white noise {back} can be read off "
            "by half or more."
        )

    def _show_eigenvalues(self, eigenvalues: Mapping[str, Any]) -> None:
        real, imaginary = eigenvalues["real"], eigenvalues["imaginary"]
        self.plane.show_values(real, imaginary)
        radius = float(eigenvalues["radius"])
        units = int(eigenvalues["of"])
        which = "" if len(real) == units else f" (the {len(real)} largest of {units:,} are shown)"
        if radius < 1:
            lesson = "a small state fades without an input."
        else:
            lesson = "a small state grows without an input, until tanh holds it back; whether the input overrules it, "
            lesson += "the two starts tell."
        text = f"Largest modulus {radius:.3f}{which}: {lesson}"
        self.figures["eigenvalues"].sentence.setText(text)
        self.plane.setAccessibleDescription(text)

    def _show_search(self, name: str, x: Any, y: Any, best: Any) -> None:
        if len(y) < 2:
            return
        self.search.y_label, self.search.lowest = name, 0.0 if y.min() >= 0 else None
        self.search.set_line("trials", x, y, series=1, faded=True, points=True)
        self.search.set_line("best", x, best, series=0, label=f"best {name}", bold=True)
        chosen = int(np.flatnonzero(y == best[-1])[0])
        self.search.set_mark("best", float(x[chosen]), float(y[chosen]))
        self.search.fit()
        self.figures["search"].sentence.setText(
            f"{len(y)} trials; the best is trial {int(x[chosen])}: {name} {y[chosen]:.4g} on validation."
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Two columns where there is room, one where there is not."""
        columns = 2 if self.width() >= TWO_COLUMNS_EM * self.fontMetrics().height() * 0.9 else 1
        if columns == self._columns:
            return
        self._columns = columns
        shown = [figure for figure in self.figures.values() if not figure.isHidden()]
        for figure in self.figures.values():
            self._grid.removeWidget(figure)
        for place, figure in enumerate(shown):
            self._grid.addWidget(figure, place // columns, place % columns)
        for column in range(2):
            self._grid.setColumnStretch(column, int(column < columns))


def summary(found: Mapping[str, Any]) -> str:
    """One line: what was examined, and under which reserve."""
    count, units = int(found["reservoirs"]), int(found["units"])
    parts = [f"{units:,} units, leak {found['leak']:g}" if count == 1 else f"{count} reservoirs of {units:,} units"]
    if count > 1:
        parts.append("the worst of them is tested, memory and eigenvalues are the first one's")
    if found.get("without"):
        parts.append(f"white noise stands in for the inputs: {found['without']}")
    if found.get("notice"):
        parts.append(str(found["notice"]))
    return "; ".join(part.rstrip(".") for part in parts) + "."


def trial_scores(trials: Sequence[EpochMetrics]) -> tuple[str, Any, Any, Any]:
    """(name, trial numbers, scores, the best so far) of a search; trials without a number are left out."""
    name = next((key for trial in trials for key in trial.metrics), "")
    numbers: list[float] = []
    scores: list[float] = []
    best: list[float] = []
    for trial in sorted(trials, key=lambda one: one.epoch):
        # a journal has what is no number as text
        value = float(trial.metrics.get(name, np.nan) if name else trial.validation_loss)
        if np.isfinite(value):
            numbers.append(float(trial.epoch))
            scores.append(value)
            # which way is better the run itself knows: it says of each trial whether it became the best
            best.append(value if trial.best or not best else best[-1])
    return name.replace("_", " ") or "validation loss", np.array(numbers), np.array(scores), np.array(best)


def _read_journal(path: Path) -> list[Event]:
    """The trials so far and how the run ended. A line still being written, or damaged, is passed over."""
    events: list[Event] = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return events
    for line in lines:
        if any(name in line for name in (b'"epoch"', b'"run_started"', b'"finished"')):
            try:
                event = event_from_json(json.loads(line))
            except (ValueError, TypeError):
                continue
            if event is not None:
                events.append(event)
    return events
