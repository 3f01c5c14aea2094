"""What the forecast view computes: what to send to the model, origins of a backtest, errors, rows to export. No Qt."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.tasks.forecasting.params import ForecastingParams, FreeRunParams, SeriesParams
from workbench_plugins.tasks.forecasting.splitting import bounds

from workbench.api import Forecast, Series, WorkbenchError

MOST_ORIGINS = 48
"""Forecasts of one backtest in the window; the command line does them all."""
FEW_ORIGINS = 6
SPARE = 64
"""Steps sent beyond what a forecast reads: a gap at the end may push it back."""

Double = NDArray[np.float64]


def params_of(config: Any) -> SeriesParams:
    """The options of a run's task, of one of the two kinds; defaults where they do not hold."""
    kind: type[SeriesParams] = FreeRunParams if config.task.id == "forecasting_free_run" else ForecastingParams
    try:
        return kind.model_validate(dict(config.task.params))
    except ValueError:
        return kind()


def question(series: Series, origin: int, params: SeriesParams, *, ahead: int) -> Series:
    """What to send for a forecast after ``origin`` steps: what is read, and ahead of it only what would be known.

    Targets and past covariates after the origin are blanked; known future covariates stay, ``ahead`` steps of them.
    """
    start = max(0, origin - params.lookback - params.difference - SPARE)
    stop = min(series.size(), origin + ahead)
    part = series.part(start, stop)
    if stop <= origin:
        return part
    values = part.values.copy()
    hidden = [i for i, role in enumerate(series.roles) if role != "future" or _is_target(series, i, params)]
    values[origin - start :, hidden] = np.nan
    return part.with_values(values)


def _is_target(series: Series, channel: int, params: SeriesParams) -> bool:
    return series.channels[channel] in params.targets


def end_of(series: Series, channels: Sequence[str]) -> int:
    """The number of steps up to the last known value of the channels foretold: where "now" is."""
    columns = [series.index(name) for name in channels if name in series.channels]
    if not columns:
        columns = list(series.of_role("target")) or list(range(len(series.channels)))
    known = np.flatnonzero(~np.isnan(series.values[:, columns]).all(axis=1))
    return int(known[-1]) + 1 if len(known) else series.size()


def origins(series: Series, params: SeriesParams, end: int, most: int = MOST_ORIGINS) -> list[int]:
    """Where the forecasts of a backtest begin: evenly over the test part, or the last third where there is none.

    A test part with room for hardly any takes the validation part with it.
    """
    first = max(params.lookback // 2, end * 2 // 3)
    last = end - params.horizon
    if params.split == "time":
        try:
            validation, test, stop = bounds(series, params)
            if 0 < test < min(stop, end):
                first = test if last - test + 1 >= FEW_ORIGINS or not 0 < validation < test else validation
        except WorkbenchError:
            pass
    first = max(1, min(first, last))
    if last < 1:
        return []
    stride = max(1, -(-(last - first + 1) // most))
    return sorted({last - i * stride for i in range(most) if last - i * stride >= first})


def with_actual(forecast: Forecast, series: Series, origin: int) -> Forecast:
    """The forecast with what really came, as far as it is known."""
    columns = [series.index(name) for name in forecast.channels]
    came = np.full((forecast.horizon, len(columns)), np.nan)
    known = series.values[origin : origin + forecast.horizon, columns]
    came[: len(known)] = known
    return replace(forecast, actual=tuple(map(tuple, came.tolist())))


def column(table: Sequence[Sequence[float]], channel: int) -> Double:
    """One channel of a table of a forecast."""
    return np.array([row[channel] for row in table], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Fan:
    """Bands from the widest to the narrowest: (what it is, lower, upper)."""

    bands: tuple[tuple[str, Double, Double], ...]

    @classmethod
    def of(cls, forecast: Forecast, channel: int) -> Fan:
        """The intervals of one channel; its quantiles where there are no intervals."""
        bands = [
            (f"{100 * one.level:g} % ({one.method})", column(one.lower, channel), column(one.upper, channel))
            for one in sorted(forecast.intervals, key=lambda one: -one.level)
        ]
        if not bands:
            count = len(forecast.levels)
            for i in range(count // 2):
                low, high = forecast.levels[i], forecast.levels[count - 1 - i]
                title = f"{100 * (high - low):g} % (quantiles)"
                lower, upper = forecast.quantiles[i], forecast.quantiles[count - 1 - i]
                bands.append((title, column(lower, channel), column(upper, channel)))
        return cls(tuple(bands))

    @property
    def told(self) -> tuple[str, Double, Double] | None:
        """The band for the table: 90 % if there is one, else the widest."""
        return next((band for band in self.bands if band[0].startswith("90 ")), self.bands[0] if self.bands else None)


def mean_error(forecast: Forecast, told: Sequence[Sequence[float]], channel: int) -> float:
    """Mean absolute error of ``told`` in one channel, over the steps whose truth is known; NaN where none is."""
    if forecast.actual is None:
        return math.nan
    errors = np.abs(column(told, channel) - column(forecast.actual, channel))
    return float(np.nanmean(errors)) if not np.isnan(errors).all() else math.nan


def backtest_errors(forecasts: Sequence[Forecast], channel: int) -> dict[str, float]:
    """Mean absolute error of the model and of each simple method over a backtest, the model first."""
    found = {"model": _mean([mean_error(one, one.mean, channel) for one in forecasts])}
    for name in forecasts[0].baselines if forecasts else ():
        found[name] = _mean([mean_error(one, one.baselines[name], channel) for one in forecasts])
    return found


def coverage(forecasts: Sequence[Forecast], channel: int) -> tuple[str, float] | None:
    """Which part of what came lay in the band of the table, and what that band is called."""
    inside, count, title = 0, 0, ""
    for one in forecasts:
        band = Fan.of(one, channel).told
        if band is None or one.actual is None:
            continue
        came = column(one.actual, channel)
        known = ~np.isnan(came)
        title = band[0]
        inside += int(((came >= band[1]) & (came <= band[2]))[known].sum())
        count += int(known.sum())
    return (title, inside / count) if count else None


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def export_rows(forecasts: Sequence[Forecast], when: Mapping[int, str]) -> str:
    """Forecasts as CSV: a line for each origin, channel and step; ``when`` puts times into words."""
    names: list[str] = []
    bands: list[str] = []
    for one in forecasts:
        names += [name for name in one.baselines if name not in names]
        bands += [band[0] for band in Fan.of(one, 0).bands if band[0] not in bands]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    limits = [f"{side} {band}" for band in bands for side in ("lower", "upper")]
    writer.writerow(["series", "channel", "from", "time", "forecast", *limits, *names, "actual"])
    for one in forecasts:
        origin = when.get(one.history_times[-1], "") if one.history_times else ""
        for channel, title in enumerate(one.channels):
            fan = {band[0]: band[1:] for band in Fan.of(one, channel).bands}
            for step in range(one.horizon):
                row = [one.name, title, origin, when.get(one.times[step], str(one.times[step]))]
                row.append(_written(one.mean[step][channel]))
                for band in bands:
                    row += [_written(float(side[step])) for side in fan.get(band, ())] or ["", ""]
                row += [_written(one.baselines[name][step][channel]) if name in one.baselines else "" for name in names]
                row.append(_written(one.actual[step][channel]) if one.actual is not None else "")
                writer.writerow(row)
    return text.getvalue()


def _written(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"
