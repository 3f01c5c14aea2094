"""A tiny language model over letters: its records follow one another as one stream."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import toy
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import IOShape, Metric, Params, Record, Ref, Report, Result, Task, Text, TokenLabels, Trait, option
from workbench.nn.contract import Batch, DecodeOptions, Embedder, Encoded, Encoding, Head, LossSum

SYMBOLS = "\n" + string.ascii_lowercase


def lines(count: int, seed: int = 0, longest: int = 12) -> list[Record]:
    """Texts in which each letter is the next one of the alphabet, most of the time."""
    generator = np.random.default_rng(seed)
    found: list[Record] = []
    for _ in range(count):
        letters = [int(generator.integers(26))]
        for _ in range(int(generator.integers(0, longest))):
            letters.append((letters[-1] + 1) % 26 if generator.random() < 0.8 else int(generator.integers(26)))
        found.append(Text("".join(string.ascii_lowercase[i] for i in letters)))
    return found


class LanguageParams(Params):
    chunk: int = option(8, ge=1, what="Steps of a chunk.")


@dataclass
class LanguageCodec:
    chunk: int
    STREAM: ClassVar[str] = "symbols"
    overlap: int = 1

    def stream_start(self) -> Encoding:
        return {"symbols": np.zeros(1, dtype=np.int64)}

    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, Text)
        return {"symbols": np.array([SYMBOLS.index(c) for c in record.text + "\n"], dtype=np.int64)}

    def length(self, record: Record) -> int:
        assert isinstance(record, Text)
        return len(record.text) + 1 if record.text else 0

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["symbols"]) - 1 for item in items])
        symbols = torch.zeros((len(items), int(lengths.max()) + 1), dtype=torch.int64)
        for row, item in enumerate(items):
            symbols[row, : len(item["symbols"])] = torch.from_numpy(np.asarray(item["symbols"]))
        fields = {"inputs": symbols[:, :-1].contiguous(), "targets": symbols[:, 1:].contiguous()}
        return Batch(fields, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {"chunk": self.chunk}


class LanguageEmbedder(Embedder):
    output_size = 8

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(len(SYMBOLS), 8)

    def forward(self, batch: Batch) -> Tensor:
        embedded: Tensor = self.table(batch.fields["inputs"])
        return embedded


class LanguageHead(Head):
    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, len(SYMBOLS))

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        scores: Tensor = self.linear(encoded.states)
        return scores

    def each(self, outputs: Tensor, batch: Batch) -> Tensor:
        losses = nn.functional.cross_entropy(outputs.transpose(1, 2), batch.fields["targets"], reduction="none")
        return losses * (torch.arange(outputs.shape[1]) < batch.lengths[:, None])

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        return LossSum(self.each(outputs, batch).sum(), int(batch.lengths.sum()))

    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.each(outputs, batch).sum(1), batch.lengths


class LanguageTask:
    def __init__(self, params: LanguageParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        assert any(True for _ in records)

    def fit_codec(self, records: Iterable[Record]) -> LanguageCodec:
        return LanguageCodec(self.params.chunk)

    def load_codec(self, data: Mapping[str, Any]) -> LanguageCodec:
        return LanguageCodec(int(data["chunk"]))

    def embedder(self, codec: LanguageCodec) -> LanguageEmbedder:
        return LanguageEmbedder()

    def head(self, codec: LanguageCodec, input_size: int) -> LanguageHead:
        return LanguageHead(input_size)

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: LanguageCodec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        probabilities, best = outputs.softmax(-1).max(-1)
        return [
            TokenLabels(
                tokens=tuple(SYMBOLS[int(i)] for i in batch.fields["targets"][row, :length]),
                labels=tuple(SYMBOLS[int(i)] for i in best[row, :length]),
                probabilities=tuple(float(p) for p in probabilities[row, :length]),
            )
            for row, length in enumerate(batch.lengths.tolist())
        ]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        raise AssertionError("a stream is reported position by position")

    def position_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> Tensor:
        assert isinstance(head, LanguageHead)
        return head.each(outputs, batch)

    def report_stream(
        self, split: str, parts: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]], codec: LanguageCodec
    ) -> Report:
        targets, losses = zip(*parts, strict=True)
        each, symbols = np.concatenate(losses), np.concatenate(targets)
        assert len(each) == len(symbols)
        values = {"toy_perplexity": math.exp(float(each.mean()))}
        examples = tuple({"loss": float(value)} for value in each)
        return Report(split, int((symbols == 0).sum()), len(each), values, examples=examples)

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, Text)
        return tuple(record.text + "\n")

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        values: NDArray[np.float32] = outputs.softmax(-1).detach().numpy()
        return values

    def output_labels(self, codec: LanguageCodec) -> tuple[str, ...]:
        return tuple(SYMBOLS)


class Perplexity:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, result: Result, record: Record) -> None:
        raise AssertionError("a stream has no results in a validation")

    def update_loss(self, total: float, count: int) -> None:
        self.total += total
        self.count += count

    def compute(self) -> dict[str, float]:
        return {"toy_perplexity": math.exp(self.total / max(1, self.count))}


TASK = Task(
    id="toy",
    title="Next letter",
    params=LanguageParams,
    record="text",
    result="token_labels",
    shape=IOShape.MANY_TO_MANY_ALIGNED,
    factory=Ref("toy_stream:LanguageTask"),
    needs=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    metrics=("toy_perplexity",),
    parse_input=Ref("toy_stream:parse"),
)
METRIC = Metric(
    id="toy_perplexity",
    title="Perplexity",
    result="token_labels",
    higher_is_better=False,
    factory=Ref("toy_stream:Perplexity"),
)


def parse(text: str) -> list[Record]:
    return [Text(text)]


def catalogue() -> toy.ToyCatalogue:
    return toy.ToyCatalogue(TASK, metrics=(METRIC,))
