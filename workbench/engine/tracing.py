"""What a model did inside while it read one record: states, gates, outputs, gradients, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench.api import Record, Trace, WorkbenchError
from workbench.api.trace import Array
from workbench.engine.compose import Model
from workbench.engine.evaluate import evaluation_mode
from workbench.nn.contract import Batch, DecodeOptions, Encoded, Encoder, KnowsGold
from workbench.nn.recurrent import step_gradient_norms

MATRIX_STEPS = 200
"""Longer sequences get the gradient of their last step's loss only, not that of every step."""


def trace_record(model: Model, record: Record, *, gradient: bool = False) -> Trace:
    """Trace ``record`` through ``model``; modes, gradients and random states are afterwards as they were."""
    if model.codec.length(record) < 1:
        raise WorkbenchError("There is nothing to read in this record.", fix="Choose a record with at least one step.")
    batch = model.codec.collate([model.codec.encode(record)]).to(model.device)
    with evaluation_mode(model):
        x = model.embedder(batch)
        layers = model.encoder.trace(x, int(batch.lengths[0]))
        encoded = model.encoder(x, batch.lengths)
        outputs = model.head(encoded, batch)
        probabilities = model.task.output_probabilities(outputs, encoded, batch, model.head)[0]
        labels = model.task.output_labels(model.codec)
        (result,) = model.task.decode(
            outputs, encoded, batch, model.head, model.codec, [record], DecodeOptions(probabilities=False)
        )
        predicted = getattr(result, "labels", None)
        if predicted is None:
            predicted = [labels[int(i)] for i in probabilities.argmax(-1)] if labels else []
        found = _gradient(model, batch, record, probabilities) if gradient else _Gradient()
    return Trace(
        steps=tuple(model.task.steps(record)),
        layers=layers,
        outputs=probabilities,
        output_labels=labels,
        predicted=tuple(str(label) for label in predicted),
        gradient=found.last,
        gradient_through_time=found.norms,
        gradient_steps=found.steps,
        gradient_note=found.note,
    )


@dataclass(frozen=True, slots=True)
class _Gradient:
    """``norms`` (S, T) by direction, for the steps ``steps`` (S,); ``last`` (T,) is that of the last step."""

    norms: dict[str, Array] = field(default_factory=dict)
    steps: Array | None = None
    last: Array | None = None
    note: str = ""


def _gradient(model: Model, batch: Batch, record: Record, probabilities: Array) -> _Gradient:
    """|∂L_s/∂h_t| of every step s (of the last alone in a long sequence).

    L_s = -log softmax(outputs_s)[y_s], y_s the gold label or, where there is none, the label the model itself gives.
    With a CRF these are its scores at the step: a way through its transitions would not be the network's memory.
    """
    length = int(batch.lengths[0])
    encoding = model.codec.encode(record)
    x = model.embedder(batch)[:, :length]
    outputs = model.head(model.encoder(x, batch.lengths), batch)
    labels = len(model.task.output_labels(model.codec))
    single = tuple(outputs.shape) == (1, labels)
    if not labels or probabilities.shape != (length, labels) or not (single or outputs.shape[:2] == (1, length)):
        return _Gradient(note="This model answers with no label, so a step has no loss to differentiate.")
    targets = probabilities.argmax(-1).astype(np.int64)
    gold = model.task.gold(record, model.codec) if isinstance(model.task, KnowsGold) else None
    if gold is not None:
        targets = np.where(gold >= 0, gold, targets)
    wanted = torch.from_numpy(targets).to(model.device)

    def losses(encoded: Encoded, rows: Tensor) -> Tensor:
        copies = model.codec.collate([encoding] * len(rows)).to(model.device)
        outputs: Tensor = model.head(encoded, copies).float()
        # one answer for the whole sequence stands at its last step
        here = outputs if single else outputs[torch.arange(len(rows), device=rows.device), rows]
        return functional.cross_entropy(here, wanted[rows], reduction="none")

    steps = list(range(length)) if length <= MATRIX_STEPS and not single else [length - 1]
    if not isinstance(model.encoder, Encoder):
        return _Gradient(note="This network does not read step by step: there is no distance to fade over.")
    norms = step_gradient_norms(model.encoder, x, losses, steps)
    last = np.sqrt(sum(values[-1].astype(np.float64) ** 2 for values in norms.values())).astype(np.float32)
    note = f"The loss is taken against the {'gold label' if gold is not None else 'label the model itself gives'}."
    if "input" in norms:
        note += " This network's states cannot be asked one by one: what is shown is |∂L_s/∂x_t|, of its inputs."
    if single:
        note += " There is one answer for the whole sequence, given after its last step."
    elif len(steps) < length:
        note += f" A sequence of more than {MATRIX_STEPS} steps: for the loss of the last step only."
    return _Gradient(dict(norms), np.array(steps), last, note)
