"""The record type and the result type this plugin brings along."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class JudgedText:
    """A text and its label; "" where it is not known."""

    KIND: ClassVar[str] = "judged_text"

    text: str
    label: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "label": self.label}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data["text"]), str(data.get("label", "")))

    def search_text(self) -> str:
        return self.text

    def labels(self) -> dict[str, frozenset[str]]:
        return {"label": frozenset({self.label})} if self.label else {}

    def size(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The label of a text and its probability."""

    KIND: ClassVar[str] = "verdict"

    label: str
    probability: float

    def to_json(self) -> dict[str, Any]:
        return {"label": self.label, "probability": self.probability}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data["label"]), float(data["probability"]))

    def summary(self) -> str:
        return f"{self.label} {self.probability:.2f}"


def parse_input(text: str) -> list[JudgedText]:
    return [JudgedText(line) for line in text.splitlines() if line.strip()]


def sample() -> Iterator[tuple[str, str, JudgedText]]:
    """Sixty texts whose label follows from their first words."""
    choose = random.Random(5)
    for i in range(60):
        rest = " ".join(choose.choices(("the", "river", "is", "wide", "and", "slow"), k=choose.randint(1, 9)))
        label = choose.choice(("question", "statement"))
        start = choose.choice(("does", "why", "who") if label == "question" else ("so", "thus", "there"))
        yield ("train" if i < 40 else "validation" if i < 50 else "test"), "", JudgedText(f"{start} {rest}", label)
