"""A generated task over windows of series: the next values after those read (many to one vector). Needs torch.

The smallest codec with :class:`~workbench.nn.protocols.Windows`: a series is one record and many examples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import Record, Report, Result, WorkbenchError
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Encoding, Head, LossSum
from workbench.nn.protocols import Role
from workbench.testing.options import SeriesParams
from workbench.testing.records import NextValues, ShortSeries


class SeriesCodec:
    """Scales a series by the mean and deviation of the training split, and cuts it into windows.

    A window is (start, stop) of what is read; its targets are the ``horizon`` values after ``stop``, unknown (NaN)
    where the series ends there.
    """

    def __init__(self, mean: float, deviation: float, params: SeriesParams) -> None:
        self.mean, self.deviation, self.params = mean, deviation, params

    @classmethod
    def fit(cls, records: Iterable[ShortSeries], params: SeriesParams) -> SeriesCodec:
        values = np.array([value for record in records for value in record.values])
        return cls(float(values.mean()), max(1e-6, float(values.std())), params)

    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, ShortSeries)
        return {"values": self._scaled(record.values), "targets": self._scaled(record.targets)}

    def _scaled(self, values: Sequence[float]) -> NDArray[np.float32]:
        return ((np.array(values, np.float64) - self.mean) / self.deviation).astype(np.float32)

    def length(self, record: Record) -> int:
        return record.size()

    def windows(self, encoding: Encoding, role: Role) -> NDArray[np.int64]:
        length, window = len(encoding["values"]), self.params.window
        if role == "predict":
            return np.array([[max(0, length - window), length]], np.int64)
        stride = self.params.stride if role == "train" else self.params.horizon
        starts = np.arange(0, length - window - self.params.horizon + 1, stride, dtype=np.int64)
        return np.stack([starts, starts + window], axis=1)

    def window(self, encoding: Encoding, start: int, stop: int) -> Encoding:
        values = encoding["values"]
        return {"values": values[start:stop], "targets": values[stop : stop + self.params.horizon]}

    def window_length(self, start: int, stop: int) -> int:
        return stop - start

    def window_record(self, record: Record, start: int, stop: int) -> Record:
        assert isinstance(record, ShortSeries)
        return ShortSeries(record.values[start:stop], record.values[stop : stop + self.params.horizon])

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["values"]) for item in items])
        values = torch.zeros(len(items), int(lengths.max()), 1)
        targets = torch.full((len(items), self.params.horizon), torch.nan)
        for row, item in enumerate(items):
            values[row, : len(item["values"]), 0] = torch.from_numpy(np.array(item["values"]))
            known = np.array(item["targets"][: self.params.horizon])
            targets[row, : len(known)] = torch.from_numpy(known)
        return Batch({"values": values, "targets": targets}, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "deviation": self.deviation, "params": self.params.model_dump()}


class ValueEmbedder(Embedder):
    """A value is its own vector; no weights."""

    output_size = 1

    def forward(self, batch: Batch) -> Tensor:
        return batch.fields["values"]


class ValueHead(Head):
    """The next ``horizon`` values as a linear readout of the last state; squared error."""

    def __init__(self, input_size: int, horizon: int) -> None:
        super().__init__()
        self.values = nn.Linear(input_size, horizon)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        values: Tensor = self.values(encoded.final)
        return values

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        targets = batch.fields["targets"]
        known = ~torch.isnan(targets)
        error = (outputs.float() - torch.where(known, targets, 0.0)).square() * known
        return LossSum(error.sum(), int(known.sum()))

    def features(self, encoded: Encoded, batch: Batch) -> Tensor:
        return encoded.final

    def regression_targets(self, batch: Batch) -> Tensor | None:
        return batch.fields["targets"]

    def readout(self) -> nn.Linear | None:
        return self.values


class SeriesForecast:
    """The task as the engine meets it."""

    def __init__(self, params: SeriesParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        longest = max((record.size() for record in records), default=0)
        if longest < self.params.window + self.params.horizon:
            raise WorkbenchError(
                f"No series is long enough: the longest has {longest} steps.",
                why=f"A window reads {self.params.window} and foretells {self.params.horizon}.",
                fix="Lower the window, or bring longer series.",
            )

    def fit_codec(self, records: Iterable[Record]) -> SeriesCodec:
        return SeriesCodec.fit((one for one in records if isinstance(one, ShortSeries)), self.params)

    def load_codec(self, data: Mapping[str, Any]) -> SeriesCodec:
        return SeriesCodec(float(data["mean"]), float(data["deviation"]), SeriesParams(**data["params"]))

    def embedder(self, codec: Codec) -> Embedder:
        return ValueEmbedder()

    def head(self, codec: Codec, input_size: int) -> Head:
        return ValueHead(input_size, self.params.horizon)

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
        assert isinstance(codec, SeriesCodec)
        values = outputs.detach().double().cpu() * codec.deviation + codec.mean
        return [NextValues(tuple(row)) for row in values.tolist()]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        counting, records, steps = SquaredError(), 0, 0
        for _id, record, result, _loss in pairs:
            counting.update(result, record)
            records, steps = records + 1, steps + record.size()
        return Report(split=split, n_records=records, n_tokens=steps, metrics=counting.compute())

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, ShortSeries)
        return tuple(f"{value:g}" for value in record.values)

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        """What would be foretold after each step (B, T, horizon): values, not probabilities."""
        assert isinstance(head, ValueHead)
        found: NDArray[np.float32] = head.values(encoded.states).detach().float().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        return ()


class SquaredError:
    """Root of the mean squared error of the foretold values."""

    def __init__(self) -> None:
        self.reset()

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, NextValues)
        assert isinstance(record, ShortSeries)
        for found, wanted in zip(result.values, record.targets, strict=False):
            self.total += (found - wanted) ** 2
            self.count += 1

    def compute(self) -> dict[str, float]:
        return {"generated_rmse": math.sqrt(self.total / self.count) if self.count else math.nan}

    def reset(self) -> None:
        self.total, self.count = 0.0, 0


def parse_input(text: str) -> list[ShortSeries]:
    """Numbers separated by white space or commas, one series a line."""
    try:
        return [
            ShortSeries(tuple(float(word) for word in line.replace(",", " ").split()))
            for line in text.splitlines()
            if line.strip()
        ]
    except ValueError as error:
        raise WorkbenchError(f"Not a series of numbers: {error}.", fix="Type numbers separated by spaces.") from error
