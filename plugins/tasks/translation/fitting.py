"""Fitting the vocabularies, and refusing pairs that nothing can be learned from."""

from __future__ import annotations

import random
from collections.abc import Iterable

from workbench_plugins.tasks.translation.codec import TranslationCodec, as_pair
from workbench_plugins.tasks.translation.params import TranslationParams

from workbench.api import Record, TextPair, WorkbenchError
from workbench.nn.text import Tokeniser


def check_records(records: Iterable[Record]) -> None:
    """Refuse training data with a pair one of whose sides is empty, naming it (counted from 1)."""
    number = 0
    for number, record in enumerate(records, 1):
        pair = as_pair(record)
        for side, text, other in (("source", pair.source, pair.target), ("target", pair.target, pair.source)):
            if not text.strip():
                raise WorkbenchError(
                    f"Pair {number} has an empty {side}.",
                    why=f"Its other side is: {other[:60]!r}." if other.strip() else "Its other side is empty too.",
                    fix=f"Give it a {side} or remove it in stage Data, or learn from a split without it.",
                )
    if number == 0:
        raise WorkbenchError(
            "There are no pairs to learn from.", why="The split is empty.", fix="Choose another split, or import data."
        )


MOST_PAIRS = 300_000
"""Pairs that the vocabularies are made of at most: more would fill the memory and change little."""


def _sample(records: Iterable[Record], most: int = MOST_PAIRS) -> list[TextPair]:
    """All pairs, or ``most`` of them drawn evenly (reservoir sampling, always the same for the same records)."""
    choose = random.Random(0)
    kept: list[TextPair] = []
    for number, record in enumerate(records):
        if number < most:
            kept.append(as_pair(record))
        elif (place := choose.randrange(number + 1)) < most:
            kept[place] = as_pair(record)
    return kept


def fit_codec(records: Iterable[Record], params: TranslationParams) -> TranslationCodec:
    """From the training pairs, or from a sample of them where they are very many."""
    pairs = _sample(records)
    sources = [pair.source for pair in pairs]
    targets = [pair.target for pair in pairs]
    lower = params.lowercase
    size = params.target_vocabulary_size or params.vocabulary_size
    if params.joint:
        both = Tokeniser.fit(
            params.vocabulary,
            [*sources, *targets],
            size=params.vocabulary_size,
            lowercase=lower == "both",
            min_count=params.minimum_frequency,
        )
        return TranslationCodec(both, both, params.max_length)
    source = Tokeniser.fit(
        params.vocabulary,
        sources,
        size=params.vocabulary_size,
        lowercase=lower != "none",
        min_count=params.minimum_frequency,
    )
    target = Tokeniser.fit(
        params.target_kind, targets, size=size, lowercase=lower == "both", min_count=params.minimum_frequency
    )
    return TranslationCodec(source, target, params.max_length)
