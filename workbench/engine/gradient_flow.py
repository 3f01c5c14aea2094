"""How the gradient fades with distance: |∂L_s/∂h_(s-k)| against k, measured on a few records while a model trains.

What distance is depends on what is read. In a sequence: steps back in time. In a tree: levels below the root, whose
loss it is. Of a model that writes: steps back from the end of its source, for the loss of the whole answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.api import Record
from workbench.engine.compose import Model
from workbench.engine.modes import evaluation_mode
from workbench.engine.splits import Split, StreamSplit
from workbench.engine.stepwise import answers_at, gold_at, has_labels, last_steps, losses_at
from workbench.engine.trace_gradient import tree_gradient
from workbench.nn.contract import Batch, Encoder, EncoderDecoder, PairInputs, TreeEncoder, TreeInputs
from workbench.nn.recurrent import RecordingEncoder

logger = logging.getLogger(__name__)
MOST_STEPS = 200
"""Distances that are measured at most."""
FEWEST_STEPS = 16
RECORDS = 8
TREES = 4
"""Trees are composed node by node to be asked, so fewer of them, and small ones."""
TREE_NODES = 64
TREE_LIMIT = 1000
"""Where even the smallest trees are larger, they are not asked."""
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
    profile = _mean([norms[row, :end][::-1] for row, end in enumerate(ends.tolist())])
    return _told(np.repeat(profile, factor)[:limit])


def source_flow(model: Model, batch: Batch, limit: int = MOST_STEPS) -> tuple[float, ...]:
    """The mean |∂L/∂x_(S-1-k)| of a model that writes: L is the mean loss of an answer's symbols, S the source's end.

    By the inputs of its encoder, since what is read may be remembered in one state or attended to in each. Empty for
    a source of a single step, in which there is no distance.
    """
    network = model.encoder
    longest = int(batch.lengths.max())
    if not isinstance(network, EncoderDecoder) or longest < 2:
        return ()
    with evaluation_mode(model):
        inputs = model.embedder(batch)
        if not isinstance(inputs, PairInputs) or inputs.targets is None or inputs.target_lengths is None:
            return ()
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            inputs.source = inputs.source[:, :longest].detach().requires_grad_(True)
            encoded = network(inputs, batch.lengths)
            loss = model.head.loss(model.head(encoded, batch).float(), encoded, batch)
            (found,) = torch.autograd.grad(loss.total, inputs.source)
    norms = found.norm(dim=-1).float().cpu().numpy() / inputs.target_lengths.numpy()[:, None]
    lengths = batch.lengths.tolist()
    return _told(_mean([norms[row, :end][::-1] for row, end in enumerate(lengths)])[:limit])


def tree_flow(model: Model, batch: Batch, record: Record, parents: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """The mean |∂L_root/∂h| of the nodes k levels below the root of one tree; None where nodes cannot be asked."""
    with evaluation_mode(model):
        inputs = model.embedder(batch)
        if not isinstance(inputs, TreeInputs):
            return None
        norms = tree_gradient(model, batch, record, inputs, parents).norms.get("upward")
    if norms is None:
        return None
    depths = np.zeros(len(parents), dtype=np.int64)
    for node in range(len(parents) - 2, -1, -1):  # in post-order a parent comes after its children
        depths[node] = depths[parents[node]] + 1
    found: NDArray[np.float64] = np.bincount(depths, weights=norms[0]) / np.bincount(depths)
    return found


def _mean(rows: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """The mean at each distance, over the ``rows`` that reach it."""
    longest = max(len(row) for row in rows)
    sums, counts = np.zeros(longest), np.zeros(longest)
    for row in rows:
        sums[: len(row)] += row
        counts[: len(row)] += 1
    found: NDArray[np.float64] = sums / counts
    return found


def _told(profile: NDArray[np.float64]) -> tuple[float, ...]:
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
        network = model.encoder
        reads = isinstance(network, RecordingEncoder) and isinstance(network, Encoder)
        self._usable = reads or isinstance(network, TreeEncoder | EncoderDecoder)
        self.over = "levels" if isinstance(network, TreeEncoder) else "steps"
        """What distance counts, as :class:`GradientFlow` says it."""
        if isinstance(network, EncoderDecoder):
            self.over = "source"
        self._indices = self._chosen() if self._usable else None

    def _chosen(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """A few of the longest records within the limit, else the shortest; of a stream, rows of that length."""
        split = self._split
        if isinstance(split, StreamSplit):
            rows = max(1, min(RECORDS, split.steps // MOST_STEPS))
            starts = np.arange(rows, dtype=np.int64) * (split.steps // rows)
            return np.stack([starts, starts + min(MOST_STEPS, split.steps // rows)], axis=1)
        tree = self.over == "levels"
        records, most = (TREES, TREE_NODES) if tree else (RECORDS, MOST_STEPS)
        order = np.argsort(split.lengths, kind="stable")
        within = int((split.lengths <= most).sum())
        return order[max(0, within - records) : within].astype(np.int64) if within else order[:records].astype(np.int64)

    def measure(self) -> tuple[float, ...]:
        """The profile of now; empty where there is none."""
        if not self._usable or self._indices is None or not len(self._indices):
            return ()
        started = time.perf_counter()
        try:
            profile = self._profile(self._indices)
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

    def _profile(self, indices: NDArray[np.int64]) -> tuple[float, ...]:
        model, split = self._model, self._split
        if self.over == "levels":
            found = [self._tree(indices[i : i + 1]) for i in range(len(indices))]
            rows = [row for row in found if row is not None]
            return _told(_mean(rows)[: self._limit]) if rows else ()
        batch = split.batch(model.codec, indices).to(model.device)
        if self.over == "source":
            return source_flow(model, batch, self._limit)
        records = [] if isinstance(split, StreamSplit) else split.records(indices)
        return gradient_flow(model, batch, records, self._limit)

    def _tree(self, index: NDArray[np.int64]) -> NDArray[np.float64] | None:
        split = self._split
        (record,) = split.records(index)
        parents = split.encodings[int(index[0])].get("parents")
        parents = getattr(record, "parents", None) if parents is None else parents
        if parents is None or len(parents) > TREE_LIMIT:
            return None
        batch = split.batch(self._model.codec, index).to(self._model.device)
        return tree_flow(self._model, batch, record, np.asarray(parents, dtype=np.int64))
