"""Writing tables: the source text of a row where nothing was changed, and otherwise its cells in the same manner."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.importers.tables.dialect import Dialect

from workbench.api import LabelledText, Record, StoredRecord, Text, TextPair, WorkbenchError

Sources = list[Mapping[str, Any] | None]
_CSV = {"form": "delimited", "delimiter": ",", "quotes": True, "header": "", "newline": "\n"}


def write_as_it_came(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """In the form of the first table that was imported; CSV with a header where there was none."""
    sources = _sources(format)
    first = next((source for source in sources if source is not None), None)
    _write(records, sources, dict(first or _CSV), path)


def write_tsv(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """Tabs between the cells, a line each; a text that holds tabs or line ends is quoted, and the table says so."""
    wanted = {"form": "delimited", "delimiter": "\t"}
    _write(records, _sources(format), _like(format, wanted, {**_CSV, "delimiter": "\t"}), path)


def write_jsonl(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """An object a line."""
    _write(records, _sources(format), _like(format, {"form": "jsonl"}, {"form": "jsonl", "newline": "\n"}), path)


def write_parquet(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """A Parquet file."""
    _write(records, _sources(format), _like(format, {"form": "parquet"}, {"form": "parquet"}), path)


def _sources(format: Mapping[str, Any]) -> Sources:
    return [source if source.get("kind") == "table" else None for source in format.get("sources", [])]


def _like(format: Mapping[str, Any], wanted: Mapping[str, Any], otherwise: Mapping[str, Any]) -> dict[str, Any]:
    """The first source that is of the ``wanted`` form, or ``otherwise``."""
    for source in _sources(format):
        if source is not None and all(source.get(name) == value for name, value in wanted.items()):
            return dict(source)
    return dict(otherwise)


def _write(records: Iterable[StoredRecord], sources: Sources, form: dict[str, Any], path: Path) -> None:
    if form["form"] == "parquet":
        _write_parquet(records, sources, form, path)
        return
    encoding = str(form.get("encoding", "utf-8"))
    try:
        with path.open("w", encoding=encoding, newline="") as file:
            if form.get("bom"):
                file.write("\ufeff")
            file.writelines(_lines(records, sources, form))
    except UnicodeEncodeError as error:
        raise WorkbenchError(
            f"{error.object[error.start : error.end]!r} cannot be written in {encoding}.",
            why="The data were imported from a file in that encoding, and have since got a character it lacks.",
            fix="Change the character.",
        ) from error


def _lines(records: Iterable[StoredRecord], sources: Sources, form: Mapping[str, Any]) -> Iterator[str]:
    newline = str(form.get("newline", "\n"))
    begun, ended, previous = False, True, -1
    for stored in records:
        source = sources[stored.source] if 0 <= stored.source < len(sources) else None
        same = source is not None and bool(stored.raw) and _same_form(source, form)
        if not begun:
            yield _header(stored.record, form, newline)
            begun, previous = True, stored.source
        if stored.source != previous:  # what a file ends with belongs between two files as they came
            yield _tail(sources, previous, form)
            previous = stored.source
        try:
            if same and source is not None:
                text = _rewritten(stored, source) if stored.edited else stored.raw
            else:
                text = _fresh(stored.record, form) + newline
        except ValueError as error:
            raise WorkbenchError(
                f"Record {stored.position + 1} cannot be written in this table: {error}.",
                why="The table has no quotes around its cells.",
                fix="Take the tab or line end out of the text, or export as CSV or JSON Lines.",
            ) from error
        if not ended:
            yield newline
        yield text
        ended = text.endswith(("\n", "\r"))
    yield _tail(sources, previous, form)


def _same_form(source: Mapping[str, Any], form: Mapping[str, Any]) -> bool:
    return all(source.get(name) == form.get(name) for name in ("form", "delimiter", "quotes", "names"))


def _header(record: Record, form: Mapping[str, Any], newline: str) -> str:
    if form["form"] != "delimited" or "columns" in form:
        return str(form.get("header", ""))
    return _dialect(form).write(list(cells_of(record))) + newline


def _tail(sources: Sources, number: int, form: Mapping[str, Any]) -> str:
    source = sources[number] if 0 <= number < len(sources) else None
    return str(source.get("tail", "")) if source is not None and _same_form(source, form) else ""


def _dialect(form: Mapping[str, Any]) -> Dialect:
    return Dialect(str(form["delimiter"]), bool(form["quotes"]))


def cells_of(record: Record) -> dict[str, str]:
    """Role → text of a record; the roles are those of the imports."""
    if isinstance(record, LabelledText):
        return {"text": record.text, "label": record.label}
    if isinstance(record, TextPair):
        return {"source": record.source, "target": record.target}
    if isinstance(record, Text):
        return {"text": record.text}
    raise WorkbenchError("Only texts, pairs and labelled texts can be written as a table.")


def _fresh(record: Record, form: Mapping[str, Any]) -> str:
    """A record that was not in a table of this form; columns of the table that it does not have stay empty."""
    cells = cells_of(record)
    columns: Mapping[str, int] = form.get("columns", {})
    if form["form"] == "jsonl":
        names = {role: str(form["names"][place]) for role, place in columns.items()}
        return json.dumps({names.get(role, role): cell for role, cell in cells.items()}, ensure_ascii=False)
    row = [""] * len(form["names"]) if columns else list(cells.values())
    for role, place in columns.items():
        row[place] = cells[role]
    return _dialect(form).write(row)


def _rewritten(stored: StoredRecord, source: Mapping[str, Any]) -> str:
    """The source row with the record's cells replaced, the rest as it was."""
    raw = stored.raw
    line = raw.lstrip("\r\n")
    body = line.rstrip("\r\n")
    cells = cells_of(stored.record)
    if source["form"] == "jsonl":
        text = _rewritten_object(body, cells, source)
    else:
        dialect = _dialect(source)
        row = dialect.read([body] if not dialect.quotes else body.splitlines(keepends=True))[0]
        for role, place in source["columns"].items():
            if cells[role] != row[place].strip():
                row[place] = cells[role]
        quote_all = dialect.quotes and body.startswith('"') and body.count(f'"{dialect.delimiter}"') == len(row) - 1
        text = dialect.write(row, quote_all)
    return raw[: len(raw) - len(line)] + text + line[len(body) :]


