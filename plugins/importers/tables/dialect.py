"""How a table of characters is written: what parts its cells, whether quotes count, whether it has a header."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from workbench_plugins.importers.tables.columns import is_number, known_name

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
BY_SUFFIX = {".csv": (",", ";", "\t", "|"), ".tsv": ("\t",), ".tab": ("\t",)}
OTHER_SUFFIX = ("\t",)
"""In a file of another name only tabs tell a table: commas and bars stand in any text."""
_CONSISTENT = 0.98
_LONGEST_HEADER = 60


class Reader(Protocol):
    """What ``csv.reader`` yields: rows, and how many lines it has read."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """``quotes``: cells may stand in double quotes, doubled inside (RFC 4180)."""

    delimiter: str
    quotes: bool

    def read(self, lines: Sequence[str]) -> list[list[str]]:
        """The rows of some lines; blank lines are left out. ``csv.Error`` for quotes that do not close."""
        return [row for row in open_reader(lines, self) if row]

    def write(self, cells: Sequence[str], quote_all: bool = False) -> str:
        """One row without its line end; ``ValueError`` for a cell that this dialect cannot hold."""
        if not self.quotes:
            for cell in cells:
                if any(mark in cell for mark in (self.delimiter, "\n", "\r")):
                    raise ValueError(f"{cell[:60]!r} holds what parts cells or lines")
            return self.delimiter.join(cells)
        out = io.StringIO()
        csv.writer(
            out, delimiter=self.delimiter, lineterminator="", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
        ).writerow(cells)
        return out.getvalue()


def open_reader(lines: Iterable[str], dialect: Dialect) -> Reader:
    """Strict, so that a stray quote is an error and not a swallowed file."""
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE,
        strict=True,
    )


def find_dialect(
    lines: Sequence[str], suffix: str, delimiter: str = "auto", quotes: str = "auto", *, whole: bool = True
) -> tuple[Dialect, list[list[str]], float] | None:
    """The dialect of some lines, their rows, and the share of rows of the commonest width (from 2 cells on).

    ``whole`` is False where more lines follow: a quote still open at the end is then no fault. None when the lines are
    not a table, as far as may be told.
    """
    candidates = [DELIMITERS[delimiter]] if delimiter != "auto" else BY_SUFFIX.get(suffix.lower(), OTHER_SUFFIX)
    best: tuple[Dialect, list[list[str]], float] | None = None
    for mark in candidates:
        for dialect in _with_quotes(mark, lines, quotes):
            rows = _rows(dialect, lines, whole)
            if not rows:
                continue
            width, count = Counter(map(len, rows)).most_common(1)[0]
            share = count / len(rows)
            fits = width > 1 or delimiter != "auto" or (suffix.lower() in BY_SUFFIX and mark == candidates[0])
            if fits and (best is None or (width > 1, share) > (len(best[1][0]) > 1, best[2])):
                best = dialect, rows, share
            break  # the first way of quoting that can be read at all
    if best is None or (best[2] < _CONSISTENT and delimiter == "auto" and suffix.lower() not in BY_SUFFIX):
        return None
    return best


def _with_quotes(mark: str, lines: Sequence[str], quotes: str) -> list[Dialect]:
    if quotes != "auto":
        return [Dialect(mark, quotes == "yes")]
    if mark != "\t":
        return [Dialect(mark, True), Dialect(mark, False)]
    quoted = False
    for line in lines:
        for cell in line.rstrip("\r\n").split(mark):
            if cell.startswith('"'):
                if len(cell) < 2 or not cell.endswith('"') or cell[1:-1].replace('""', "").count('"'):
                    return [Dialect(mark, False)]
                quoted = True
    return [Dialect(mark, quoted)]


def _rows(dialect: Dialect, lines: Sequence[str], whole: bool) -> list[list[str]]:
    """The rows that can be read; none where more cannot. A bad row is for the reading to report, with its line."""
    reader = open_reader(lines, dialect)
    rows: list[list[str]] = []
    errors = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            errors += whole or reader.line_num < len(lines)
            continue
        if row:
            rows.append(row)
    return rows if len(rows) >= errors else []


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: by known names, or words above numbers."""
    if len(rows) < 2:
        return bool(rows) and all(known_name(cell) for cell in rows[0])
    first = [cell.strip() for cell in rows[0]]
    if not all(first) or len(set(first)) < len(first) or any(len(cell) > _LONGEST_HEADER for cell in first):
        return False
    if any(is_number(cell) for cell in first):
        return False
    short = all(len(cell.split()) <= 4 for cell in first)
    if short and any(known_name(cell) for cell in first):
        return True
    below = [row for row in rows[1:] if len(row) == len(first)]
    return short and any(below and all(is_number(row[i]) for row in below) for i in range(len(first)))
