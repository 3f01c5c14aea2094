"""What a run is doing, told from its lock and its journal alone: anybody may ask, at any time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workbench.api.events import (
    EpochMetrics,
    Event,
    FinishReason,
    Phase,
    RunFinished,
    RunStarted,
    StateChanged,
    StepMetrics,
)
from workbench.runs.journal import JournalReader, without_superseded
from workbench.runs.lock import Holder, read_holder

Status = Literal["queued", "running", "paused", "interrupted", "finished"]
_LAST_EVENTS = 20


@dataclass(frozen=True, slots=True)
class RunState:
    """A moment of a run.

    ``reason`` is the :class:`FinishReason` of a finished run, or a sentence for an interrupted one. ``best_metrics``
    are the task's metrics at ``best_epoch``; ``resumable`` says whether training can go on from a checkpoint (an
    interrupted run without one starts again from the beginning). ``seconds`` is training time in all its parts.
    """

    status: Status
    reason: str = ""
    epoch: int = 0
    max_epochs: int = 0
    step: int = 0
    best_epoch: int = 0
    best_metrics: Mapping[str, float] = field(default_factory=dict)
    train_loss: float | None = None
    validation_loss: float | None = None
    parameters: int = 0
    device: str = ""
    seconds: float = 0.0
    started: float = 0.0
    pid: int | None = None
    resumable: bool = False
    error: Mapping[str, Any] | None = None
    events: int = 0
    last_events: tuple[Event, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether a process trains it now."""
        return self.status in ("running", "paused")

    @property
    def last_event(self) -> Event | None:
        return self.last_events[-1] if self.last_events else None


def read_state(lock: Path, journal: Path, checkpoints: Path) -> RunState:
    """The state from files. The lock is read before the journal: a run that ends in between is told as finished."""
    holder = read_holder(lock)
    alive = False
    if holder is not None:
        last_sign = 0.0
        with contextlib.suppress(OSError):
            last_sign = max(lock.stat().st_mtime, journal.stat().st_mtime)
        alive = holder.alive(last_sign)
    reader = JournalReader(journal)
    return summarise(reader.poll(), holder, alive, (checkpoints / "last").is_dir())


def summarise(events: Iterable[Event], holder: Holder | None, alive: bool, has_checkpoint: bool) -> RunState:
    """The state of a run with these events; ``alive`` says whether its lock's holder runs."""
    told = list(events)
    kept = without_superseded(told)
    started: RunStarted | None = None
    finished: RunFinished | None = None
    paused = False
    epoch_metrics: EpochMetrics | None = None
    best: EpochMetrics | None = None
    epoch = step = 0
    for event in kept:
        step = event.step if isinstance(event, StepMetrics | EpochMetrics | RunFinished) else step
        if isinstance(event, StepMetrics):
            epoch = event.epoch
        elif isinstance(event, EpochMetrics):
            epoch_metrics, epoch = event, event.epoch
            best = event if event.best or best is None else best
        elif isinstance(event, RunStarted):
            started, finished, paused = event, None, False
            step = event.resumed_from_step if event.resumed_from_step is not None else 0
        elif isinstance(event, RunFinished):
            finished = event
        elif isinstance(event, StateChanged):
            paused = event.state == "paused"
        elif isinstance(event, Phase):
            finished = None  # preparing again: it is being resumed
    status, reason = _status(holder, alive, bool(told), finished, paused)
    return RunState(
        status=status,
        reason=reason,
        epoch=epoch,
        max_epochs=started.max_epochs if started else 0,
        step=step,
        best_epoch=best.epoch if best else 0,
        best_metrics=dict(best.metrics) if best else {},
        train_loss=epoch_metrics.train_loss if epoch_metrics else None,
        validation_loss=epoch_metrics.validation_loss if epoch_metrics else None,
        parameters=started.parameters if started else 0,
        device=started.device if started else "",
        seconds=_training_seconds(told),
        started=told[0].time if told else 0.0,
        pid=holder.pid if holder is not None and alive else None,
        resumable=has_checkpoint and status in ("interrupted", "finished") and reason != FinishReason.COMPLETED,
        error=finished.error if finished else None,
        events=len(told),
        last_events=tuple(told[-_LAST_EVENTS:]),
    )


def _status(
    holder: Holder | None, alive: bool, begun: bool, finished: RunFinished | None, paused: bool
) -> tuple[Status, str]:
    if finished is not None:
        return "finished", finished.reason
    if alive:
        return ("paused" if paused else "running"), ""
    if holder is None and not begun:
        return "queued", ""
    return "interrupted", "The process that trained it ended before the run did."


def _training_seconds(events: Iterable[Event]) -> float:
    """Time between the first and last event of each life of the run; the gap until it was resumed does not count."""
    total = 0.0
    begun: float | None = None
    last = 0.0
    for event in events:
        if isinstance(event, RunStarted):
            total += last - begun if begun is not None else 0.0
            begun = event.time
        last = event.time
    return total + (last - begun if begun is not None else 0.0)
