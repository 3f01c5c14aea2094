"""What is known of the selected run, from its events alone: numbers for the tiles, the monitor and the status line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from workbench.api import Event
from workbench.api.events import (
    EpochMetrics,
    Phase,
    RunFinished,
    RunStarted,
    SamplePrediction,
    StateChanged,
    StepMetrics,
)
from workbench.shell.figures import metric_name, metric_text, units_of
from workbench.shell.pace import Pace

if TYPE_CHECKING:
    from workbench.shell.session import Session

_REASONS = {
    "completed": "finished",
    "stopped": "stopped, best kept",
    "discarded": "discarded",
    "failed": "failed",
    "out_of_memory": "out of memory",
    "diverged": "diverged",
}


STEP_MILLISECONDS = 250
"""Figures that change with every step are written this often: nobody reads faster, and each writing is a layout."""


class RunView(QObject):
    """Follows the session's selected run.

    ``changed`` fires at most once for each batch of events, and for mere steps only some times a second.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.session = session
        session.run_changed.connect(self._restart)
        session.events_arrived.connect(self._add)
        session.training_changed.connect(self.changed)
        self._clear()
        self._pace = Pace(self.changed.emit, STEP_MILLISECONDS, self)
        if session.events:
            self._add(session.events)

    def _clear(self) -> None:
        self.started: RunStarted | None = None
        self.finished: RunFinished | None = None
        self.phase: Phase | None = None
        self.step: StepMetrics | None = None
        self.epoch: EpochMetrics | None = None
        self.best: EpochMetrics | None = None
        self.sample: SamplePrediction | None = None
        self.paused = False

    def _restart(self) -> None:
        self._clear()
        self.changed.emit()

    def _add(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, StepMetrics):
                self.step, self.phase = event, None
            elif isinstance(event, EpochMetrics):
                self.epoch, self.phase = event, None
                if event.best or self.best is None:
                    self.best = event
            elif isinstance(event, Phase):
                self.phase = event
            elif isinstance(event, RunStarted):
                self.started, self.finished, self.paused = event, None, False
            elif isinstance(event, RunFinished):
                self.finished = event
            elif isinstance(event, StateChanged):
                self.paused = event.state == "paused"
            elif isinstance(event, SamplePrediction):
                self.sample = event
        if all(isinstance(event, StepMetrics) for event in events):
            self._pace.ask()
        else:
            self._pace.do()

    @property
    def unit(self) -> str:
        """What an epoch of this run is called: "trial" where each is a fit in closed form."""
        return self.started.unit if self.started is not None else "epoch"

    @property
    def counted(self) -> str:
        """What the speed of this run counts: tokens, or the values of series."""
        run = self.session.run
        task = self.session.find(self.session.catalogue.task, run.config.task.id) if run is not None else None
        return units_of(getattr(task, "record", ""))[1]

    @property
    def fits(self) -> bool:
        """Whether this run solves a readout instead of making gradient steps."""
        return self.unit != "epoch"

    @property
    def is_live(self) -> bool:
        run, live = self.session.run, self.session.training_run
        return run is not None and live is not None and run.path == live.path

    def share(self) -> float:
        """0 to 1 of the steps at most; negative while unknown or over."""
        if not self.is_live:
            return -1.0
        if self.started is None or self.step is None or not self.started.steps_per_epoch:
            return 0.0
        return min(1.0, self.step.step / (self.started.steps_per_epoch * self.started.max_epochs))

    def state_text(self) -> str:
        if self.session.run is None:
            return "no run yet"
        if self.is_live:
            if self.paused:
                return "paused"
            if self.phase is not None:
                return phase_text(self.phase)
            return "training" if self.step is not None else "starting"
        if self.finished is not None:
            return _REASONS.get(self.finished.reason, self.finished.reason)
        return "interrupted" if self.started is not None else "not started"

    def progress_text(self) -> str:
        if self.step is None or self.started is None or self.fits:
            return self.epoch_text()
        return f"{self.epoch_text()} · step {self.step.step:,}"

    def epoch_text(self) -> str:
        if self.step is None or self.started is None:
            return ""
        if self.fits and self.started.max_epochs == 1:
            return "one fit in closed form"
        return f"{self.unit} {self.step.epoch} of {self.started.max_epochs}"

    def eta_text(self) -> str:
        if self.is_live and self.step is not None:
            return duration(self.step.eta) if self.step.eta >= 0 else "–"
        if self.finished is not None:
            return f"took {duration(self.finished.seconds)}"
        return ""

    def patience_text(self) -> str:
        if self.epoch is None:
            return ""
        since = self.epoch.epochs_since_best
        words = f"{since} since best" if since else "best so far"
        return f"{words} · patience {self.epoch.patience}" if self.epoch.patience and not self.fits else words

    def speed_text(self) -> str:
        return f"{self.step.tokens_per_second:,.0f} {self.counted} a second" if self.step is not None else ""

    def best_text(self) -> str:
        if self.best is None:
            return ""
        if self.best.validation_loss != self.best.validation_loss:  # not a number: there is nothing to validate on
            return f"{self.unit} {self.best.epoch}"
        return f"loss {self.best.validation_loss:.3f} at {self.unit} {self.best.epoch}"

    def device_text(self) -> str:
        if self.started is None:
            return ""
        words = f"{self.started.device} · {self.started.threads} thread{'' if self.started.threads == 1 else 's'}"
        return f"{words}: {self.started.device_reason}" if self.started.device_reason else words

    def activity(self) -> str:
        """One line for the status bar."""
        if not self.is_live:
            return ""
        parts = [self.state_text(), self.progress_text()]
        if self.step is not None and self.step.eta >= 0 and not self.paused:
            parts.append(f"{duration(self.step.eta)} left")
        return " · ".join(part for part in parts if part)

    def main_metric(self) -> tuple[str, str, str]:
        """Title, value, and the rest of the task's metric, for the second tile."""
        run = self.session.run
        task = self.session.find(self.session.catalogue.task, run.config.task.id) if run is not None else None
        name = task.metrics[0] if task is not None and task.metrics else ""
        metrics: Mapping[str, float] = self.epoch.metrics if self.epoch is not None else {}
        if name not in metrics and metrics:
            name = next(iter(metrics))
        metric = self.session.find(self.session.catalogue.metric, name) if name else None
        title = metric.title if metric is not None else (metric_name(name) or "Metric")
        if name not in metrics:
            unvalidated = self.epoch is not None and math.isnan(self.epoch.validation_loss)
            return title, "–", "no records for validation" if unvalidated else f"after the first {self.unit}"
        best = max((self.best.metrics.get(name, math.nan) if self.best else math.nan), -math.inf)
        said = f"best {metric_text(name, best)}" if math.isfinite(best) else ""
        return title, metric_text(name, metrics[name]), said


def phase_text(phase: Phase) -> str:
    return f"{phase.name}, {phase.done:,} of {phase.total:,}" if phase.total else phase.name


def duration(seconds: float) -> str:
    """Seconds in words: 8 s, 2 min 10 s, 1 h 5 min."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
