"""Evaluation in one pass: predictions, metrics and losses over a split, batch by batch, leaving the model as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.api import Catalogue, Metric, Record, Report, Result
from workbench.engine.batching import BatchPlan, evaluation_plan
from workbench.engine.compose import Model
from workbench.engine.modes import Check, autocast, evaluation_mode, never
from workbench.engine.splits import Split, StreamSplit
from workbench.engine.streams import Carried, reading_plan
from workbench.nn.contract import Batch, DecodeOptions, Encoded, LossSum, MetricState
from workbench.nn.protocols import Calibrates, Calibration, Explains, Generates, StreamReports

__all__ = [
    "Check",
    "Metrics",
    "Predicted",
    "StreamPart",
    "Validation",
    "autocast",
    "evaluate_split",
    "evaluation_mode",
    "losses_of_records",
    "never",
    "predicted_batches",
    "read_stream",
    "validate_split",
]
VALIDATION_ROWS = 8
"""Parallel rows of a stream in a validation: each begins without a memory, so few of them."""


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

    def update_loss(self, total: Tensor, count: int) -> None:
        """Tell the metrics that are made of losses the summed loss of a batch."""
        for state in self.states:
            told = getattr(state, "update_loss", None)
            if told is not None:
                told(float(total), count)

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
    calibration: Calibration | None = None,
    check: Check = never,
) -> Iterator[Predicted]:
    """Predict every record of ``split``, with the ``loss`` of labelled ones. Run it in :func:`evaluation_mode`.

    ``calibration`` is told every batch once it is answered.

    A task that :class:`Generates` is asked to write its answers freely; the loss beside them is the teacher-forced one,
    and without a loss to tell the forward pass is left out.
    """
    plan: BatchPlan = evaluation_plan(split.lengths, budget)
    device = model.device
    task, parts = model.task, model.parts
    writer = task if isinstance(task, Generates) else None
    for indices in plan:
        check()
        batch = split.batch(model.codec, indices).to(device)
        records = split.records(indices)
        summed, each = LossSum(torch.zeros((), device=device), 0), list[float]()
        if loss or writer is None:
            with autocast(device, precision):
                outputs, encoded = model(batch)
            outputs = outputs.float()
            if loss:
                summed = model.head.loss(outputs, encoded, batch)
            if record_losses:
                each = losses_of_records(model, outputs, encoded, batch)
        if writer is not None:
            with autocast(device, precision):
                results = writer.generate(parts, batch, records, options)
        else:
            results = task.decode(outputs, encoded, batch, model.head, model.codec, records, options)
        if options.extra.get("explain") and isinstance(task, Explains):
            results = task.explain(parts, batch, records, results, options)
        if calibration is not None:
            calibration.add(batch)
        yield Predicted(indices, results, summed.total, summed.count, each)


def losses_of_records(model: Model, outputs: Tensor, encoded: Encoded, batch: Batch) -> list[float]:
    """The loss per unit of each record of a batch: at once where the head can, else row by row."""
    at_once = model.head.record_losses(outputs, encoded, batch)
    if at_once is not None:
        totals, counts = at_once
        return [float(value) for value in (totals.double() / counts.clamp_min(1)).tolist()]
    sums: list[Tensor] = []
    units: list[int] = []
    for row in range(batch.size):
        part = model.head.loss(outputs[row : row + 1], _encoded_row(encoded, row), _batch_row(batch, row))
        sums.append(part.total)
        units.append(part.count)
    values = torch.stack(sums).tolist()
    return [float(value) / max(1, count) for value, count in zip(values, units, strict=True)]


def _encoded_row(encoded: Encoded, row: int) -> Encoded:
    one = slice(row, row + 1)
    return Encoded(
        encoded.states[one],
        encoded.lengths[one],
        encoded.final[one],
        memory=None if encoded.memory is None else _encoded_row(encoded.memory, row),
        attention=None if encoded.attention is None else encoded.attention[one],
    )


def _batch_row(batch: Batch, row: int) -> Batch:
    """One record of ``batch``: what has a row for each record is cut, anything else (a plan of all trees) is shared."""
    size, one = batch.size, slice(row, row + 1)
    fields = {name: value[one] if value.ndim and len(value) == size else value for name, value in batch.fields.items()}
    extra = {
        name: value[one] if isinstance(value, list | tuple) and len(value) == size else value
        for name, value in batch.extra.items()
    }
    return Batch(fields, batch.lengths[one], int(batch.lengths[row]), extra=extra)


@dataclass(slots=True)
class StreamPart:
    """A chunk of a stream that was read: its ``spans`` (R, 2) of the split's stream, and what the model made of it."""

    spans: NDArray[np.int64]
    batch: Batch
    outputs: Tensor
    encoded: Encoded


