"""Accuracy, macro F1 and calibration, counted over a whole split. All figures are 0 to 1."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from workbench.api import ClassProbabilities, LabelledText, Record, Result

BINS = 10
"""Of the reliability diagram: answers of 0 to 10 %, of 10 to 20 % …"""


@dataclass(slots=True)
class Confusion:
    """How often each (gold, answered) pair of labels occurred."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, gold: str, answered: str) -> None:
        self.pairs[gold, answered] += 1

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({label for pair in self.pairs for label in pair}))

    @property
    def accuracy(self) -> float:
        total = self.pairs.total()
        return sum(n for (gold, answered), n in self.pairs.items() if gold == answered) / total if total else 0.0

    def table(self) -> tuple[dict[str, Any], ...]:
        """A row for each label: precision, recall, F1, how many there were and how many were answered."""
        rows: list[dict[str, Any]] = []
        for label in self.labels:
            right = self.pairs[label, label]
            gold = sum(n for (one, _), n in self.pairs.items() if one == label)
            answered = sum(n for (_, one), n in self.pairs.items() if one == label)
            precision, recall = right / answered if answered else 0.0, right / gold if gold else 0.0
            f1 = 2 * precision * recall / (precision + recall) if right else 0.0
            rows.append({"label": label, "precision": precision, "recall": recall, "f1": f1, "support": gold,
                         "predicted": answered})  # fmt: skip
        return tuple(rows)

    @property
    def macro_f1(self) -> float:
        """The mean F1 of all labels that occur or were answered, as scikit-learn counts it."""
        rows = self.table()
        return sum(row["f1"] for row in rows) / len(rows) if rows else 0.0


@dataclass(slots=True)
class Reliability:
    """How often answers given with some probability are right (Guo et al., 2017)."""

    counts: list[int] = field(default_factory=lambda: [0] * BINS)
    right: list[int] = field(default_factory=lambda: [0] * BINS)
    confidence: list[float] = field(default_factory=lambda: [0.0] * BINS)

    def add(self, probability: float, right: bool) -> None:
        place = min(BINS - 1, max(0, math.ceil(probability * BINS) - 1))
        self.counts[place] += 1
        self.right[place] += right
        self.confidence[place] += probability

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between probability and share right, over all answers."""
        total = sum(self.counts)
        gaps = sum(abs(right - sure) for right, sure in zip(self.right, self.confidence, strict=True))
        return gaps / total if total else 0.0

    def table(self) -> list[dict[str, float]]:
        """The bins that hold answers: where it begins (``from``), mean ``probability``, share ``right``, ``count``."""
        return [
            {"from": i / BINS, "probability": sure / n, "right": right / n, "count": n}
            for i, (n, right, sure) in enumerate(zip(self.counts, self.right, self.confidence, strict=True))
            if n
        ]


class _Counting:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._confusion = Confusion()

    def update(self, result: Result, record: Record) -> None:
        if isinstance(result, ClassProbabilities) and isinstance(record, LabelledText) and record.label:
            self._confusion.add(record.label, result.label)


class ClassAccuracy(_Counting):
    """Metric ``class_accuracy``: the share of labelled texts whose label was found."""

    def compute(self) -> dict[str, float]:
        return {"class_accuracy": self._confusion.accuracy} if self._confusion.pairs else {}


class MacroF1(_Counting):
    """Metric ``macro_f1``: the mean F1 of the labels, each counting as much."""

    def compute(self) -> dict[str, float]:
        return {"macro_f1": self._confusion.macro_f1} if self._confusion.pairs else {}
