"""An evaluation of a split: accuracy, macro F1, calibration, what is taken for what, the worst texts first."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench_plugins.tasks.classification.codec import ClassificationCodec
from workbench_plugins.tasks.classification.scoring import Confusion, Reliability

from workbench.api import ClassProbabilities, LabelledText, Record, Report, Result, WorkbenchError

MAX_EXAMPLES = 200
MAX_CONFUSION = 40
"""Labels of the confusion matrix; the rarest beyond are left out of it, not of the figures."""


def build_report(
    split: str,
    pairs: Iterable[tuple[int, Record, Result, float]],
    temperature: float = 1.0,
    codec: ClassificationCodec | None = None,
) -> Report:
    """Evaluate (record id, gold record, result, loss); with ``codec`` also how far its vocabulary reaches.

    A text whose label training has not seen counts as wrong, and ``protocol["unknown_labels"]`` names the label; texts
    without a label are not counted.
    """
    confusion, reliability = Confusion(), Reliability()
    records = tokens = unlabelled = errors = 0
    loss_sum, loss_count = 0.0, 0
    unknown: Counter[str] = Counter()
    worst: list[tuple[float, int, dict[str, Any]]] = []
    reach = Counter[str]()
    for record_id, record, result, loss in pairs:
        if not isinstance(record, LabelledText) or not isinstance(result, ClassProbabilities):
            raise WorkbenchError("Classification is evaluated on labelled texts.", fix="Choose such a data set.")
        if not record.label:
            unlabelled += 1
            continue
        records, tokens = records + 1, tokens + record.size()
        if codec is not None:
            reach.update(codec.coverage(record)._asdict())
        right = record.label == result.label
        errors += not right
        confusion.add(record.label, result.label)
        reliability.add(result.probabilities[result.label], right)
        if record.label not in result.probabilities:
            unknown[record.label] += 1
        elif math.isfinite(loss):
            loss_sum, loss_count = loss_sum + loss, loss_count + 1
        if not right:
            item = (
                1.0 - result.probabilities.get(record.label, 0.0),
                -record_id,
                {"gold": record.to_json(), "result": result.to_json(), "errors": 1, "loss": loss},
            )
            if len(worst) < MAX_EXAMPLES:
                heapq.heappush(worst, item)
            elif item[:2] > worst[0][:2]:
                heapq.heapreplace(worst, item)
    if not records:
        raise WorkbenchError(
            f"No text of the split {split!r} has a label to compare with.",
            fix="Label some of them in the Data stage, or evaluate another split.",
        )
    shown, matrix = _matrix(confusion)
    protocol: dict[str, Any] = {
        "scoring": "share of labelled texts; macro F1 over all labels that occur or are answered",
        "temperature": round(temperature, 4),
        "calibration_bins": reliability.table(),
    }
    if unlabelled:
        protocol["without_label"] = unlabelled
    if unknown:
        protocol["unknown_labels"] = dict(unknown)
        protocol["note"] = (
            f"{_texts(unknown.total())} of this split {'has' if unknown.total() == 1 else 'have'} a label that the "
            f"training split does not: {_named(unknown)}. They cannot be right, and count as wrong."
        )
    metrics = {
        "class_accuracy": confusion.accuracy,
        "macro_f1": confusion.macro_f1,
        "calibration_error": reliability.error,
    }
    if loss_count:
        metrics["nll"] = loss_sum / loss_count
    if codec is not None:
        metrics |= _reach(reach, codec)
    return Report(
        split=split,
        n_records=records,
        n_tokens=tokens,
        metrics=metrics,
        table=confusion.table(),
        confusion_labels=shown,
        confusion=matrix,
        examples=tuple(
            {"record_id": -negative, **example}
            for _, negative, example in sorted(worst, key=lambda item: item[:2], reverse=True)
        ),
        protocol=protocol,
    )


def _reach(counts: Mapping[str, int], codec: ClassificationCodec) -> dict[str, float]:
    """Shares of the symbols of a split: new to training, with a pretrained vector, and of the new ones with one."""
    total, new = counts.get("total", 0), counts.get("new", 0)
    if not total or codec.tokeniser.kind != "words":
        return {}
    found = {"unknown_word_share": new / total}
    if codec.pretrained is not None:
        found["vector_coverage"] = counts["with_vector"] / total
        if new:
            found["unknown_vector_coverage"] = counts["new_with_vector"] / new
    return found


def _matrix(confusion: Confusion) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    sizes: Counter[str] = Counter()
    for (gold, answered), count in confusion.pairs.items():
        sizes[gold] += count
        sizes[answered] += 0
    chosen: Sequence[str] = sorted(label for label, _ in sizes.most_common(MAX_CONFUSION))
    return tuple(chosen), tuple(tuple(confusion.pairs[a, b] for b in chosen) for a in chosen)


def _texts(count: int) -> str:
    return "1 text" if count == 1 else f"{count:,} texts"


def _named(unknown: Counter[str]) -> str:
    names = [label for label, _ in unknown.most_common(6)]
    return ", ".join(names) + (f" and {len(unknown) - 6} more" if len(unknown) > 6 else "")
