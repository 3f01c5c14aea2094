"""A tiny forecast: series cut by time into splits, and into windows whose next value is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
import toy
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import IOShape, Metric, Params, Record, Ref, Report, Result, Task, Trait, option
from workbench.nn.contract import Batch, DecodeOptions, Embedder, Encoded, Encoding, Head, LossSum
from workbench.nn.protocols import Role

WINDOW = 6
"""Values that are read; the one after is foretold."""


@dataclass(frozen=True, slots=True)
class Series:
    KIND: ClassVar[str] = "toy_series"

    values: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        return {"values": list(self.values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(data["values"]))

    def search_text(self) -> str:
        return ""

    def labels(self) -> dict[str, frozenset[str]]:
        return {}

    def size(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Value:
    KIND: ClassVar[str] = "toy_value"

    value: float

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(float(data["value"]))

    def summary(self) -> str:
        return f"{self.value:.3f}"


def waves(count: int, length: int = 60) -> list[Record]:
    return [Series(tuple(np.sin(0.4 * np.arange(length) + phase).tolist())) for phase in range(count)]


class SeriesParams(Params):
    in_time: bool = option(True, what="Split by time.")


@dataclass
class SeriesCodec:
    mean: float
    seen: int

    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, Series)
        return {"values": (np.array(record.values) - self.mean).astype(np.float32)}

    def length(self, record: Record) -> int:
        return record.size()

    def windows(self, encoding: Encoding, role: Role) -> NDArray[np.int64]:
        length = len(encoding["values"])
        if role == "predict":
            return np.array([[max(0, length - WINDOW), length]], dtype=np.int64)
        starts = np.arange(0, length - WINDOW, 1 if role == "train" else 2, dtype=np.int64)
        return np.stack([starts, starts + WINDOW + 1], axis=1)

    def window(self, encoding: Encoding, start: int, stop: int) -> Encoding:
        return {"values": encoding["values"][start:stop]}

    def window_length(self, start: int, stop: int) -> int:
        return min(WINDOW, stop - start)

    def window_record(self, record: Record, start: int, stop: int) -> Record:
        assert isinstance(record, Series)
        return Series(record.values[start:stop])

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([min(WINDOW, len(item["values"])) for item in items])
        values, targets = torch.zeros(len(items), WINDOW, 1), torch.full((len(items),), torch.nan)
        for row, item in enumerate(items):
            values[row, : lengths[row], 0] = torch.from_numpy(np.array(item["values"][:WINDOW]))
            if len(item["values"]) > WINDOW:
                targets[row] = float(item["values"][WINDOW])
        return Batch({"values": values[:, : int(lengths.max())], "targets": targets}, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "seen": self.seen}


class SeriesEmbedder(Embedder):
    output_size = 1

    def forward(self, batch: Batch) -> Tensor:
        return batch.fields["values"]


class SeriesHead(Head):
    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, 1)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        values: Tensor = self.linear(encoded.final)
        return values

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        return LossSum((outputs[:, 0] - batch.fields["targets"]).square().sum(), batch.size)


class SeriesTask:
    def __init__(self, params: SeriesParams) -> None:
        self.splits_in_time = params.in_time

    def part(self, record: Record, split: str) -> Record | None:
        """Two thirds to train, a sixth each for the others."""
        assert isinstance(record, Series)
        n = len(record.values)
        first, last = {"train": (0, 4 * n // 6), "validation": (4 * n // 6, 5 * n // 6), "test": (5 * n // 6, n)}[split]
        return Series(record.values[first:last]) if last - first > WINDOW else None

    def check(self, records: Iterable[Record]) -> None:
        assert any(True for _ in records)

    def fit_codec(self, records: Iterable[Record]) -> SeriesCodec:
        values = [value for record in records for value in getattr(record, "values", ())]
        return SeriesCodec(float(np.mean(values)), len(values))

    def load_codec(self, data: Mapping[str, Any]) -> SeriesCodec:
        return SeriesCodec(float(data["mean"]), int(data["seen"]))

    def embedder(self, codec: SeriesCodec) -> SeriesEmbedder:
        return SeriesEmbedder()

    def head(self, codec: SeriesCodec, input_size: int) -> SeriesHead:
        return SeriesHead(input_size)

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: SeriesCodec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        return [Value(float(value) + codec.mean) for value in outputs[:, 0]]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        metric, records = SquaredError(), []
        for id_, record, result, loss in pairs:
            metric.update(result, record)
            records.append({"record_id": id_, "loss": loss, "values": record.values})  # type: ignore[attr-defined]
        return Report(split, len(records), metric.count, metric.compute(), examples=tuple(records))

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, Series)
        return tuple(f"{value:.2f}" for value in record.values[:WINDOW])

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        values: NDArray[np.float32] = outputs.detach()[:, None].numpy()
        return values

    def output_labels(self, codec: SeriesCodec) -> tuple[str, ...]:
        return ()


class SquaredError:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, Value)
        assert isinstance(record, Series)
        assert len(record.values) == WINDOW + 1
        self.total += (result.value - record.values[-1]) ** 2
        self.count += 1

    def compute(self) -> dict[str, float]:
        return {"toy_error": self.total / max(1, self.count)}


TASK = Task(
    id="toy",
    title="Next value",
    params=SeriesParams,
    record="toy_series",
    result="toy_value",
    shape=IOShape.MANY_TO_MANY_ALIGNED,
    factory=Ref("toy_windows:SeriesTask"),
    needs=frozenset({Trait.SEQUENCE}),
    metrics=("toy_error",),
)
METRIC = Metric(
    id="toy_error", title="Error", result="toy_value", higher_is_better=False, factory=Ref("toy_windows:SquaredError")
)


def catalogue() -> toy.ToyCatalogue:
    return toy.ToyCatalogue(TASK, metrics=(METRIC,))
