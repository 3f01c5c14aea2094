"""Labelled texts ↔ arrays: a vocabulary and the labels, fitted on the training split only."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from workbench_plugins.tasks.classification.params import ClassificationParams
from workbench_plugins.tasks.classification.text import cut_as_trained, is_cut_already

from workbench.api import LabelledText, Record, WorkbenchError
from workbench.nn.contract import Batch, Encoding
from workbench.nn.pretrained import PretrainedWords
from workbench.nn.text import PAD, SPECIALS, UNKNOWN, Tokeniser
from workbench.nn.text.cutting import JOINER
from workbench.nn.text.tokeniser import normalise
from workbench.nn.text.unknown import Unknown

NO_LABEL = -1
"""The target of a text without a label, or with one that training has not seen."""
FIRST = len(SPECIALS)
"""The id of the first symbol of the training texts."""
CODEC_VERSION = 1
FOLDS = 5
_MOST_COUNTS = 4_000_000
_FEWEST = 2


class Coverage(NamedTuple):
    """Of the ``total`` symbols of a text: how many training did not have (``new``), have a pretrained vector, both."""

    total: int
    new: int
    with_vector: int
    new_with_vector: int


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
    pretrained: PretrainedWords | None = None
    """Of the tokeniser's symbols behind the special ones, and of further words, which are numbered after them."""
    fold_counts: NDArray[np.int64] | None = None
    """(F, K, V + 1): in how many training texts of each fold and label each symbol stands, and last how many texts."""
    _with_vector: dict[str, int] = field(init=False, repr=False, compare=False)
    """The id of each word that has a pretrained vector."""
    _ids_with_vector: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = self.pretrained.rows if self.pretrained is not None else ()
        others = self.pretrained.others if self.pretrained is not None else ()
        words = (*map(bare, self.tokeniser.symbols[FIRST:]), *others) if self.pretrained is not None else ()
        found = [(word, i) for i, (word, row) in enumerate(zip(words, rows, strict=True), FIRST) if row >= 0]
        self._with_vector = dict(reversed(found))  # of symbols of one word ("," and "￭,") the more frequent one counts
        self._ids_with_vector = np.array([i for _, i in found], np.int64)

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
        counts = tuple(labels[name] for name in names)
        pretrained = look_up(tokeniser, params) if params.vectors else None
        codec = cls(tokeniser, names, counts, params.maximum_length, cut, pretrained)
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
        return cut_as_trained(text, lambda word: self._id_of(word.lower() if lower else word) != UNKNOWN)

    def _id_of(self, symbol: str) -> int:
        """The id of a symbol: of the training texts, else of the pretrained vectors."""
        found = self.tokeniser.id_of(symbol)
        if found != UNKNOWN or self.pretrained is None:
            return found
        word = bare(symbol)
        forms = (word, word.lower(), word.capitalize(), word.upper()) if self.pretrained.fold else (word,)
        return next((self._with_vector[form] for form in forms if form in self._with_vector), UNKNOWN)

    def ids(self, text: str) -> NDArray[np.int64]:
        """(T,) ids of all symbols of ``text``, before any is left out for length."""
        prepared = self._prepared(text)
        if self.pretrained is None:
            return self.tokeniser.encode(prepared)
        pieces = self.tokeniser.pieces(prepared)
        return np.fromiter((self._id_of(piece.symbol) for piece in pieces), np.int64, len(pieces))

    @property
    def size(self) -> int:
        """Symbols with a vector: those of the training texts, and the further words of the pretrained vectors."""
        return len(self.tokeniser) + (len(self.pretrained.others) if self.pretrained is not None else 0)

    def vector_rows(self) -> tuple[int, ...]:
        """The row in the vector file of every id, -1 for none."""
        return (-1,) * FIRST + (self.pretrained.rows if self.pretrained is not None else ())

    def coverage(self, record: Record) -> Coverage:
        """How far the vocabulary and the pretrained vectors reach in a text."""
        ids = self.ids(as_labelled(record).text)
        new = (ids == UNKNOWN) | (ids >= len(self.tokeniser))
        if self.pretrained is None:
            return Coverage(len(ids), int(new.sum()), 0, 0)
        has = np.isin(ids, self._ids_with_vector)
        return Coverage(len(ids), int(new.sum()), int(has.sum()), int((has & new).sum()))

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
        ids = self.ids(own.text)
        label = self.labels.index(own.label) if own.label in self.labels else NO_LABEL
        return {
            "tokens": ids[self._kept(len(ids))].astype(np.int32),
            "label": np.array([label], np.int16),
            "fold": np.array([fold_of(own.text)], np.int16),
        }

    def unknown(self, record: Record) -> Unknown:
        """What the vocabulary lacks of a text (:class:`workbench.nn.text.unknown.KnowsUnknown`)."""
        text = normalise(self._prepared(as_labelled(record).text))
        if self.pretrained is None:
            return self.tokeniser.unknown(text)
        pieces = self.tokeniser.pieces(text)
        missing = tuple(text[start:end] for symbol, start, end in pieces if self._id_of(symbol) == UNKNOWN)
        return Unknown(missing, len(pieces), self.tokeniser.kind)

    def length(self, record: Record) -> int:
        return min(self.maximum_length, len(self.ids(as_labelled(record).text)))

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
            **({} if self.pretrained is None else {"pretrained": self.pretrained.to_json()}),
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
            PretrainedWords.from_json(data["pretrained"]) if data.get("pretrained") else None,
            None if data["fold_counts"] is None else np.array(data["fold_counts"], dtype=np.int64),
        )


def bare(symbol: str) -> str:
    """A symbol as a word: without the marks that say where it touches its neighbours."""
    return symbol.strip(JOINER) or symbol


def look_up(tokeniser: Tokeniser, params: ClassificationParams) -> PretrainedWords:
    """Which symbols of ``tokeniser`` have a vector in the file that the options name, and further words of it."""
    fold = params.vector_case == "any"

    def key(word: str) -> str:
        word = normalise(word)
        return word.lower() if params.lower_case else word

    words = [bare(symbol) for symbol in tokeniser.symbols[FIRST:]]
    return PretrainedWords.look_up(params.vectors, words, key, fold=fold, more=params.vector_words)


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
