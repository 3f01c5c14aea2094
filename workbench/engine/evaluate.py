"""Evaluation in one pass: predictions, metrics and losses over a split, batch by batch, leaving the model as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.api import Catalogue, Metric, Record, Report, Result
from workbench.engine.batching import BatchPlan, evaluation_plan
from workbench.engine.compose import Model
from workbench.engine.data import Split
from workbench.engine.threads import preserved_random_state
from workbench.nn.contract import Batch, DecodeOptions, Encoded, LossSum, MetricState

Check = Callable[[], None]
"""Called between two batches; it may raise to cancel."""


def never() -> None:
    """For callers who never cancel."""


@contextmanager
def evaluation_mode(model: Model) -> Iterator[None]:
    """No dropout, no gradients; afterwards every module's mode and every random state are what they were."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), preserved_random_state():
            yield
    finally:
        for module, training in modes:
            module.training = training


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 products where the run asked for them and the device has them."""
    if precision == "bfloat16" and device.type == "cuda":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@dataclass(slots=True)
class Metrics:
    """The metric states of a task, the one that chooses the best checkpoint first."""

    specs: tuple[Metric, ...]
    states: tuple[MetricState, ...]

    @classmethod
    def of(cls, metric_ids: Sequence[str], catalogue: Catalogue) -> Metrics:
        specs = tuple(catalogue.metric(id_) for id_ in metric_ids)
        return cls(specs, tuple(spec.factory.resolve()() for spec in specs))

    def reset(self) -> None:
        for state in self.states:
            state.reset()

    def update(self, results: Sequence[Result], records: Sequence[Record]) -> None:
        for state in self.states:
            for result, record in zip(results, records, strict=True):
                state.update(result, record)

    def compute(self) -> dict[str, float]:
        return {name: float(value) for state in self.states for name, value in state.compute().items()}

    def headline(self, metrics: Mapping[str, float], loss: float) -> float:
        """What the best checkpoint is chosen by, as a number of which more is better.

        The first metric with a finite value, under its own id or, where it names its values otherwise, its first one;
        without any, the loss.
        """
        for spec, state in zip(self.specs, self.states, strict=True):
            value = metrics.get(spec.id)
            if value is None:
                value = next((float(v) for v in state.compute().values()), math.nan)
            if math.isfinite(value):
                return value if spec.higher_is_better else -value
        return -loss


@dataclass(slots=True)
class Predicted:
    """One batch: which records of the split, their results, the summed loss (on the device) and its unit count."""

    indices: NDArray[np.int64]
    results: list[Result]
    loss: Tensor
    count: int
    record_losses: list[float]


def predicted_batches(
    model: Model,
    split: Split,
    options: DecodeOptions,
    *,
    budget: int,
    precision: str = "float32",
    loss: bool = True,
    record_losses: bool = False,
    check: Check = never,
) -> Iterator[Predicted]:
    """Predict every record of ``split``, with the ``loss`` of labelled ones. Run it in :func:`evaluation_mode`."""
    plan: BatchPlan = evaluation_plan(split.lengths, budget)
    device = model.device
    for indices in plan:
        check()
        batch = split.batch(model.codec, indices).to(device)
        with autocast(device, precision):
            outputs, encoded = model(batch)
        outputs = outputs.float()
        summed = model.head.loss(outputs, encoded, batch) if loss else LossSum(outputs.new_zeros(()), 0)
        results = model.task.decode(outputs, encoded, batch, model.head, model.codec, split.records(indices), options)
        each = losses_of_records(model, outputs, encoded, batch) if record_losses else []
        yield Predicted(indices, results, summed.total, summed.count, each)


def losses_of_records(model: Model, outputs: Tensor, encoded: Encoded, batch: Batch) -> list[float]:
    """The loss per unit of each record of a batch: the head's loss of each row by itself (the encoder runs once)."""
    size = batch.size
    totals: list[Tensor] = []
    counts: list[int] = []
    for row in range(size):
        one = slice(row, row + 1)
        fields = {n: f[one] if f.ndim and f.shape[0] == size else f for n, f in batch.fields.items()}
        length = int(batch.lengths[row])
        part = model.head.loss(
            outputs[one],
            Encoded(encoded.states[one], encoded.lengths[one], encoded.final[one]),
            Batch(fields, batch.lengths[one], length),
        )
        totals.append(part.total)
        counts.append(part.count)
    values = torch.stack(totals).tolist()
    return [float(value) / max(1, count) for value, count in zip(values, counts, strict=True)]


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean loss per unit, the metrics, and the number the best checkpoint is chosen by (more is better)."""

    loss: float
    metrics: dict[str, float]
    headline: float


def validate_split(
    model: Model, split: Split, metrics: Metrics, *, budget: int, precision: str = "float32", check: Check = never
) -> Validation:
    """Loss and metrics of ``split``, decoding only (no probabilities)."""
    metrics.reset()
    total: Tensor | None = None
    count = 0
    with evaluation_mode(model):
        for part in predicted_batches(
            model, split, DecodeOptions(probabilities=False), budget=budget, precision=precision, check=check
        ):
            metrics.update(part.results, split.records(part.indices))
            total = part.loss.double() if total is None else total + part.loss.double()
            count += part.count
    loss = float(total) / max(1, count) if total is not None else math.nan
    values = metrics.compute()
    return Validation(loss, values, metrics.headline(values, loss))


def evaluate_split(
    model: Model,
    split: Split,
    *,
    budget: int,
    precision: str = "float32",
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """The task's own report of ``split``, streamed to it batch by batch."""

    def pairs() -> Iterator[tuple[int, Record, Result, float]]:
        done = 0
        for part in predicted_batches(
            model, split, DecodeOptions(), budget=budget, precision=precision, record_losses=True
        ):
            golds = split.records(part.indices)
            ids = split.ids[part.indices].tolist()
            for id_, gold, result, loss in zip(ids, golds, part.results, part.record_losses, strict=True):
                yield int(id_), gold, result, loss
            done += len(part.indices)
            if progress is not None:
                progress(done, len(split))

    with evaluation_mode(model):
        return model.task.report(split.name, pairs())
