"""How the gradient fades with distance: |∂L_s/∂h_(s-k)| against k, measured on a few records while a model trains."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from workbench.api import Record
from workbench.engine.compose import Model
from workbench.engine.modes import evaluation_mode
from workbench.engine.splits import Split, StreamSplit
from workbench.engine.stepwise import answers_at, gold_at, has_labels, last_steps, losses_at
from workbench.nn.contract import Batch, Encoder
from workbench.nn.recurrent import RecordingEncoder

logger = logging.getLogger(__name__)
MOST_STEPS = 200
"""Distances that are measured at most."""
FEWEST_STEPS = 16
RECORDS = 8
SECONDS = 0.05
"""A measurement that takes longer has the next one look less far back."""


def gradient_flow(
    model: Model, batch: Batch, records: Sequence[Record] = (), limit: int = MOST_STEPS
) -> tuple[float, ...]:
    """The mean |∂L_s/∂h_(s-k)| over the records of ``batch``, for k = 0, 1, …; s is each record's last step.

    One forward and one backward pass, in evaluation mode; of longer records the first ``limit`` steps are read. A
    network that only reads backwards is asked at its first step, k steps before. Empty where states cannot be asked
    (no :class:`RecordingEncoder`, no answer at a step) or nothing comes back.
    """
    encoder = model.encoder
    if not isinstance(encoder, Encoder) or not isinstance(encoder, RecordingEncoder):
        return ()
    batch = _cropped(batch, limit)
    with evaluation_mode(model):
        x = model.embedder(batch)
        if not isinstance(x, Tensor):
            return ()
        # cuDNN refuses a backward pass outside training
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            encoded, recorded = encoder.forward_recorded(x[:, : int(batch.lengths.max())].detach(), batch.lengths)
            directions = getattr(encoder, "recorded_directions", ("forward", "backward"))
            back = directions[0] == "backward"
            steps = torch.zeros_like(batch.lengths) if back else last_steps(batch.lengths)
            answers = answers_at(model, encoded, batch, steps)
            if answers is None:
                return ()
            labels = has_labels(model)
            gold = gold_at(model, batch, records, steps, labels=labels) if len(records) == batch.size else None
            losses = losses_at(answers, gold, labels=labels)
            states = list(recorded[0])
            found = torch.autograd.grad(losses.sum(), states, allow_unused=True)
    gradients = [torch.zeros_like(h) if g is None else g for h, g in zip(states, found, strict=True)]
    norms = torch.stack([gradient.norm(dim=-1) for gradient in gradients], dim=1).float().cpu().numpy()  # (B, T')
    # states are in the order of the scan: its last valid one is where the loss stands, in either direction
    factor = int(getattr(encoder, "subsampling", 1))
    ends = -(-batch.lengths.numpy() // factor)
    sums, counts = np.zeros(int(ends.max())), np.zeros(int(ends.max()))
    for row, end in enumerate(ends.tolist()):
        sums[:end] += norms[row, :end][::-1]
        counts[:end] += 1
    profile = np.repeat(sums / counts, factor)[:limit]
    return tuple(float(value) for value in profile) if np.isfinite(profile).all() else ()


def _cropped(batch: Batch, limit: int) -> Batch:
    """The first ``limit`` steps: of every field that has as many columns as there are steps."""
    longest = int(batch.lengths.max())
    if longest <= limit:
        return batch
    fields = {
        name: value[:, :limit] if value.ndim > 1 and value.shape[:2] == (batch.size, longest) else value
        for name, value in batch.fields.items()
    }
    lengths = batch.lengths.clamp(max=limit)
    return Batch(fields, lengths, int(lengths.sum()), extra=batch.extra)


class FlowProbe:
    """Measures the same few records of a split again and again, in bounded time; a failure ends it, not the run."""

    def __init__(self, model: Model, split: Split) -> None:
        self._model = model
        self._split = split
        self._limit = MOST_STEPS
        self._slow = 0
        self._usable = isinstance(model.encoder, RecordingEncoder) and isinstance(model.encoder, Encoder)
        self._indices = self._chosen() if self._usable else None

    def _chosen(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """A few of the longest records within the limit, else the shortest; of a stream, rows of that length."""
        split = self._split
        if isinstance(split, StreamSplit):
            rows = max(1, min(RECORDS, split.steps // MOST_STEPS))
            starts = np.arange(rows, dtype=np.int64) * (split.steps // rows)
            return np.stack([starts, starts + min(MOST_STEPS, split.steps // rows)], axis=1)
        order = np.argsort(split.lengths, kind="stable")
        within = int((split.lengths <= MOST_STEPS).sum())
        return order[max(0, within - RECORDS) : within].astype(np.int64) if within else order[:RECORDS].astype(np.int64)

    def measure(self) -> tuple[float, ...]:
        """The profile of now; empty where there is none."""
        if not self._usable or self._indices is None or not len(self._indices):
            return ()
        started = time.perf_counter()
        try:
            batch = self._split.batch(self._model.codec, self._indices).to(self._model.device)
            records = [] if isinstance(self._split, StreamSplit) else self._split.records(self._indices)
            profile = gradient_flow(self._model, batch, records, self._limit)
        except Exception:  # a plugin whose head cannot answer part of a batch must not end a training
            logger.warning("the gradient's way back could not be measured", exc_info=True)
            self._usable = False
            return ()
        took = time.perf_counter() - started
        # once may be the machine's fault; the first time pays for what a kernel prepares
        self._slow = self._slow + 1 if took > SECONDS else 0
        if self._slow > 1 or took > 4 * SECONDS:
            self._limit = max(FEWEST_STEPS, min(self._limit, len(profile) or self._limit) // 2)
        return profile
