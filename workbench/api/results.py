"""Results: one typed prediction each, as plain values that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol, Self, runtime_checkable


@runtime_checkable
class Result(Protocol):
    """What views, exporters and the command line ask of every result type."""

    KIND: ClassVar[str]

    def to_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self: ...

    def summary(self) -> str:
        """One line of text: what a terminal shows."""
        ...


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """Tokens ``start`` to ``end`` (exclusive) carry ``label`` with ``probability`` (0 to 1)."""

    start: int
    end: int
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class TokenLabels:
    """A label for every token: ``labels[i]`` with ``probabilities[i]``; ``spans`` for span schemes.

    ``alternatives[i]`` are the most probable labels of token i as (label, probability), best first.
    ``n_best`` are whole label sequences with their model probability, best first (the first equals ``labels``).
    """

    KIND: ClassVar[str] = "token_labels"

    tokens: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    spans: tuple[LabelledSpan, ...] = ()
    alternatives: tuple[tuple[tuple[str, float], ...], ...] = ()
    n_best: tuple[tuple[tuple[str, ...], float], ...] = ()
    layer: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            tokens=tuple(data["tokens"]),
            labels=tuple(data["labels"]),
            probabilities=tuple(data["probabilities"]),
            spans=tuple(LabelledSpan(**span) for span in data.get("spans", ())),
            alternatives=tuple(
                tuple((str(label), float(p)) for label, p in token) for token in data.get("alternatives", ())
            ),
            n_best=tuple((tuple(labels), float(p)) for labels, p in data.get("n_best", ())),
            layer=str(data.get("layer", "")),
        )

    def summary(self) -> str:
        if self.spans:
            return " · ".join(
                f"{' '.join(self.tokens[span.start : span.end])} → {span.label} {span.probability:.2f}"
                for span in self.spans
            )
        if all(label == "O" for label in self.labels):
            return "nothing found"
        return " ".join(f"{token}/{label}" for token, label in zip(self.tokens, self.labels, strict=True))


@dataclass(frozen=True, slots=True)
class ClassProbabilities:
    """One label for a whole record: the most probable one, and the probability of every label in a fixed order.

    Where it was asked for, ``tokens`` are the steps that were read, and ``saliency`` has for each method a number for
    each of them: how much it adds to the answer.
    """

    KIND: ClassVar[str] = "class_probabilities"

    label: str
    probabilities: Mapping[str, float]
    tokens: tuple[str, ...] = ()
    saliency: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        values: dict[str, Any] = {"label": self.label, "probabilities": dict(self.probabilities)}
        if self.saliency:
            values["tokens"] = list(self.tokens)
            values["saliency"] = {method: list(found) for method, found in self.saliency.items()}
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            str(data["label"]),
            {str(name): float(p) for name, p in data["probabilities"].items()},
            tuple(data.get("tokens", ())),
            {str(method): tuple(float(v) for v in found) for method, found in data.get("saliency", {}).items()},
        )

    def summary(self) -> str:
        return f"{self.label} {self.probabilities.get(self.label, 0.0):.2f}"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another sequence a model may have written, with its normalised ``score`` (log-probability, more is better)."""

    text: str
    tokens: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Translation:
    """A sequence a model wrote for a source: ``text``, its ``tokens``, and how sure it was.

    ``log_probability`` is the model's of the whole sequence, its end included; ``score`` the same after length and
    coverage normalisation, by which ``n_best`` (best first, the first being this answer) are ordered.
    ``token_log_probabilities`` has one for each token and, where the model ended it itself, one for the end.
    ``attention`` has a row for each of those, over ``source_tokens``; None for a model that does not attend.
    ``source`` is what was read, as it was written; "" where that was not kept.
    """

    KIND: ClassVar[str] = "translation"

    text: str
    tokens: tuple[str, ...]
    score: float = 0.0
    log_probability: float = 0.0
    token_log_probabilities: tuple[float, ...] = ()
    source_tokens: tuple[str, ...] = ()
    attention: tuple[tuple[float, ...], ...] | None = None
    n_best: tuple[Alternative, ...] = ()
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        attention = data.get("attention")
        return cls(
            text=str(data["text"]),
            tokens=tuple(data["tokens"]),
            score=float(data.get("score", 0.0)),
            log_probability=float(data.get("log_probability", 0.0)),
            token_log_probabilities=tuple(float(p) for p in data.get("token_log_probabilities", ())),
            source_tokens=tuple(data.get("source_tokens", ())),
            attention=None if attention is None else tuple(tuple(float(a) for a in row) for row in attention),
            n_best=tuple(
                Alternative(str(other["text"]), tuple(other["tokens"]), float(other["score"]))
                for other in data.get("n_best", ())
            ),
            source=str(data.get("source", "")),
        )

    def summary(self) -> str:
        return self.text or "(nothing)"


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation: headline ``metrics``, a ``table`` by type, a ``confusion`` matrix, and the worst ``examples``.

    ``table`` rows are {"label", "precision", "recall", "f1", "support", …}. ``confusion[i][j]`` counts gold
    ``confusion_labels[i]`` predicted as ``confusion_labels[j]``. ``examples`` are {"record_id", "gold": record json,
    "result": result json, "errors": int, "loss": float}, worst first. ``protocol`` says how it was measured.
    ``details`` are figures as JSON that a panel of the task draws (how often intervals held, step by step).
    """

    split: str
    n_records: int
    n_tokens: int
    metrics: Mapping[str, float]
    table: tuple[Mapping[str, Any], ...] = ()
    confusion_labels: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    examples: tuple[Mapping[str, Any], ...] = ()
    protocol: Mapping[str, Any] | None = None
    details: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "split": self.split,
            "n_records": self.n_records,
            "n_tokens": self.n_tokens,
            "metrics": dict(self.metrics),
            "table": [dict(row) for row in self.table],
            "confusion_labels": list(self.confusion_labels),
            "confusion": [list(row) for row in self.confusion],
            "examples": [dict(example) for example in self.examples],
            "protocol": dict(self.protocol or {}),
            **({"details": dict(self.details)} if self.details else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            split=str(data["split"]),
            n_records=int(data["n_records"]),
            n_tokens=int(data["n_tokens"]),
            metrics=dict(data["metrics"]),
            table=tuple(data.get("table", ())),
            confusion_labels=tuple(data.get("confusion_labels", ())),
            confusion=tuple(tuple(row) for row in data.get("confusion", ())),
            examples=tuple(data.get("examples", ())),
            protocol=dict(data.get("protocol") or {}),
            details=dict(data["details"]) if data.get("details") else None,
        )
