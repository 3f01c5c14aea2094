"""Writing series as the table they came in: wide, long, or a series a row."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.api import Series, StoredRecord, WorkbenchError

_PIECE = 10_000
_UNITS = {"month": "M", "date": "D", "minute ": "m", "minuteT": "m", "second ": "s", "secondT": "s"}


def write(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """Write ``records`` to ``path``, in the manner of the first file they came from.

    Several series of a wide file, or of none, become a long table with the column ``unique_id``.
    """
    sources = [source for source in format.get("sources", [format]) if source.get("kind") == "series"]
    first: Mapping[str, Any] = sources[0] if sources else {}
    stream = iter(_series(records))
    begin = list(itertools.islice(stream, 2))
    everything = itertools.chain(begin, stream)
    layout = str(first.get("layout", ""))
    if layout != "rows":
        layout = "long" if len(begin) > 1 or layout == "long" else "wide"
    encoding = "utf-8-sig" if first.get("bom") and first.get("encoding") == "utf-8" else first.get("encoding", "utf-8")
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(
            file,
            delimiter=str(first.get("delimiter", ",")),
            lineterminator=str(first.get("newline", "\n")),
            quoting=csv.QUOTE_NONNUMERIC if first.get("quoted") else csv.QUOTE_MINIMAL,
        )
        style = _Style(first)
        rows = _rows_layout(everything, style) if layout == "rows" else _columns(everything, layout, style)
        for row in rows:
            writer.writerow(row)
    if first.get("ends") is False:
        _without_last_end(path, len(str(first.get("newline", "\n")).encode(str(encoding).replace("-sig", ""))))


def _without_last_end(path: Path, count: int) -> None:
    with path.open("rb+") as file:
        file.truncate(file.seek(0, 2) - count)


class _Style:
    """How the file wrote times, missing values and decimals."""

    def __init__(self, format: Mapping[str, Any]) -> None:
        self.names = [str(name) for name in format.get("names", ())]
        self.headed = bool(format.get("headed", True))
        time = format.get("time", [])
        self.time = [str(name) for name in time]
        self.series = str(format.get("series", "")) or "unique_id"
        self.missing = str(format.get("missing", ""))
        self.comma = format.get("decimal") == "comma"
        self.date = str(format.get("date_format", ""))
        self.points = frozenset(format.get("points", ()))
        inserted = format.get("inserted", {})
        self.inserted = {str(name): frozenset(times) for name, times in inserted.items()}

    def cell(self, value: float, channel: str = "") -> object:
        if math.isnan(value):
            return _Plain(self.missing)
        whole = value == int(value) and abs(value) < 1e15 and channel not in self.points
        number = int(value) if whole else value
        return _Plain(repr(number).replace(".", ",")) if self.comma else number

    def times(self, series: Series) -> Iterator[list[object]]:
        """The cells of the time columns of each step; none without a clock."""
        if series.clock == "none":
            yield from ([] for _ in range(series.size()))
            return
        ticks = series.times()
        if series.clock == "ordinal":
            for tick in ticks.tolist():
                yield [tick]
            return
        for start in range(0, len(ticks), _PIECE):
            stamps = np.ascontiguousarray(ticks[start : start + _PIECE]).view("datetime64[ns]")
            if len(self.time) > 1:
                yield from (_parts(text, self.time) for text in stamps.astype("datetime64[m]").astype(str).tolist())
                continue
            unit = _UNITS.get(self.date) or ("D" if not bool((ticks % 86_400_000_000_000).any()) else "s")
            for text in stamps.astype(f"datetime64[{unit}]").astype(str).tolist():
                yield [text if self.date.endswith("T") else text.replace("T", " ")]


class _Plain(float):
    """A cell that is written as it is even where texts are quoted (csv quotes what is no number)."""

    def __new__(cls, text: str) -> _Plain:
        made = super().__new__(cls, 0.0)
        made.text = text
        return made

    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


def _parts(text: str, names: list[str]) -> list[object]:
    date, _, clock = text.partition("T")
    numbers = [int(part) for part in (*date.split("-"), *clock.split(":"))]
    return list(numbers[: len(names)])


def _columns(records: Iterable[Series], layout: str, style: _Style) -> Iterator[list[object]]:
    channels: tuple[str, ...] | None = None
    for series in records:
        clock = series.clock != "none"
        if channels is None:
            channels = series.channels
            if style.headed:
                time = (style.time or ["time"]) if clock else []
                yield [*([style.series] if layout == "long" else []), *time, *channels]
        if series.channels != channels:
            raise WorkbenchError(
                f"The series {series.name!r} has the channels {', '.join(series.channels)}, others "
                f"{', '.join(channels)}.",
                why="A table has the same columns for all.",
                fix="Export series of the same channels together.",
            )
        name = [series.name] if layout == "long" else []
        values = series.values
        absent = style.inserted.get(series.name, frozenset())
        ticks = series.times()
        for step, time_cells in enumerate(style.times(series)):
            cells = values[step].tolist()
            if absent and int(ticks[step]) in absent and all(map(math.isnan, cells)):
                continue  # the file had no such line: it was put in when the series was read
            yield [*name, *time_cells, *map(style.cell, cells, channels)]


def _rows_layout(records: Iterable[Series], style: _Style) -> Iterator[list[object]]:
    kept = list(records)
    width = max((series.size() for series in kept), default=0)
    if style.headed:
        yield [f"V{i + 1}" for i in range(width + 1)]
    for series in kept:
        yield [series.name, *map(style.cell, series.values[:, 0].tolist())]


def _series(records: Iterable[StoredRecord]) -> Iterator[Series]:
    for stored in records:
        if not isinstance(stored.record, Series):
            raise WorkbenchError("Only series can be written as a table of numbers over time.")
        yield stored.record
