"""Encoded splits: what their examples are (records, windows of records, pieces of one stream) and how they batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.api import Record
from workbench.engine.batching import TokenBudgetBatches, equal_length, evaluation_plan
from workbench.engine.sources import RecordSource
from workbench.engine.streams import StreamBatches
from workbench.nn.contract import Batch, Codec, Encoding
from workbench.nn.protocols import CutsWindows, Windows

KEEP_IN_MEMORY = 50_000
"""Splits up to this many records are read once and kept; larger ones are streamed once for every pass."""


class Plan(Protocol):
    """The batches of an epoch: ``plan[i]`` is what :meth:`Split.batch` makes batch i of."""

    def __len__(self) -> int: ...

    def __getitem__(self, batch: int, /) -> NDArray[np.int64]: ...


class Batches(Protocol):
    """The batches of every epoch, each a function of (seed, epoch)."""

    def epoch(self, epoch: int) -> Plan: ...


@dataclass(slots=True)
class Split:
    """An encoded split: ``encodings[i]`` has ``lengths[i]`` steps and is record ``ids[i]`` of the source.

    Of a pair whose codec knows its target's length, ``lengths`` are those of the longer side: what a batch must hold.
    """

    name: str
    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    encodings: Sequence[Encoding]
    source: RecordSource
    empty: int = 0
    """Records left out because they have no steps at all."""
    _records: list[Record] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, codec: Codec, indices: NDArray[np.int64]) -> Batch:
        encodings = self.encodings
        return codec.collate([encodings[i] for i in indices.tolist()])

    def batches(self, budget: int, seed: int) -> Batches:
        """How it is trained on: batches of at most ``budget`` padded steps."""
        return TokenBudgetBatches(self.lengths, budget, seed)

    def trial(self, tokens: int) -> NDArray[np.int64]:
        """A batch of middling length and at most about ``tokens`` steps, to try something on."""
        if (longest := equal_length(self.lengths)) is not None:
            first = len(self) // 2
            return np.arange(first, min(len(self), first + max(1, tokens // max(1, longest))), dtype=np.int64)
        middle = np.argsort(self.lengths, kind="stable")[len(self) // 2 :]
        count = max(1, tokens // max(1, int(self.lengths[middle[0]])))
        return middle[:count].astype(np.int64)

    def largest(self, budget: int) -> NDArray[np.int64]:
        """The batch with the longest record: where memory would fail first."""
        if (longest := equal_length(self.lengths)) is not None:
            return np.arange(min(len(self), max(1, budget // max(1, longest))), dtype=np.int64)
        return evaluation_plan(self.lengths, budget)[0]

    def records(self, indices: NDArray[np.int64]) -> list[Record]:
        """The gold records at ``indices``; small splits are read once and kept."""
        return self._gold(self.ids, indices)

    def _gold(self, ids: NDArray[np.int64], indices: NDArray[np.int64]) -> list[Record]:
        if len(ids) > KEEP_IN_MEMORY:
            return self.source.get(ids[indices].tolist())
        if self._records is None:
            self._records = self.source.get(ids.tolist())
        return [self._records[i] for i in indices.tolist()]


@dataclass(slots=True, kw_only=True)
class WindowSplit(Split):
    """Windows of long records: example i is ``spans[i]`` of ``encodings[rows[i]]``, cut when a batch is made.

    ``ids`` and ``lengths`` are those of the windows; ``record_ids`` those of the records.
    """

    codec: Windows
    rows: NDArray[np.int64]
    spans: NDArray[Any]
    """(W, 2) start and stop, of 32 or 64 bits."""
    record_ids: NDArray[np.int64]

    def batch(self, codec: Codec, indices: NDArray[np.int64]) -> Batch:
        if isinstance(codec, CutsWindows):
            return codec.collate_windows(self.encodings, self.rows[indices], self.spans[indices].astype(np.int64))
        cut: Callable[[Encoding, int, int], Encoding] = self.codec.window
        rows, spans = self.rows[indices].tolist(), self.spans[indices].tolist()
        return codec.collate(
            [cut(self.encodings[row], start, stop) for row, (start, stop) in zip(rows, spans, strict=True)]
        )

    def records(self, indices: NDArray[np.int64]) -> list[Record]:
        """The gold record of each window at ``indices``."""
        rows, spans = self.rows[indices], self.spans[indices].tolist()
        distinct, place = np.unique(rows, return_inverse=True)
        whole = self._gold(self.record_ids, distinct)
        return [
            self.codec.window_record(whole[i], start, stop)
            for i, (start, stop) in zip(place.tolist(), spans, strict=True)
        ]


AHEAD_STEPS = 1 << 14
"""Steps of windows that are cut together: small enough to be still at hand when the last of them is read."""


class WindowsAhead:
    """The batches of a plan over windows, those that come next cut along with the one asked for.

    A batch of windows is quickly cut once the code for it is warm, and cold after every step of a network; a few
    batches at once cost little more than one. They are the very batches that :meth:`WindowSplit.batch` makes.
    """

    def __init__(self, split: WindowSplit, codec: Codec) -> None:
        self._split, self._codec = split, codec
        self._plan: Plan | None = None
        self._ready: dict[int, Batch] = {}

    def batch(self, plan: Plan, index: int) -> Batch:
        if plan is not self._plan or index not in self._ready:
            pieces = [plan[index]]
            room = AHEAD_STEPS - int(self._split.lengths[pieces[0]].sum())
            for following in range(index + 1, len(plan)):
                piece = plan[following]
                room -= int(self._split.lengths[piece].sum())
                if room < 0:
                    break
                pieces.append(piece)
            whole = self._split.batch(self._codec, np.concatenate(pieces))
            self._plan = plan
            self._ready = dict(enumerate(_divided(whole, [len(piece) for piece in pieces]), start=index))
        return self._ready.pop(index)


def _divided(batch: Batch, counts: Sequence[int]) -> list[Batch]:
    """``batch`` of windows that are all of one size, as batches of so many windows each."""
    total, start, found = sum(counts), 0, list[Batch]()
    for count in counts:
        stop = start + count
        fields = {
            name: value[start * len(value) // total : stop * len(value) // total]
            for name, value in batch.fields.items()
        }
        rows = slice(start * batch.size // total, stop * batch.size // total)
        found.append(Batch(fields, batch.lengths[rows], batch.units * count // total, extra=dict(batch.extra)))
        start = stop
    return found


@dataclass(slots=True, kw_only=True)
class StreamSplit(Split):
    """Records that follow one another as one ``stream`` (S, …), after what the codec puts before the first.

    A batch is made of ``spans`` (R, 2): the steps of each of its rows; each piece reads ``overlap`` steps beyond.
    """

    stream: NDArray[np.generic]
    array: str
    """The name the codec gives the stream."""
    chunk: int
    overlap: int

    @property
    def steps(self) -> int:
        """Steps the network reads of the stream."""
        return max(0, len(self.stream) - self.overlap)

    def batch(self, codec: Codec, indices: NDArray[np.int64]) -> Batch:
        stream, overlap = self.stream, self.overlap
        return codec.collate([{self.array: stream[first : last + overlap]} for first, last in indices.tolist()])

    def batches(self, budget: int, seed: int) -> StreamBatches:
        return StreamBatches(self.steps, self.chunk, budget, seed)

    def trial(self, tokens: int) -> NDArray[np.int64]:
        spans = self.largest(tokens)
        return spans[: max(1, tokens // int(spans[0, 1] - spans[0, 0]))]

    def largest(self, budget: int) -> NDArray[np.int64]:
        plan = self.batches(budget, 0).epoch(1)
        return plan[min(1, len(plan) - 1)]
