"""What can be mended in a series without asking: each takes a record and gives it back mended, or as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workbench.api import Record, Series

_DAY = 86_400_000_000_000
_MONTHS = {"MS": 1, "QS": 3, "YS": 12}
MOST_STEPS = 20
"""Times the steps there are: a grid longer than that is no grid."""

Times = NDArray[np.int64]


def sort_times(record: Record) -> Record:
    """Steps in the order of their times; of several at one time the last counts."""
    if not isinstance(record, Series) or not unsorted(record.times()):
        return record
    times = record.times()
    # the last of each time: the first in the reversed order
    rising, from_end = np.unique(times[::-1], return_index=True)
    return _at(record, rising, record.values[len(times) - 1 - from_end])


def fill_times(record: Record) -> Record:
    """Steps that are left out of regular times, put in as missing values."""
    if not isinstance(record, Series) or unsorted(record.times()):
        return record
    times, grid = record.times(), grid_of(record)
    if grid is None or len(grid) == len(times):
        return record
    values = np.full((len(grid), len(record.channels)), np.nan)
    values[np.searchsorted(grid, times)] = record.values
    return _at(record, grid, values)


def drop_infinite(record: Record) -> Record:
    """Infinite values marked as missing."""
    if not isinstance(record, Series) or not bool(np.isinf(record.values).any()):
        return record
    return record.with_values(np.where(np.isinf(record.values), np.nan, record.values))


def fill_gaps(record: Record) -> Record:
    """A straight line through every gap that has a known value on both sides."""
    if not isinstance(record, Series) or not record.missing():
        return record
    values, x = record.values.copy(), record.times().astype(np.float64)
    for column in values.T:
        known = np.flatnonzero(np.isfinite(column))
        if len(known) < 2:
            continue
        gone = np.flatnonzero(np.isnan(column))
        inner = gone[(gone > known[0]) & (gone < known[-1])]
        column[inner] = np.interp(x[inner], x[known], column[known])
    return record.with_values(values)


def unsorted(times: Times) -> bool:
    return len(times) > 1 and bool((np.diff(times) <= 0).any())


def grid_of(series: Series) -> Times | None:
    """All times from the first to the last at the series' frequency; None where some of its times lie beside it."""
    times = series.times()
    if series.clock == "none" or len(times) < 3 or not series.ticks:
        return None
    months = _MONTHS.get(series.frequency)
    if months is not None and series.clock == "datetime":
        stamps = times.view("datetime64[ns]")
        first, last = stamps[0].astype("datetime64[M]"), stamps[-1].astype("datetime64[M]")
        rest = stamps[0] - first.astype("datetime64[ns]")
        grid: Times = (np.arange(first, last + 1, months).astype("datetime64[ns]") + rest).astype(np.int64)
    elif series.frequency == "B":
        days = times[0] + _DAY * np.arange((times[-1] - times[0]) // _DAY + 1)
        grid = days[(days // _DAY + 3) % 7 < 5]
    else:
        step = int(np.median(np.diff(times)))
        if step <= 0 or (times[-1] - times[0]) // step > MOST_STEPS * len(times):
            return None
        grid = times[0] + step * np.arange((times[-1] - times[0]) // step + 1, dtype=np.int64)
    places = np.searchsorted(grid, times)
    fits = places < len(grid)
    return grid if bool(fits.all() and (grid[places] == times).all()) else None


def _at(series: Series, times: Times, values: NDArray[np.float64]) -> Series:
    """``values`` at ``times``, with everything else that the series says of itself."""
    made = Series.of(
        series.name, values, series.channels, times=times, clock=series.clock, frequency=series.frequency
    )
    return replace(made, roles=series.roles, static=series.static)
