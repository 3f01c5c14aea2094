"""Generated tasks that write: a text for a text (many to many), a text for a vector (one to many). No torch here.

``pair_task()`` and ``vector_task()`` are what a plugin registers, with ``pair_metrics()``; ``reversed_pairs`` and
``described_vectors`` generate their records. The model is in :mod:`workbench.testing.pair_model`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from workbench.api import IOShape, Metric, Params, RecordType, Ref, Task, TextPair, Trait, WorkbenchError, option

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTERS = ("ka", "ki", "ku", "ke", "ko", "sa", "si", "su", "se", "so")
DIRECTIONS = ("up", "down")
MOST = 5
_MODEL = "workbench.testing.pair_model"


def reversed_pairs(count: int, seed: int = 7, *, shortest: int = 2, longest: int = 6) -> list[TextPair]:
    """``count`` pairs: digits in words, and the same from the last to the first in syllables, odd ones twice.

    "two three" → "ke ke ku": other symbols, another order, another length.
    """
    choose = random.Random(seed)
    pairs = []
    for _ in range(count):
        digits = [choose.randrange(10) for _ in range(choose.randint(shortest, longest))]
        syllables = [LETTERS[digit] for digit in reversed(digits) for _ in range(1 + digit % 2)]
        pairs.append(TextPair(" ".join(DIGITS[digit] for digit in digits), " ".join(syllables)))
    return pairs


@dataclass(frozen=True, slots=True)
class DescribedVector:
    """Two numbers and the words for them; "" where they are not known."""

    KIND: ClassVar[str] = "generated_description"

    values: tuple[float, ...]
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"values": list(self.values), "text": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(float(value) for value in data["values"]), str(data.get("text", "")))

    def search_text(self) -> str:
        return self.text

    def labels(self) -> dict[str, frozenset[str]]:
        return {}

    def size(self) -> int:
        return 1


def described_vectors(count: int, seed: int = 7) -> list[DescribedVector]:
    """``count`` vectors (how often, which way), each a little off, and the word for the way as often: (0.6, 1) → "up up
    up"."""
    choose = random.Random(seed)
    found = []
    for _ in range(count):
        times, way = choose.randint(1, MOST), choose.randrange(2)
        values = (times / MOST + choose.gauss(0, 0.01), (1.0 if way == 0 else -1.0) + choose.gauss(0, 0.1))
        found.append(DescribedVector(tuple(round(value, 4) for value in values), " ".join([DIRECTIONS[way]] * times)))
    return found


class PairParams(Params):
    """Options of both."""

    embedding_size: int = option(
        16, ge=1, le=512, unit="dimensions", what="Width of the vector that stands for a symbol.", typical="8 to 32"
    )
    beam: int = option(
        3, ge=1, le=100, unit="hypotheses", what="Hypotheses kept while it writes; 1 is greedy.", typical="1 to 5"
    )
    tied: bool = option(False, what="Share one matrix between reading and writing target symbols.", typical="off")


def pair_task() -> Task:
    return Task(
        id="generated_pairs",
        title="Digits from right to left (generated)",
        params=PairParams,
        record=TextPair.KIND,
        result="translation",
        shape=IOShape.MANY_TO_MANY,
        factory=Ref(f"{_MODEL}:PairModel"),
        needs=frozenset({Trait.DECODER}),
        metrics=("generated_exact",),
        summary="A text in, another of its own length out.",
        parse_input=Ref("workbench.testing.pair_tasks:parse_pairs"),
    )


def vector_task() -> Task:
    return Task(
        id="generated_descriptions",
        title="Words for a vector (generated)",
        params=PairParams,
        record=DescribedVector.KIND,
        result="translation",
        shape=IOShape.ONE_TO_MANY,
        factory=Ref(f"{_MODEL}:PairModel"),
        needs=frozenset({Trait.DECODER}),
        metrics=("generated_exact",),
        record_types=(RecordType(DescribedVector, "described vector", "described vectors"),),
        summary="One vector in, a text out.",
        parse_input=Ref("workbench.testing.pair_tasks:parse_vectors"),
    )


def pair_metrics() -> tuple[Metric, ...]:
    return (
        Metric(
            id="generated_exact",
            title="Written exactly",
            result="translation",
            higher_is_better=True,
            factory=Ref(f"{_MODEL}:ExactlyWritten"),
        ),
    )


def parse_pairs(text: str) -> list[TextPair]:
    """A source on each line."""
    return [TextPair(line.strip()) for line in text.splitlines() if line.strip()]


def parse_vectors(text: str) -> list[DescribedVector]:
    """Two numbers on each line, with a comma or a space between."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = tuple(float(part) for part in line.replace(",", " ").split())
        except ValueError as error:
            raise WorkbenchError("A line holds something that is no number.", line=number) from error
        if len(values) != 2:
            raise WorkbenchError(f"A line holds {len(values)} numbers; there are to be two.", line=number)
        found.append(DescribedVector(values))
    return found
