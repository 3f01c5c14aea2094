"""Many tagged sentences at once, as flat columns: how an importer hands over a file at speed.

Reading, checking and writing 100,000 sentences one object at a time is mostly the making of objects. A stream may
therefore have :meth:`BatchedStream.batches` besides ``__iter__``; what it brings is the same, only faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Protocol, runtime_checkable

from workbench.api.io import ImportedRecord
from workbench.api.records import TaggedTokens
from workbench.api.schemes import OUTSIDE, Scheme, is_legal, legality, to_iob2

BREAK = "\r"
"""Stands between two sentences in a flat column. No token and no label may contain it, or a line feed."""


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


def is_legal_column(column: Sequence[str], scheme: Scheme = Scheme.IOB2) -> bool:
    """Whether every sentence of a flat column keeps to ``scheme``: only neighbours matter, and few are different."""
    if scheme in (Scheme.PLAIN, Scheme.IO):
        return True
    check = legality(scheme)
    for previous, tag in set(zip(chain((BREAK,), column), chain(column, (BREAK,)), strict=True)):
        before = None if previous == BREAK else previous
        if not (is_legal(before, None, scheme) if tag == BREAK else check(before, tag)):
            return False
    return True


def column_to_iob2(column: Sequence[str], scheme: Scheme) -> list[str]:
    """:func:`~workbench.api.schemes.to_iob2` of every sentence of a flat column."""
    if scheme in (Scheme.IOB2, Scheme.PLAIN):
        return list(column)
    return list(map(_iob2_tag, chain((BREAK,), column), column))


@lru_cache(maxsize=1 << 16)
def _iob2_tag(previous: str, tag: str) -> str:
    if tag == BREAK:
        return BREAK
    return to_iob2((OUTSIDE if previous == BREAK else previous, tag), Scheme.IOB1)[1]
