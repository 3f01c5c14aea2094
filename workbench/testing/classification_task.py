"""Generated tasks that answer a whole record with one label: of a text (many to one), of a vector (one to one).

They differ in their codec and embedder alone; head, decoding and report are shared. Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import ClassProbabilities, LabelledText, Record, Report, Result, WorkbenchError
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Encoding, Head, LossSum
from workbench.testing.options import GeneratedParams
from workbench.testing.records import LabelledVector

UNKNOWN = 1
"""The index of a word that training has not seen; 0 is padding."""
NO_LABEL = -1
WIDTH = 2
"""Of a generated vector."""


class TextCodec:
    """Words and labels ↔ numbers."""

    def __init__(self, words: Sequence[str], labels: Sequence[str]) -> None:
        self.words, self.labels = tuple(words), tuple(labels)
        self._word_ids = {word: i + 2 for i, word in enumerate(words)}

    @classmethod
    def fit(cls, records: Iterable[LabelledText]) -> TextCodec:
        words: set[str] = set()
        labels: set[str] = set()
        for record in records:
            words.update(record.text.split())
            labels.add(record.label)
        return cls(sorted(words), sorted(labels - {""}))

    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, LabelledText)
        words = [self._word_ids.get(word, UNKNOWN) for word in record.text.split()]
        return {"words": np.array(words, np.int64), "label": label_index(self.labels, record.label)}

    def length(self, record: Record) -> int:
        return record.size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["words"]) for item in items])
        words = torch.zeros(len(items), int(lengths.max()), dtype=torch.int64)
        for row, item in zip(words, items, strict=True):
            row[: len(item["words"])] = torch.from_numpy(np.array(item["words"]))
        return Batch({"words": words, "labels": label_column(items)}, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {"words": list(self.words), "labels": list(self.labels)}


class WordEmbedder(Embedder):
    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.output_size = size
        self.table = nn.Embedding(words + 2, size, padding_idx=0)

    def forward(self, batch: Batch) -> Tensor:
        embedded: Tensor = self.table(batch.fields["words"])
        return embedded


class VectorCodec:
    """Points as sequences of one step."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)

    @classmethod
    def fit(cls, records: Iterable[LabelledVector]) -> VectorCodec:
        return cls(sorted({record.label for record in records} - {""}))

    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, LabelledVector)
        return {"values": np.array([record.values], np.float32), "label": label_index(self.labels, record.label)}

    def length(self, record: Record) -> int:
        return record.size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        values = torch.stack([torch.from_numpy(np.array(item["values"])) for item in items])
        lengths = torch.ones(len(items), dtype=torch.int64)
        return Batch({"values": values, "labels": label_column(items)}, lengths, len(items))

    def to_json(self) -> dict[str, Any]:
        return {"labels": list(self.labels)}


class VectorEmbedder(Embedder):
    """The numbers as they are; no weights."""

    output_size = WIDTH

    def forward(self, batch: Batch) -> Tensor:
        return batch.fields["values"]


def label_index(labels: Sequence[str], label: str) -> NDArray[np.int64]:
    return np.array([labels.index(label) if label in labels else NO_LABEL], np.int64)


def label_column(items: Sequence[Encoding]) -> Tensor:
    return torch.tensor([int(item["label"][0]) for item in items])


class ClassHead(Head):
    """A linear readout of the final state, also solvable in closed form (one-hot targets)."""

    def __init__(self, input_size: int, labels: int) -> None:
        super().__init__()
        self.scores = nn.Linear(input_size, labels)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        scores: Tensor = self.scores(encoded.final)
        return scores

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        labels = batch.fields["labels"]
        total = nn.functional.cross_entropy(outputs.float(), labels, ignore_index=NO_LABEL, reduction="sum")
        return LossSum(total, int((labels != NO_LABEL).sum()))

    def features(self, encoded: Encoded, batch: Batch) -> Tensor:
        return encoded.final

    def regression_targets(self, batch: Batch) -> Tensor | None:
        labels = batch.fields["labels"]
        targets = nn.functional.one_hot(labels.clamp(min=0), self.scores.out_features).float()
        return targets.masked_fill((labels == NO_LABEL).unsqueeze(1), torch.nan)

    def readout(self) -> nn.Linear | None:
        return self.scores


class _Classifier:
    """What both tasks share; ``codec`` types differ."""

    def __init__(self, params: GeneratedParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        if not any(record.labels() for record in records):
            raise WorkbenchError("No record has a label.", fix="Label some of them.")

    def head(self, codec: Codec, input_size: int) -> Head:
        return ClassHead(input_size, len(self.output_labels(codec)))

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: Codec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        labels = self.output_labels(codec)
        rows = outputs.float().softmax(-1).tolist()
        return [ClassProbabilities(labels[row.index(max(row))], dict(zip(labels, row, strict=True))) for row in rows]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        counting, records, steps = Accuracy(), 0, 0
        for _id, record, result, _loss in pairs:
            counting.update(result, record)
            records, steps = records + 1, steps + record.size()
        return Report(split=split, n_records=records, n_tokens=steps, metrics=counting.compute())

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        """The label so far after each step (B, T, K)."""
        assert isinstance(head, ClassHead)
        found: NDArray[np.float32] = head.scores(encoded.states).softmax(-1).detach().float().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        assert isinstance(codec, TextCodec | VectorCodec)
        return codec.labels


class TextClassification(_Classifier):
    """Many to one: what the first words of a text name."""

    def fit_codec(self, records: Iterable[Record]) -> TextCodec:
        return TextCodec.fit(record for record in records if isinstance(record, LabelledText))

    def load_codec(self, data: Mapping[str, Any]) -> TextCodec:
        return TextCodec(data["words"], data["labels"])

    def embedder(self, codec: Codec) -> Embedder:
        assert isinstance(codec, TextCodec)
        return WordEmbedder(len(codec.words), self.params.embedding_size)

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, LabelledText)
        return tuple(record.text.split())


class VectorClassification(_Classifier):
    """One to one: whether a point lies inside a circle."""

    def fit_codec(self, records: Iterable[Record]) -> VectorCodec:
        return VectorCodec.fit(record for record in records if isinstance(record, LabelledVector))

    def load_codec(self, data: Mapping[str, Any]) -> VectorCodec:
        return VectorCodec(data["labels"])

    def embedder(self, codec: Codec) -> Embedder:
        return VectorEmbedder()

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, LabelledVector)
        return (", ".join(f"{value:g}" for value in record.values),)


class Accuracy:
    """Share of records whose label was found."""

    def __init__(self) -> None:
        self.reset()

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, ClassProbabilities)
        label = getattr(record, "label", "")
        self.right += bool(label) and result.label == label
        self.seen += bool(label)

    def compute(self) -> dict[str, float]:
        return {"generated_accuracy": self.right / self.seen if self.seen else 0.0}

    def reset(self) -> None:
        self.right = self.seen = 0
