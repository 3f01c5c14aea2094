"""A tiny task (label each letter of a text: vowel or not) and a tiny recurrent network, to test the engine with."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import (
    Architecture,
    IOShape,
    LayerTrace,
    Metric,
    Params,
    Record,
    Ref,
    Report,
    Result,
    TaggedTokens,
    Task,
    TokenLabels,
    Trait,
    WorkbenchError,
    option,
)
from workbench.api.records import BUILT_IN_RECORD_TYPES, RecordType
from workbench.engine.data import ListSource
from workbench.nn.contract import Batch, DecodeOptions, Embedder, Encoded, Encoder, Encoding, Head, LossSum

LABELS = ("consonant", "vowel")
PADDING = -1


def letters(text: str) -> TaggedTokens:
    return TaggedTokens(tuple(text), {"kind": tuple("vowel" if c in "aeiou" else "consonant" for c in text)})


def texts(count: int, seed: int = 0, shortest: int = 1, longest: int = 20) -> list[Record]:
    generator = np.random.default_rng(seed)
    alphabet = np.array(list(string.ascii_lowercase))
    return [
        letters("".join(generator.choice(alphabet, generator.integers(shortest, longest + 1)))) for _ in range(count)
    ]


class ToyParams(Params):
    width: int = option(8, ge=1, what="Width of the embedding.")
    explode: bool = option(False, what="Give a loss that is not a number from the third step on.")


@dataclass
class ToyCodec:
    vocabulary: dict[str, int]

    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, TaggedTokens)
        labels = record.layers.get("kind")
        targets = [LABELS.index(label) for label in labels] if labels else [PADDING] * len(record.tokens)
        return {
            "symbols": np.array([self.vocabulary.get(t, 1) for t in record.tokens], dtype=np.int64),
            "targets": np.array(targets, dtype=np.int64),
        }

    def length(self, record: Record) -> int:
        return record.size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["symbols"]) for item in items])
        fields = {}
        for name, fill in (("symbols", 0), ("targets", PADDING)):
            padded = torch.full((len(items), int(lengths.max())), fill)
            for row, item in enumerate(items):
                padded[row, : len(item[name])] = torch.from_numpy(np.array(item[name]))
            fields[name] = padded
        return Batch(fields, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary}


class ToyEmbedder(Embedder):
    def __init__(self, symbols: int, width: int) -> None:
        super().__init__()
        self.output_size = width
        self.table = nn.Embedding(symbols, width, padding_idx=0)

    def forward(self, batch: Batch) -> Tensor:
        embedded: Tensor = self.table(batch.fields["symbols"])
        return embedded


class ToyHead(Head):
    def __init__(self, input_size: int, explode: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, len(LABELS))
        self.explode, self.calls = explode, 0

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        scores: Tensor = self.linear(encoded.states)
        return scores

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        targets = batch.fields["targets"]
        total = nn.functional.cross_entropy(
            outputs.flatten(0, 1), targets.flatten(), ignore_index=PADDING, reduction="sum"
        )
        if self.explode and self.training:
            self.calls += 1
            total = total * (torch.nan if self.calls > 40 else 1.0)
        return LossSum(total, int((targets != PADDING).sum()))


class ToyTask:
    def __init__(self, params: ToyParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        for record in records:
            if "kind" not in record.labels():
                raise WorkbenchError("A record has no layer kind.")

    def fit_codec(self, records: Iterable[Record]) -> ToyCodec:
        known = sorted({token for record in records for token in getattr(record, "tokens", ())})
        return ToyCodec({token: i + 2 for i, token in enumerate(known)})

    def load_codec(self, data: Mapping[str, Any]) -> ToyCodec:
        return ToyCodec(dict(data["vocabulary"]))

    def embedder(self, codec: ToyCodec) -> ToyEmbedder:
        return ToyEmbedder(len(codec.vocabulary) + 2, self.params.width)

    def head(self, codec: ToyCodec, input_size: int) -> ToyHead:
        return ToyHead(input_size, self.params.explode)

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: ToyCodec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        probabilities, best = outputs.softmax(-1).max(-1)
        return [
            TokenLabels(
                tokens=getattr(record, "tokens", ()),
                labels=tuple(LABELS[int(i)] for i in best[row, : record.size()]),
                probabilities=tuple(float(p) for p in probabilities[row, : record.size()]),
            )
            for row, record in enumerate(records)
        ]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        metric = Accuracy()
        examples, tokens = [], 0
        for id_, record, result, loss in pairs:
            metric.update(result, record)
            tokens += record.size()
            examples.append({"record_id": id_, "loss": loss})
        examples.sort(key=lambda example: -example["loss"])
        return Report(split, len(examples), tokens, metric.compute(), examples=tuple(examples))

    def steps(self, record: Record) -> tuple[str, ...]:
        return tuple(getattr(record, "tokens", ()))

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        values: NDArray[np.float32] = outputs.softmax(-1).detach().numpy()
        return values

    def output_labels(self, codec: ToyCodec) -> tuple[str, ...]:
        return LABELS


class Accuracy:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right = self.all = 0

    def update(self, result: Result, record: Record) -> None:
        gold = record.layers["kind"]  # type: ignore[attr-defined]
        self.right += sum(a == b for a, b in zip(gold, result.labels, strict=True))  # type: ignore[attr-defined]
        self.all += len(gold)

    def compute(self) -> dict[str, float]:
        return {"toy_accuracy": self.right / max(1, self.all)}


class ToyNetParams(Params):
    hidden_size: int = option(12, ge=1, what="Units.")
    dropout: float = option(0.3, ge=0, lt=1, what="Dropout of the states.")
    cell: Literal["gru", "lstm"] = option("gru", what="Cell.")


class ToyEncoder(Encoder):
    def __init__(self, params: ToyNetParams, input_size: int) -> None:
        super().__init__()
        self.output_size = params.hidden_size
        cell = nn.GRU if params.cell == "gru" else nn.LSTM
        self.rnn = cell(input_size, params.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, x: Tensor, lengths: Tensor, state: Any = None) -> Encoded:
        states, carried = self.rnn(x, state)
        mask = torch.arange(x.shape[1], device=x.device)[None, :] < lengths.to(x.device)[:, None]
        states = self.dropout(states * mask[..., None])
        last = states[torch.arange(len(lengths)), (lengths - 1).to(x.device)]
        return Encoded(states, lengths, last, carried)

    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        states, _ = self.rnn(x)
        return (LayerTrace("layer 1", "forward", states[0, :length].detach().numpy()),)


TASK = Task(
    id="toy",
    title="Vowels",
    params=ToyParams,
    record="tagged_tokens",
    result="token_labels",
    shape=IOShape.MANY_TO_MANY_ALIGNED,
    factory=Ref("toy:ToyTask"),
    needs=frozenset({Trait.SEQUENCE}),
    metrics=("toy_accuracy",),
    parse_input=Ref("toy:parse"),
)
ARCHITECTURE = Architecture(
    id="toynet",
    title="Toy network",
    params=ToyNetParams,
    factory=Ref("toy:ToyEncoder"),
    shapes=frozenset({IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
)
METRIC = Metric(
    id="toy_accuracy", title="Accuracy", result="token_labels", higher_is_better=True, factory=Ref("toy:Accuracy")
)


def parse(text: str) -> list[Record]:
    return [TaggedTokens(tuple(text))]


class ToyCatalogue:
    """As much of a catalogue as the engine asks for."""

    def __init__(
        self, task: Task = TASK, architecture: Architecture = ARCHITECTURE, metrics: Sequence[Metric] = (METRIC,)
    ) -> None:
        self._task, self._architecture = task, architecture
        self._metrics = {metric.id: metric for metric in metrics}

    def task(self, id: str) -> Task:
        return _known(self._task, id)

    def architecture(self, id: str) -> Architecture:
        return _known(self._architecture, id)

    def metric(self, id: str) -> Metric:
        return self._metrics[id]

    def record_type(self, kind: str) -> RecordType:
        return next(known for known in BUILT_IN_RECORD_TYPES if known.kind == kind)

    def importers(self) -> tuple[()]:
        return ()

    def exporters(self) -> tuple[()]:
        return ()


def _known(contribution: Any, id_: str) -> Any:
    if contribution.id != id_:
        raise WorkbenchError(f"There is no {id_!r}.", fix=f"Known: {contribution.id}.")
    return contribution


class HashedSource(ListSource):
    """Records in memory that say what their content is, as a store does."""

    def __init__(self, splits: Mapping[str, Sequence[Record]], content: str) -> None:
        super().__init__(splits)
        self._content = content

    def content_hash(self, split: str) -> str:
        return f"{self._content}-{split}"


class ToyStore:
    """As much of a dataset store as the engine asks for, with one dataset."""

    def __init__(self, splits: Mapping[str, Sequence[Record]], content: str = "") -> None:
        self._source = HashedSource(splits, content)
        self._splits, self._content = splits, content
        self.reads = 0

    def dataset(self, name_or_id: Any) -> Any:
        return SimpleNamespace(id=1)

    def iterate(self, dataset_id: int, split: str | None = None) -> Any:
        self.reads += 1
        for id_, record in self._source.iterate(split or ""):
            yield SimpleNamespace(id=id_, record=record)

    def get(self, ids: Any) -> list[Any]:
        return [SimpleNamespace(record=record) for record in self._source.get(ids)]

    def split_counts(self, dataset_id: int) -> dict[str, int]:
        return {name: len(records) for name, records in self._splits.items()}

    def content_hash(self, dataset_id: int, split: str) -> str:
        return self._source.content_hash(split) if self._content else ""
