"""What a terminal shows of a run: a live line and a table of epochs; plain lines where the output is piped."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.api import Catalogue
from workbench.api.events import (
    EpochMetrics,
    Event,
    Phase,
    RunFinished,
    RunStarted,
    SamplePrediction,
    StateChanged,
    StepMetrics,
)
from workbench.api.events import Warning as WarningEvent

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.runs import RunFolder

_PLAIN_STEP_SECONDS = 10.0


class Teller(ABC):
    """Tells events to a person."""

    def __init__(self, console: Console, run: RunFolder, catalogue: Catalogue) -> None:
        self.console = console
        self.run = run
        self.catalogue = catalogue
        self.max_epochs = 0
        self.steps_per_epoch = 0

    def __enter__(self) -> Teller:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, RunStarted):
            self.max_epochs, self.steps_per_epoch = event.max_epochs, event.steps_per_epoch
            begun = f"resumed from step {event.resumed_from_step}" if event.resumed_from_step is not None else "started"
            threads = f", {event.threads} thread{'s' if event.threads != 1 else ''}"
            device = event.device if "thread" in event.device else event.device + threads
            self.line(f"run {self.run.id} {begun} on {device}, {event.parameters:,} parameters")
        elif isinstance(event, Phase):
            self.phase(event.name, event.done, event.total)
        elif isinstance(event, StepMetrics):
            self.step(event)
        elif isinstance(event, EpochMetrics):
            self.line(epoch_line(event, self.max_epochs))
        elif isinstance(event, SamplePrediction):
            for text in summaries(event.results):
                self.line(f"    {text}")
        elif isinstance(event, WarningEvent):
            self.line(f"warning: {event.what} {event.fix}".rstrip())
        elif isinstance(event, StateChanged):
            self.line(event.state)
        elif isinstance(event, RunFinished):
            metrics = format_metrics(event.metrics)
            best = f", best epoch {event.best_epoch}{f': {metrics}' if metrics else ''}" if event.best_epoch else ""
            self.line(f"{event.reason.replace('_', ' ')} after {event.seconds:.1f} s{best}")

    @abstractmethod
    def line(self, text: str) -> None:
        """A line that stays."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Something that passes."""

    @abstractmethod
    def phase(self, name: str, done: int, total: int) -> None: ...

    @abstractmethod
    def step(self, event: StepMetrics) -> None: ...


class PlainTeller(Teller):
    """Lines for a log: every epoch, and a step now and then."""

    def __init__(self, console: Console, run: RunFolder, catalogue: Catalogue) -> None:
        super().__init__(console, run, catalogue)
        self._phase = ""
        self._last_step = 0.0

    def line(self, text: str) -> None:
        print(text, file=self.console.file, flush=True)

    def note(self, text: str) -> None:
        self.line(text)

    def phase(self, name: str, done: int, total: int) -> None:
        if name != self._phase:
            self._phase = name
            self.line(name)

    def step(self, event: StepMetrics) -> None:
        now = time.monotonic()
        if now - self._last_step >= _PLAIN_STEP_SECONDS:
            self._last_step = now
            self.line(step_line(event, self.max_epochs))


class LiveTeller(Teller):
    """A line at the bottom that changes, under the lines that stay."""

    def __enter__(self) -> LiveTeller:
        self._status = self.console.status("", spinner="dots")
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def line(self, text: str) -> None:
        self.console.print(text, markup=False)

    def note(self, text: str) -> None:
        self._show(text)

    def phase(self, name: str, done: int, total: int) -> None:
        self._show(f"{name}, {done:,} of {total:,}" if total else name)

    def step(self, event: StepMetrics) -> None:
        self._show(step_line(event, self.max_epochs))

    def _show(self, text: str) -> None:
        from rich.text import Text

        self._status.update(Text(text))


def make_teller(console: Console, run: RunFolder, catalogue: Catalogue) -> Teller:
    """A live one on a terminal, a plain one in a pipe."""
    return (LiveTeller if console.is_terminal else PlainTeller)(console, run, catalogue)


def epoch_line(event: EpochMetrics, max_epochs: int) -> str:
    epoch = f"epoch {event.epoch:>{len(str(max_epochs))}}/{max_epochs}" if max_epochs else f"epoch {event.epoch}"
    losses = f"loss {event.train_loss:.4f}"
    if not math.isnan(event.validation_loss):
        losses += f"  validation {event.validation_loss:.4f}"
    best = "  best" if event.best else f"  {event.epochs_since_best} since best"
    return f"{epoch}  {losses}  {format_metrics(event.metrics)}{best}  at {event.seconds:.1f} s"


def step_line(event: StepMetrics, max_epochs: int) -> str:
    eta = f"  {format_duration(event.eta)} to go" if event.eta >= 0 else ""
    speed = f"{event.tokens_per_second:,.0f} tokens/s"
    epoch = f"{event.epoch}/{max_epochs}" if max_epochs else str(event.epoch)
    return f"epoch {epoch}  step {event.step}  loss {event.loss:.4f}  {speed}{eta}"


def format_metrics(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in list(metrics.items())[:4])


def format_duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else (f"{minutes} min {rest} s" if minutes else f"{rest} s")


def summaries(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each result of a sample prediction."""
    return [summary(result) for result in results]


def summary(data: Mapping[str, Any]) -> str:
    """One line of a result's JSON; results of a kind that is not known here show their fields."""
    from workbench.api import TokenLabels, Translation

    if "tokens" in data and "labels" in data:
        answer = TokenLabels.from_json(data)
        # labels of every word (parts of speech) tell the words themselves; spans, or none found, need them before
        telling = not answer.spans and any(label != "O" for label in answer.labels)
        return answer.summary() if telling else f"{' '.join(answer.tokens)}  ⇒  {answer.summary()}"
    if "text" in data and "tokens" in data:
        return Translation.from_json(data).summary()
    return ", ".join(f"{key} {value}" for key, value in data.items())
