"""One sentence as column text: made anew, or its source text with just the changed cells replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from workbench_plugins.importers.conll.columns import DOCUMENT_START, SKIP, TOKEN, is_comment, split_cells

from workbench.api import TaggedTokens
from workbench.api.schemes import Scheme, from_iob2, to_iob2

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # str.splitlines() breaks at ten other characters too
_BLANKS = re.compile(r"([ \t]+)")
_TEXT_COMMENT = "# text = "
_ID, _HEAD, _DEPREL, _DEPS, _MISC = 0, 6, 7, 8, 9  # columns of CoNLL-U


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file, as its importer described them."""

    kind: str
    names: tuple[str, ...]
    separator: str
    newline: str
    has_index: bool
    schemes: Mapping[str, Scheme]
    fill: tuple[str, ...]
    comments: str = "auto"

    @classmethod
    def of(cls, source: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]) -> Columns:
        names = tuple(source["columns"])
        schemes = {name: Scheme(source.get("schemes", {}).get(name, "plain")) for name in layers}
        return cls(
            kind=str(source["kind"]),
            names=names,
            separator=str(source["separator"]),
            newline=str(source["newline"]),
            has_index=bool(source.get("has_index", False)),
            schemes=schemes,
            fill=tuple(source.get("fill") or [SKIP] * len(names)),
            comments=str(source.get("comments", "auto")),
        )

    @property
    def token(self) -> int:
        return self.names.index(TOKEN)

    def layer_cells(self, record: TaggedTokens, scheme: str | None) -> dict[int, tuple[str, ...]]:
        """Column → the cells of its layer, in the file's scheme or in the one asked for."""
        found: dict[int, tuple[str, ...]] = {}
        for column, name in enumerate(self.names):
            if name in record.layers:
                own = self.schemes.get(name, Scheme.PLAIN)
                target = Scheme(scheme) if scheme and own is not Scheme.PLAIN else own
                found[column] = from_iob2(record.layers[name], target)
        return found


def fresh_columns(layers: Mapping[str, Mapping[str, Any]]) -> Columns:
    """Columns for sentences that come from no column file: the token, then each layer, span layers (IOB2) last."""
    names = sorted(layers, key=lambda name: (layers[name].get("kind") == "span", name == "ner"))
    schemes = {name: Scheme.IOB2 if layers[name].get("kind") == "span" else Scheme.PLAIN for name in names}
    return Columns("conll", (TOKEN, *names), " ", "\n", False, schemes, (SKIP,) * (len(names) + 1))


def render_new(record: TaggedTokens, columns: Columns, scheme: str | None) -> str:
    """A sentence without source text, with the blank line after it."""
    cells = columns.layer_cells(record, scheme)
    rows = [_new_row(record, columns, cells, i) for i in range(len(record.tokens))]
    separator = columns.separator or " "
    return "".join(separator.join(row) + columns.newline for row in rows) + columns.newline


def _new_row(record: TaggedTokens, columns: Columns, cells: Mapping[int, Sequence[str]], i: int) -> list[str]:
    row = list(columns.fill)
    if columns.has_index:
        row[0] = str(i + 1)
    row[columns.token] = record.tokens[i]
    for column, tags in cells.items():
        row[column] = tags[i]
    return row


def rerender(raw: str, record: TaggedTokens, columns: Columns, scheme: str | None) -> str:
    """The source text with the cells of changed tokens and layers replaced; comments and other columns stay.

    Where tokens came or went, the lines of those that stayed are kept and new ones are filled with ``_``.
    """
    lines = (
        raw.splitlines(keepends=True)
        if "\r" not in raw.replace("\r\n", "")
        else re.findall(r"[^\r\n]*(?:\r\n|\r|\n)?", raw)[:-1]
    )
    begin = _body_begin(lines, columns)
    end = len(lines)
    while end > begin and not lines[end - 1].strip():
        end -= 1
    head, body, after = lines[:begin], lines[begin:end], lines[end:]
    rows = [_Row.of(line, columns) for line in body]
    tokens = [i for i, row in enumerate(rows) if columns.kind != "conllu" or row.cells[_ID].isdigit()]
    old = [rows[i].cells[columns.token] for i in tokens]
    cells = columns.layer_cells(record, scheme)
    if scheme is None:
        cells = {c: tags for c, tags in cells.items() if not _is_layer(rows, tokens, c, columns, record)}
    if len(old) == len(record.tokens):
        for position, i in enumerate(tokens):
            rows[i].cells[columns.token] = record.tokens[position]
            for column, tags in cells.items():
                rows[i].cells[column] = tags[position]
        written = [row.text() for row in rows]
    else:
        kept = [rows[i] for i in tokens]
        written = _realign(kept, old, record, columns, columns.layer_cells(record, scheme))
    if tuple(old) != record.tokens:
        head = [_text_comment(line, record, written, columns) for line in head]
    return "".join(head) + "".join(written) + ("".join(after) or "")


