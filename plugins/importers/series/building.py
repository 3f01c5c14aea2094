"""From columns of times and numbers to a series: what is odd about them is refused, or mended and reported."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.importers.series.params import SeriesImportParams
from workbench_plugins.importers.series.times import frequency_of, parse_times, regular

from workbench.api import ChannelRole, Clock, Finding, Series, WorkbenchError

_PIECE = 20_000
_SHOWN = 3

Report = Callable[[Finding], None]


@dataclass(slots=True)
class Building:
    """Lines of one series as they are read: numbers as machine numbers at once, times in pieces."""

    name: str
    channels: tuple[str, ...]
    first_line: int
    values: array[float] = field(default_factory=lambda: array("d"))
    lines: array[int] = field(default_factory=lambda: array("q"))
    cells: list[str] = field(default_factory=list)
    pieces: list[NDArray[np.int64]] = field(default_factory=list)
    clock: Clock = "none"
    inserted: list[int] = field(default_factory=list)
    """Times of the steps that the file did not have."""

    def add_time(self, cell: str, fail: Callable[[str, int], None]) -> None:
        self.cells.append(cell)
        if len(self.cells) >= _PIECE:
            self.flush(fail)

    def flush(self, fail: Callable[[str, int], None]) -> None:
        """Read the times that wait; ``fail(cell, place)`` for one that is none: its line is left out if it returns."""
        while self.cells:
            found = parse_times(self.cells)
            if not isinstance(found, int):
                self.clock = found[0]
                self.pieces.append(found[1])
                self.cells = []
                return
            place, width = sum(map(len, self.pieces)) + found, len(self.channels)
            fail(self.cells[found], place)
            del self.cells[found], self.lines[place], self.values[place * width : (place + 1) * width]

    def times(self) -> NDArray[np.int64] | None:
        return np.concatenate(self.pieces) if self.pieces else None


def build(made: Building, options: SeriesImportParams, path: str, report: Report) -> Series:
    """The series of ``made``: times rising and without doubles, gaps as missing values, roles as asked for."""
    values = np.frombuffer(made.values, np.float64).reshape(-1, len(made.channels))
    lines = np.frombuffer(made.lines, np.int64)
    times = made.times()
    frequency = options.frequency
    if times is not None:
        times, values = _in_order(made, times, values, lines, options, path, report)
        frequency = frequency or frequency_of(made.clock, times)
        times, values = _gaps(made, times, values, frequency, options, report)
    _look(made, values, report)
    return Series.of(
        made.name,
        values,
        made.channels,
        times=times,
        clock=made.clock if times is not None else "none",
        frequency=frequency,
        roles=roles_of(made.channels, options),
    )


def roles_of(channels: Sequence[str], options: SeriesImportParams) -> tuple[ChannelRole, ...]:
    return tuple(
        "past" if name in options.past else "future" if name in options.future else "target" for name in channels
    )


def _in_order(
    made: Building,
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    lines: NDArray[np.int64],
    options: SeriesImportParams,
    path: str,
    report: Report,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    steps = np.diff(times)
    if bool((steps > 0).all()):
        return times, values
    late = int(np.flatnonzero(steps <= 0)[0]) + 1
    distinct, counts = np.unique(times, return_counts=True)
    doubles = len(times) - len(distinct)
    same = np.flatnonzero(counts > 1)
    if same.size:
        at = np.flatnonzero(times == distinct[same[0]])
        what = f"{_shown(made.clock, int(distinct[same[0]]))} stands on lines {lines[at[0]]:,} and {lines[at[1]]:,}"
        what += f" of the series {made.name!r}" + (f" ({doubles:,} doubled times in all)." if doubles > 1 else ".")
        line = int(lines[at[1]])
        kept = "of doubled times the last counts"
    else:
        before, after = _shown(made.clock, int(times[late - 1])), _shown(made.clock, int(times[late]))
        what, line = f"The times of the series {made.name!r} go back: {after} comes after {before}.", int(lines[late])
        kept = "the steps were sorted"
    if not options.skip_bad:
        raise WorkbenchError(
            what,
            why="A series has one value at each time, in order.",
            fix="Sort the file and take out doubles, or go on past bad lines: then the last counts. If the file holds "
            "several series, name the column that tells them apart (option series).",
            file=path,
            line=line,
        )
    report(Finding("times", "warning", f"{what} Mended: {kept}.", line=line))
    # the last of each time: the first in the reversed order
    _, from_end = np.unique(times[::-1], return_index=True)
    order = len(times) - 1 - from_end
    return times[order], values[order]


def _gaps(
    made: Building,
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    frequency: str,
    options: SeriesImportParams,
    report: Report,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if len(times) < 3:
        return times, values
    steps = np.diff(times)
    usual = np.median(steps)
    if bool((steps == usual).all()):
        return times, values
    grid = regular(made.clock, times, frequency)
    if grid is None:
        odd = int((steps != usual).sum())
        report(
            Finding(
                "times",
                "warning",
                f"The times of {made.name!r} are irregular: {odd:,} of {len(steps):,} steps are not the usual one.",
                fix="A model counts steps: bring the series to even times first, where that matters.",
            )
        )
        return times, values
    absent = len(grid) - len(times)
    if not absent:
        return times, values
    there = np.isin(grid, times, assume_unique=True)
    first = [_shown(made.clock, int(time)) for time in grid[~there][:_SHOWN]]
    done = "They are kept as missing values." if options.gaps == "missing" else "They are left out."
    report(
        Finding(
            "gaps",
            "warning",
            f"{absent:,} steps of {made.name!r} are not in the file "
            f"({', '.join(first)}{', …' * (absent > _SHOWN)}). {done}",
            fix="Fill them in the Data stage, or leave them: the models know of missing values.",
        )
    )
    if options.gaps != "missing":
        return times, values
    whole = np.full((len(grid), values.shape[1]), np.nan)
    whole[there] = values
    made.inserted = grid[~there].tolist()
    return grid, whole


def _look(made: Building, values: NDArray[np.float64], report: Report) -> None:
    """Tell constant channels and missing values."""
    for column, name in enumerate(made.channels):
        known = values[:, column][~np.isnan(values[:, column])]
        if len(known) < 2:
            what = f"{name} of {made.name!r} has {len(known)} values."
            report(Finding("missing", "warning", what, line=made.first_line))
        elif bool((known == known[0]).all()):
            report(
                Finding(
                    "constant",
                    "warning",
                    f"{name} of {made.name!r} is always {known[0]:g}.",
                    line=made.first_line,
                    fix="There is nothing to foretell: leave the channel out.",
                )
            )
    missing = int(np.isnan(values).sum())
    if missing:
        report(Finding("missing", "info", f"{missing:,} of {values.size:,} values of {made.name!r} are missing."))


def _shown(clock: Clock, time: int) -> str:
    if clock != "datetime":
        return str(time)
    text = str(np.datetime64(time, "ns").astype("datetime64[s]"))
    return text.removesuffix("T00:00:00").replace("T", " ")
