"""Streams of texts, pairs and labelled texts from tables, and how sure it is that a file is one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from workbench_plugins.importers.tables.columns import (
    LABEL_NAMES,
    TEXT_NAMES,
    Profile,
    find,
    label_column,
    pair_columns,
    profile,
    split_column,
    text_column,
)
from workbench_plugins.importers.tables.dialect import BY_SUFFIX, find_dialect, has_header
from workbench_plugins.importers.tables.forms import (
    HEAD_CHARACTERS,
    DelimitedForm,
    Form,
    as_cell,
    flat_keys,
    is_parquet,
    looks_like_json,
    open_form,
    sample_lines,
    value_at,
)
from workbench_plugins.importers.tables.params import (
    LabelledTableParams,
    PairTableParams,
    TableParams,
    TextTableParams,
)

from workbench.api import Finding, ImportedRecord, LabelledText, Record, Sniff, Text, TextPair, WorkbenchError
from workbench.api.textfiles import decode_head

_MAX_PROBLEMS = 200
_SPLIT_WORDS = {"train": "train", "training": "train", "dev": "validation", "valid": "validation", "val": "validation",
                "validation": "validation", "test": "test"}  # fmt: skip
_BLANK_LINES = 0.05
_BROKEN, _BROKEN_TEXTS = 0.5, 0.35
"""How sure of a table of JSON with lines that are none, with columns that tell much or little."""
_NAME_WORDS = 3
_BY_NAME, _BY_QUOTE = 0.2, 0.65
"""How sure by the name alone, and where a quote that is never closed swallows what follows cells parted by a mark."""


class TableStream(ABC):
    """Records with their source line; subclasses say which columns they need and what they make of their cells."""

    roles: ClassVar[tuple[str, ...]]
    layers_found: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: Path, options: TableParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {name: {"kind": "label"} for name in self.layers_found}
        self._form = open_form(self.path, options)
        profiles = profiles_of(self._form.names, self._form.sample())
        recognised = self._choose(profiles)
        self._columns = [self._column(role, chosen) for role, chosen in zip(self.roles, recognised, strict=True)]
        self._split = self._named(options.split_column) if options.split_column else split_column(profiles)
        self.format: dict[str, Any] = self._form.format
        self.format |= {"kind": "table", "columns": dict(zip(self.roles, self._columns, strict=True))}
        for name in self._form.lost:
            self.problems.append(
                Finding("columns", "info", f"The column {name} holds lists or the like; it is not kept for export.")
            )

    @abstractmethod
    def _choose(self, profiles: Sequence[Profile]) -> Sequence[int | None]:
        """A column for each role, None where none is recognised."""

    @abstractmethod
    def _record(self, cells: Sequence[str | None]) -> Record:
        """What the cells of the roles make."""

    def position(self) -> tuple[int, int]:
        return self._form.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        wanted = [*self._columns, *([] if self._split is None else [self._split])]
        for line, cells, raw in self._form.rows(wanted, self._bad):
            split = "" if self._split is None else _SPLIT_WORDS.get((cells.pop() or "").strip().lower(), "")
            if not (cells[0] or "").strip():
                self._note("empty", f"There is no {self.roles[0]} in this row.", line)
            yield ImportedRecord(self._record(cells), line, raw=raw, split=split)

    def _bad(self, error: WorkbenchError) -> None:
        if not self.options.skip_bad:
            raise error
        self._note("row", f"Left out: {error.what}", error.line)

    def _note(self, check: str, message: str, line: int | None) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Finding(check, "warning", message, line=line))

    def _column(self, role: str, chosen: int | None) -> int:
        named = str(getattr(self.options, role))
        if named:
            return self._named(named)
        if chosen is None and isinstance(self._form, DelimitedForm) and self._form.alone:
            raise WorkbenchError(
                "There is one row in this file: a header alone, it seems.",
                why=f"No column of it is recognised as the {role}.",
                fix=f"Check that the file was written whole, or name the column of the {role} in the import options.",
                file=self.path,
                line=1,
            )
        if chosen is None:
            raise WorkbenchError(
                f"No column is recognised as the {role}.",
                why=f"The columns are: {', '.join(self._form.names)}.",
                fix=f"Name the column of the {role} in the import options.",
                file=self.path,
                line=1,
            )
        return chosen

    def _named(self, name: str) -> int:
        found = find(self._form.names, name)
        if found is None:
            raise WorkbenchError(
                f"There is no column {name!r}.",
                why=f"The columns are: {', '.join(self._form.names)}.",
                fix="Name one of them, or its number.",
                file=self.path,
                line=1,
            )
        return found


class LabelledTable(TableStream):
    """Texts with a label each."""

    roles = ("text", "label")
    layers_found: ClassVar[tuple[str, ...]] = ("label",)
    options: LabelledTableParams

    def _choose(self, profiles: Sequence[Profile]) -> Sequence[int | None]:
        given = find(self._form.names, self.options.label) if self.options.label else None
        text = find(self._form.names, self.options.text) if self.options.text else None
        text = text if text is not None else text_column(profiles, () if given is None else (given,))
        return text, (given if given is not None else label_column(profiles, -1 if text is None else text))

    def _record(self, cells: Sequence[str | None]) -> Record:
        text, label = cells
        return LabelledText(text or "", (label or "").strip())


class PairTable(TableStream):
    """Sources with their targets."""

    roles = ("source", "target")
    options: PairTableParams

    def _choose(self, profiles: Sequence[Profile]) -> Sequence[int | None]:
        found = pair_columns(profiles)
        return (None, None) if found is None else found[:2]

    def _record(self, cells: Sequence[str | None]) -> Record:
        source, target = cells
        return TextPair(source or "", target or "")


class TextTable(TableStream):
    """Texts alone."""

    roles = ("text",)
    options: TextTableParams

    def _choose(self, profiles: Sequence[Profile]) -> Sequence[int | None]:
        return (text_column(profiles),)

    def _record(self, cells: Sequence[str | None]) -> Record:
        return Text(cells[0] or "")


def profiles_of(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Profile]:
    return [profile(name, [row[i] for row in rows]) for i, name in enumerate(names)]


# --- looking at a file


@dataclass(frozen=True, slots=True)
class _Look:
    """What the beginning of a file shows: its form in words, whether its columns have names, and their profiles."""

    form: str
    headed: bool
    profiles: list[Profile]
    broken: int = 0

    def call(self, column: int) -> str:
        if self.headed:
            return f"“{self.profiles[column].name}”"
        return _ORDINALS[column] if column < len(_ORDINALS) else f"column {column + 1}"

    @property
    def columns(self) -> str:
        n = len(self.profiles)
        return f"{self.form}, {n} column{'s' if n > 1 else ''}"


_ORDINALS = ("the first", "the second", "the third", "the fourth", "the fifth")


def _look(head: bytes, path: Path) -> _Look | None:
    if head.startswith(b"PAR1"):
        return _look_parquet(path)
    text = decode_head(head)
    if text is None or not text.strip():
        return None
    lines = sample_lines(text)
    if looks_like_json(lines, path):
        return _look_json(lines)
    blank = sum(1 for line in lines if not line.strip())
    if blank > _BLANK_LINES * len(lines) and blank > 1:
        return None  # blank lines part sentences: columns of tokens, not a table
    found = find_dialect(lines, path.suffix, whole=len(text) < HEAD_CHARACTERS - 4)
    if found is None:
        return None
    dialect, rows, _ = found
    headed = has_header(rows)
    width = len(rows[0])
    names = [cell.strip() for cell in rows[0]] if headed else [str(i + 1) for i in range(width)]
    body = [row for row in rows[1 if headed else 0 :] if len(row) == width]
    form = {"\t": "Table with tabs", ";": "Table with semicolons", "|": "Table with bars"}.get(dialect.delimiter, "CSV")
    return _Look(form, headed, profiles_of(names, body)) if body else None


def _look_json(lines: Sequence[str]) -> _Look | None:
    import json

    values = []
    broken = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            values.append(value)
        else:
            broken += 1
    if broken > len(values):
        return None
    names = tuple(dict.fromkeys(key for value in values for key in flat_keys(value)))
    if not names:
        return None
    rows = [[as_cell(value_at(value, name)) for name in names] for value in values]
    return _Look("JSON Lines", True, profiles_of(names, rows), broken)


def _look_parquet(path: Path) -> _Look | None:
    if not is_parquet(path):
        return None
    from workbench_plugins.importers.tables.parquet import ParquetForm

    try:
        form: Form = ParquetForm(path)
    except WorkbenchError:
        return None
    return _Look("Parquet", True, profiles_of(form.names, form.sample()))


def _sniff(look: Callable[[_Look], Sniff | None]) -> Callable[[bytes, Path], Sniff | None]:
    def sniff(head: bytes, path: Path) -> Sniff | None:
        seen = _look(head, path)
        found = None if seen is None else look(seen)
        if found is None or seen is None:
            return _by_name_alone(head, path)
        if seen.broken:
            # still the importer that knows best what is wrong; a column of text alone is less telling than spans
            return replace(found, confidence=min(found.confidence, _BROKEN if look is not _texts else _BROKEN_TEXTS))
        return found

    return sniff


def _by_name_alone(head: bytes, path: Path) -> Sniff | None:
    """Of a file that is called a table: so that reading it says what is wrong, and in which line."""
    text = decode_head(head)
    if path.suffix.lower() not in BY_SUFFIX or text is None or not text.strip():
        return None
    lines = sample_lines(text)
    if looks_like_json(lines, path):
        return None
    found = find_dialect(lines, path.suffix, whole=len(text) < HEAD_CHARACTERS - 4)
    if found is not None and len(found[1]) > 1:
        return None
    quoted = found is not None and len(found[1][0]) > 1 and len(lines) > 1 and '"' in text
    if found is not None and not quoted and not has_header(found[1]):
        first = found[1][0]
        if len(first) < 2 or any(len(cell.split()) > _NAME_WORDS for cell in first):
            return None  # one line of running text
    return Sniff(
        _BY_QUOTE if quoted else _BY_NAME, "A table by its name, but no row of it can be read below the first."
    )


def _labelled(look: _Look) -> Sniff | None:
    text = text_column(look.profiles)
    label = None if text is None else label_column(look.profiles, text)
    if text is None or label is None:
        return None
    named = look.profiles[label].name.lower() in LABEL_NAMES
    told = named and look.profiles[text].name.lower() in TEXT_NAMES
    if named and not look.profiles[label].is_label and look.profiles[label].rows >= 12:
        sure = 0.5  # called a label, yet nearly every one is different
    else:
        sure = 0.95 if told else 0.9 if named or len(look.profiles) == 2 else 0.7
    return Sniff(
        sure,
        f"{look.columns}, {look.call(label)} holds {look.profiles[label].values}: text and label.",
        {"text": look.profiles[text].name, "label": look.profiles[label].name},
    )


def _pairs(look: _Look) -> Sniff | None:
    found = pair_columns(look.profiles)
    if found is None:
        return None
    source, target, named = found
    sure = 0.92 if named else 0.88 if len(look.profiles) == 2 else 0.75
    return Sniff(
        sure,
        f"{look.columns}, {look.call(source)} and {look.call(target)} hold running text: source and target.",
        {"source": look.profiles[source].name, "target": look.profiles[target].name},
    )


def _texts(look: _Look) -> Sniff | None:
    text = text_column(look.profiles)
    if text is None or not look.profiles[text].is_text:
        return None
    named = look.headed and look.profiles[text].name.lower() in TEXT_NAMES
    return Sniff(
        0.6 if named else 0.4,
        f"{look.columns}, {look.call(text)} holds running text.",
        {"text": look.profiles[text].name},
    )


sniff_labelled = _sniff(_labelled)
sniff_pairs = _sniff(_pairs)
sniff_texts = _sniff(_texts)

