"""What is in a dataset: counts, lengths, labels, vocabulary, unknown tokens and duplicates."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workbench.api import SPLITS, RecordType, TaggedTokens
from workbench.api.schemes import spans
from workbench.data.rows import Layers, decode_body, is_span_layer


@dataclass(frozen=True, slots=True)
class DatasetStatistics:
    """Figures of one dataset; the keys of inner mappings by split are "train", "validation", "test" and "".

    ``lengths`` counts records by size in steps. ``labels[layer][split]`` counts labels: entities by type for span
    layers, tokens by label for plain ones. ``unknown_rate[split]`` is the share of tokens that never occur in the
    training split. ``duplicates`` counts records whose text occurred earlier in the dataset;
    ``leaked[split]`` those of validation and test whose text is also in the training split. ``problems`` by name.
    """

    records: int
    steps: int
    split_records: Mapping[str, int]
    split_steps: Mapping[str, int]
    lengths: Mapping[int, int]
    documents: int
    labels: Mapping[str, Mapping[str, Mapping[str, int]]]
    vocabulary: int
    unknown_rate: Mapping[str, float]
    duplicates: int
    leaked: Mapping[str, int]
    problems: Mapping[str, int]
    edited: int

    @property
    def mean_length(self) -> float:
        return self.steps / self.records if self.records else 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DatasetStatistics:
        return cls(**{**data, "lengths": {int(size): n for size, n in data["lengths"].items()}})


def compute_statistics(
    connection: sqlite3.Connection, dataset_id: int, layers: Layers, kind: RecordType
) -> DatasetStatistics:
    """Read the dataset once, a row at a time."""
    split_records: Counter[str] = Counter()
    split_steps: Counter[str] = Counter()
    lengths: Counter[int] = Counter()
    problems: Counter[str] = Counter()
    words: dict[str, Counter[str]] = {}
    labels: dict[str, dict[str, Counter[str]]] = {name: {} for name in layers}
    documents: set[tuple[int, str]] = set()
    texts: dict[int, set[str]] = {}
    duplicates = edited = 0
    rows = connection.execute(
        "SELECT r.split, r.size, r.problem, r.edited, r.source, r.document, r.search, b.body FROM records r"
        " JOIN bodies b ON b.id = r.id WHERE r.dataset_id = ? ORDER BY r.position",
        (dataset_id,),
    )
    for split, size, problem, changed, source, document, search, body in rows:
        split_records[split] += 1
        split_steps[split] += size
        lengths[size] += 1
        edited += changed
        if problem:
            problems[problem] += 1
        if document:
            documents.add((source, document))
        key = hash(search)
        seen = texts.setdefault(key, set())
        duplicates += bool(seen)
        seen.add(split)
        record = decode_body(body, kind)
        if isinstance(record, TaggedTokens):
            words.setdefault(split, Counter()).update(record.tokens)
            for name, tags in record.layers.items():
                counted = labels.setdefault(name, {}).setdefault(split, Counter())
                counted.update([label for _, _, label in spans(tags)] if is_span_layer(layers, name) else tags)
        else:
            words.setdefault(split, Counter()).update(record.search_text().split())
            for name, found in record.labels().items():
                labels.setdefault(name, {}).setdefault(split, Counter()).update(found)
    train = words.get("train", Counter())
    held_out = [split for split in SPLITS[1:] if split in words]
    return DatasetStatistics(
        records=split_records.total(),
        steps=split_steps.total(),
        split_records=_ordered(split_records),
        split_steps=_ordered(split_steps),
        lengths=dict(sorted(lengths.items())),
        documents=len(documents),
        labels={
            name: {split: dict(sorted(by_split[split].items())) for split in (*SPLITS, "") if split in by_split}
            for name, by_split in labels.items()
        },
        vocabulary=len(set().union(*words.values())),
        unknown_rate={split: _unknown(words[split], train) for split in held_out} if train else {},
        duplicates=duplicates,
        leaked={split: sum(1 for seen in texts.values() if split in seen and "train" in seen) for split in held_out},
        problems=dict(sorted(problems.items())),
        edited=edited,
    )


def _unknown(words: Counter[str], train: Counter[str]) -> float:
    total = words.total()
    return sum(n for word, n in words.items() if word not in train) / total if total else 0.0


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return {split: counts[split] for split in (*SPLITS, "") if split in counts}