@dataclass(slots=True)
class _Row:
    """A line's cells, the separators between them, what stands before and its end."""

    cells: list[str]
    separators: list[str]
    before: str
    end: str

    @classmethod
    def of(cls, line: str, columns: Columns) -> _Row:
        text = line.rstrip("\r\n")
        end = line[len(text) :]
        if columns.separator:
            content = text if columns.separator == "\t" else text.rstrip()
            cells = split_cells(content, columns.separator)
            return cls(cells, [columns.separator] * (len(cells) - 1), "", text[len(content) :] + end)
        content = text.strip(" \t")
        before = text[: len(text) - len(text.lstrip(" \t"))]
        parts = _BLANKS.split(content)
        return cls(parts[::2], parts[1::2], before, text[len(before) + len(content) :] + end)

    def text(self) -> str:
        pairs = zip(self.cells, [*self.separators, ""], strict=True)
        return self.before + "".join(cell + separator for cell, separator in pairs) + self.end


def _body_begin(lines: Sequence[str], columns: Columns) -> int:
    """The first token line: after blank lines, comments and document lines."""
    for i, line in enumerate(lines):
        if not line.strip() or line.startswith(DOCUMENT_START):
            continue
        if line.startswith("#") and columns.comments != "no":
            if columns.comments == "yes" or columns.kind == "conllu":
                continue
            if (
                "\t" not in line
                if columns.separator == "\t"
                else is_comment(line, columns.separator, len(columns.names))
            ):
                continue
        return i
    return len(lines)


def _is_layer(rows: Sequence[_Row], tokens: Sequence[int], column: int, columns: Columns, record: TaggedTokens) -> bool:
    """Whether the source already says what the record does: then its own way of writing it stays."""
    name = columns.names[column]
    source = tuple(rows[i].cells[column] for i in tokens)
    return to_iob2(source, columns.schemes.get(name, Scheme.PLAIN)) == record.layers[name]


def _realign(
    kept: Sequence[_Row], old: Sequence[str], record: TaggedTokens, columns: Columns, cells: Mapping[int, Sequence[str]]
) -> list[str]:
    """Lines for other tokens than the source has: those of unchanged tokens are taken over."""
    matched: dict[int, int] = {}
    for block in SequenceMatcher(None, old, record.tokens, autojunk=False).get_matching_blocks():
        matched.update({block.b + i: block.a + i for i in range(block.size)})
    numbers = {str(a + 1): str(b + 1) for b, a in matched.items()}
    written: list[str] = []
    for i in range(len(record.tokens)):
        row = _new_row(record, columns, cells, i)
        separators = [columns.separator or " "] * (len(row) - 1)
        if i in matched:
            source = kept[matched[i]]
            for column, name in enumerate(columns.names):
                if name == SKIP and not (columns.has_index and column == 0):
                    row[column] = source.cells[column]
            separators = source.separators
            if columns.kind == "conllu":
                _move_head(row, numbers)
        written.append(_Row(row, separators, "", columns.newline).text())
    return written


def _move_head(row: list[str], numbers: Mapping[str, str]) -> None:
    """Let a dependency point at its head's new number, or at nothing when the head is gone."""
    head = "0" if row[_HEAD] == "0" else numbers.get(row[_HEAD])
    if head is None:
        row[_HEAD] = row[_DEPREL] = SKIP
    else:
        row[_HEAD] = head
    row[_DEPS] = SKIP


def _text_comment(line: str, record: TaggedTokens, written: Sequence[str], columns: Columns) -> str:
    """``# text = …`` told anew from the tokens; other comments as they are."""
    if not line.startswith(_TEXT_COMMENT):
        return line
    text = " ".join(record.tokens)
    if columns.kind == "conllu":
        rows = [row.rstrip("\r\n").split("\t") for row in written]
        words = [row for row in rows if row[_ID].isdigit()]
        text = "".join(row[columns.token] + ("" if "SpaceAfter=No" in row[_MISC] else " ") for row in words).strip()
    return _TEXT_COMMENT + text + line[len(line.rstrip("\r\n")) :]
