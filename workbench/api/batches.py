"""Many tagged sentences at once, as flat columns: how an importer hands over a file at speed.

Reading, checking and writing 100,000 sentences one object at a time is mostly the making of objects. A stream may
therefore have :meth:`BatchedStream.batches` besides ``__iter__``; what it brings is the same, only faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, runtime_checkable

from workbench.api.io import ImportedRecord
from workbench.api.records import TaggedTokens
from workbench.api.schemes import OUTSIDE, Scheme, is_legal, legality, to_iob2

BREAK = "\r"
"""Stands between two sentences in a flat column. No token and no label may contain it, or a line feed."""

_MOST_PAIRS = 1 << 16


@dataclass(frozen=True, slots=True)
class SentenceBatch:
    """``N`` sentences with ``T`` tokens in all.

    ``tokens`` and every layer of ``layers`` have ``T + N - 1`` entries: the cells of one sentence after the other with
    :data:`BREAK` between them. ``lengths`` (N,) counts the tokens of each, at least one; ``lines``, ``documents`` and
    ``raws`` (N,) are as in :class:`~workbench.api.io.ImportedRecord`. Span layers hold IOB2.
    """

    tokens: Sequence[str]
    layers: Mapping[str, Sequence[str]]
    lengths: Sequence[int]
    lines: Sequence[int]
    documents: Sequence[str]
    raws: Sequence[str]
    legal: frozenset[str] = frozenset()
    """Span layers that are known to be legal IOB2 throughout."""

    def __len__(self) -> int:
        return len(self.lengths)

    def bounds(self) -> Iterator[tuple[int, int]]:
        """Where each sentence begins and ends (exclusive) in the flat columns."""
        start = 0
        for length in self.lengths:
            yield start, start + length
            start += length + 1

    def __iter__(self) -> Iterator[ImportedRecord]:
        """The same sentences one by one."""
        places = zip(self.bounds(), self.lines, self.documents, self.raws, strict=True)
        for (start, end), line, document, raw in places:
            layers = {name: tuple(column[start:end]) for name, column in self.layers.items()}
            yield ImportedRecord(TaggedTokens(tuple(self.tokens[start:end]), layers), line, document, raw)


@runtime_checkable
class BatchedStream(Protocol):
    """An :class:`~workbench.api.io.ImportStream` that can also bring its records many at a time, in the same order."""

    def batches(self, most: int) -> Iterator[SentenceBatch | list[ImportedRecord]]:
        """At most ``most`` records at a time; those that need a closer look come as a list."""
        ...


class SpanColumns:
    """Judges the flat columns of a span layer in ``scheme`` and writes them as IOB2.

    Both depend on a tag and the one before it alone, and only few different pairs occur: each is looked at once.
    """

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self._pairs = _Pairs(scheme)

    def is_legal(self, column: Sequence[str]) -> bool:
        """Whether every sentence keeps to the scheme."""
        return self._pairs.are_legal(column)

    def to_iob2(self, column: Sequence[str]) -> list[str]:
        """:func:`~workbench.api.schemes.to_iob2` of every sentence; legal unless the scheme is IOB2 itself."""
        if self.scheme in (Scheme.IOB2, Scheme.PLAIN):
            return list(column)
        return list(map(self._pairs.__getitem__, _neighbours(column)))


def _neighbours(column: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(chain((BREAK,), column), column)  # noqa: B905


class _Pairs(dict[tuple[str, str], str]):
    """(tag before, tag) → the tag as IOB2, and which of the pairs met so far break the scheme."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.broken: set[tuple[str, str]] = set()

    def __missing__(self, pair: tuple[str, str]) -> str:
        if len(self) >= _MOST_PAIRS:
            self.clear()
        previous, tag = pair
        before = None if previous == BREAK else previous
        if tag == BREAK:
            legal, written = is_legal(before, None, self.scheme), BREAK
        else:
            legal = self.scheme in (Scheme.PLAIN, Scheme.IO) or legality(self.scheme)(before, tag)
            written = to_iob2((before or OUTSIDE, tag), self.scheme)[1]
        if not legal:
            self.broken.add(pair)
        self[pair] = written
        return written

    def are_legal(self, column: Sequence[str]) -> bool:
        if not column:
            return True
        pairs = set(_neighbours(column))
        pairs.add((column[-1], BREAK))
        for pair in pairs - self.keys():
            self[pair]
        return self.broken.isdisjoint(pairs)
