"""An evaluation of a split: BLEU and chrF with their signatures, a table by length, the worst sentences first."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from workbench_plugins.tasks.translation.codec import TranslationCodec, as_pair
from workbench_plugins.tasks.translation.scoring import Collected, measured, sentence_score

from workbench.api import Record, Report, Result, Translation

MAX_EXAMPLES = 200
BOUNDS = (10, 20, 30, 50)
"""Words of the source at which the rows of the table part."""


def build_report(
    split: str, pairs: Iterable[tuple[int, Record, Result, float]], codec: TranslationCodec | None
) -> Report:
    """Evaluate (record id, gold record, result, loss per symbol). Metrics are 0 to 100, ``exact`` and shares 0 to 1."""
    everything = Collected()
    by_length = [Collected() for _ in range(len(BOUNDS) + 1)]
    rows: list[_Row] = []
    exact = records = words = 0
    loss_total = 0.0
    sources: list[str] = []
    for id_, record, result, loss in pairs:
        pair = as_pair(record)
        assert isinstance(result, Translation)
        everything.add(result, pair)
        by_length[sum(pair.size() > bound for bound in BOUNDS)].add(result, pair)
        records += 1
        words += len(pair.target.split())
        loss_total += loss
        exact += result.text.strip() == pair.target.strip()
        sources.append(pair.source)
        example = {"record_id": id_, "gold": pair.to_json(), "result": result.to_json()}
        rows.append((id_, result.text, pair.source, loss, example))
    scores = measured(everything)
    metrics = {name: value for name, (value, _) in scores.items()}
    metrics["exact"] = exact / records if records else 0.0
    metrics["loss"] = loss_total / records if records else 0.0
    if codec is not None:
        metrics["unknown_source_share"] = codec.source.unknown_rate(sources)
    return Report(
        split=split,
        n_records=records,
        n_tokens=words,
        metrics=metrics,
        table=_table(by_length),
        examples=_worst(rows, everything),
        protocol={
            "decoding": "free run; the loss beside it is teacher-forced",
            "references": "records that share a source are references of one another",
            "sources": len(everything),
            **{f"{name}_signature": signature for name, (_, signature) in scores.items()},
        },
    )


def _table(by_length: list[Collected]) -> tuple[dict[str, Any], ...]:
    names = [f"≤ {BOUNDS[0]} words", *(f"{a + 1} to {b}" for a, b in pairwise(BOUNDS))]
    names.append(f"> {BOUNDS[-1]}")
    found = []
    for name, part in zip(names, by_length, strict=True):
        if len(part):
            values = {metric: value for metric, (value, _) in measured(part).items()}
            found.append({"label": name, **values, "support": len(part)})
    return tuple(found)


_Row = tuple[int, str, str, float, dict[str, Any]]


def _worst(rows: list[_Row], everything: Collected) -> tuple[dict[str, Any], ...]:
    """The answers with the lowest chrF, worst first; ``errors`` are 100 - chrF, rounded."""
    scored = []
    for id_, text, source, loss, example in rows:
        references = everything.references.get(source)
        if references:
            value = sentence_score(text, references)
            scored.append((value, -loss, id_, {**example, "errors": round(100 - value), "loss": loss, "chrf": value}))
    scored.sort(key=lambda item: item[:3])
    return tuple(example for value, _, _, example in scored[:MAX_EXAMPLES] if value < 99.995)
