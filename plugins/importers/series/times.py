"""Times as people write them, to numbers; which column they stand in; how far apart they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.api import Clock

TIME_NAMES = frozenset(
    (
        "date", "time", "datetime", "timestamp", "month", "day", "ds", "year", "period", "hour", "week",
        "quarter", "t", "step", "ts", "minute", "index", "zeit", "datum",
    )
)  # fmt: skip
PARTS = ("year", "month", "day", "hour", "minute")
"""Columns that tell a time together."""
FIRST_YEAR, LAST_YEAR = 1678, 2261
"""Whole years that nanoseconds in 64 bits reach; beyond them times would wrap round without a word."""
MOSTLY_DATES = 0.9
"""The share of cells that must be dates for a column to be one of times, the others being mistakes in it."""
DAY = 86_400_000_000_000
_FREQUENCIES = {
    1_000_000_000: "s",
    60_000_000_000: "min",
    600_000_000_000: "10min",
    900_000_000_000: "15min",
    1_800_000_000_000: "30min",
    3_600_000_000_000: "h",
    DAY: "D",
    7 * DAY: "W",
}
_ISO = re.compile(
    r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?)?(Z|[+-]\d\d:?\d\d)?"
)
_DAY_FIRST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")


def parse_times(cells: Sequence[str]) -> tuple[Clock, NDArray[np.int64]] | int:
    """The clock and (T,) times of ``cells``, or the number of the first that is no time.

    ISO dates with or without a clock time and zone, year and month, 31.12.2020, 12/31/2020, or plain whole numbers.
    """
    if not cells:
        return "ordinal", np.zeros(0, np.int64)
    try:  # the usual case at once
        plain = _ISO.fullmatch(cells[0])
        if plain is not None and not plain[7] and "/" not in cells[0] and all(map(_within, cells)):
            found = np.array(cells, dtype="datetime64[ns]")
            if not np.isnat(found).any():
                return "datetime", found.astype(np.int64)
        elif plain is None:
            return "ordinal", np.array([int(cell) for cell in cells], np.int64)
    except (ValueError, OverflowError):
        pass
    month_first = _month_first(cells)
    times = np.zeros(len(cells), np.int64)
    for number, cell in enumerate(cells):
        told = _one(cell.strip(), month_first)
        if told is None:
            return number
        times[number] = told
    return "datetime", times


def beyond(cell: str) -> bool:
    """Whether ``cell`` is a date before or after what nanoseconds reach."""
    iso, other = _ISO.fullmatch(cell.strip()), _DAY_FIRST.fullmatch(cell.strip())
    year = iso[1] if iso is not None else other[4] if other is not None else ""
    return bool(year) and not FIRST_YEAR <= int(year) <= LAST_YEAR


def _within(iso: str) -> bool:
    return str(FIRST_YEAR) <= iso[:4] <= str(LAST_YEAR)


def _one(cell: str, month_first: bool) -> int | None:
    zone = 0
    if match := _ISO.fullmatch(cell):
        year, month, day, hour, minute, second, offset = match.groups()
        if offset and offset != "Z":
            digits = offset[1:].replace(":", "")
            zone = (int(digits[:2]) * 60 + int(digits[2:])) * (1 if offset[0] == "+" else -1)
    elif match := _DAY_FIRST.fullmatch(cell):
        first, _, other, year, hour, minute, second = match.groups()
        month, day = (first, other) if month_first and match[2] == "/" else (other, first)
    else:
        return None
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        return None
    try:
        date = np.datetime64(f"{int(year):04}-{int(month):02}-{int(day or 1):02}", "ns")
    except ValueError:
        return None
    seconds = (int(hour or 0) * 60 + int(minute or 0) - zone) * 60 + float(second or 0)
    return int(date.astype(np.int64)) + round(seconds * 1e9)


def _month_first(cells: Sequence[str]) -> bool:
    """Whether 3/4/2020 is a day in March: unless a first number is above 12."""
    for cell in cells:
        match = _DAY_FIRST.match(cell.strip())
        if match and int(match[1]) > 12:
            return False
    return True


def looks_like_time(cells: Sequence[str]) -> Clock | None:
    """The clock of some cells that are dates, or rising whole numbers; None for others.

    A few among many dates may be none: whoever brings a column with 30 February is to be told its line, and not that
    nobody knows what the file is.
    """
    known = [cell for cell in cells if cell.strip()][:200]
    if len(known) < 2:
        return None
    found = parse_times(known)
    if isinstance(found, int):
        month_first = _month_first(known)
        dates = sum(_one(cell.strip(), month_first) is not None or beyond(cell) for cell in known)
        return "datetime" if dates >= MOSTLY_DATES * len(known) else None
    clock, times = found
    if clock == "ordinal" and not bool((np.diff(times) > 0).all()):
        return None
    return clock


def frequency_of(clock: Clock, times: NDArray[np.int64]) -> str:
    """The frequency of rising times, "" where they have none that has a name."""
    if clock != "datetime" or len(times) < 3:
        return ""
    steps = np.diff(times)
    usual = int(np.median(steps))
    if usual in _FREQUENCIES:
        business = usual == DAY and set(np.unique(steps[:500] // DAY).tolist()) >= {1, 3}
        weekdays = ((times[:500] // DAY + 3) % 7).max() < 5
        return "B" if business and weekdays else _FREQUENCIES[usual]
    days = steps / DAY
    months = times.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    apart = int(np.median(np.diff(months)))
    if 27 <= float(np.median(days)) <= 32 and apart == 1:
        return "MS"
    if apart == 3:
        return "QS"
    return "YS" if apart == 12 else ""


def regular(clock: Clock, times: NDArray[np.int64], frequency: str) -> NDArray[np.int64] | None:
    """All times from the first to the last at the frequency; None where some time would not be among them."""
    if len(times) < 3:
        return None
    months = {"MS": 1, "QS": 3, "YS": 12}.get(frequency)
    if months is not None and clock == "datetime":
        stamps = times.view("datetime64[ns]")
        first, last = stamps[0].astype("datetime64[M]"), stamps[-1].astype("datetime64[M]")
        rest = stamps[0] - first.astype("datetime64[ns]")
        grid = (np.arange(first, last + 1, months).astype("datetime64[ns]") + rest).astype(np.int64)
    elif frequency == "B":
        days = times[0] + DAY * np.arange((times[-1] - times[0]) // DAY + 1)
        grid = days[(days // DAY + 3) % 7 < 5]
    else:
        step = int(np.median(np.diff(times)))
        if step <= 0 or (times[-1] - times[0]) // step > 20 * len(times) + 1000:
            return None
        grid = times[0] + step * np.arange((times[-1] - times[0]) // step + 1, dtype=np.int64)
    places = np.searchsorted(grid, times)
    fits = places < len(grid)
    return grid if bool(fits.all() and (grid[places] == times).all()) else None
