"""What is stored of many sentences at once: as :mod:`workbench.data.rows` derives it from one, but from flat columns.

Everything that can be done for a whole column in one call of C (escaping, folding, numbering labels) is done so; the
results are the same, character for character, as those of the one-by-one functions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain, repeat
from typing import NamedTuple

from workbench.api.batches import BREAK, SentenceBatch, SpanColumns
from workbench.api.schemes import Scheme, is_legal_sequence
from workbench.data.rows import PROBLEM_SCHEME, LabelIndex, Layers, digest_of, fold, is_span_layer

_CONTROLS = bytes(set(range(32)) - {10, 13})
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


class Derived(NamedTuple):
    """Columns of the tables ``records`` and ``bodies``, one entry for each sentence."""

    problems: Sequence[str]
    bodies: Sequence[str]
    digests: Sequence[bytes]
    labels: Sequence[str]
    searches: Sequence[str]


def derive(batch: SentenceBatch, layers: Layers, index: LabelIndex) -> Derived:
    """What is stored of every sentence of ``batch``."""
    tokens = "\n".join(batch.tokens)
    bodies = _bodies(batch, tokens)
    return Derived(
        _problems(batch, layers),
        bodies,
        list(map(digest_of, bodies)),
        _labels(batch, index),
        fold(tokens.replace("\n", " ")).split(f" {BREAK} "),
    )


def _bodies(batch: SentenceBatch, tokens: str) -> list[str]:
    """:func:`workbench.data.rows.encode_body` of every sentence; ``tokens`` are joined by line feeds."""
    arrays = [_arrays(tokens), *(_arrays("\n".join(column)) for column in batch.layers.values())]
    names = [_encode(name) for name in batch.layers]
    layers = [f"],{name}:[" if i else f'],"layers":{{{name}:[' for i, name in enumerate(names)]
    before = ['{"tokens":[', *layers]
    after = "]}}" if names else '],"layers":{}}'
    parts = chain.from_iterable((repeat(text), array) for text, array in zip(before, arrays, strict=True))
    return list(map("".join, zip(*parts, repeat(after))))


def _arrays(cells: str) -> list[str]:
    """The cells of each sentence as the inside of a JSON array, from all cells joined by line feeds."""
    data = cells.encode("utf-8", "surrogatepass")
    if len(data.translate(None, _CONTROLS)) != len(data):
        return [",".join(map(_encode, part.split("\n"))) for part in cells.split(f"\n{BREAK}\n")]
    escaped = cells.replace("\\", "\\\\").replace('"', '\\"').replace("\n", '","')
    return f'"{escaped}"'.split(f',"{BREAK}",')


def _labels(batch: SentenceBatch, index: LabelIndex) -> list[str]:
    """:meth:`LabelIndex.text` of every sentence."""
    bounds = list(batch.bounds())
    found: list[list[str]] = []
    for name, column in batch.layers.items():
        number = index.numbers(name, set(column) - {BREAK}).__getitem__
        found.append([" ".join(map(number, set(column[start:end]))) for start, end in bounds])
    if not found:
        return [""] * len(batch)
    return [f" {' '.join(numbers)} " for numbers in zip(*found, strict=True)]


def _problems(batch: SentenceBatch, layers: Layers) -> list[str]:
    """:func:`workbench.data.rows.problem_of` of every sentence."""
    iob2 = SpanColumns(Scheme.IOB2)
    broken = [
        column
        for name, column in batch.layers.items()
        if is_span_layer(layers, name) and name not in batch.legal and not iob2.is_legal(column)
    ]
    if not broken:
        return [""] * len(batch)
    return [
        "" if all(is_legal_sequence(column[start:end]) for column in broken) else PROBLEM_SCHEME
        for start, end in batch.bounds()
    ]
