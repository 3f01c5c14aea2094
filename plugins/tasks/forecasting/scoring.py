"""Errors of forecasts against gold windows, window by window: what validation and the report count alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.tasks.forecasting.codec import DEVIATION, HISTORY
from workbench_plugins.tasks.forecasting.splitting import SCALE

from workbench.api import Forecast, Record, Result, Series, season_of
from workbench.nn.forecasting.metrics import seasonal_scale

Double = NDArray[np.float64]


def truth_of(record: Series, forecast: Forecast) -> Double:
    """(H, C) of a gold window: what came after the steps that were read; NaN where it is not known."""
    columns = [record.index(name) for name in forecast.channels]
    past = int(record.static.get(HISTORY, record.size() - forecast.horizon))
    found = record.values[past : past + forecast.horizon][:, columns]
    if len(found) == forecast.horizon:
        return found
    gone = np.full((forecast.horizon - len(found), len(columns)), np.nan)
    return np.concatenate([found, gone])


def deviations_of(record: Series, forecast: Forecast) -> Double | None:
    """(C,) what a z-scored error divides by; None where the series are not z-scored."""
    found = [record.static.get(DEVIATION + name) for name in forecast.channels]
    return None if any(value is None for value in found) else np.array([float(v) for v in found if v is not None])


def scales_of(record: Series, forecast: Forecast, season: int = 0) -> Double:
    """(C,) what MASE divides by: told with the part, else from the window's own history."""
    past = int(record.static.get(HISTORY, record.size() - forecast.horizon))
    scales = []
    for name in forecast.channels:
        told = record.static.get(SCALE + name)
        if told is None:
            told = seasonal_scale(record.values[:past, record.index(name)], season or season_of(record.frequency))
        scales.append(float(told))
    return np.array(scales)


class _Sums:
    """A sum of errors and how many there were."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, values: NDArray[Any]) -> None:
        known = ~np.isnan(values)
        self.total += float(values[known].sum())
        self.count += int(known.sum())

    def mean(self) -> float:
        return self.total / self.count if self.count else math.nan


class SquaredError:
    """Mean squared and absolute error, z-scored by the training part; nothing where series are not z-scored."""

    def __init__(self) -> None:
        self._squared, self._absolute = _Sums(), _Sums()

    def reset(self) -> None:
        self._squared.reset()
        self._absolute.reset()

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, Forecast)
        assert isinstance(record, Series)
        deviations = deviations_of(record, result)
        if deviations is not None:
            error = (np.array(result.mean) - truth_of(record, result)) / deviations
            self._squared.add(error**2)
            self._absolute.add(np.abs(error))

    def compute(self) -> dict[str, float]:
        return {"mse": self._squared.mean(), "mae": self._absolute.mean()} if self._squared.count else {}


class ScaledError:
    """MASE (each window and channel by its own scale, then the mean) and sMAPE."""

    def __init__(self) -> None:
        self._scaled, self._relative = _Sums(), _Sums()

    def reset(self) -> None:
        self._scaled.reset()
        self._relative.reset()

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, Forecast)
        assert isinstance(record, Series)
        truth, found = truth_of(record, result), np.array(result.mean)
        self._scaled.add(np.abs(found - truth) / scales_of(record, result))
        size = np.abs(truth) + np.abs(found)
        self._relative.add(200.0 * np.abs(found - truth) / np.where(size == 0, 1.0, size))

    def compute(self) -> dict[str, float]:
        found: Mapping[str, float] = {"mase": self._scaled.mean(), "smape": self._relative.mean()}
        return {name: value for name, value in found.items() if math.isfinite(value)}
