"""Asking a network what only its own family knows to say: a reservoir whether it forgets, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench.api import WorkbenchError
from workbench.engine.data import RecordSource, encode_split, source_for
from workbench.engine.evaluate import evaluation_mode
from workbench.engine.feedback import taught
from workbench.engine.predict import Predictor
from workbench.nn.protocols import Examinable

EXAMINED_RECORDS = 64
"""Training records whose inputs a network is examined under."""


def examine(
    predictor: Predictor, source: Callable[[], RecordSource], told: Callable[[int, int, str], None]
) -> dict[str, Any]:
    """What the network says of itself under inputs from the training split of ``source()``.

    Where the records can no longer be read, without them: the value's "without" then tells why.
    :class:`WorkbenchError` for a network that is not :class:`Examinable`.
    """
    network = predictor.model.encoder
    if not isinstance(network, Examinable):
        raise WorkbenchError(
            f"{predictor.model.architecture_spec.title} has nothing more to say of itself than its traces show.",
            fix="Look at its states and gates in Explain.",
        )
    with predictor.weights(), evaluation_mode(predictor.model):
        without = ""
        inputs: Tensor | None = None
        lengths = torch.zeros(0, dtype=torch.int64)
        try:
            inputs, lengths = _inputs(predictor, source())
        except WorkbenchError as error:
            without = error.what
        value = network.examination(inputs, lengths, told)
    return {**value, "without": without}


def _inputs(predictor: Predictor, source: RecordSource) -> tuple[Tensor | None, Tensor]:
    """What the network reads of the first training batch (B, T, D), and its lengths."""
    model, section, options = predictor.model, predictor.config.data, predictor.config.training
    source = source_for(source, model.task, section)
    if not source.count(section.train):
        raise WorkbenchError(f"The split {section.train!r} of {section.dataset!r} is empty.")
    split = encode_split(source, section.train, model.codec, limit=EXAMINED_RECORDS)
    plan = split.batches(options.batch_tokens, options.seed).epoch(1)
    if not len(plan):
        raise WorkbenchError(f"No record of {section.dataset!r} is long enough.")
    batch = split.batch(model.codec, plan[0]).to(model.device)
    with taught(model.embedder):
        inputs = model.embedder(batch)
    return (inputs if isinstance(inputs, Tensor) else None), batch.lengths.cpu()
