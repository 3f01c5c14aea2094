"""What the columns of a table are: its time, its series, its numbers; and which way round it lies."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench_plugins.importers.series.params import SeriesImportParams
from workbench_plugins.importers.series.times import PARTS, TIME_NAMES, looks_like_time

from workbench.api import Clock, WorkbenchError

MISSING = frozenset({"", "na", "nan", "n/a", "null", "none", "?", "-", "nat", "missing"})
ROW_NUMBERS = frozenset({"", "no", "id", "index", "row", "unnamed: 0", "#", "nr"})
SERIES_NAMES = ("unique_id", "series", "series_id", "item_id", "item", "store", "ts_id", "group", "name")
_SURE = frozenset(("date", "time", "datetime", "timestamp", "ds", "zeit", "datum"))
"""Names of a time even where it is not in order."""
_MOSTLY = 0.9
_WIDE_ROW = 30
"""A table of this many columns whose first is a name is taken for a series a row."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Places of the columns. ``time`` may be several (year, month, day, hour); empty where there is none."""

    layout: Literal["wide", "long", "rows"]
    names: tuple[str, ...]
    values: tuple[int, ...]
    time: tuple[int, ...] = ()
    clock: Clock = "none"
    series: int = -1
    headed: bool = True
    left: tuple[str, ...] = ()
    """Columns that hold no numbers and are left out."""


def number_of(cell: str, decimal_comma: bool = False) -> float | None:
    """The number in a cell, NaN for a missing one; None for text."""
    try:
        return float(cell)
    except ValueError:
        cell = cell.strip()
        if cell.lower() in MISSING:
            return float("nan")
        if decimal_comma:
            try:
                return float(cell.replace(".", "").replace(",", "."))
            except ValueError:
                return None
        return None


def is_numbers(cells: Sequence[str], decimal_comma: bool) -> bool:
    """Whether a column holds numbers: nearly all of what is there, and something is."""
    told = [cell for cell in cells if cell.strip().lower() not in MISSING]
    found = sum(number_of(cell, decimal_comma) is not None for cell in told)
    # one odd cell among few does not make a column of texts: it is refused where it stands
    return bool(told) and found >= max(min(2, len(told)), min(_MOSTLY * len(told), len(told) - 1))


def has_header(rows: Sequence[Sequence[str]], decimal_comma: bool) -> bool:
    """Whether the first row names the columns: it holds no number where the next does."""
    first = rows[0]
    if any(cell.strip() and number_of(cell, decimal_comma) is None for cell in first):
        body = rows[1:] or [()]
        below = [cell for row in body[:5] for cell in row if cell.strip()]
        return any(number_of(cell, decimal_comma) is not None for cell in below) and not _is_data(first, decimal_comma)
    return False


def _is_data(row: Sequence[str], decimal_comma: bool) -> bool:
    """A row of a name or a time and then numbers."""
    rest = [cell for cell in row[1:] if cell.strip()]
    return bool(rest) and all(number_of(cell, decimal_comma) is not None for cell in rest)


def find_columns(rows: Sequence[Sequence[str]], options: SeriesImportParams) -> Columns | None:
    """The columns of a table whose first rows these are; None where it holds no numbers over time.

    :class:`WorkbenchError` for an option that names a column that is not there.
    """
    comma = options.decimal == "comma"
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return None
    headed = has_header(rows, comma)
    widths = Counter(len(row) for row in rows)
    width = max(widths) if widths.total() > 2 * max(widths.values()) else max(widths, key=lambda n: (widths[n], n))
    header = [cell.strip() for cell in rows[0]] if headed else []
    names = [header[i] if i < len(header) and header[i] else f"column {i + 1}" for i in range(width)]
    body = [[*row, *[""] * (width - len(row))][:width] for row in rows[headed:]]
    if not body:
        return None
    cells = [[row[i] for row in body] for i in range(width)]
    if options.layout == "rows" or (options.layout == "auto" and _is_rows(names, body, width, comma)):
        return Columns("rows", tuple(names), tuple(range(1, width)), series=0, headed=headed)
    time, clock = _time(names, header, cells, options)
    series = _series(names, cells, time, options, comma)
    values: list[int] = []
    left: list[str] = []
    for i in range(width):
        if i in time or i == series:
            continue
        if options.channels and names[i] not in options.channels:
            continue
        row_number = names[i].lower() in ROW_NUMBERS and (time or headed) and _counts(cells[i])
        if is_numbers(cells[i], comma) and (not row_number or options.channels):
            values.append(i)
        elif not row_number:
            left.append(names[i])
    _check_named(names, options)
    if not values:
        return None
    return Columns(
        "long" if series >= 0 else "wide", tuple(names), tuple(values), tuple(time), clock, series, headed, tuple(left)
    )


