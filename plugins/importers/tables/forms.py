"""The forms a table comes in (cells parted by marks, JSON Lines, Parquet): its columns, a sample, and its rows."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from workbench_plugins.importers.tables.dialect import Dialect, find_dialect, has_header, open_reader
from workbench_plugins.importers.tables.params import TableParams

from workbench.api import WorkbenchError
from workbench.api.textfiles import TextFile

HEAD_CHARACTERS = 1 << 16
HEAD_LINES = 2000
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
Bad = Callable[[WorkbenchError], None]
"""Told of a row that cannot be read: it raises, or notes it and returns."""


class Row(NamedTuple):
    """The wanted cells of a row (None: not there), the line where it begins, and its exact source text."""

    line: int
    cells: list[str | None]
    raw: str


class Form(Protocol):
    """A table that can be looked at and read; ``format`` is what an exporter needs, complete after reading."""

    names: tuple[str, ...]
    headed: bool
    format: dict[str, Any]
    lost: tuple[str, ...]

    def sample(self) -> list[list[str]]:
        """The cells of some rows, each as wide as ``names``."""
        ...

    def rows(self, wanted: Sequence[int], bad: Bad) -> Iterator[Row]: ...

    def position(self) -> tuple[int, int]: ...


def open_form(path: Path, options: TableParams) -> Form:
    """The table in ``path``, by its first bytes and its name; :class:`WorkbenchError` when there is none."""
    path = Path(path)
    if is_parquet(path):
        from workbench_plugins.importers.tables.parquet import ParquetForm

        return ParquetForm(path)
    file = TextFile(path, options.encoding)
    head = head_lines(file)
    if looks_like_json(head, path):
        return JsonForm(path, head, options)
    return DelimitedForm(path, head, options)


def is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            return handle.read(4) == b"PAR1"
    except OSError:
        return False


def head_lines(file: TextFile) -> list[str]:
    """The first lines of a file, some ten thousand characters."""
    lines: list[str] = []
    characters = 0
    with closing(iter(file)) as source:
        for line in source:
            lines.append(line)
            characters += len(line)
            if characters > HEAD_CHARACTERS or len(lines) >= HEAD_LINES:
                break
    return lines


def looks_like_json(lines: Sequence[str], path: Path) -> bool:
    first = next((line for line in lines if line.strip()), "")
    return first.lstrip().startswith("{") or path.suffix.lower() in JSON_SUFFIXES


class DelimitedForm:
    """CSV and its kin, read strictly: every row as wide as the others, every quote closed."""

    lost: tuple[str, ...] = ()

    def __init__(self, path: Path, head: Sequence[str], options: TableParams) -> None:
        self._path, self._encoding = path, options.encoding
        self._file = TextFile(path, options.encoding)
        whole = sum(map(len, head)) <= HEAD_CHARACTERS and len(head) < HEAD_LINES
        found = find_dialect(head, path.suffix, options.delimiter, options.quotes, whole=whole)
        if found is None:
            raise WorkbenchError(
                "This is not a table, as far as its first lines tell.",
                why="Its lines have different numbers of cells, whatever the mark between them, or a quote stays open.",
                fix="Name the delimiter in the options, or switch quotes off there.",
                file=path,
                line=1,
            )
        self.dialect: Dialect = found[0]
        self._sample = found[1] if whole else found[1][:-1] or found[1]
        self.alone = len(self._sample) == 1
        if self.alone and not options.skip_bad and (fault := self._first_fault()) is not None:
            raise fault  # else the one row above it would be taken for all there is
        self.headed = options.header == "yes" or (options.header == "auto" and has_header(self._sample))
        if self.alone and self.headed and whole:
            raise WorkbenchError(
                "There is a header in this file and no row below it.",
                why=f"The columns are: {', '.join(cell.strip() for cell in self._sample[0])}.",
                fix="Check that the file was written whole; if its line is a row, set header to no in the options.",
                file=path,
                line=1,
            )
        width = len(self._sample[0]) if self.headed else max(len(row) for row in self._sample)
        first = [cell.strip() for cell in self._sample[0]]
        self.names: tuple[str, ...] = tuple(first) if self.headed else tuple(str(i + 1) for i in range(width))
        self.format: dict[str, Any] = {
            "form": "delimited",
            "delimiter": self.dialect.delimiter,
            "quotes": self.dialect.quotes,
            "names": list(self.names),
            "header": "",
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "tail": "",
        }

    def _first_fault(self) -> WorkbenchError | None:
        """What is wrong with the first row that cannot be read, where it is among the first two."""
        with closing(iter(TextFile(self._path, self._encoding))) as source:
            reader = open_reader(source, self.dialect)
            rows = begun = 0
            while rows < 2:
                try:
                    rows += bool(next(reader))
                except StopIteration:
                    return None
                except csv.Error as error:
                    return self._explain(error, begun + 1, reader.line_num)
                begun = reader.line_num
        return None

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def sample(self) -> list[list[str]]:
        width = len(self.names)
        return [row for row in self._sample[1 if self.headed else 0 :] if len(row) == width]

    def rows(self, wanted: Sequence[int], bad: Bad) -> Iterator[Row]:
        # closed here and now: what stops an import in the middle may keep this frame alive for long
        with closing(iter(self._file)) as source:
            yield from self._rows(source, wanted, bad)

    def _rows(self, source: Iterator[str], wanted: Sequence[int], bad: Bad) -> Iterator[Row]:
        seen: list[str] = []

        def lines() -> Iterator[str]:
            for line in source:
                seen.append(line)
                yield line

        reader = open_reader(lines(), self.dialect)
        header = self.headed
        begun = 0
        while True:
            line = begun + 1
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                begun = reader.line_num
                bad(self._explain(error, line, begun))
                seen.clear()
                continue
            begun = reader.line_num
            if not cells:  # a blank line; it stays with the row that follows
                continue
            raw = "".join(seen)
            seen.clear()
            if header:
                self.format["header"], header = raw, False
                continue
            if len(cells) != len(self.names):
                bad(self._ragged(len(cells), line))
                continue
            yield Row(line, [cells[i] for i in wanted], raw)
        self.format["tail"] = "".join(seen)

    def _ragged(self, found: int, line: int) -> WorkbenchError:
        mark = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}[self.dialect.delimiter]
        return WorkbenchError(
            f"This row has {found} {'cell' if found == 1 else 'cells'}, the others {len(self.names)}.",
            why=f"Cells are parted by {mark}; one is missing, or stands in the text without quotes around it.",
            fix="Mend the row, or choose to leave out bad rows.",
            file=self._path,
            line=line,
        )

    def _explain(self, error: csv.Error, line: int, last: int) -> WorkbenchError:
        said = str(error)
        if "field limit" in said or "unexpected end" in said:
            what, why = "A quote that opens in this row is never closed.", f"All to line {last} would be one cell."
        elif "expected after" in said:
            what, why = "There is text behind the closing quote of a cell.", "A quote inside a cell must be doubled."
        else:
            what, why = "This row cannot be read.", f"{said}."
        return WorkbenchError(
            what,
            why=why,
            fix="Mend the row; or choose in the options that quotes belong to the text, or to leave out bad rows.",
            file=self._path,
            line=line,
        )


class JsonForm:
    """JSON Lines: an object a line; a key inside an object inside is written with a point (translation.en)."""

    headed = True
    lost: tuple[str, ...] = ()

    def __init__(self, path: Path, head: Sequence[str], options: TableParams) -> None:
        self._path = path
        self._file = TextFile(path, options.encoding)
        self._head = [value for line in head if line.strip() and (value := _object(line)) is not None]
        if not self._head:
            raise WorkbenchError(
                "There is no JSON object in its first lines.",
                why="Expected is an object a line, such as {\"text\": \"…\", \"label\": \"…\"}.",
                fix="Write one object a line (JSON Lines), or check the file.",
                file=path,
                line=1,
            )
        self.names: tuple[str, ...] = tuple(dict.fromkeys(key for value in self._head for key in flat_keys(value)))
        self.format: dict[str, Any] = {
            "form": "jsonl",
            "names": list(self.names),
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "tail": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def sample(self) -> list[list[str]]:
        return [[as_cell(value_at(value, name)) for name in self.names] for value in self._head]

    def rows(self, wanted: Sequence[int], bad: Bad) -> Iterator[Row]:
        with closing(iter(self._file)) as source:
            yield from self._rows(source, wanted, bad)

    def _rows(self, source: Iterator[str], wanted: Sequence[int], bad: Bad) -> Iterator[Row]:
        names = [self.names[i] for i in wanted]
        before = ""
        for number, line in enumerate(source, start=1):
            if not line.strip():
                before += line
                continue
            try:
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise TypeError("it is not an object")
                cells = [plain(value_at(value, name)) for name in names]
            except (ValueError, TypeError, RecursionError) as error:
                bad(
                    WorkbenchError(
                        f"This line is not a JSON object of texts: {error}.",
                        why=f"It begins {line.strip()[:80]!r}.",
                        fix="Mend the line, or choose to leave out bad rows.",
                        file=self._path,
                        line=number,
                    )
                )
                continue
            yield Row(number, cells, before + line)
            before = ""
        self.format["tail"] = before


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def flat_keys(value: Mapping[str, Any]) -> Iterator[str]:
    """Keys of plain values, and of those one object further in; lists are no cells."""
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from (f"{key}.{name}" for name, one in inner.items() if not isinstance(one, Mapping | list))
        elif not isinstance(inner, list):
            yield key


def value_at(value: Mapping[str, Any], name: str) -> Any:
    if name in value:
        return value[name]
    outer, _, inner = name.partition(".")
    within = value.get(outer)
    return within.get(inner) if isinstance(within, Mapping) else None


def plain(value: Any) -> str | None:
    """A JSON value as a cell; ``TypeError`` for lists and objects."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"a {type(value).__name__} stands where a text is expected")


def as_cell(value: Any) -> str:
    """A JSON value for looking at a column, whatever it is."""
    return "" if isinstance(value, Mapping | list) else plain(value) or ""


def sample_lines(text: str) -> list[str]:
    """The lines of a head of a file, line ends kept."""
    return list(itertools.islice(text.splitlines(keepends=True), HEAD_LINES))
