"""What a model did inside while it read one record: states, gates, outputs, gradients, as plain arrays."""

from __future__ import annotations

import torch

from workbench.api import Record, Trace, WorkbenchError
from workbench.api.trace import Array
from workbench.engine.compose import Model
from workbench.engine.evaluate import evaluation_mode
from workbench.nn.contract import Batch, DecodeOptions


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
        slopes = _gradient(model, batch) if gradient else None
    return Trace(
        steps=tuple(model.task.steps(record)),
        layers=layers,
        outputs=probabilities,
        output_labels=labels,
        predicted=tuple(str(label) for label in predicted),
        gradient=slopes,
    )


def _gradient(model: Model, batch: Batch) -> Array:
    """|∂L/∂h_t| (T,) of the last layer's states.

    L is the record's loss; for a record without labels the sum of the greatest outputs. The cuDNN kernels refuse a
    backward pass in evaluation mode, so they are left aside here.
    """
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        encoded = model.encoder(model.embedder(batch), batch.lengths)
        encoded.states.retain_grad()
        outputs = model.head(encoded, batch)
        loss = model.head.loss(outputs.float(), encoded, batch)
        target = loss.total if loss.count else outputs.float().amax(-1).sum()
        (slopes,) = torch.autograd.grad(target, encoded.states)
    length = int(encoded.lengths[0])
    norms: Array = slopes[0, :length].norm(dim=-1).float().cpu().numpy()
    return norms
