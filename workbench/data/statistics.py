"""What is in a dataset: counts, lengths, labels, vocabulary, unknown tokens and duplicates."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from workbench.api import SPLITS, RecordType, TaggedTokens
from workbench.api.schemes import parse_tag, spans
from workbench.data.rows import PROBLEM_SCHEME, Layers, decode_body, is_span_layer

_ROWS = 100  # few enough that what is decoded is gone before the garbage collector looks at it: twice as fast


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
    """Read the dataset once, a split after the other and some rows at a time."""
    tally = _Tally(layers)
    found = connection.execute("SELECT DISTINCT split FROM records WHERE dataset_id = ?", (dataset_id,)).fetchall()
    for (split,) in found:
        rows = connection.execute(
            "SELECT r.size, r.problem, r.edited, r.source, r.document, r.search, b.body FROM records r"
            " JOIN bodies b ON b.id = r.id WHERE r.dataset_id = ? AND r.split = ?",
            (dataset_id, split),
        )
        while columns := list(zip(*rows.fetchmany(_ROWS), strict=True)):
            tally.add(split, columns, kind)
    return tally.statistics()


class _Tally:
    """Counts by whole columns of rows, which is a few calls of C for many rows."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._records: Counter[str] = Counter()
        self._steps: Counter[str] = Counter()
        self._lengths: Counter[int] = Counter()
        self._problems: Counter[str] = Counter()
        self._documents: set[tuple[int, str]] = set()
        self._texts: dict[str, set[int]] = {}
        self._words: dict[str, Counter[str]] = {}
        self._labels: dict[str, dict[str, Counter[str]]] = {name: {} for name in layers}
        self._edited = 0

    def add(self, split: str, columns: Sequence[tuple[Any, ...]], kind: RecordType) -> None:
        """Count rows of ``split``, given as the columns that :func:`compute_statistics` selects."""
        sizes, problems, edited, sources, documents, searches, bodies = columns
        self._records[split] += len(sizes)
        self._steps[split] += sum(sizes)
        self._lengths.update(sizes)
        self._problems.update(problems)
        self._edited += sum(edited)
        self._documents.update(zip(sources, documents, strict=True))
        self._texts.setdefault(split, set()).update(map(hash, searches))
        words = self._words.setdefault(split, Counter())
        if issubclass(kind.cls, TaggedTokens):
            sentences = _decode(bodies, kind)
            words.update(chain.from_iterable([sentence["tokens"] for sentence in sentences]))
            self._count_tags(split, [sentence.get("layers", {}) for sentence in sentences], problems)
            return
        for body in bodies:
            record = decode_body(body, kind)
            words.update(record.search_text().split())
            for name, found in record.labels().items():
                self._counter(name, split).update(found)

    def _count_tags(
        self, split: str, sentences: Sequence[Mapping[str, Sequence[str]]], problems: Sequence[str]
    ) -> None:
        for name in set().union(*sentences):
            counter = self._counter(name, split)
            columns = [(layers[name], problem) for layers, problem in zip(sentences, problems, strict=True)
                       if name in layers]  # fmt: skip
            if not is_span_layer(self._layers, name):
                counter.update(chain.from_iterable([tags for tags, _ in columns]))
                continue
            # In legal IOB2 every span begins with a B; only broken sentences have to be gone through.
            tags = Counter(chain.from_iterable([tags for tags, problem in columns if problem != PROBLEM_SCHEME]))
            for tag, n in tags.items():
                letter, label = parse_tag(tag)
                if letter == "B":
                    counter[label] += n
            for broken in (tags for tags, problem in columns if problem == PROBLEM_SCHEME):
                counter.update([label for _, _, label in spans(broken)])

    def _counter(self, layer: str, split: str) -> Counter[str]:
        return self._labels.setdefault(layer, {}).setdefault(split, Counter())

    def statistics(self) -> DatasetStatistics:
        train, trained = self._words.get("train", Counter()), self._texts.get("train", set())
        held_out = [split for split in SPLITS[1:] if split in self._records]
        return DatasetStatistics(
            records=self._records.total(),
            steps=self._steps.total(),
            split_records=_ordered(self._records),
            split_steps=_ordered(self._steps),
            lengths=dict(sorted(self._lengths.items())),
            documents=sum(1 for _, document in self._documents if document),
            labels={
                name: {split: dict(sorted(by_split[split].items())) for split in (*SPLITS, "") if split in by_split}
                for name, by_split in self._labels.items()
            },
            vocabulary=len(set().union(*self._words.values())),
            unknown_rate={split: _unknown(self._words[split], train) for split in held_out} if train else {},
            duplicates=self._records.total() - len(set().union(*self._texts.values())),
            leaked={split: len(self._texts[split] & trained) for split in held_out},
            problems={name: n for name, n in sorted(self._problems.items()) if name},
            edited=self._edited,
        )


def _decode(bodies: Sequence[str], kind: RecordType) -> list[dict[str, Any]]:
    """The stored sentences as JSON values; those that cannot be read are a :class:`WorkbenchError`."""
    try:
        found: list[dict[str, Any]] = json.loads(f"[{','.join(bodies)}]")
        if len(found) == len(bodies) and all("tokens" in sentence for sentence in found):
            return found
    except (ValueError, TypeError):
        pass
    return [decode_body(body, kind).to_json() for body in bodies]


def _unknown(words: Counter[str], train: Counter[str]) -> float:
    total = words.total()
    return sum(n for word, n in words.items() if word not in train) / total if total else 0.0


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return {split: counts[split] for split in (*SPLITS, "") if split in counts}
