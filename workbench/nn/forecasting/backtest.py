"""Rolling-origin backtest: what would have been foretold at each of many moments, with what was known then.

At every origin the model reads the past alone; it may be fitted anew every so many origins. Intervals are conformal and
adapt as they go: the width at an origin comes from errors that had been observed by then, and from nothing later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from workbench.api import Forecast, Series, WorkbenchError
from workbench.nn.forecasting import metrics
from workbench.nn.forecasting.conformal import RATE, AdaptiveConformal

if TYPE_CHECKING:
    from workbench.nn.contract import Batch, Parts

Double = NDArray[np.float64]
Predict = Callable[[Sequence[Series]], Sequence[Forecast]]
"""The forecasts that follow each of some series."""
Refit = Callable[[Series], Predict]
"""A model fitted on the series up to an origin."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """Forecasts from several origins as arrays, (N, H, C) each, in the units of the data."""

    channels: tuple[str, ...]
    mean: Double
    baselines: Mapping[str, Double]


@runtime_checkable
class Foretells(Protocol):
    """A task that answers a batch of windows with plain arrays, without a result for each."""

    def foretell(self, parts: Parts, batch: Batch, *, simple: bool) -> Foretold:
        """What follows each window; with ``simple`` also what the simple methods say."""
        ...


@runtime_checkable
class PredictsAt(Protocol):
    """What a :data:`Predict` may be besides: all origins of one series at once, the series encoded once."""

    def at(self, series: Series, origins: NDArray[np.int64]) -> Foretold | None:
        """What follows each origin, known what came before it (and the channels known ahead); None where this cannot
        be told so and the parts of the series must be asked one by one."""
        ...


@dataclass(frozen=True, slots=True)
class Backtest:
    """``origins`` (N,) are the numbers of the first foretold step; the rest is (N, H, C) in the units of the data."""

    series: str
    channels: tuple[str, ...]
    origins: NDArray[np.int64]
    truth: Double
    mean: Double
    lower: Double
    upper: Double
    level: float
    baselines: dict[str, Double]
    fits: int
    """How many models were fitted: 1 without refits."""

    def errors(self) -> dict[str, dict[str, float]]:
        """MAE, RMSE, MAPE and sMAPE of the model and of each simple method."""
        methods = {"this model": self.mean, **self.baselines}
        return {
            name: {
                "mae": metrics.mae(self.truth, found),
                "rmse": float(np.sqrt(metrics.mse(self.truth, found))),
                "mape": metrics.mape(self.truth, found),
                "smape": metrics.smape(self.truth, found),
            }
            for name, found in methods.items()
        }

    def coverage(self) -> float:
        """The share of steps that lay in their interval, of those that had one."""
        told = np.isnan(self.lower) | np.isnan(self.truth)
        return metrics.coverage(np.where(told, np.nan, self.truth), self.lower, self.upper)


def backtest(
    series: Series,
    predict: Predict | None,
    *,
    horizon: int,
    context: int,
    first: int,
    stride: int = 1,
    count: int = 0,
    refit: Refit | None = None,
    refit_every: int = 0,
    level: float = 0.9,
    scores: NDArray[Any] | None = None,
    targets: Sequence[str] = (),
    future: Sequence[str] = (),
    relative: bool = False,
) -> Backtest:
    """Foretell ``horizon`` steps at ``first`` and every ``stride`` steps after it (``count`` times, 0: to the end).

    ``context`` is how many steps of the past the model reads. With ``refit`` the model is fitted on all steps before
    the origin, anew every ``refit_every`` origins (0: once, at the first). ``scores`` (n, H, C) are absolute errors
    made before the first origin (on a validation split), for the first intervals. ``future`` names the channels that
    stay known after the origin. ``relative`` measures errors (``scores`` too) on logarithms: intervals then grow with
    the level. :class:`WorkbenchError` where no origin has a whole horizon after it.
    """
    origins = np.arange(first, series.size() - horizon + 1, stride, dtype=np.int64)
    origins = origins[:count] if count else origins
    if not len(origins) or first < 1:
        raise WorkbenchError(
            f"There is no origin to test: {series.size()} steps, the first origin at {first}, a horizon of {horizon}.",
            fix="Begin earlier, or shorten the horizon.",
        )
    every = refit_every if refit is not None and refit_every else len(origins)
    found: list[Foretold] = []
    fits = 0
    for start in range(0, len(origins), every):
        block = origins[start : start + every]
        if refit is not None:
            predict = refit(series.part(0, int(block[0])))
        if predict is None:
            raise ValueError("a backtest needs a model, or a way to fit one")
        fits += 1
        told = predict.at(series, block) if isinstance(predict, PredictsAt) else None
        if told is None:
            told = _together(predict([_known_at(series, int(origin), context, horizon, future) for origin in block]))
        found.append(told)
    channels = tuple(targets) or found[0].channels
    columns = [series.index(name) for name in channels]
    steps = origins[:, None] + np.arange(horizon)
    truth = series.values[:, columns][steps]
    mean = np.concatenate([told.mean for told in found])
    if relative:
        logs = [np.log(np.where(values > 0, values, np.nan)) for values in (mean, truth)]
        lower, upper = (np.exp(limit) for limit in adaptive_intervals(logs[0], logs[1], origins, level, scores))
    else:
        lower, upper = adaptive_intervals(mean, truth, origins, level, scores)
    names = found[0].baselines
    return Backtest(
        series.name,
        channels,
        origins,
        truth,
        mean,
        lower,
        upper,
        level,
        {name: np.concatenate([told.baselines[name] for told in found]) for name in names},
        fits,
    )


def _together(forecasts: Sequence[Forecast]) -> Foretold:
    names = forecasts[0].baselines
    return Foretold(
        forecasts[0].channels,
        np.array([forecast.mean for forecast in forecasts]),
        {name: np.array([forecast.baselines[name] for forecast in forecasts]) for name in names},
    )


def _known_at(series: Series, origin: int, context: int, horizon: int, future: Sequence[str]) -> Series:
    """What is known at ``origin``: the past, and the channels known ahead."""
    start = max(0, origin - context)
    if not future:
        return series.part(start, origin)
    found = series.part(start, origin + horizon)
    values = found.values.copy()
    hidden = [i for i, name in enumerate(series.channels) if name not in future]
    values[origin - start :, hidden] = np.nan
    return found.with_values(values)


def adaptive_intervals(
    mean: Double,
    truth: Double,
    origins: NDArray[np.int64],
    level: float,
    scores: NDArray[Any] | None = None,
    *,
    rate: float = RATE,
) -> tuple[Double, Double]:
    """(lower, upper), (N, H, C) each, of forecasts ``mean`` at ``origins``: from errors observed before each origin.

    Step h of a forecast made at t is observed at t + h, so at an origin the errors of step h are those of origins at
    least h + 1 steps earlier. NaN while none is known. ``rate`` is how fast widths follow hits and misses.
    """
    count, horizon = mean.shape[:2]
    error = np.abs(mean - truth)
    conformal = AdaptiveConformal(level, mean.shape[1:], rate=rate, first=scores)
    widths = np.full_like(mean, np.nan)
    ahead = np.arange(horizon)
    known = np.searchsorted(origins, origins[:, None] - ahead)  # (N, H): of how many origins each error is known
    told = np.concatenate([np.zeros((1, horizon), np.int64), known[:-1]])  # and was at the origin before
    for number, most in enumerate((known - told).max(axis=1).tolist()):
        if most > 0:
            rows = told[number] + np.arange(most)[:, None]  # (n, H)
            new = (rows < known[number])[..., None]
            places = np.minimum(rows, count - 1), ahead
            conformal.update(np.where(new, error[places], np.nan), np.where(new, widths[places], np.nan))
        widths[number] = conformal.width()
    return mean - widths, mean + widths
