"""From normalised forecasts to results in the units of the data, with intervals and what the simple methods say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.forecasting.codec import HISTORY, SeriesCodec, as_series
from workbench_plugins.tasks.forecasting.modules import CONFORMAL_LEVELS, ForecastHead

from workbench.api import Forecast, Interval, Record
from workbench.nn.contract import Batch
from workbench.nn.forecasting import baselines
from workbench.nn.forecasting.conformal import conformal_width

PREDICTED = "predicted"
"""In ``Batch.extra``: what was answered, normalised (B, H, C), kept for the calibration of intervals."""
MAX_SCORES = 4000
"""Windows that the widths of intervals are taken from at most, evenly chosen."""
FEW_SCORES = 30
"""With fewer windows, the errors of neighbouring steps are taken together."""

SHOWN = 96
"""Steps of the past that an answer carries to be shown before it, or twice the horizon where that is more."""

Double = NDArray[np.float64]


def results(
    middle: Tensor,
    quantiles: Tensor | None,
    levels: Sequence[float],
    batch: Batch,
    head: ForecastHead,
    codec: SeriesCodec,
    records: Sequence[Record],
    *,
    full: bool,
) -> list[Forecast]:
    """One forecast a window from the normalised ``middle`` (B, H, C) and ``quantiles`` (Q, B, H, C).

    Without ``full`` only the middle and the quantiles are told: what validation asks for.
    """
    batch.extra[PREDICTED] = middle.detach()
    mean = codec.restored(middle, batch)
    bands = None if quantiles is None else codec.restored(quantiles, batch)
    if not full:
        return [
            Forecast(
                as_series(records[i]).name,
                codec.targets,
                (),
                _table(mean[i]),
                levels=tuple(levels) if bands is not None else (),
                quantiles=() if bands is None else tuple(_table(band[i]) for band in bands),
            )
            for i in range(len(records))
        ]
    methods = simple_methods(batch.fields["history"], codec)
    limits = _limits(middle, batch, head, codec)
    horizon, found = codec.params.horizon, []
    for i, record in enumerate(records):
        series = as_series(record)
        past = int(series.static.get(HISTORY, series.size()))
        tail = max(0, past - max(SHOWN, 2 * horizon))
        columns = [series.index(name) for name in codec.targets]
        whole = series.size() >= past + horizon
        times = series.times()[past : past + horizon] if whole else series.part(0, past).times_after(horizon)
        actual = series.values[past : past + horizon, columns] if whole else None
        found.append(
            Forecast(
                name=series.name,
                channels=codec.targets,
                times=tuple(times.tolist()),
                mean=_table(mean[i]),
                history=_table(series.values[tail:past, columns]),
                history_times=tuple(series.times()[tail:past].tolist()),
                clock=series.clock,
                levels=tuple(levels) if bands is not None else (),
                quantiles=() if bands is None else tuple(_table(band[i]) for band in bands),
                intervals=tuple(
                    Interval(level, _table(lower[i]), _table(upper[i])) for level, lower, upper in limits
                ),
                baselines={name: _table(values[i]) for name, values in methods.items()},
                actual=None if actual is None or np.isnan(actual).all() else _table(actual),
                notice=_notice(series.values[max(0, past - codec.params.lookback) : past, columns]),
            )
        )
    return found


def simple_methods(history: Tensor, codec: SeriesCodec) -> dict[str, Double]:
    """What the baselines say after each window's ``history`` (B, T, C), in the units of the data: (B, H, C)."""
    z = history.double().cpu().numpy()
    horizon = codec.params.horizon
    count, steps, channels = z.shape
    past = codec.unscaled(z).transpose(0, 2, 1).reshape(-1, steps)  # every channel a row
    rows = {
        "naive": baselines.naive(past, horizon),
        "seasonal naive": baselines.seasonal_naive(past, horizon, codec.season),
        "drift": baselines.drift(past[:, -codec.params.lookback :], horizon),
    }
    found = {name: values.reshape(count, channels, horizon).transpose(0, 2, 1) for name, values in rows.items()}
    if codec.linear is not None:
        flat = codec.linear(z.transpose(0, 2, 1).reshape(-1, steps), horizon)
        found["linear"] = codec.unscaled(flat.reshape(count, channels, horizon).transpose(0, 2, 1))
    return found


def _limits(
    middle: Tensor, batch: Batch, head: ForecastHead, codec: SeriesCodec
) -> list[tuple[float, Double, Double]]:
    """(level, lower, upper), each (B, H, C); none before a validation has told how wide they must be."""
    widths = head.conformal.to(middle)
    if bool(torch.isnan(widths).all()):
        return []
    return [
        (level, codec.restored(middle - width, batch), codec.restored(middle + width, batch))
        for level, width in zip(CONFORMAL_LEVELS, widths, strict=True)
    ]


class ConformalWidths:
    """Told every batch of a validation that was answered; writes the widths of its errors into the head."""

    def __init__(self, head: ForecastHead) -> None:
        self._head = head
        self._scores: list[Tensor] = []

    def add(self, batch: Batch) -> None:
        predicted = batch.extra.get(PREDICTED)
        if isinstance(predicted, Tensor):
            wanted = self._head.by_window(batch.fields["targets"])
            self._scores.append((predicted - wanted).abs().detach().float().cpu())

    def finish(self) -> None:
        if not self._scores:
            return
        scores = torch.cat(self._scores).numpy()
        scores = scores[:: max(1, -(-len(scores) // MAX_SCORES))]
        widths = np.stack([_widths(scores, level) for level in CONFORMAL_LEVELS])
        self._head.conformal.copy_(torch.from_numpy(widths))


def _widths(scores: NDArray[Any], level: float) -> Double:
    """(N, H, C) → (H, C)."""
    count, horizon, _ = scores.shape
    if count >= FEW_SCORES:
        return conformal_width(scores, level)
    reach = -(-FEW_SCORES // count) // 2
    near = [scores[:, max(0, h - reach) : h + reach + 1].reshape(-1, scores.shape[2]) for h in range(horizon)]
    return np.stack([conformal_width(errors, level) for errors in near])


def _table(values: NDArray[Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values.tolist()))


def _notice(past: Double) -> str:
    missing = int(np.isnan(past).sum())
    if not missing:
        return ""
    return f"{missing} of the {past.size} values that were read are missing; the model read on over them."
