"""What a model did inside while it read one record: states, gates, outputs, gradients, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.api import LayerTrace, Record, Result, Trace, WorkbenchError
from workbench.api.trace import Array
from workbench.engine.compose import Model
from workbench.engine.data import ListSource, encode_split
from workbench.engine.evaluate import evaluation_mode
from workbench.engine.splits import Split
from workbench.engine.trace_gradient import Gradient, pair_gradient, sequence_gradient, tree_gradient
from workbench.nn.contract import (
    Batch,
    DecodeOptions,
    Encoder,
    EncoderDecoder,
    Encoding,
    PairEmbedder,
    PairInputs,
    TreeEncoder,
    TreeInputs,
)
from workbench.nn.protocols import Generates, KnowsWritten


@dataclass(frozen=True, slots=True)
class Subject:
    """One record as the model is to read it: of a long one its last window, of a stream what follows its start."""

    record: Record
    encoding: Encoding
    batch: Batch

    @property
    def length(self) -> int:
        return int(self.batch.lengths[0])


def trace_record(model: Model, record: Record, *, gradient: bool = False) -> Trace:
    """Trace ``record`` through ``model``; modes, gradients and random states are afterwards as they were."""
    if model.codec.length(record) < 1:
        raise WorkbenchError("There is nothing to read in this record.", fix="Choose a record with at least one step.")
    split = encode_split(ListSource({"record": [record]}), "record", model.codec, role="predict")
    if not len(split):
        raise WorkbenchError("This record is too short for the model.", fix="Choose a longer one.")
    first = np.zeros(1, dtype=np.int64)
    (read,) = split.records(first)
    subject = Subject(read, _encoding(split), split.batch(model.codec, first).to(model.device))
    with evaluation_mode(model):
        if isinstance(model.encoder, EncoderDecoder):
            return _trace_pair(model, subject, gradient)
        return _trace_steps(model, subject, gradient)


def _encoding(split: Split) -> Encoding:
    """The arrays of the only example of ``split``, cut to its window where it has windows."""
    cut = getattr(split, "spans", None)
    whole = split.encodings[0]
    if cut is None:
        return whole
    found: Encoding = split.codec.window(whole, int(cut[0, 0]), int(cut[0, 1]))  # type: ignore[attr-defined]
    return found


def _trace_steps(model: Model, subject: Subject, gradient: bool) -> Trace:
    """A sequence or a tree: a state, and mostly an answer, at each of its own steps."""
    batch, length = subject.batch, subject.length
    inputs = model.embedder(batch)
    network = model.encoder
    outputs, encoded = model(batch)
    probabilities = _rows(model, model.task.output_probabilities(outputs, encoded, batch, model.head)[0], length)
    labels = tuple(model.task.output_labels(model.codec))
    found, parents = Gradient(), None
    if isinstance(network, TreeEncoder):
        assert isinstance(inputs, TreeInputs)
        layers = network.trace(inputs, length)
        parents = _parents(subject)
        if gradient:
            found = tree_gradient(model, subject.batch, subject.record, inputs, parents)
    else:
        assert isinstance(network, Encoder)
        layers = network.trace(inputs, length)
        if gradient:
            found = sequence_gradient(model, subject.encoding, subject.batch, subject.record)
    return Trace(
        steps=tuple(model.task.steps(subject.record)),
        layers=layers,
        outputs=probabilities,
        output_labels=labels,
        predicted=_predicted(model, subject, outputs, encoded, probabilities, labels),
        gradient=found.last,
        gradient_through_time=found.norms,
        gradient_steps=found.steps,
        gradient_note=found.note,
        parents=parents,
    )


def _rows(model: Model, values: NDArray[Any], length: int) -> Array:
    """(T, K), or (1, K) for one answer a record; a state that stands for several inputs answers at each of them."""
    values = np.asarray(values)
    if values.ndim < 2:
        values = values.reshape(1, -1)
    factor = int(getattr(model.encoder, "subsampling", 1))
    if factor > 1 and len(values) == -(-length // factor):
        values = values.repeat(factor, axis=0)[:length]
    return values


def _predicted(
    model: Model, subject: Subject, outputs: Any, encoded: Any, probabilities: Array, labels: Sequence[str]
) -> tuple[str, ...]:
    """The task's own labels where its result has some, else the most probable of each step."""
    if not isinstance(model.task, Generates):
        options = DecodeOptions(probabilities=False)
        (result,) = model.task.decode(
            outputs, encoded, subject.batch, model.head, model.codec, [subject.record], options
        )
        own = getattr(result, "labels", None)
        if own is not None and not callable(own):
            return tuple(str(label) for label in own)
    return tuple(labels[int(i)] for i in probabilities.argmax(-1)) if labels else ()


