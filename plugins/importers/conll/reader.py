"""The stream of sentences of a column file."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench_plugins.importers.conll.columns import (
    DOCUMENT_START,
    SKIP,
    TOKEN,
    guess_separator,
    is_comment,
    recognise_shape,
    split_cells,
)
from workbench_plugins.importers.conll.params import ConllParams

from workbench.api import Finding, ImportedRecord, TaggedTokens, WorkbenchError
from workbench.api.schemes import Evidence, Scheme, illegal_positions, is_legal_sequence, to_iob2
from workbench.api.textfiles import TextFile

_HEAD_LINES = 8000
_ENOUGH_SPANS = 200
_MAX_PROBLEMS = 200
_SEPARATORS = {"tab": "\t", "space": " ", "whitespace": ""}


class ConllStream:
    """Sentences with their exact source text; ``-DOCSTART-`` lines and ``# newdoc`` comments begin documents.

    The text between two sentences (blank lines, comments) belongs to the one after it, blank lines right after a
    sentence to that sentence. So the raw texts, and ``format["tail"]``, put together are the file.
    """

    def __init__(self, path: Path, options: ConllParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self._file = TextFile(self.path, options.encoding)
        head = list(itertools.islice(TextFile(self.path, options.encoding), _HEAD_LINES))
        separator = guess_separator(head) if options.separator == "auto" else _SEPARATORS[options.separator]
        schemes: dict[str, Scheme] = {}
        if options.columns:
            self._names = tuple(options.columns)
        else:
            shape = recognise_shape(head, separator)
            if shape is None:
                raise self._no_columns(head)
            self._names = shape.names
        self._separator = separator
        self._token = self._token_column()
        self._layers = [(i, name) for i, name in enumerate(self._names) if name not in (SKIP, TOKEN, "")]
        schemes = self._recognise_schemes(head)
        self._schemes = [schemes[name] for _, name in self._layers]
        self.layers: dict[str, dict[str, Any]] = {
            name: {"kind": "label"}
            if schemes[name] is Scheme.PLAIN
            else {"kind": "span", "source_scheme": schemes[name].value}
            for _, name in self._layers
        }
        self.format: dict[str, Any] = {
            "kind": "conll",
            "separator": separator,
            "columns": list(self._names),
            "schemes": {name: scheme.value for name, scheme in schemes.items()},
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "has_index": self._has_index(head),
            "fill": self._fill(head),
            "comments": self.options.comments,
            "tail": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        before: list[str] = []
        rows: list[str] = []
        after: list[str] = []
        document, documents, first_line = "", 0, 1
        for number, line in enumerate(self._file, start=1):
            if line.isspace():
                (after if rows else before).append(line)
                continue
            if after:
                yield from self._finish(before, rows, after, first_line, document)
                before, rows, after = [], [], []
            if not rows:
                if line[0] == "#" and self._is_comment(line):
                    before.append(line)
                    if line.startswith("# newdoc"):
                        documents += 1
                        document = line.partition("=")[2].strip() or f"document {documents}"
                    continue
                first_line = number
            if line[0] == "-" and line.startswith(DOCUMENT_START):
                if rows:
                    yield from self._finish(before, rows, after, first_line, document)
                    before, rows = [], []
                documents += 1
                document = f"document {documents}"
                before.append(line)
                continue
            rows.append(line)
        if rows:
            yield from self._finish(before, rows, after, first_line, document)
        else:
            self.format["tail"] = "".join(before)

    def _is_comment(self, line: str) -> bool:
        """Whether a line with # before a sentence is a comment."""
        if self.options.comments != "auto":
            return self.options.comments == "yes"
        return "\t" not in line if self._separator == "\t" else is_comment(line, self._separator, len(self._names))

    def _finish(
        self, before: list[str], rows: list[str], after: list[str], line: int, document: str
    ) -> Iterator[ImportedRecord]:
        """The sentence of ``rows``; none, but a finding, when it is bad and bad ones are to be skipped."""
        text = "".join(rows)
        columns = self._quick_columns(text, len(rows)) or self._columns(rows, line)
        if columns is None:
            return
        layers: dict[str, tuple[str, ...]] = {}
        for (column, name), scheme in zip(self._layers, self._schemes, strict=True):
            tags = columns[column]
            if scheme is not Scheme.PLAIN:
                if not is_legal_sequence(tags, scheme):
                    self._report_scheme(tags, name, scheme, line)
                if scheme is not Scheme.IOB2:
                    tags = to_iob2(tags, scheme)
            layers[name] = tags
        yield ImportedRecord(
            TaggedTokens(columns[self._token], layers), line, document, "".join(before) + text + "".join(after)
        )

    def _quick_columns(self, text: str, rows: int) -> list[tuple[str, ...]] | None:
        """The columns of a sentence of well-formed lines, cut in one go; None when each line must be looked at."""
        separator, newline, width = self._separator, self._file.newline, len(self._names)
        if not separator or text.count(separator) != rows * (width - 1):
            return None
        lines = text.removesuffix(newline).split(newline)
        if len(lines) != rows or {line.count(separator) for line in lines} != {width - 1}:
            return None
        if newline == "\n" and "\r" in text:
            return None
        if separator == " " and (f" {newline}" in text or text[-1] == " " or "\t" in text):
            return None
        cells = separator.join(lines).split(separator)
        return [tuple(cells[column::width]) for column in range(width)]

    def _columns(self, rows: list[str], line: int) -> list[tuple[str, ...]] | None:
        """The columns of a sentence, line by line; None when a bad one was skipped."""
        separator, width = self._separator, len(self._names)
        if separator == "\t":
            cells = [row.rstrip("\r\n").split("\t") for row in rows]
        elif separator:
            cells = [row.rstrip().split(" ") for row in rows]
        else:
            cells = [split_cells(row.rstrip("\r\n"), "") for row in rows]
        bad = next((i for i, row in enumerate(cells) if len(row) != width), None)
        if bad is None:
            return list(zip(*cells, strict=True))
        error = WorkbenchError(
            f"This line has {len(cells[bad])} columns where {width} were expected.",
            why=f"The columns are {' '.join(self._names)}; the line is {rows[bad].strip()[:80]!r}.",
            fix="Mend the line, name the columns in the options, or skip bad sentences.",
            file=self.path,
            line=line + bad,
        )
        if not self.options.skip_bad:
            raise error
        self._report("columns", "warning", f"Skipped: {error.what}", line + bad)
        return None

    def _report_scheme(self, tags: Sequence[str], name: str, scheme: Scheme, line: int) -> None:
        position = illegal_positions(tags, scheme)[0]
        previous = tags[position - 1] if position else "the beginning"
        self._report(
            "scheme",
            "warning",
            f"{tags[position]} after {previous} breaks the {scheme.value.upper()} scheme of {name}.",
            line + position,
            "Mend labels in the dataset editor; spans are counted as conlleval does until then.",
        )

    def _report(self, check: str, severity: str, message: str, line: int, fix: str = "") -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Finding(check, severity, message, line=line, fix=fix))

    def _token_column(self) -> int:
        if self._names.count(TOKEN) == 1:
            return self._names.index(TOKEN)
        raise WorkbenchError(
            f"The columns {' '.join(self._names)} name {self._names.count(TOKEN)} times `token`.",
            fix="Name exactly one column `token`, for example `token pos chunk ner`.",
            file=self.path,
        )

    def _recognise_schemes(self, head: Sequence[str]) -> dict[str, Scheme]:
        """The scheme of every layer, from as much of the file as is needed to see enough spans."""
        chosen = None if self.options.scheme == "auto" else Scheme(self.options.scheme)
        evidence = {name: Evidence() for _, name in self._layers}
        self._gather(head, evidence)
        schemes = {name: seen.scheme() for name, seen in evidence.items()}
        doubtful = [
            n for n, seen in evidence.items() if schemes[n] is not Scheme.PLAIN and seen.spans_seen < _ENOUGH_SPANS
        ]
        if doubtful and len(head) == _HEAD_LINES and chosen is None:
            again = {name: Evidence() for name in doubtful}
            self._gather(TextFile(self.path, self.options.encoding), again)
            schemes.update({name: seen.scheme() for name, seen in again.items()})
        if chosen is not None:
            schemes = {n: s if s is Scheme.PLAIN else chosen for n, s in schemes.items()}
        return schemes

    def _gather(self, lines: Sequence[str] | TextFile, evidence: dict[str, Evidence]) -> None:
        columns = [(i, evidence[name]) for i, name in self._layers if name in evidence]
        tags: list[list[str]] = [[] for _ in columns]
        width = len(self._names)
        for line in lines:
            if not line.strip() or line.startswith(DOCUMENT_START):
                for (_, seen), column in zip(columns, tags, strict=True):
                    seen.update(column)
                    column.clear()
                if all(seen.spans_seen >= _ENOUGH_SPANS for _, seen in columns):
                    return
                continue
            text = line.rstrip("\r\n") if self._separator == "\t" else line.rstrip()
            cells = split_cells(text, self._separator)
            if len(cells) == width:
                for (i, _), column in zip(columns, tags, strict=True):
                    column.append(cells[i])
        for (_, seen), column in zip(columns, tags, strict=True):
            seen.update(column)

    def _has_index(self, head: Sequence[str]) -> bool:
        shape = recognise_shape(head, self._separator)
        return shape is not None and shape.has_index and self._token != 0

    def _fill(self, head: Sequence[str]) -> list[str]:
        """What a column that is not used mostly holds: it fills the lines of new tokens."""
        width = len(self._names)
        cells = [split_cells(line.strip(), self._separator) for line in head[:500] if line.strip()]
        columns = zip(*(row for row in cells if len(row) == width), strict=True)
        common = [Counter(column).most_common(1)[0][0] for column in columns] or [SKIP] * width
        return [c if c in ("-", "O") else SKIP for c in common]

    def _no_columns(self, head: Sequence[str]) -> WorkbenchError:
        """Say what is wrong with a file that does not look like columns: the first line that differs, if any."""
        first = next((i for i, line in enumerate(head, start=1) if line.strip()), 1)
        return WorkbenchError(
            "No columns of tokens and labels were recognised.",
            why=f"The first line of text is {head[first - 1].strip()[:80]!r}." if head else "",
            fix="Expected are lines such as “London NNP B-LOC”, one token each, with a blank line after a sentence. "
            "Name the columns in the options, or choose another importer.",
            file=self.path,
            line=first,
        )
