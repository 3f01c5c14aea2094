"""Cutting a series by time: training first, then validation, then test, each with the past that it reads."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from workbench_plugins.tasks.forecasting.params import SeriesParams

from workbench.api import Series, WorkbenchError, season_of
from workbench.nn.forecasting.metrics import seasonal_scale

FIRST = "first target"
"""Static note on a part: the step at which its own targets begin; those before are only read."""
SCALE = "mase of "
"""Static note on a part, before a channel's name: what MASE divides by, from all that came before the part."""
NOTES = (FIRST, SCALE)


def bounds(series: Series, params: SeriesParams) -> tuple[int, int, int]:
    """Where validation begins, where the test part begins, and where it ends.

    :class:`WorkbenchError` where a date is none or lies outside the series.
    """
    steps = series.size()
    test = _length(params.test, steps)
    validation = _length(params.validation, steps)
    if params.train:
        first = min(_length(params.train, steps), steps)
        second = min(first + validation, steps)
        return first, second, min(second + test, steps)
    second = max(0, steps - test) if not params.test_from else _step_of(series, params.test_from)
    first = max(0, second - validation) if not params.validation_from else _step_of(series, params.validation_from)
    return min(first, second), second, steps


def part(series: Series, split: str, params: SeriesParams) -> Series | None:
    """The part in ``split``, with as much of what came before as one forecast reads; None where nothing is."""
    first, second, end = bounds(series, params)
    start, stop = {"train": (0, first), "validation": (first, second), "test": (second, end)}[split]
    if stop <= start:
        return None
    if split == "train":
        return series.part(0, stop)
    context = min(start, params.lookback + params.difference)
    found = series.part(start - context, stop)
    season = params.season or season_of(series.frequency)
    past = series.values[:start]
    notes: dict[str, float | str] = {FIRST: float(context)}
    for channel, name in enumerate(series.channels):
        scale = seasonal_scale(past[:, channel], season)
        if math.isfinite(scale):
            notes[SCALE + name] = scale
    return with_static(found, {**series.static, **notes})


def with_static(series: Series, static: dict[str, float | str]) -> Series:
    return replace(series, static=static)


def own_static(series: Series) -> dict[str, float | str]:
    """What a person said of the series, without our notes."""
    return {name: value for name, value in series.static.items() if not name.startswith(NOTES)}


def _length(wanted: float, steps: int) -> int:
    return round(wanted * steps) if wanted < 1 else round(wanted)


def _step_of(series: Series, when: str) -> int:
    try:
        moment = (
            int(np.datetime64(when, "ns").astype(np.int64)) if series.clock == "datetime" else int(float(when))
        )
    except ValueError as error:
        raise WorkbenchError(
            f"{when!r} is no {'date' if series.clock == 'datetime' else 'time'} of the series {series.name!r}.",
            fix="Write it as 2017-07-01 or 2017-07-01T12:00, or as a number where the series has no dates.",
        ) from error
    return int(np.searchsorted(series.times(), moment))