def _parents(subject: Subject) -> Array | None:
    """Each node's parent, as the codec encoded the tree or as the record has it."""
    for found in (subject.encoding.get("parents"), getattr(subject.record, "parents", None)):
        if found is not None and len(found) == subject.length:
            return np.asarray(found, dtype=np.int64)
    return None


# --- encoder-decoders ----------------------------------------------------------------------------------------------


def _trace_pair(model: Model, subject: Subject, gradient: bool) -> Trace:
    """What was read and what was written: the decoder is led along its own answer, so its states are those it had."""
    task, network = model.task, model.encoder
    assert isinstance(network, EncoderDecoder)
    if not isinstance(task, Generates):
        raise WorkbenchError(
            f"{model.task_spec.title} does not say how its answers are written, so they cannot be traced.",
            fix="Ask the author of the task for a generate method.",
        )
    (result,) = task.generate(
        model.parts, subject.batch, [subject.record], DecodeOptions(extra={"attention": True})
    )
    tokens = tuple(str(token) for token in getattr(result, "tokens", ()))
    labels = tuple(task.output_labels(model.codec))
    batch, inputs = _along(model, subject, result, tokens, labels)
    steps = tuple(task.steps(subject.record))
    layers: tuple[LayerTrace, ...] = network.trace(inputs, subject.length)
    if inputs.targets is None or inputs.target_lengths is None:
        attention = getattr(result, "attention", None)
        return Trace(
            steps=steps,
            layers=layers,
            output_labels=labels,
            predicted=tokens,
            attention=None if attention is None else np.asarray(attention, dtype=np.float32),
            output_steps=tokens,
            gradient_note="What was written cannot be given back to this decoder, so it is not differentiated."
            if gradient
            else "",
        )
    count = int(inputs.target_lengths[0])
    encoded = network(inputs, batch.lengths)
    outputs = model.head(encoded, batch)
    probabilities = task.output_probabilities(outputs, encoded, batch, model.head)[0][:count]
    best = tuple(labels[int(i)] for i in probabilities.argmax(-1)) if labels else ()
    found = pair_gradient(model, inputs, batch) if gradient else Gradient()
    return Trace(
        steps=steps,
        layers=layers,
        outputs=probabilities,
        output_labels=labels,
        # beyond the tokens stands the end, which a result does not name
        predicted=(*tokens, *best[len(tokens) :])[:count],
        output_steps=(*tokens, *best[len(tokens) :])[:count],
        attention=None if encoded.attention is None else encoded.attention[0, :count].float().cpu().numpy(),
        gradient=found.last,
        gradient_through_time=found.norms,
        gradient_steps=found.steps,
        gradient_note=found.note,
    )


def _along(
    model: Model, subject: Subject, result: Result, tokens: Sequence[str], labels: Sequence[str]
) -> tuple[Batch, PairInputs]:
    """The batch and inputs with what was written as the target, where that can be said; else with no target at all."""
    task = model.task
    if isinstance(task, KnowsWritten):
        batch = model.codec.collate([task.written(subject.encoding, result, model.codec)]).to(model.device)
        inputs = model.embedder(batch)
        assert isinstance(inputs, PairInputs)
        return batch, inputs
    batch = subject.batch
    inputs = model.embedder(batch)
    assert isinstance(inputs, PairInputs)
    known = {label: i for i, label in enumerate(labels)}
    can_embed = isinstance(model.embedder, PairEmbedder) and all(token in known for token in tokens)
    if inputs.targets is None or not inputs.targets.shape[1] or not can_embed:
        return batch, PairInputs(inputs.source)
    assert isinstance(model.embedder, PairEmbedder)
    # the gold target tells how a target begins; after that comes what the model wrote
    written = torch.tensor([[known[token] for token in tokens]], dtype=torch.int64, device=model.device)
    targets = torch.cat([inputs.targets[:, :1], model.embedder.embed_targets(written)], dim=1)
    return batch, PairInputs(inputs.source, targets, torch.tensor([len(tokens) + 1]))
