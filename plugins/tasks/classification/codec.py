"""Labelled texts ↔ arrays: a vocabulary and the labels, fitted on the training split only."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from workbench_plugins.tasks.classification.params import ClassificationParams
from workbench_plugins.tasks.classification.text import cut_as_trained, is_cut_already

from workbench.api import LabelledText, Record, WorkbenchError
from workbench.nn.contract import Batch, Encoding
from workbench.nn.text import PAD, UNKNOWN, Tokeniser
from workbench.nn.text.unknown import Unknown

NO_LABEL = -1
"""The target of a text without a label, or with one that training has not seen."""
CODEC_VERSION = 1
FOLDS = 5
_MOST_COUNTS = 4_000_000
_FEWEST = 2


@dataclass(slots=True)
class ClassificationCodec:
    """A tokeniser, and the ``labels`` in sorted order with how often training saw each (``counts``).

    ``cut_already``: the training texts came with spaces between words and punctuation, so other texts are cut first.
    """

    tokeniser: Tokeniser
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    maximum_length: int
    cut_already: bool = False
    fold_counts: NDArray[np.int64] | None = None
    """(F, K, V + 1): in how many training texts of each fold and label each symbol stands, and last how many texts."""

    @classmethod
    def fit(cls, records: Iterable[Record], params: ClassificationParams) -> ClassificationCodec:
        """One pass over the training records."""
        texts: list[str] = []
        of_texts: list[str] = []
        labels: Counter[str] = Counter()
        for record in records:
            own = as_labelled(record)
            texts.append(own.text)
            of_texts.append(own.label)
            if own.label:
                labels[own.label] += 1
        if len(labels) < _FEWEST:
            raise too_few_labels(labels)
        cut = params.tokens == "words" and is_cut_already(texts)
        tokeniser = Tokeniser.fit(
            params.tokens,
            texts,
            size=params.maximum_symbols,
            lowercase=params.lower_case,
            min_count=params.minimum_frequency,
            split="spaces" if cut else "punctuation",
        )
        names = tuple(sorted(labels))
        codec = cls(tokeniser, names, tuple(labels[name] for name in names), params.maximum_length, cut)
        if params.label_counts:
            codec._count(texts, of_texts)
        return codec

    def _count(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        size = FOLDS * len(self.labels) * (len(self.tokeniser) + 1)
        if size > _MOST_COUNTS:
            raise WorkbenchError(
                f"{len(self.labels)} labels and {len(self.tokeniser):,} symbols are too many to be counted together.",
                fix="Lower the vocabulary size, or switch label counts off.",
            )
        found = np.zeros((FOLDS, len(self.labels), len(self.tokeniser) + 1), dtype=np.int64)
        places = {label: i for i, label in enumerate(self.labels)}
        for text, label in zip(texts, labels, strict=True):
            if label:
                counts = found[fold_of(text), places[label]]
                counts[np.unique(self.tokeniser.encode(text))] += 1
                counts[-1] += 1
        self.fold_counts = found

    # --- texts to numbers

    def _prepared(self, text: str) -> str:
        if not self.cut_already:
            return text
        lower = self.tokeniser.lowercase
        return cut_as_trained(text, lambda word: self.tokeniser.id_of(word.lower() if lower else word) != UNKNOWN)

    def _kept(self, n: int) -> slice | NDArray[np.int64]:
        """Which of ``n`` steps are read: of a long text the first two thirds and the last third of what may be."""
        most = self.maximum_length
        if n <= most:
            return slice(None)
        head = most - most // 3
        return np.r_[0:head, n - most // 3 : n]

    def tokens(self, text: str) -> tuple[str, ...]:
        """The steps of ``text`` as they are written."""
        found = self.tokeniser.tokens(self._prepared(text))
        return tuple(np.array(found, dtype=object)[self._kept(len(found))].tolist()) if found else ()

    def encode(self, record: Record) -> Encoding:
        """``tokens`` (T,), ``fold`` (1,) and ``label`` (1,), :data:`NO_LABEL` where there is none that is known."""
        own = as_labelled(record)
        ids = self.tokeniser.encode(self._prepared(own.text))
        label = self.labels.index(own.label) if own.label in self.labels else NO_LABEL
        return {
            "tokens": ids[self._kept(len(ids))].astype(np.int32),
            "label": np.array([label], np.int16),
            "fold": np.array([fold_of(own.text)], np.int16),
        }

    def unknown(self, record: Record) -> Unknown:
        """What the vocabulary lacks of a text (:class:`workbench.nn.text.unknown.KnowsUnknown`)."""
        return self.tokeniser.unknown(self._prepared(as_labelled(record).text))

    def length(self, record: Record) -> int:
        return min(self.maximum_length, len(self.tokeniser.encode(self._prepared(as_labelled(record).text))))

    def collate(self, items: Sequence[Encoding]) -> Batch:
        """``tokens`` (B, T), zeros beyond a length, ``labels`` and ``folds`` (B,)."""
        sizes = np.array([len(item["tokens"]) for item in items], dtype=np.int64)
        tokens = np.full((len(items), int(sizes.max())), PAD, dtype=np.int64)
        for row, item in zip(tokens, items, strict=True):
            row[: len(item["tokens"])] = item["tokens"]
        labels = np.array([int(item["label"][0]) for item in items], dtype=np.int64)
        folds = np.array([int(item["fold"][0]) for item in items], dtype=np.int64)
        fields = {
            "tokens": torch.from_numpy(tokens),
            "labels": torch.from_numpy(labels),
            "folds": torch.from_numpy(folds),
        }
        return Batch(fields, torch.from_numpy(sizes), int(sizes.sum()))

    # --- on disk

    def to_json(self) -> dict[str, Any]:
        return {
            "version": CODEC_VERSION,
            "tokeniser": self.tokeniser.to_json(),
            "labels": list(self.labels),
            "counts": list(self.counts),
            "maximum_length": self.maximum_length,
            "cut_already": self.cut_already,
            "fold_counts": None if self.fold_counts is None else self.fold_counts.tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ClassificationCodec:
        version = data.get("version")
        if version != CODEC_VERSION:
            raise WorkbenchError(
                f"The vocabulary of this model has version {version}; this program reads version {CODEC_VERSION}.",
                fix="Update the program, or train the model again.",
            )
        return cls(
            Tokeniser.from_json(data["tokeniser"]),
            tuple(data["labels"]),
            tuple(data["counts"]),
            int(data["maximum_length"]),
            bool(data["cut_already"]),
            None if data["fold_counts"] is None else np.array(data["fold_counts"], dtype=np.int64),
        )


def fold_of(text: str) -> int:
    """Which part of the data a text belongs to, the same everywhere; equal texts are in one."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % FOLDS


def as_labelled(record: Record) -> LabelledText:
    if isinstance(record, LabelledText):
        return record
    raise WorkbenchError(
        f"Classification reads labelled texts, not {record.KIND}.", fix="Choose a data set of labelled texts."
    )


def check_records(records: Iterable[Record]) -> None:
    """Refuse what cannot be learned from."""
    labels: Counter[str] = Counter()
    empty = True
    for record in records:
        own = as_labelled(record)
        empty = False
        if own.label:
            labels[own.label] += 1
    if empty:
        raise WorkbenchError(
            "There are no texts to learn from.", why="The split is empty.", fix="Choose another split, or import data."
        )
    if len(labels) < _FEWEST:
        raise too_few_labels(labels)


def too_few_labels(labels: Mapping[str, int]) -> WorkbenchError:
    if not labels:
        return WorkbenchError(
            "No training text has a label.",
            fix="Label some texts in the Data stage, or import the column that holds the labels.",
        )
    return WorkbenchError(
        f"There is nothing to tell apart: every training text is labelled {next(iter(labels))!r}.",
        fix="Label some texts otherwise, or divide the data so that training has every label.",
    )
