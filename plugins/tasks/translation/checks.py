"""What the data doctor says of pairs beside its own checks: empty sides, copies, odd lengths, sources in two splits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from workbench.api import Finding, StoredRecord, TextPair

ODD = 3.0
"""A pair is odd when its lengths relate this many times more, or less, than those of the other pairs."""
LEAST_CHARACTERS = 20
"""Texts shorter than this on both sides vary freely and are not called odd."""
_MAX_RECORDS = 1000


def check_pairs(records: Iterable[StoredRecord]) -> Iterable[Finding]:
    """Pairs nothing, or the wrong thing, is learned from."""
    empty: list[int] = []
    copies: list[int] = []
    ratios: list[float] = []
    long: list[tuple[int, float]] = []
    trained: set[int] = set()
    held: list[tuple[int, int]] = []
    count = 0
    for stored in records:
        pair = stored.record
        if not isinstance(pair, TextPair):
            continue
        count += 1
        if not pair.source.strip() or not pair.target.strip():
            empty.append(stored.id)
            continue
        if pair.source.strip() == pair.target.strip():
            copies.append(stored.id)
        ratio = math.log(len(pair.target) / len(pair.source))
        ratios.append(ratio)
        if max(len(pair.source), len(pair.target)) >= LEAST_CHARACTERS:
            long.append((stored.id, ratio))
        key = hash(pair.source)
        if stored.split == "train":
            trained.add(key)
        elif stored.split:
            held.append((stored.id, key))
    if empty:
        yield Finding(
            "empty",
            "error",
            f"{_pairs(len(empty))} with an empty side.",
            tuple(empty[:_MAX_RECORDS]),
            fix="Write the missing side, or remove them: training refuses such pairs.",
        )
    if copies and len(copies) < count / 2:
        yield Finding(
            "copy",
            "warning",
            f"{_pairs(len(copies))} whose target is the source: not translated, perhaps.",
            tuple(copies[:_MAX_RECORDS]),
            fix="Remove them where they should have been translated: the model learns to copy.",
        )
    middle = statistics.median(ratios) if ratios else 0.0
    odd = [id_ for id_, ratio in long if abs(ratio - middle) > math.log(ODD)]
    if odd:
        yield Finding(
            "length",
            "warning",
            f"{_pairs(len(odd))} of odd lengths: one side is more than {ODD:g} times as long as it should be.",
            tuple(odd[:_MAX_RECORDS]),
            fix="Look whether the two sides belong together: files may have fallen out of step.",
        )
    seen = [id_ for id_, key in held if key in trained]
    if seen:
        yield Finding(
            "source-in-training",
            "warning",
            f"{_pairs(len(seen))} of validation or test whose source is in training too.",
            tuple(seen[:_MAX_RECORDS]),
            fix="Move them, or split anew: they make the model look better than it is.",
        )


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count:,} pairs"
