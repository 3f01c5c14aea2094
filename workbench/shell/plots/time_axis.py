"""Times on an axis and in words: dates in UTC, whole numbers, or plain steps. What a series' clock counts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike

from workbench.shell.plots.series import Floats

_NANOSECONDS = 1e9
_DAY, _MINUTE = 86_400, 60


def positions(times: ArrayLike, clock: str) -> Floats:
    """Where ``times`` (of a series or a forecast) stand on a :class:`TimeAxis`: seconds for dates, else themselves."""
    found = np.asarray(times, dtype=np.float64)
    return found / _NANOSECONDS if clock == "datetime" else found


def time_text(time: int, clock: str) -> str:
    """A time in words, as short as it is exact: 2021-03-04, 2021-03-04 10:00, 2021-03-04 10:00:05, 1949, step 12."""
    if clock != "datetime":
        return f"{time:,}" if clock == "none" else str(time)
    try:
        seconds, rest = divmod(int(time), 1_000_000_000)
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return str(time)
    if rest:
        return f"{moment:%Y-%m-%d %H:%M:%S}.{rest:09d}".rstrip("0")
    if seconds % _DAY == 0:
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}" if seconds % _MINUTE == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"


class TimeAxis(pg.DateAxisItem):
    """Dates where the clock is "datetime", numbers else; ``clock`` may change while it is shown."""

    def __init__(self, clock: str = "none") -> None:
        super().__init__(orientation="bottom", utcOffset=0)
        self.clock = clock
        self.enableAutoSIPrefix(False)

    def set_clock(self, clock: str) -> None:
        if clock != self.clock:
            self.clock = clock
            self.picture = None
            self.update()

    def tickSpacing(self, minimum: float, maximum: float, size: float) -> list[tuple[float, float]]:
        if self.clock == "datetime":
            return list(super().tickSpacing(minimum, maximum, size))
        plain = pg.AxisItem.tickSpacing(self, minimum, maximum, size)
        return [(max(1.0, round(spacing)), 0.0) for spacing, _ in plain]

    def tickValues(self, minimum: float, maximum: float, size: float) -> list[tuple[float, Any]]:
        if self.clock == "datetime":
            return list(super().tickValues(minimum, maximum, size))
        return list(pg.AxisItem.tickValues(self, minimum, maximum, size))

    def tickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        if self.clock == "datetime":
            return list(super().tickStrings(values, scale, spacing))
        # years are not written 1,949
        grouped = self.clock == "none" or any(abs(value) >= 10_000 for value in values)
        return [f"{value:,.0f}" if grouped else f"{value:.0f}" for value in values]
