"""The stream of series of a table."""

from __future__ import annotations

import contextlib
import csv
import itertools
import math
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from workbench_plugins.importers.series.building import Building, build, roles_of
from workbench_plugins.importers.series.layout import Columns, find_columns, number_of
from workbench_plugins.importers.series.params import SeriesImportParams
from workbench_plugins.importers.series.times import FIRST_YEAR, LAST_YEAR, beyond

from workbench.api import Finding, ImportedRecord, Series, Sniff, WorkbenchError
from workbench.api.textfiles import TextFile, decode_head

_HEAD_LINES = 400
_MAX_PROBLEMS = 200
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_PARQUET = b"PAR1"
Row = tuple[int, list[str]]


class SeriesStream:
    """Series, one after another; a wide table is one. What is odd stops the import unless bad lines are skipped."""

    def __init__(self, path: Path, options: SeriesImportParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {}
        self._comma = options.decimal == "comma"
        self._parquet: Any = None
        self._file: TextFile | None = None
        self.delimiter = ","
        if _is_parquet(self.path):
            from workbench_plugins.importers.tables.parquet import ParquetForm

            self._parquet = ParquetForm(self.path)
            head = [list(self._parquet.names), *self._parquet.sample()[:_HEAD_LINES]]
        else:
            self._file = TextFile(self.path, options.encoding)
            with _closing(iter(self._file)) as opened:
                lines = list(itertools.islice(opened, _HEAD_LINES))
            self.delimiter = find_delimiter(lines, options)
            head = list(self._cut(lines))
        columns = find_columns(head, options)
        if columns is None:
            raise WorkbenchError(
                "No column of numbers was found in this file.",
                why="A table of series has numbers in columns, with a header and a time if it likes.",
                fix="Choose another import, or name the columns in the options.",
                file=self.path,
            )
        self.columns: Columns = columns
        self.format: dict[str, Any] = {
            "kind": "series",
            "form": "parquet" if self._parquet is not None else "text",
            "layout": columns.layout,
            "delimiter": self.delimiter,
            "decimal": options.decimal,
            "headed": columns.headed,
            "names": list(columns.names) if columns.layout != "rows" else [columns.names[0]],
            "time": [columns.names[i] for i in columns.time],
            "series": columns.names[columns.series] if columns.series >= 0 else "",
            "date_format": self._date_format(head),
            "quoted": bool(self._file is not None and head and _is_quoted(self.path, options.encoding)),
            "missing": self._missing(head),
            "points": self._points(head),
            "ends": self._ends(),
            "inserted": {},
            "newline": self._file.newline if self._file is not None else "\n",
            "bom": self._file.bom if self._file is not None else False,
            "encoding": self._file.encoding if self._file is not None else "utf-8",
        }
        if columns.left:
            self._report("columns", "info", f"Columns without numbers were left out: {', '.join(columns.left)}.", 1)

    def position(self) -> tuple[int, int]:
        found: tuple[int, int] = (self._parquet or self._file).position()
        return found

    def __iter__(self) -> Iterator[ImportedRecord]:
        with contextlib.closing(self._series()) as found:
            yield from found

    def _series(self) -> Generator[ImportedRecord, None, None]:
        if self.columns.layout == "rows":
            yield from self._a_series_a_row()
        elif self.columns.layout == "long":
            yield from self._long()
        else:
            made: Building | None = None
            with contextlib.closing(self._rows()) as rows:
                for line, cells in rows:
                    if made is None:
                        made = self._begin(self.path.stem, line)
                    self._add(made, line, cells)
            if made is not None:
                yield self._finish(made)

    # -- layouts ---------------------------------------------------------------------------------------------------

    def _a_series_a_row(self) -> Iterator[ImportedRecord]:
        rest = dict(self._continuation())
        with contextlib.closing(self._rows()) as rows:
            yield from self._joined(rows, rest)
        for name in rest:
            self._report("rows", "warning", f"{name!r} is in {self.options.continuation} only and was left out.", 1)

    def _joined(self, rows: Iterator[Row], rest: dict[str, list[float]]) -> Iterator[ImportedRecord]:
        joined = bool(rest)
        for line, cells in rows:
            name = cells[0].strip()
            numbers = self._numbers(cells[1:], line, 1)
            if joined:
                more = rest.pop(name, None)
                if more is None:
                    self._bad(f"The series {name!r} is not continued in {self.options.continuation}.", line)
                else:
                    numbers = [*numbers, *more]
            made = self._begin(name, line)
            made.values.extend(numbers)
            made.lines.extend([line] * len(numbers))
            yield self._finish(made)

    def _continuation(self) -> Iterator[tuple[str, list[float]]]:
        if not self.options.continuation:
            return
        path = self.path.with_name(self.options.continuation)
        with _closing(iter(TextFile(path, self.options.encoding))) as lines:
            for number, cells in enumerate(self._cut(lines), start=1):
                if number > 1 or not self.columns.headed:
                    yield cells[0].strip(), self._numbers(cells[1:], number, 1)

    def _numbers(self, cells: list[str], line: int, first: int) -> list[float]:
        """The numbers of a row, without the empty cells at its end."""
        while cells and not cells[-1].strip():
            cells = cells[:-1]
        return [self._number(cell, line, first + i) for i, cell in enumerate(cells)]

    def _long(self) -> Iterator[ImportedRecord]:
        """Series by their name; those whose lines stand together are passed on as soon as the next begins."""
        known: dict[str, Building] = {}
        with contextlib.closing(self._rows()) as rows:
            for line, cells in rows:
                name = cells[self.columns.series].strip()
                made = known.get(name)
                if made is None:
                    made = known[name] = self._begin(name, line)
                self._add(made, line, cells)
        for made in known.values():
            made.flush(self._no_time(made))
            if made.lines:  # none of its lines may have had a time
                yield self._finish(made)

    # -- rows ------------------------------------------------------------------------------------------------------

    def _rows(self) -> Generator[Row, None, None]:
        if self._parquet is not None:
            for row in self._parquet.rows(range(len(self.columns.names)), _raise):
                yield row.line, [cell or "" for cell in row.cells]
            return
        assert self._file is not None
        with _closing(iter(self._file)) as lines:
            yield from self._text_rows(lines)

    def _text_rows(self, lines: Iterator[str]) -> Iterator[Row]:
        width = len(self.columns.names)
        reader = csv.reader(lines, delimiter=self.delimiter)
        try:
            for number, cells in enumerate(reader):
                if (number == 0 and self.columns.headed) or not cells:
                    continue
                if len(cells) != width and self.columns.layout != "rows":
                    if not any(cell.strip() for cell in cells):
                        continue
                    self._bad(f"This line has {len(cells)} columns where {width} were expected.", reader.line_num)
                    continue
                yield reader.line_num, cells
        except csv.Error as error:
            raise WorkbenchError(
                f"This line cannot be read: {error}.", file=self.path, line=reader.line_num, fix="Mend its quotes."
            ) from error

    def _cut(self, lines: Iterable[str]) -> Iterator[list[str]]:
        try:
            for cells in csv.reader(lines, delimiter=self.delimiter):
                if cells:
                    yield cells
        except csv.Error as error:
            raise WorkbenchError(f"The file is no table: {error}.", file=self.path) from error

    def _begin(self, name: str, line: int) -> Building:
        columns = self.columns
        channels = ("value",) if columns.layout == "rows" else tuple(columns.names[i] for i in columns.values)
        return Building(name, channels, line)

    def _add(self, made: Building, line: int, cells: list[str]) -> None:
        for place in self.columns.values:
            try:
                value = float(cells[place])
                if value - value != 0.0 and not math.isnan(value):
                    value = self._number(cells[place], line, place)
            except ValueError:
                value = self._number(cells[place], line, place)
            made.values.append(value)
        made.lines.append(line)
        time = self.columns.time
        if len(time) == 1:
            made.add_time(cells[time[0]], self._no_time(made))
        elif time:
            try:
                parts = [int(float(cells[i])) for i in time]
            except (ValueError, OverflowError):  # as it is written, so that it is told with its line
                made.add_time("-".join(cells[i].strip() for i in time), self._no_time(made))
                return
            date = parts + [1] * (3 - len(parts))
            clock = [*parts[3:], 0, 0][:2]
            made.add_time(f"{date[0]:04}-{date[1]:02}-{date[2]:02}T{clock[0]:02}:{clock[1]:02}", self._no_time(made))

    def _no_time(self, made: Building) -> Any:
        def fail(cell: str, place: int) -> None:
            column, far = self.columns.names[self.columns.time[0]], beyond(cell)
            reach = f"Times are kept in nanoseconds, which reach from {FIRST_YEAR} to {LAST_YEAR}."
            what = f"{cell!r} in column {column!r} is {'too far away' if far else 'no time'}."
            if self.options.skip_bad:
                self._report("times", "warning", f"{what} The line was left out.", made.lines[place])
                return
            raise WorkbenchError(
                what,
                why=reach if far else "The others are read as dates such as 2020-12-31 23:00, or as whole numbers.",
                fix="Mend the line, go on past bad lines, or choose another column for the time (- for none).",
                file=self.path,
                line=made.lines[place],
            )

        return fail

    def _number(self, cell: str, line: int, place: int) -> float:
        value = number_of(cell, self._comma)
        if value is not None and not math.isinf(value):
            return value
        names = self.columns.names
        column = names[place] if place < len(names) else f"column {place + 1}"
        what = f"{cell.strip()!r} in column {column!r} (column {place + 1}) is no " + (
            "number." if value is None else "finite number."
        )
        self._bad(what, line, "It counts as missing.")
        return math.nan

    def _finish(self, made: Building) -> ImportedRecord:
        made.flush(self._no_time(made))
        if self.columns.layout == "rows":
            times, frequency = None, self.options.frequency
            series = Series.of(
                made.name, made.values, made.channels, times=times, frequency=frequency,
                roles=roles_of(made.channels, self.options),
            )  # fmt: skip
        else:
            series = build(made, self.options, str(self.path), self._note)
            if made.inserted:
                self.format["inserted"][made.name] = made.inserted
        return ImportedRecord(series, made.first_line)

    # -- telling ---------------------------------------------------------------------------------------------------

    def _bad(self, what: str, line: int, done: str = "The line was left out.") -> None:
        if not self.options.skip_bad:
            raise WorkbenchError(
                what,
                fix="Mend the line, write NA for a missing value, or go on past bad lines.",
                file=self.path,
                line=line,
            )
        self._report("numbers", "warning", f"{what} {done}", line)

    def _report(self, check: str, severity: str, message: str, line: int) -> None:
        self._note(Finding(check, severity, message, line=line))

    def _note(self, finding: Finding) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(finding)

    def _date_format(self, head: list[list[str]]) -> str:
        """How a time is written: "month", "date", "minute", "second", with a space or a T between."""
        body = head[1:] if self.columns.headed else head
        if self.columns.clock != "datetime" or len(self.columns.time) != 1 or not body:
            return ""
        cell = body[0][self.columns.time[0]].strip()
        if len(cell) <= 7:
            return "month"
        if len(cell) <= 10:
            return "date"
        return f"{'minute' if len(cell) <= 16 else 'second'}{'T' if 'T' in cell else ' '}"

    def _points(self, head: list[list[str]]) -> list[str]:
        """The columns whose whole numbers are written 58.0."""
        mark = "," if self._comma else "."
        found = []
        for place in self.columns.values:
            cells = [row[place].strip() for row in head[1:] if place < len(row)]
            numbers = [cell for cell in cells if number_of(cell, self._comma) is not None and cell]
            if any(mark in cell for cell in numbers) and not any(cell.lstrip("-").isdigit() for cell in numbers):
                found.append(self.columns.names[place] if place < len(self.columns.names) else "")
        return found

    def _ends(self) -> bool:
        """Whether the last line has an end."""
        if self._file is None:
            return True
        with self.path.open("rb") as handle:
            handle.seek(-1, 2)
            return handle.read(1) in (b"\n", b"\r")

    def _missing(self, head: list[list[str]]) -> str:
        """How a missing value is written."""
        for row in head[1:]:
            for place in self.columns.values:
                if place < len(row) and row[place].strip().lower() in ("na", "nan", "null", "n/a", "?"):
                    return row[place].strip()
        return ""


@contextlib.contextmanager
def _closing(lines: Iterator[str]) -> Iterator[Iterator[str]]:
    """``lines`` of a file, which is closed at the end whatever happens."""
    try:
        yield lines
    finally:
        close = getattr(lines, "close", None)
        if close is not None:
            close()


def find_delimiter(lines: list[str], options: SeriesImportParams) -> str:
    if options.delimiter != "auto":
        return _DELIMITERS[options.delimiter]
    head = [line for line in lines[:50] if line.strip()]
    for delimiter in ("\t", ";", ","):
        counts = {line.count(delimiter) for line in head}
        if counts and min(counts) > 0 and (len(counts) == 1 or delimiter != ";"):
            return delimiter
    return ","


def sniff(head: bytes, path: Path) -> Sniff | None:
    """A table with a column of numbers, the surer the plainer its time is."""
    path = Path(path)
    if head[:4] == _PARQUET:
        try:
            columns = SeriesStream(path, SeriesImportParams()).columns
        except WorkbenchError:
            return None
        return _told(columns, path, {})
    text = decode_head(head)
    if text is None or path.suffix in (".json", ".jsonl"):
        return None
    lines = text.splitlines()[:_HEAD_LINES]
    if len(lines) > 1 and len(head) >= 4096 and not text.endswith("\n"):
        lines = lines[:-1]  # the head ends in the middle of it
    options = SeriesImportParams()
    delimiter = find_delimiter(lines, options)
    values: dict[str, Any] = {}
    if delimiter == ";" and _decimal_commas(lines):
        values["decimal"] = "comma"
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        columns_found = find_columns(rows, SeriesImportParams(**values)) if rows else None
    except (csv.Error, WorkbenchError):
        return None
    return _told(columns_found, path, values) if columns_found is not None else None


def _told(columns: Columns, path: Path, values: dict[str, Any]) -> Sniff | None:
    count = len(columns.values)
    if columns.layout == "rows":
        values["layout"] = "rows"
        told = f"A series a line, {count:,} steps at most."
        other = path.name.replace("-train", "-test").replace("_train", "_test")
        if other != path.name and path.with_name(other).is_file():
            values["continuation"] = other
            told += f" {other} continues them."
        by_name = {"hourly": "h", "daily": "D", "weekly": "W", "monthly": "MS", "quarterly": "QS", "yearly": "YS"}
        for word, frequency in by_name.items():
            if word in path.name.lower():
                values["frequency"] = frequency
        return Sniff(0.9, told, values)
    if columns.left and not columns.time and len(columns.left) >= count:
        return None  # mostly text: a table of texts with a number beside them
    series = f", series by {columns.names[columns.series]}" if columns.series >= 0 else ""
    if columns.time:
        named = ", ".join(columns.names[i] for i in columns.time)
        sure = 0.92 if columns.clock == "datetime" else 0.7
        return Sniff(sure, f"Numbers over time ({named}): {count} channels{series}.", values)
    sure = 0.6 if not columns.left else 0.35
    return Sniff(sure, f"{count} columns of numbers{series}, no time among them.", values)


def _decimal_commas(lines: list[str]) -> bool:
    cells = [cell for line in lines[1:20] for cell in line.split(";")]
    with_comma = [cell for cell in cells if "," in cell]
    return len(with_comma) > len(cells) // 4 and all(number_of(cell, True) is not None for cell in with_comma)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            return handle.read(4) == _PARQUET
    except OSError:
        return False


def _is_quoted(path: Path, encoding: str) -> bool:
    """Whether the texts of the file stand in quotes."""
    with _closing(iter(TextFile(path, encoding))) as lines:
        return next(lines, "").startswith('"')


def _raise(error: WorkbenchError) -> None:
    raise error
