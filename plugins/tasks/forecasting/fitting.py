"""Looking at the training part: is there enough to learn from, and what must be known to scale it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.tasks.forecasting.calendar import calendar_names
from workbench_plugins.tasks.forecasting.codec import SeriesCodec, as_series
from workbench_plugins.tasks.forecasting.params import ForecastingParams, SeriesParams
from workbench_plugins.tasks.forecasting.splitting import own_static

from workbench.api import Record, Series, WorkbenchError, season_of
from workbench.nn.forecasting.baselines import LinearForecast

MAX_LINEAR_ROWS = 60_000
"""Windows the linear baseline is fitted on at most, evenly chosen: more would not change it."""
_PIECE = 2048


def check_series(records: Iterable[Record], params: SeriesParams) -> None:
    """Refuse series that nothing can be learned from: too short for one window, infinite, without a target."""
    longest, name = 0, ""
    for record in records:
        series = as_series(record)
        targets = target_channels(series, params)
        values = series.values[:, [series.index(channel) for channel in targets]]
        if np.isinf(values).any():
            step, column = np.argwhere(np.isinf(values))[0].tolist()
            raise WorkbenchError(
                f"The series {series.name!r} holds an infinite value: {targets[column]} at step {step + 1}.",
                fix="Mend it in the Data stage, or make it missing.",
            )
        if params.log and bool((values <= 0).any()):
            step, column = np.argwhere(values <= 0)[0].tolist()
            raise WorkbenchError(
                f"The series {series.name!r} has no logarithm: {targets[column]} is {values[step, column]:g} at step "
                f"{step + 1}.",
                fix="Switch the option log off.",
            )
        if series.size() > longest:
            longest, name = series.size(), series.name
    if longest < params.horizon + 1:
        raise WorkbenchError(
            f"The horizon of {params.horizon} steps is longer than the series: the longest training part "
            f"({name!r}) has {longest}.",
            why="A window reads at least one step and foretells the horizon, all within the training part.",
            fix="Lower the horizon, shorten validation and test, or bring longer series.",
        )


def target_channels(series: Series, params: SeriesParams) -> tuple[str, ...]:
    """The channels to foretell; :class:`WorkbenchError` where there is none."""
    if params.targets:
        for name in params.targets:
            if name not in series.channels:
                raise WorkbenchError(
                    f"The series {series.name!r} has no channel {name!r}.",
                    fix=f"Choose targets among: {', '.join(series.channels)}.",
                )
        return params.targets
    found = tuple(series.channels[i] for i in series.of_role("target"))
    if not found:
        raise WorkbenchError(
            f"No channel of the series {series.name!r} is a target.", fix="Give one of them the role target."
        )
    return found


def fit_codec(records: Iterable[Record], params: SeriesParams) -> SeriesCodec:
    """Means, deviations, the season, the calendar and the linear baseline, from the training part alone."""
    kept: list[Series] = [as_series(record) for record in records]
    first = kept[0]
    targets = target_channels(first, params)
    others = [i for i, name in enumerate(first.channels) if name not in targets]
    past = tuple(first.channels[i] for i in others if first.roles[i] == "past")
    future = tuple(first.channels[i] for i in others if first.roles[i] == "future")
    mean: dict[str, float] = {}
    deviation: dict[str, float] = {}
    missing = False
    for name in (*targets, *past, *future):
        values = np.concatenate([series.values[:, series.index(name)] for series in kept if name in series.channels])
        if name in targets:
            missing = missing or bool(np.isnan(values).any())
            if params.log:
                values = np.log(values)
        found = values[np.isfinite(values)]
        standard = len(found) > 0 and (name not in targets or params.scaler == "standard")
        mean[name] = float(found.mean()) if standard else 0.0
        spread = float(found.std()) if standard else 1.0
        deviation[name] = spread if spread > 1e-9 * max(1.0, abs(mean[name])) else 1.0
    numbers, categories = _statics(kept, mean, deviation)
    codec = SeriesCodec(
        params=params,
        targets=targets,
        past=past,
        future=future,
        calendar=calendar_names(first) if params.calendar else (),
        numbers=numbers,
        categories=categories,
        mean=mean,
        deviation=deviation,
        season=params.season or season_of(first.frequency),
        # a series shorter than a window has its beginning missing
        missing=missing or min(series.size() for series in kept) < params.lookback + params.difference + params.horizon,
    )
    codec.linear = _linear(codec, kept)
    return codec


def _statics(
    kept: list[Series], mean: dict[str, float], deviation: dict[str, float]
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Static covariates that differ between series: numbers (their mean and deviation told), and names."""
    seen: dict[str, list[float | str]] = {}
    for series in kept:
        for name, value in own_static(series).items():
            seen.setdefault(name, []).append(value)
    numbers: list[str] = []
    categories: dict[str, tuple[str, ...]] = {}
    for name, values in sorted(seen.items()):
        if len(set(values)) < 2:
            continue
        if all(isinstance(value, int | float) for value in values):
            found = np.array(values, np.float64)
            numbers.append(name)
            mean[f"static {name}"] = float(found.mean())
            deviation[f"static {name}"] = float(found.std()) or 1.0
        elif len(set(values)) <= 50:
            categories[name] = tuple(sorted({str(value) for value in values}))
    return tuple(numbers), categories


def _linear(codec: SeriesCodec, kept: list[Series]) -> LinearForecast | None:
    """The linear baseline: ridge regression on the same windows, every channel a series of its own."""
    params = codec.params
    lookback = params.baseline_lookback or params.lookback
    horizon = params.horizon
    shortest = min(series.size() for series in kept)
    lookback = max(1, min(lookback, 1000, shortest - horizon if shortest > horizon + 1 else lookback))
    total = sum(max(0, series.size() - lookback - horizon + 1) for series in kept) * len(codec.targets)
    step = max(1, math.ceil(total / MAX_LINEAR_ROWS))
    many = not (isinstance(params, ForecastingParams) and params.normalisation == "last") and len(kept) > 1
    scaled = many or params.scaler == "none"

    def pieces() -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        for series in kept:
            columns = codec._columns(series)[0]
            z = codec.scaled(series.values[:, columns], codec.targets)
            for column in range(z.shape[1]):
                if len(z) < lookback + horizon:
                    continue
                cut = np.lib.stride_tricks.sliding_window_view(z[:, column], lookback + horizon)[::step]
                for start in range(0, len(cut), _PIECE):
                    piece = np.array(cut[start : start + _PIECE])
                    yield piece[:, :lookback], piece[:, lookback:]

    return LinearForecast.fit(pieces(), lookback, horizon, scaled=scaled)
