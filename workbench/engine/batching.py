"""Which records share a batch: buckets of like length under a token budget, the same for the same seed and epoch.

Records of like length in one padded batch waste little and keep the fused recurrent kernels, which a packed sequence
would lose. Nothing is drawn from a global random state: the plan of an epoch is a function of (seed, epoch), so a
resumed run finds its place again with two numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

POOL_BATCHES = 50
"""Batches sorted together: more wastes less, fewer mixes lengths more freely."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """``order[bounds[i]:bounds[i + 1]]`` are the records of batch ``i``."""

    order: NDArray[Any]
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, batch: int) -> Indices:
        return self.order[self.bounds[batch] : self.bounds[batch + 1]].astype(np.int64, copy=False)

    def __iter__(self) -> Iterator[Indices]:
        for batch in range(len(self)):
            yield self[batch]

    def waste(self, lengths: Indices) -> float:
        """The share of padding in all steps computed, 0 to 1."""
        padded = sum(int(lengths[batch].max()) * len(batch) for batch in self)
        return 1.0 - float(lengths[self.order].sum()) / padded if padded else 0.0


@dataclass(frozen=True, slots=True)
class TokenBudgetBatches:
    """Batches of at most ``budget`` padded steps (a longer record stands alone) over records of ``lengths``."""

    lengths: Indices
    budget: int
    seed: int

    def epoch(self, epoch: int) -> BatchPlan:
        """The batches of ``epoch``: shuffle, sort within pools, cut, shuffle the batches."""
        generator = np.random.Generator(np.random.PCG64([self.seed, epoch]))
        length = equal_length(self.lengths)
        if length is not None:
            return self._of_one_length(generator, max(1, length))
        order = generator.permutation(len(self.lengths)).astype(np.int64)
        before = np.cumsum(self.lengths[order], dtype=np.int64) - self.lengths[order]
        total = int(self.lengths.sum())
        # pools of equal size: a small rest would waste most
        pools = max(1, round(total / (self.budget * POOL_BATCHES)))
        pool_of = before * pools // max(1, total)
        # one sort for all pools: by pool, then by falling length; stable, so equals stay shuffled
        order = order[np.lexsort((-self.lengths[order], pool_of))]
        starts = np.flatnonzero(np.diff(np.sort(pool_of), prepend=-1))
        ends = np.append(starts[1:], len(order)) if len(starts) else starts
        pieces = [
            order[first:last]
            for pool_start, pool_end in zip(starts, ends, strict=True)
            for first, last in _cut(self.lengths[order[pool_start:pool_end]], self.budget, int(pool_start))
        ]
        return _plan([pieces[i] for i in generator.permutation(len(pieces))])


    def _of_one_length(self, generator: np.random.Generator, length: int) -> BatchPlan:
        """The same plan where all records are as long (windows): there is nothing to sort, and little to keep."""
        count, size = len(self.lengths), max(1, self.budget // length)
        order = generator.permutation(np.arange(count, dtype=np.int32 if count < 2**31 else np.int64))
        pools = max(1, round(count * length / (self.budget * POOL_BATCHES)))
        edges = np.unique(-(-np.arange(pools + 1, dtype=np.int64) * count // pools))
        pieces = -(-np.diff(edges) // size)
        number = np.arange(int(pieces.sum()), dtype=np.int64) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        firsts = np.repeat(edges[:-1], pieces) + number * size
        lasts = np.minimum(firsts + size, np.repeat(edges[1:], pieces))
        turn = generator.permutation(len(firsts))
        firsts, lasts = firsts[turn], lasts[turn]
        bounds = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lasts - firsts)])
        shuffled = np.empty_like(order)
        for at, first, last in zip(bounds.tolist(), firsts.tolist(), lasts.tolist(), strict=False):
            shuffled[at : at + last - first] = order[first:last]
        return BatchPlan(shuffled, bounds)


def equal_length(lengths: Indices) -> int | None:
    """The one length of many records, None where they differ or are none."""
    if not len(lengths):
        return None
    if lengths.strides == (0,) or int(lengths.min()) == int(lengths.max()):
        return int(lengths[0])
    return None


def evaluation_plan(lengths: Indices, budget: int) -> BatchPlan:
    """Every record once, longest first: least padding, and the largest batch comes first, where memory would fail."""
    length = equal_length(lengths)
    if length is not None:
        size, count = max(1, budget // max(1, length)), len(lengths)
        return BatchPlan(np.arange(count), np.append(np.arange(0, count, size), count).astype(np.int64))
    order = np.argsort(-lengths, kind="stable").astype(np.int64)
    return _plan([order[first:last] for first, last in _cut(lengths[order], budget, 0)])


def contiguous_plan(lengths: Indices, budget: int) -> BatchPlan:
    """Every record once in its own order: for streams whose neighbours belong together."""
    pieces: list[Indices] = []
    first, longest = 0, 0
    for i, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if i > first and longest * (i - first + 1) > budget:
            pieces.append(np.arange(first, i, dtype=np.int64))
            first, longest = i, length
    if first < len(lengths):
        pieces.append(np.arange(first, len(lengths), dtype=np.int64))
    return _plan(pieces)


def _cut(falling: Indices, budget: int, offset: int) -> Iterator[tuple[int, int]]:
    """Bounds of batches over lengths that never rise: the first record of a batch is its longest."""
    start = 0
    while start < len(falling):
        end = min(len(falling), start + max(1, budget // max(1, int(falling[start]))))
        yield offset + start, offset + end
        start = end


def _plan(pieces: list[Indices]) -> BatchPlan:
    bounds = np.zeros(len(pieces) + 1, dtype=np.int64)
    if not pieces:
        return BatchPlan(np.zeros(0, dtype=np.int64), bounds)
    bounds[1:] = np.cumsum([len(piece) for piece in pieces])
    return BatchPlan(np.concatenate(pieces), bounds)
