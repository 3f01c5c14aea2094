"""Entity precision, recall and F1 counted as the shared tasks' ``conlleval`` does, and token accuracy.

Spans are those :func:`workbench.api.schemes.spans` reads, whatever a label sequence breaks; a span is right when its
first token, last token and label are. Counts are over the whole split (micro average). All figures are 0 to 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench_plugins.tasks.tagging.fitting import is_span_scheme

from workbench.api import Record, Result, TaggedTokens, TokenLabels
from workbench.api.schemes import Evidence, spans


@dataclass(frozen=True, slots=True)
class Scores:
    precision: float
    recall: float
    f1: float


def scores(correct: int, predicted: int, gold: int) -> Scores:
    """Precision, recall and F1 of counts; 0 where nothing was predicted or nothing was there, as conlleval prints."""
    precision = correct / predicted if predicted else 0.0
    recall = correct / gold if gold else 0.0
    return Scores(precision, recall, 2 * precision * recall / (precision + recall) if correct else 0.0)


@dataclass(slots=True)
class SpanCounts:
    """Counts by label, added sentence by sentence."""

    correct: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)

    def add(self, gold: Sequence[str], predicted: Sequence[str]) -> int:
        """Count one sentence; how many spans are wrong or missed."""
        wanted, found = spans(gold), spans(predicted)
        if not wanted and not found:
            return 0
        both = set(wanted) & set(found)
        for _, _, label in wanted:
            self.gold[label] += 1
        for _, _, label in found:
            self.predicted[label] += 1
        for _, _, label in both:
            self.correct[label] += 1
        return len(wanted) + len(found) - 2 * len(both)

    def overall(self) -> Scores:
        return scores(self.correct.total(), self.predicted.total(), self.gold.total())

    def table(self) -> tuple[dict[str, Any], ...]:
        """A row for each label, sorted."""
        rows = []
        for label in sorted(self.gold.keys() | self.predicted.keys()):
            of = scores(self.correct[label], self.predicted[label], self.gold[label])
            rows.append(
                {
                    "label": label,
                    "precision": of.precision,
                    "recall": of.recall,
                    "f1": of.f1,
                    "support": self.gold[label],
                    "predicted": self.predicted[label],
                }
            )
        return tuple(rows)


def entity_scores(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Scores:
    """Micro-averaged scores of (gold, predicted) tag sequences."""
    counts = SpanCounts()
    for gold, predicted in pairs:
        counts.add(gold, predicted)
    return counts.overall()


def gold_labels(result: Result, record: Record) -> tuple[str, ...] | None:
    """The record's labels of the layer ``result`` answers; None where it has none."""
    if not isinstance(result, TokenLabels) or not isinstance(record, TaggedTokens):
        return None
    layers = record.layers
    name = result.layer or next(iter(layers), "")
    found = layers.get(name)
    if found is not None and len(found) != len(result.labels):
        raise ValueError(f"{len(result.labels)} labels answer a sentence of {len(found)} tokens")
    return found


class EntityF1:
    """Metric ``entity_f1``: ``entity_f1``, ``precision``, ``recall``; nothing at all for a layer without spans."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._counts = SpanCounts()
        self._evidence = Evidence()

    def update(self, result: Result, record: Record) -> None:
        gold = gold_labels(result, record)
        if gold is not None and isinstance(result, TokenLabels):
            self._evidence.update(gold)
            self._evidence.update(result.labels)
            self._counts.add(gold, result.labels)

    def compute(self) -> dict[str, float]:
        if not is_span_scheme(self._evidence.scheme()):
            return {}
        of = self._counts.overall()
        return {"entity_f1": of.f1, "precision": of.precision, "recall": of.recall}


class TokenAccuracy:
    """Metric ``accuracy``: ``token_accuracy``, the share of tokens with the right label (O counts too)."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._right = self._tokens = 0

    def update(self, result: Result, record: Record) -> None:
        gold = gold_labels(result, record)
        if gold is not None and isinstance(result, TokenLabels):
            self._right += sum(a == b for a, b in zip(gold, result.labels, strict=True))
            self._tokens += len(gold)

    def compute(self) -> dict[str, float]:
        return {"token_accuracy": self._right / self._tokens if self._tokens else 0.0}