def _rewritten_object(body: str, cells: Mapping[str, str], source: Mapping[str, Any]) -> str:
    value: dict[str, Any] = json.loads(body)
    for role, place in source["columns"].items():
        put(value, str(source["names"][place]), cells[role])
    spaced = '": ' in body or '", ' in body
    return json.dumps(
        value,
        ensure_ascii=body.isascii() and "\\u" in body,
        separators=(", ", ": ") if spaced else (",", ":"),
    )


def put(value: dict[str, Any], name: str, cell: str) -> None:
    """Replace a cell, keeping its type (a number stays a number) where its new text has it."""
    place, key = value, name
    outer, _, inner = name.partition(".")
    if name not in value and isinstance(value.get(outer), dict):
        place, key = value[outer], inner
    place[key] = _as_type(place.get(key), cell)


def _as_type(old: Any, cell: str) -> Any:
    if old is None and not cell:
        return None
    if isinstance(old, bool):
        return cell == "true" if cell in ("true", "false") else cell
    if isinstance(old, int | float):
        try:
            return type(old)(cell)
        except ValueError:
            return cell
    return cell


def _write_parquet(
    records: Iterable[StoredRecord], sources: Sources, form: Mapping[str, Any], path: Path
) -> None:
    import polars as pl

    rows: list[dict[str, Any]] = []
    columns: Mapping[str, int] = form.get("columns", {})
    for stored in records:
        source = sources[stored.source] if 0 <= stored.source < len(sources) else None
        cells = cells_of(stored.record)
        if source is not None and stored.raw and _same_form(source, form):
            row = json.loads(stored.raw)
            for role, place in columns.items():
                name = str(form["names"][place])
                row[name] = _as_type(row.get(name), cells[role]) if stored.edited else row.get(name)
        else:
            row = {str(form["names"][columns[role]]) if columns else role: cell for role, cell in cells.items()}
        rows.append(row)
    try:
        frame = pl.DataFrame(rows, infer_schema_length=None)
    except (pl.exceptions.PolarsError, TypeError):
        # a number that was edited into a word: the column is text from now on
        names = list(dict.fromkeys(name for row in rows for name in row))
        frame = pl.DataFrame({n: [None if row.get(n) is None else str(row[n]) for row in rows] for n in names})
    frame.write_parquet(path)
