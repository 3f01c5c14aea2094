"""The forecasting task as the engine meets it: see :class:`workbench.nn.contract.TaskModel`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.forecasting.answers import ConformalWidths, results, simple_methods
from workbench_plugins.tasks.forecasting.codec import SeriesCodec, as_series
from workbench_plugins.tasks.forecasting.fitting import check_series, fit_codec
from workbench_plugins.tasks.forecasting.modules import DirectHead, ForecastHead, WindowEmbedder
from workbench_plugins.tasks.forecasting.params import ForecastingParams, SeriesParams
from workbench_plugins.tasks.forecasting.report import build_report
from workbench_plugins.tasks.forecasting.splitting import part

from workbench.api import Record, Report, Result
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Encoder, Head, Parts
from workbench.nn.forecasting.backtest import Foretold


class Forecasting(ABC):
    """What both ways of forecasting share."""

    params: SeriesParams

    def __init__(self, params: SeriesParams) -> None:
        self.params = params
        self.splits_in_time = params.split == "time"

    def part(self, record: Record, split: str) -> Record | None:
        return part(as_series(record), split, self.params)

    def check(self, records: Iterable[Record]) -> None:
        check_series(records, self.params)

    def fit_codec(self, records: Iterable[Record]) -> SeriesCodec:
        return fit_codec(records, self.params)

    def load_codec(self, data: Mapping[str, Any]) -> SeriesCodec:
        return SeriesCodec.from_json(data)

    def embedder(self, codec: Codec) -> Embedder:
        return WindowEmbedder(own(codec))

    def calibration(self, parts: Parts) -> ConformalWidths:
        assert isinstance(parts.head, ForecastHead)
        return ConformalWidths(parts.head)

    @abstractmethod
    def middle(self, parts: Parts, batch: Batch) -> Tensor:
        """The point forecasts (B, H, C) of a batch of windows, normalised."""

    def foretell(self, parts: Parts, batch: Batch, *, simple: bool) -> Foretold:
        """A batch of windows at once, as a backtest asks: see :class:`workbench.nn.forecasting.backtest.Foretells`."""
        codec = own(parts.codec)
        methods = simple_methods(batch.fields["history"], codec) if simple else {}
        return Foretold(codec.targets, codec.restored(self.middle(parts, batch), batch), methods)

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        return build_report(split, pairs, self.params)

    def steps(self, record: Record) -> tuple[str, ...]:
        series = as_series(record)
        kind = self.params.segment if isinstance(self.params, ForecastingParams) else 1
        count = self.params.lookback // kind
        if series.clock == "datetime":
            stamps = series.times().view("datetime64[ns]").astype("datetime64[s]").astype(str).tolist()
        elif series.clock == "none":  # typed numbers: a count of steps would say nothing of them
            stamps = [shown_value(value) for value in series.values[:, (series.of_role("target") or (0,))[0]].tolist()]
        else:
            stamps = [str(time) for time in series.times().tolist()]
        stamps = [""] * max(0, self.params.lookback - len(stamps)) + stamps[-self.params.lookback :]
        return tuple(stamps[i * kind] for i in range(count))

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        return ()


class DirectForecasting(Forecasting):
    """All steps of the horizon at once."""

    params: ForecastingParams

    def head(self, codec: Codec, input_size: int) -> Head:
        return DirectHead(self.params, own(codec), input_size)

    def middle(self, parts: Parts, batch: Batch) -> Tensor:
        network, head = parts.network, parts.head
        assert isinstance(network, Encoder)
        assert isinstance(head, DirectHead)
        outputs = head(network(parts.embedder(batch), batch.lengths), batch)
        return head.by_window(head.quantiles(outputs)[0])

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
        assert isinstance(head, DirectHead)
        middle, quantiles = head.quantiles(outputs)
        middle = head.by_window(middle)
        if quantiles is not None:
            quantiles = quantiles.new_tensor(
                np.stack([head.by_window(one).detach().cpu().numpy() for one in quantiles])
            )
        full = options.probabilities
        return list(results(middle, quantiles, head.levels, batch, head, own(codec), records, full=full))

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        """What would be foretold after each step (rows, T, …): values, not probabilities."""
        assert isinstance(head, DirectHead)
        rows, steps, size = encoded.states.shape
        flat = Encoded(encoded.states, encoded.lengths, encoded.states.reshape(rows * steps, size))
        fields = {"future": batch.fields["future"].repeat_interleave(steps, dim=0)} if head.ahead else {}
        told = head(flat, Batch(fields, batch.lengths, batch.units)) if not head.segment else outputs[:, None]
        found: NDArray[np.float32] = told.reshape(rows, -1, told.shape[-1]).detach().float().cpu().numpy()
        return found


def own(codec: Codec) -> SeriesCodec:
    if not isinstance(codec, SeriesCodec):
        raise TypeError(f"forecasting is given the codec of another task: {type(codec).__name__}")
    return codec


def shown_value(value: float) -> str:
    """A value as the name of its step; a gap is a dash."""
    return "–" if value != value else f"{value:.4g}"