def read_stream(
    model: Model,
    split: StreamSplit,
    *,
    rows: int = 1,
    budget: int,
    precision: str = "float32",
    check: Check = never,
) -> Iterator[StreamPart]:
    """Read the stream of ``split`` from end to end, the state carried along. Run it in :func:`evaluation_mode`.

    With more ``rows`` than one, each begins without a memory, and so do the few steps (fewer than there are rows) that
    do not divide among them.
    """
    carried = Carried()
    plan, rest = reading_plan(split.steps, rows, max(split.chunk, budget // max(1, rows)))
    pieces = [plan[i] for i in range(len(plan))]
    for spans in pieces if rest is None else [*pieces, rest]:
        check()
        if spans is rest:
            carried.reset()
        batch = split.batch(model.codec, spans).to(model.device)
        with autocast(model.device, precision):
            outputs, encoded = model(batch, model.start(batch) if carried.state is None else carried.state)
        carried.keep(encoded)
        yield StreamPart(spans, batch, outputs.float(), encoded)


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
        for loss in _validated(model, split, metrics, budget=budget, precision=precision, check=check):
            if loss.count:
                metrics.update_loss(loss.total, loss.count)
            total = loss.total.double() if total is None else total + loss.total.double()
            count += loss.count
    mean = float(total) / max(1, count) if total is not None else math.nan
    values = metrics.compute()
    return Validation(mean, values, metrics.headline(values, mean))


def _validated(
    model: Model, split: Split, metrics: Metrics, *, budget: int, precision: str, check: Check
) -> Iterator[LossSum]:
    """The loss of each batch; the metrics are told the results."""
    if isinstance(split, StreamSplit):
        rows = max(1, min(VALIDATION_ROWS, split.steps // split.chunk))
        for chunk in read_stream(model, split, rows=rows, budget=budget, precision=precision, check=check):
            yield model.head.loss(chunk.outputs, chunk.encoded, chunk.batch)
        return
    options = DecodeOptions(probabilities=False)
    calibration = model.task.calibration(model.parts) if isinstance(model.task, Calibrates) else None
    for part in predicted_batches(
        model, split, options, budget=budget, precision=precision, calibration=calibration, check=check
    ):
        metrics.update(part.results, split.records(part.indices))
        yield LossSum(part.loss, part.count)
    if calibration is not None:
        calibration.finish()


def evaluate_split(
    model: Model,
    split: Split,
    *,
    budget: int,
    precision: str = "float32",
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """The task's own report of ``split``, streamed to it batch by batch."""
    if isinstance(split, StreamSplit):
        return _evaluate_stream(model, split, budget=budget, precision=precision, progress=progress)

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


def _evaluate_stream(
    model: Model,
    split: StreamSplit,
    *,
    budget: int,
    precision: str,
    progress: Callable[[int, int], None] | None,
) -> Report:
    """The report of one stream from end to end: as one reader would meet it, without parallel rows."""
    task = model.task
    chunks = read_stream(model, split, budget=budget, precision=precision)

    def told() -> Iterator[StreamPart]:
        for chunk in chunks:
            yield chunk
            if progress is not None:
                progress(int(chunk.spans[0, 1]), split.steps)

    def positions() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        assert isinstance(task, StreamReports)
        for chunk in told():
            ((first, last),) = chunk.spans.tolist()
            losses = task.position_losses(chunk.outputs, chunk.encoded, chunk.batch, model.head)
            targets = split.stream[first + split.overlap : last + split.overlap]
            yield np.asarray(targets, dtype=np.int64), losses[0, : last - first].float().cpu().numpy()

    with evaluation_mode(model):
        if isinstance(task, StreamReports):
            return task.report_stream(split.name, positions(), model.codec)
        total, count = 0.0, 0
        for chunk in told():
            loss = model.head.loss(chunk.outputs, chunk.encoded, chunk.batch)
            total, count = total + float(loss.total), count + loss.count
    return Report(split.name, len(split), count, {"loss": total / max(1, count)})
