"""The columns behind the Train stage's curves, filled from events. No Qt, no pyqtgraph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.api import Event
from workbench.api.events import EpochMetrics, RunStarted, StepMetrics
from workbench.shell.plots.series import Floats, Series

STEP_COLUMNS = ("loss", "learning_rate", "gradient_norm", "tokens_per_second")


class Curves:
    """``steps[name]`` for each column of :class:`StepMetrics`; ``validation`` and ``metrics[name]`` by epoch.

    A resumed run goes back to its checkpoint's step: later points, which never counted, are dropped.
    """

    def __init__(self) -> None:
        self.steps: dict[str, Series] = {name: Series() for name in STEP_COLUMNS}
        self.validation = Series()
        self.epochs = Series()
        """The epoch (y) that ended at a step (x)."""
        self.metrics: dict[str, Series] = {}
        self.best: tuple[float, float] | None = None
        """Step and validation loss of the best epoch."""

    def clear(self) -> None:
        for series in (*self.steps.values(), self.validation, self.epochs):
            series.clear()
        self.metrics.clear()
        self.best = None

    def by_epoch(self, series: Series) -> Floats:
        """The x of ``series`` (steps of validations) as epochs; several within one stand between its ends."""
        if not series.size or not self.epochs.size:
            return series.x
        last = np.flatnonzero(np.diff(self.epochs.y, append=np.inf))  # the last validation of each epoch
        steps, epochs = self.epochs.x[last], self.epochs.y[last]
        if steps[0] > 0:
            steps, epochs = np.append(0.0, steps), np.append(0.0, epochs)
        return np.interp(series.x, steps, epochs)

    def add(self, events: Sequence[Event]) -> None:
        run: list[StepMetrics] = []
        for event in events:
            if isinstance(event, StepMetrics):
                run.append(event)
            elif isinstance(event, EpochMetrics):
                self._add_epoch(event)
            elif isinstance(event, RunStarted) and event.resumed_from_step is not None:
                self._flush(run)
                self._rewind(event.resumed_from_step)
        self._flush(run)

    def _flush(self, run: list[StepMetrics]) -> None:
        if run:
            x: Floats = np.array([event.step for event in run], dtype=np.float64)
            for name, series in self.steps.items():
                series.extend(x, np.array([getattr(event, name) for event in run], dtype=np.float64))
            run.clear()

    def _add_epoch(self, event: EpochMetrics) -> None:
        x = np.array([float(event.step)])
        self.validation.extend(x, np.array([event.validation_loss]))
        self.epochs.extend(x, np.array([float(event.epoch)]))
        for name, value in event.metrics.items():
            self.metrics.setdefault(name, Series()).extend(x, np.array([float(value)]))
        if event.best and not np.isnan(event.validation_loss):
            self.best = (float(event.step), float(event.validation_loss))

    def _rewind(self, step: int) -> None:
        for series in (*self.steps.values(), self.validation, self.epochs, *self.metrics.values()):
            series.truncate(int(np.searchsorted(series.x, step, side="right")))
        if self.best is not None and self.best[0] > step:
            self.best = None
