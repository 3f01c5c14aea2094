"""Small generated data sets whose labels can be learned in seconds, one generator for each record type.

Everything follows from the seed; nothing is read from disk.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from workbench.api import LabelledText, LabelledTree, Record, Series, TaggedTokens, Text, TextPair, WorkbenchError
from workbench.testing.pair_tasks import DescribedVector, described_vectors, reversed_pairs
from workbench.testing.records import LabelledVector, ShortSeries
from workbench.testing.tree_task import expression_trees

_PEOPLE = ("Ada", "Grace", "Alan", "Emmy", "Jordan", "Florence")
_PLACES = ("Paris", "Lima", "Oslo", "Jordan", "Florence", "Kyoto")
_NOUNS = ("bridge", "river", "letter", "garden", "machine", "song")
_ADJECTIVES = ("old", "quiet", "bright", "narrow")
_VERBS = ("crossed", "wrote", "found", "liked", "drew")
_SURNAMES = ("Hopper", "Lovelace", "Noether", "Turing")

Splits = dict[str, list[Record]]
"""Split → records: what the engine trains on as well as on a store."""


def tagged_sentences(count: int, seed: int = 7) -> list[TaggedTokens]:
    """``count`` English-like sentences of 4 to 20 tokens with the layers ``ner`` (IOB2) and ``upos``.

    A seeded grammar writes them, so that a small network learns both layers almost perfectly. Jordan and Florence are
    people before a verb and places after "in": a tagger must look at the context.
    """
    choose = random.Random(seed)
    return [_sentence(choose) for _ in range(count)]


def texts(count: int, seed: int = 7) -> list[Text]:
    """``count`` pieces of running text of the same grammar."""
    return [Text(" ".join(sentence.tokens)) for sentence in tagged_sentences(count, seed)]


def labelled_texts(count: int, seed: int = 7) -> list[LabelledText]:
    """``count`` texts of the same grammar, "person" or "thing" by what their first words name: the rest is noise."""
    return [
        LabelledText(" ".join(one.tokens), "person" if one.layers["ner"][0] == "B-PER" else "thing")
        for one in tagged_sentences(count, seed)
    ]


def labelled_vectors(count: int, seed: int = 7) -> list[LabelledVector]:
    """``count`` points of the plane, "inside" or "outside" the circle that holds half of them: no line parts them."""
    choose = random.Random(seed)
    points = [(choose.uniform(-1, 1), choose.uniform(-1, 1)) for _ in range(count)]
    return [
        LabelledVector((round(x, 4), round(y, 4)), "inside" if x * x + y * y < 2 / math.pi else "outside")
        for x, y in points
    ]


def short_series(count: int, seed: int = 7) -> list[ShortSeries]:
    """``count`` sums of two sines of 40 to 60 steps, each with its own pace and phase, and a little noise."""
    choose = random.Random(seed)
    series = []
    for _ in range(count):
        slow, fast, phase = choose.uniform(0.15, 0.3), choose.uniform(0.5, 0.9), choose.uniform(0, 2 * math.pi)
        steps = choose.randint(40, 60)
        values = (
            math.sin(slow * t + phase) + 0.3 * math.sin(fast * t) + choose.gauss(0, 0.02) for t in range(steps)
        )
        series.append(ShortSeries(tuple(round(value, 4) for value in values)))
    return series


def series(count: int, seed: int = 7) -> list[Series]:
    """``count`` hourly series of 96 steps: a day's wave, a slow one, a little noise."""
    choose = random.Random(seed)
    made = []
    for number in range(count):
        phase, level = choose.uniform(0, 2 * math.pi), choose.uniform(5, 10)
        values = [
            round(level + 2 * math.sin(2 * math.pi * t / 24 + phase) + 0.01 * t + choose.gauss(0, 0.1), 3)
            for t in range(96)
        ]
        hours = [3_600_000_000_000 * t for t in range(96)]
        made.append(Series.of(f"series {number + 1}", values, times=hours, clock="datetime", frequency="h"))
    return made


GENERATORS: dict[str, Callable[[int, int], Sequence[Record]]] = {
    TaggedTokens.KIND: tagged_sentences,
    Text.KIND: texts,
    LabelledText.KIND: labelled_texts,
    LabelledTree.KIND: expression_trees,
    TextPair.KIND: reversed_pairs,
    DescribedVector.KIND: described_vectors,
    LabelledVector.KIND: labelled_vectors,
    ShortSeries.KIND: short_series,
    Series.KIND: series,
}


def dataset(record: str, *, train: int = 60, validation: int = 20, test: int = 20, seed: int = 7) -> Splits:
    """A generated data set of ``record`` kind in three splits; :class:`WorkbenchError` for a kind of a plugin's own."""
    if record not in GENERATORS:
        raise WorkbenchError(
            f"There is no generator of {record!r} records.",
            why="workbench.testing generates the record types of workbench.api and its own.",
            fix="Register a Sample of that record kind; the contract suite then uses it.",
        )
    records = list(GENERATORS[record](train + validation + test, seed))
    return {
        "train": records[:train],
        "validation": records[train : train + validation],
        "test": records[train + validation :],
    }


def _sentence(choose: random.Random) -> TaggedTokens:
    words: list[tuple[str, str, str]] = []
    words += _person(choose) if choose.random() < 0.6 else _thing(choose)
    words.append((choose.choice(_VERBS), "O", "VERB"))
    words += _thing(choose)
    while choose.random() < 0.55 and len(words) < 16:
        words.append(("in", "O", "ADP"))
        words.append((choose.choice(_PLACES), "B-LOC", "PROPN"))
    words.append((".", "O", "PUNCT"))
    tokens, entities, parts = zip(*words, strict=True)
    return TaggedTokens(tokens, {"ner": entities, "upos": parts})


def _person(choose: random.Random) -> list[tuple[str, str, str]]:
    name = [(choose.choice(_PEOPLE), "B-PER", "PROPN")]
    if choose.random() < 0.4:
        name.append((choose.choice(_SURNAMES), "I-PER", "PROPN"))
    return name


def _thing(choose: random.Random) -> list[tuple[str, str, str]]:
    words = [("the", "O", "DET")]
    if choose.random() < 0.5:
        words.append((choose.choice(_ADJECTIVES), "O", "ADJ"))
    words.append((choose.choice(_NOUNS), "O", "NOUN"))
    return words
