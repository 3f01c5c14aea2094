"""What a date says of a step, as numbers between -0.5 and 0.5 that need no learning of a calendar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.api import Series

_HOUR, _DAY = 3_600_000_000_000, 86_400_000_000_000


def calendar_names(series: Series) -> tuple[str, ...]:
    """The features that the usual step of ``series`` resolves; none without dates."""
    if series.clock != "datetime" or series.size() < 2:
        return ()
    step = int(np.median(np.diff(series.times()[:1000])))
    names = []
    if step < _HOUR:
        names.append("minute")
    if step < _DAY:
        names.append("hour")
    if step <= _DAY:
        names += ["weekday", "day"]
    if step < 200 * _DAY:
        names.append("season")
    return tuple(names)


def calendar_features(times: NDArray[np.int64], names: tuple[str, ...]) -> NDArray[np.float32]:
    """(T,) ns since 1970 → (T, P)."""
    found = np.zeros((len(times), len(names)), np.float32)
    if not names:
        return found
    stamps = times.view("datetime64[ns]") if times.flags.c_contiguous else times.copy().view("datetime64[ns]")
    days = stamps.astype("datetime64[D]")
    for column, name in enumerate(names):
        if name == "minute":
            value = (times % _HOUR) / _HOUR
        elif name == "hour":
            value = (times % _DAY) / _DAY
        elif name == "weekday":
            value = ((days.astype(np.int64) + 3) % 7) / 6.0
        elif name == "day":
            value = (days - stamps.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) / 30.0
        else:
            value = (days - stamps.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) / 365.0
        found[:, column] = value - 0.5
    return found
