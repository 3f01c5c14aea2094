"""Rows of many sentences at once: what :mod:`workbench.data.rows` derives from one record, from flat columns.

Everything that can be done for a whole column in one call of C (escaping, folding, numbering labels) is done so; the
results are the same, character for character, as those of the one-by-one functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain

from workbench.api.batches import BREAK, SentenceBatch, is_legal_column
from workbench.api.schemes import is_legal_sequence
from workbench.data.rows import PROBLEM_SCHEME, LabelIndex, Layers, digest_of, fold, is_span_layer

_CONTROLS = bytes(set(range(32)) - {10, 13})
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

SentenceRow = tuple[int, str, str, bytes, str, str]
"""size, problem, body, digest, labels and search of one sentence."""


def sentence_rows(batch: SentenceBatch, layers: Layers, index: LabelIndex) -> Iterator[SentenceRow]:
    """What is stored of every sentence of ``batch``."""
    tokens = "\n".join(batch.tokens)
    searches = fold(tokens.replace("\n", " ")).split(f" {BREAK} ")
    bodies = _bodies(batch, tokens)
    digests = map(digest_of, bodies)
    return zip(
        batch.lengths, _problems(batch, layers), bodies, digests, _labels(batch, index), searches, strict=True
    )  # fmt: skip


def _bodies(batch: SentenceBatch, tokens: str) -> list[str]:
    """:func:`workbench.data.rows.encode_body` of every sentence; ``tokens`` are joined by line feeds."""
    arrays = [_arrays(tokens), *(_arrays("\n".join(column)) for column in batch.layers.values())]
    names = ",".join(_encode(name).replace("%", "%%") + ":[%s]" for name in batch.layers)
    template = '{"tokens":[%s],"layers":{' + names + "}}"
    return [template % parts for parts in zip(*arrays, strict=True)]


def _arrays(cells: str) -> list[str]:
    """The cells of each sentence as the inside of a JSON array, from all cells joined by line feeds."""
    data = cells.encode("utf-8", "surrogatepass")
    if len(data.translate(None, _CONTROLS)) != len(data):
        return [",".join(map(_encode, part.split("\n"))) for part in cells.split(f"\n{BREAK}\n")]
    escaped = cells.replace("\\", "\\\\").replace('"', '\\"').replace("\n", '","')
    return f'"{escaped}"'.split(f',"{BREAK}",')


def _labels(batch: SentenceBatch, index: LabelIndex) -> list[str]:
    """:meth:`LabelIndex.text` of every sentence."""
    columns = [index.numbers(name, column) for name, column in batch.layers.items()]
    if not columns:
        return [""] * len(batch)
    found: list[str] = []
    for start, end in batch.bounds():
        numbers = set(chain.from_iterable([column[start:end] for column in columns]))
        found.append(f" {' '.join(numbers)} ")
    return found


def _problems(batch: SentenceBatch, layers: Layers) -> Sequence[str]:
    """:func:`workbench.data.rows.problem_of` of every sentence."""
    broken = [column for name, column in batch.layers.items()
              if is_span_layer(layers, name) and not is_legal_column(column)]  # fmt: skip
    if not broken:
        return [""] * len(batch)
    return [
        "" if all(is_legal_sequence(column[start:end]) for column in broken) else PROBLEM_SCHEME
        for start, end in batch.bounds()
    ]