def _is_rows(names: Sequence[str], body: Sequence[Sequence[str]], width: int, comma: bool) -> bool:
    """A name and many numbers in each of a few lines, each name once."""
    if width < _WIDE_ROW or len({row[0] for row in body}) < len(body):
        return False
    named = all(number_of(row[0], comma) is None for row in body)
    numbers = all(number_of(cell, comma) is not None for row in body[:5] for cell in row[1:])
    return named and numbers and looks_like_time([row[0] for row in body]) is None


def _time(
    names: Sequence[str], header: Sequence[str], cells: Sequence[Sequence[str]], options: SeriesImportParams
) -> tuple[list[int], Clock]:
    if options.time == "-":
        return [], "none"
    if options.time:
        if options.time not in names:
            raise WorkbenchError(
                f"There is no column {options.time!r} for the time.", fix=f"The columns are: {', '.join(names)}."
            )
        place = names.index(options.time)
        return [place], looks_like_time(cells[place]) or "datetime"
    lower = [name.lower() for name in names]
    parts = [lower.index(part) for part in PARTS if part in lower]
    if len(parts) >= 3 and "year" in lower:
        return parts, "datetime"
    for place in sorted(range(len(names)), key=lambda i: (lower[i] not in TIME_NAMES, i)):
        named = bool(header) and lower[place] in TIME_NAMES
        clock = looks_like_time(cells[place])
        if clock == "datetime" or (clock == "ordinal" and named and lower[place] != "index"):
            return [place], clock
        if clock is None and named and lower[place] in _SURE:
            unsorted = [cell for cell in cells[place] if cell.strip()]
            if unsorted and looks_like_time(sorted(set(unsorted))) is not None:
                return [place], looks_like_time(sorted(set(unsorted))) or "ordinal"
    return [], "none"


def _series(
    names: Sequence[str], cells: Sequence[Sequence[str]], time: Sequence[int], options: SeriesImportParams, comma: bool
) -> int:
    """The column that names the series of a long table, or -1."""
    if options.series:
        if options.series not in names:
            raise WorkbenchError(
                f"There is no column {options.series!r} for the series.", fix=f"The columns are: {', '.join(names)}."
            )
        return names.index(options.series)
    if options.layout == "wide":
        return -1
    lower = [name.lower() for name in names]
    for wanted in SERIES_NAMES:
        if wanted in lower and lower.index(wanted) not in time:
            place = lower.index(wanted)
            if options.layout == "long" or _repeats(cells[place]):
                return place
    if options.layout == "long":
        texts = [i for i in range(len(names)) if i not in time and not is_numbers(cells[i], comma)]
        if texts:
            return texts[0]
        raise WorkbenchError(
            "No column names the series of each line.", fix="Name it in the options, or choose the wide layout."
        )
    return -1


def _repeats(cells: Sequence[str]) -> bool:
    return len(cells) > 2 and len(set(cells)) < len(cells)


def _counts(cells: Sequence[str]) -> bool:
    """1, 2, 3, …: the number of a line."""
    try:
        numbers = [int(cell) for cell in cells[:100]]
    except ValueError:
        return False
    return all(after == before + 1 for before, after in itertools.pairwise(numbers))


def _check_named(names: Sequence[str], options: SeriesImportParams) -> None:
    for name in (*options.channels, *options.past, *options.future):
        if name not in names:
            raise WorkbenchError(f"There is no column {name!r}.", fix=f"The columns are: {', '.join(names)}.")
