"""What a run tells: frozen events of plain values, one journal line each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar


class FinishReason(StrEnum):
    COMPLETED = "completed"
    STOPPED = "stopped"
    DISCARDED = "discarded"
    FAILED = "failed"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``seq`` counts a run's events from 0 without gaps; ``step`` is the optimiser step; ``time`` is Unix seconds."""

    TYPE: ClassVar[str] = "event"

    run_id: str
    seq: int
    step: int
    time: float

    def to_json(self) -> dict[str, Any]:
        return {"type": self.TYPE, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """The run began or, with ``resumed_from_step`` set, goes on from its last checkpoint.

    ``unit`` is what an epoch of this run is called: "trial" where each is a fit in closed form.
    """

    TYPE: ClassVar[str] = "run_started"

    pid: int
    device: str
    device_reason: str
    threads: int
    parameters: int
    steps_per_epoch: int
    max_epochs: int
    resumed_from_step: int | None = None
    unit: str = "epoch"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Event):
    """What is being done in words ("building vocabulary"), with ``done`` of ``total`` where countable."""

    TYPE: ClassVar[str] = "phase"

    name: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetrics(Event):
    """Loss (mean per counted unit), learning rate, gradient norm before clipping, units per second, one optimiser step.

    ``epoch`` counts from 1. ``eta`` is seconds to the last epoch, -1 while unknown.
    """

    TYPE: ClassVar[str] = "step"

    epoch: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    eta: float = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochMetrics(Event):
    """After each validation: mean losses and the task's metrics; ``best`` if it is the best so far."""

    TYPE: ClassVar[str] = "epoch"

    epoch: int
    train_loss: float
    validation_loss: float
    metrics: Mapping[str, float]
    best: bool
    epochs_since_best: int
    patience: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientFlow(Event):
    """How the gradient fades with distance: ``norms[k]`` is the mean |∂L_s/∂h_(s-k)| over losses L_s of single steps.

    Measured on a few validation records at each validation, before clipping; ``norms[0]`` is at the step of the loss.
    ``over`` says what k counts: "steps" back in time; "levels" below the root of a tree, for the loss at the root;
    or steps back from the end of the "source" of a model that writes, |∂L/∂x| for the mean loss of its answer.
    """

    TYPE: ClassVar[str] = "gradient_flow"

    epoch: int
    norms: tuple[float, ...]
    over: str = "steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePrediction(Event):
    """The model's present answers to the pinned inputs: result JSON objects, of kind ``result_kind``."""

    TYPE: ClassVar[str] = "sample"

    epoch: int
    result_kind: str
    results: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved(Event):
    """``name`` is "last" or "best"."""

    TYPE: ClassVar[str] = "checkpoint"

    name: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning(Event):  # noqa: A001 - the word the architecture fixes for it; always used as events.Warning
    """Something the user should know: evidence, and what to do."""

    TYPE: ClassVar[str] = "warning"

    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(Event):
    """The answer to a control: "running" or "paused"."""

    TYPE: ClassVar[str] = "state"

    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Event):
    """The last event of a run; ``error`` is :meth:`WorkbenchError.to_dict` for the failing reasons."""

    TYPE: ClassVar[str] = "finished"

    reason: str
    seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    best_epoch: int = 0
    error: Mapping[str, Any] | None = None


EVENT_TYPES: dict[str, type[Event]] = {
    cls.TYPE: cls
    for cls in (
        RunStarted,
        Phase,
        StepMetrics,
        EpochMetrics,
        GradientFlow,
        SamplePrediction,
        CheckpointSaved,
        Warning,
        StateChanged,
        RunFinished,
    )
}


def event_from_json(data: Mapping[str, Any]) -> Event | None:
    """The event of a journal line; None for a type this version does not know (a newer one wrote it)."""
    cls = EVENT_TYPES.get(str(data.get("type")))
    if cls is None:
        return None
    known = {f.name for f in fields(cls)}
    values = {key: value for key, value in data.items() if key in known}
    for name in ("results", "norms"):
        if name in values:
            values[name] = tuple(values[name])
    return cls(**values)
