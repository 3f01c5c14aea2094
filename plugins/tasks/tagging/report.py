"""An evaluation of a split: headline figures, a table by label, what is taken for what, the worst sentences first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from workbench_plugins.tasks.tagging.fitting import is_span_scheme
from workbench_plugins.tasks.tagging.scoring import SpanCounts, gold_labels, scores

from workbench.api import Record, Report, Result, TaggedTokens, TokenLabels, WorkbenchError
from workbench.api.schemes import Evidence, spans

MAX_EXAMPLES = 200
MAX_CONFUSION = 40
"""Labels of the confusion matrix; the rarest beyond are left out of it, not of the figures."""

Known = Callable[[str], bool]


def build_report(
    split: str,
    pairs: Iterable[tuple[int, Record, Result, float]],
    known: Known | None = None,
    covered: Known | None = None,
) -> Report:
    """Evaluate (record id, gold record, result, loss per token).

    ``known`` tells whether a word was seen in training, ``covered`` whether it has a pretrained vector, if any have.

    ``confusion`` counts tokens by type of entity (O for none) on span layers, by label on others.
    """
    return _Tally(known, covered).add_all(pairs).report(split)


class _Tally:
    def __init__(self, known: Known | None, covered: Known | None) -> None:
        self.known, self.covered = known, covered
        self.with_vector = self.unknown_with_vector = 0
        self.records = self.tokens = self.right = self.unknown = self.unknown_right = 0
        self.spans = SpanCounts()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.evidence = Evidence()
        self.layer = ""
        self.worst: list[tuple[int, float, int, dict[str, Any]]] = []

    def add_all(self, pairs: Iterable[tuple[int, Record, Result, float]]) -> _Tally:
        for record_id, record, result, loss in pairs:
            self.add(record_id, record, result, loss)
        return self

    def add(self, record_id: int, record: Record, result: Result, loss: float) -> None:
        gold = gold_labels(result, record)
        if gold is None or not isinstance(record, TaggedTokens) or not isinstance(result, TokenLabels):
            name = result.layer if isinstance(result, TokenLabels) else "?"
            raise WorkbenchError(
                f"Record {record_id} has no layer {name!r} to compare with.",
                fix="Evaluate on a data set that has the layer the model learned.",
            )
        self.layer = result.layer
        self.records += 1
        self.tokens += len(gold)
        self.evidence.update(gold)
        self.evidence.update(result.labels)
        wrong = self.spans.add(gold, result.labels)
        token_errors = 0
        for token, wanted, found in zip(record.tokens, gold, result.labels, strict=True):
            right = wanted == found
            token_errors += not right
            self.pairs[wanted, found] += 1
            has_vector = self.covered is not None and self.covered(token)
            self.with_vector += has_vector
            if self.known is not None and not self.known(token):
                self.unknown += 1
                self.unknown_right += right
                self.unknown_with_vector += has_vector
        self.right += len(gold) - token_errors
        errors = max(wrong, token_errors)
        if errors:
            item = (errors, loss, -record_id, {"gold": record.to_json(), "result": result.to_json()})
            if len(self.worst) < MAX_EXAMPLES:
                heapq.heappush(self.worst, item)
            elif item[:3] > self.worst[0][:3]:
                heapq.heapreplace(self.worst, item)

    def report(self, split: str) -> Report:
        spanned = is_span_scheme(self.evidence.scheme()) if self.tokens else False
        accuracy = self.right / self.tokens if self.tokens else 0.0
        metrics: dict[str, float] = {}
        if spanned:
            of = self.spans.overall()
            metrics |= {"entity_f1": of.f1, "precision": of.precision, "recall": of.recall}
        metrics["token_accuracy"] = accuracy
        if self.known is not None and self.unknown:
            metrics["unknown_word_accuracy"] = self.unknown_right / self.unknown
            metrics["unknown_word_share"] = self.unknown / self.tokens
        if self.covered is not None and self.tokens:
            metrics["vector_coverage"] = self.with_vector / self.tokens
            if self.unknown:
                metrics["unknown_vector_coverage"] = self.unknown_with_vector / self.unknown
        labels, confusion = self._confusion(spanned)
        return Report(
            split=split,
            n_records=self.records,
            n_tokens=self.tokens,
            metrics=metrics,
            table=self.spans.table() if spanned else self._label_table(),
            confusion_labels=labels,
            confusion=confusion,
            examples=tuple(
                {"record_id": -negative, **example, "errors": errors, "loss": loss}
                for errors, loss, negative, example in sorted(self.worst, key=lambda item: item[:3], reverse=True)
            ),
            protocol={
                "layer": self.layer,
                "scoring": "conlleval, micro average, exact spans" if spanned else "share of tokens",
            },
        )

    def _label_table(self) -> tuple[dict[str, Any], ...]:
        correct: Counter[str] = Counter()
        predicted: Counter[str] = Counter()
        gold: Counter[str] = Counter()
        for (wanted, found), count in self.pairs.items():
            gold[wanted] += count
            predicted[found] += count
            correct[wanted] += count if wanted == found else 0
        rows = []
        for label in sorted(gold.keys() | predicted.keys()):
            of = scores(correct[label], predicted[label], gold[label])
            rows.append(
                {
                    "label": label,
                    "precision": of.precision,
                    "recall": of.recall,
                    "f1": of.f1,
                    "support": gold[label],
                    "predicted": predicted[label],
                }
            )
        return tuple(rows)

    def _confusion(self, spanned: bool) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
        cells: Counter[tuple[str, str]] = Counter()
        for (wanted, found), count in self.pairs.items():
            cells[(_kind(wanted), _kind(found)) if spanned else (wanted, found)] += count
        sizes: Counter[str] = Counter()
        for (wanted, found), count in cells.items():
            sizes[wanted] += count
            sizes[found] += 0
        chosen = sorted(label for label, _ in sizes.most_common(MAX_CONFUSION))
        if spanned and "O" in chosen:
            chosen = [*(label for label in chosen if label != "O"), "O"]
        return tuple(chosen), tuple(tuple(cells[a, b] for b in chosen) for a in chosen)


def _kind(tag: str) -> str:
    found = spans((tag,))
    return (found[0][2] or "span") if found else "O"
