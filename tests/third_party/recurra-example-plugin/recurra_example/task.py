"""Judging a text as a whole: many steps in, one label out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recurra_example import JudgeParams
from recurra_example.records import JudgedText, Verdict
from workbench.api import Record, Report, Result, WorkbenchError
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Encoding, Head, LossSum

UNKNOWN = 1  # 0 is padding
NO_LABEL = -1


class JudgeCodec:
    """Words and labels ↔ numbers."""

    def __init__(self, words: Sequence[str], labels: Sequence[str]) -> None:
        self.words, self.labels = list(words), list(labels)
        self._word_ids = {word: i + 2 for i, word in enumerate(self.words)}
        self._label_ids = {label: i for i, label in enumerate(self.labels)}

    def encode(self, record: Record) -> Encoding:
        text = _own(record)
        words = [self._word_ids.get(word, UNKNOWN) for word in text.text.split()]
        label = self._label_ids.get(text.label, NO_LABEL)
        return {"words": np.array(words, np.int64), "label": np.array([label], np.int64)}

    def length(self, record: Record) -> int:
        return record.size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["words"]) for item in items])
        words = torch.zeros(len(items), int(lengths.max()), dtype=torch.int64)
        for row, item in zip(words, items, strict=True):
            row[: len(item["words"])] = torch.from_numpy(np.array(item["words"]))
        labels = torch.tensor([int(item["label"][0]) for item in items])
        return Batch({"words": words, "labels": labels}, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {"words": self.words, "labels": self.labels}


class JudgeEmbedder(Embedder):
    def __init__(self, params: JudgeParams, codec: JudgeCodec) -> None:
        super().__init__()
        self.output_size = params.embedding_size
        self.table = nn.Embedding(len(codec.words) + 2, params.embedding_size, padding_idx=0)

    def forward(self, batch: Batch) -> Tensor:
        embedded: Tensor = self.table(batch.fields["words"])
        return embedded


class JudgeHead(Head):
    """A linear layer over the state after the last word."""

    def __init__(self, input_size: int, labels: int) -> None:
        super().__init__()
        self.scores = nn.Linear(input_size, labels)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        last = encoded.lengths.to(encoded.states.device) - 1
        rows = torch.arange(len(last), device=last.device)
        scores: Tensor = self.scores(encoded.states[rows, last])
        return scores

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        labels = batch.fields["labels"]
        total = nn.functional.cross_entropy(outputs.float(), labels, ignore_index=NO_LABEL, reduction="sum")
        return LossSum(total, int((labels != NO_LABEL).sum()))


class Judge:
    """The task as the engine meets it."""

    def __init__(self, params: JudgeParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        if not any(_own(record).label for record in records):
            raise WorkbenchError("No text has a label.", fix="Import lines of label, tab, text.")

    def fit_codec(self, records: Iterable[Record]) -> JudgeCodec:
        words: set[str] = set()
        labels: set[str] = set()
        for record in records:
            text = _own(record)
            words.update(text.text.split())
            labels.update({text.label} - {""})
        return JudgeCodec(sorted(words), sorted(labels))

    def load_codec(self, data: Mapping[str, Any]) -> JudgeCodec:
        return JudgeCodec(data["words"], data["labels"])

    def embedder(self, codec: Codec) -> Embedder:
        assert isinstance(codec, JudgeCodec)
        return JudgeEmbedder(self.params, codec)

    def head(self, codec: Codec, input_size: int) -> Head:
        assert isinstance(codec, JudgeCodec)
        return JudgeHead(input_size, len(codec.labels))

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
        assert isinstance(codec, JudgeCodec)
        probabilities, labels = outputs.softmax(-1).max(-1)
        pairs = zip(probabilities.tolist(), labels.tolist(), strict=True)
        return [Verdict(codec.labels[label], probability) for probability, label in pairs]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        counting, records, tokens = Accuracy(), 0, 0
        for _id, record, result, _loss in pairs:
            counting.update(result, record)
            records, tokens = records + 1, tokens + record.size()
        return Report(split=split, n_records=records, n_tokens=tokens, metrics=counting.compute())

    def steps(self, record: Record) -> tuple[str, ...]:
        return tuple(_own(record).text.split())

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        """The verdict after each word (B, T, K)."""
        assert isinstance(head, JudgeHead)
        found: NDArray[np.float32] = head.scores(encoded.states).softmax(-1).detach().float().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        assert isinstance(codec, JudgeCodec)
        return tuple(codec.labels)


class Accuracy:
    """Share of texts judged right."""

    def __init__(self) -> None:
        self.reset()

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, Verdict)
        self.right += result.label == _own(record).label
        self.seen += 1

    def compute(self) -> dict[str, float]:
        return {"verdict_accuracy": self.right / self.seen if self.seen else 0.0}

    def reset(self) -> None:
        self.right = self.seen = 0


def _own(record: Record) -> JudgedText:
    if not isinstance(record, JudgedText):
        raise WorkbenchError(f"Judging reads judged texts, not {record.KIND}.")
    return record
