"""The stream of sentences of a column file."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from workbench_plugins.importers.conll.place import MAY_BE_BETWEEN, Place

from workbench.api import Finding, ImportedRecord, TaggedTokens, WorkbenchError
from workbench.api.batches import SentenceBatch, SpanColumns
from workbench.api.blocks import cut, portions, split_blocks
from workbench.api.schemes import Evidence, Scheme, illegal_positions, is_legal_sequence, to_iob2
from workbench.api.textfiles import TextFile

_HEAD_LINES = 8000
_ENOUGH_SPANS = 200
_MAX_PROBLEMS = 200
_MOST_SENTENCES = 1000
_FEW_SENTENCES = 50
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
        self._place = Place()
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
        span_layers = {name: schemes[name] for _, name in self._layers if schemes[name] is not Scheme.PLAIN}
        self._spans = {name: SpanColumns(scheme) for name, scheme in span_layers.items()}
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
        for batch in self.batches(_MOST_SENTENCES):
            yield from batch

    def batches(self, most: int) -> Iterator[SentenceBatch | list[ImportedRecord]]:
        """The sentences as flat columns, ``most`` at a time; those among odd lines, read line by line, in lists."""
        self._place = Place()
        for piece in self._file.pieces():
            blocks, rest = split_blocks(piece, self._file.newline)
            for portion in portions(blocks, most):
                yield from self._read(portion)
            if rest:
                yield list(self._carefully(rest))
        self.format["tail"] = self._place.before

    def _read(self, blocks: Sequence[str]) -> Iterator[SentenceBatch | list[ImportedRecord]]:
        """Some blocks, each of which a blank line ends: all at once or, where one of them is odd, in small portions."""
        if (batch := self._at_once(blocks)) is not None:
            if len(batch):
                yield batch
        elif len(blocks) > _FEW_SENTENCES:
            for portion in portions(blocks, _FEW_SENTENCES):
                yield from self._read(portion)
        else:
            blank = self._file.newline * 2
            yield list(self._carefully(blank.join(blocks) + blank))

    def _at_once(self, blocks: Sequence[str]) -> SentenceBatch | None:
        """The sentences of ``blocks``; None, and nothing read, when one of them has to be looked at line by line."""
        newline, place = self._file.newline, replace(self._place)
        blank = newline * 2
        rows: list[str] = []
        lengths: list[int] = []
        lines: list[int] = []
        documents: list[str] = []
        raws: list[str] = []
        for block in blocks:
            if block[:1] in MAY_BE_BETWEEN:
                blanks, between, block = self._skip(block, place)
                if not block:
                    place.line += 2
                    blanks, between = (blanks, between + blank) if between else (blanks + blank, "")
                if raws and not place.before:
                    raws[-1] += blanks
                else:
                    place.before += blanks
                place.before += between
                if not block:
                    continue
            length = block.count(newline) + 1
            rows.append(block)
            lengths.append(length)
            lines.append(place.line)
            documents.append(place.document)
            raws.append(f"{place.before}{block}{blank}")
            place.before = ""
            place.line += length + 1
        columns: list[list[str]] | None = [[]] * len(self._names)
        if rows:
            columns = cut(rows, self._separator, len(self._names), newline, unless=DOCUMENT_START)
        if columns is None:
            return None
        self._place = place
        tokens, layers = columns[self._token], {name: columns[column] for column, name in self._layers}
        batch = SentenceBatch(tokens, layers, lengths, lines, documents, raws)
        legal: set[str] = set()
        for name, spans in self._spans.items():
            if spans.is_legal(layers[name]):
                legal.add(name)
            else:
                for (start, end), line in zip(batch.bounds(), lines, strict=True):
                    self._check_scheme(layers[name][start:end], name, spans.scheme, line)
            if spans.scheme is not Scheme.IOB2:
                layers[name] = spans.to_iob2(layers[name])
                legal.add(name)
        return replace(batch, legal=frozenset(legal))

    def _skip(self, block: str, place: Place) -> tuple[str, str, str]:
        """The blank lines with which ``block`` begins, its comments and beginnings of documents, and its rows."""
        newline, rest = self._file.newline, block
        while rest.startswith(newline):
            rest = rest[len(newline) :]
        blanks = block[: len(block) - len(rest)]
        place.line += len(blanks) // len(newline)
        rows = rest
        while rows and rows[0] in MAY_BE_BETWEEN:
            line, end, following = rows.partition(newline)
            if not self._is_between(line + end, place):
                break
            place.line += len(end) // len(newline)
            rows = following
        return blanks, rest[: len(rest) - len(rows)], rows

    def _is_between(self, line: str, place: Place) -> bool:
        """Whether a line before a sentence is a comment or begins a document, which ``place`` then notes."""
        if line.startswith(DOCUMENT_START):
            place.begin_document()
        elif line[0] != "#" or not self._is_comment(line):
            return False
        elif line.startswith("# newdoc"):
            place.begin_document(line.partition("=")[2].strip())
        return True

    def _carefully(self, text: str) -> Iterator[ImportedRecord]:
        """The sentences of a text that ends where a sentence does, line by line."""
        place = self._place
        rows: list[str] = []
        after: list[str] = []
        first_line = place.line
        for line in io.StringIO(text, newline=""):
            number, place.line = place.line, place.line + 1
            if line.isspace():
                if rows:
                    after.append(line)
                else:
                    place.before += line
                continue
            if after or (rows and line.startswith(DOCUMENT_START)):
                yield from self._finish(rows, after, first_line, place)
                rows, after = [], []
            if not rows:
                if self._is_between(line, place):
                    place.before += line
                    continue
                first_line = number
            rows.append(line)
        if rows:
            yield from self._finish(rows, after, first_line, place)

    def _is_comment(self, line: str) -> bool:
        """Whether a line with # before a sentence is a comment."""
        if self.options.comments != "auto":
            return self.options.comments == "yes"
        return "\t" not in line if self._separator == "\t" else is_comment(line, self._separator, len(self._names))

    def _finish(self, rows: list[str], after: list[str], line: int, place: Place) -> Iterator[ImportedRecord]:
        """The sentence of ``rows``; none, but a finding, when it is bad and bad ones are to be skipped."""
        raw, place.before = "".join((place.before, *rows, *after)), ""
        columns = self._columns(rows, line)
        if columns is None:
            return
        layers: dict[str, tuple[str, ...]] = {}
        for (column, name), scheme in zip(self._layers, self._schemes, strict=True):
            self._check_scheme(columns[column], name, scheme, line)
            layers[name] = to_iob2(columns[column], scheme)
        yield ImportedRecord(TaggedTokens(columns[self._token], layers), line, place.document, raw)

    def _columns(self, rows: list[str], line: int) -> list[tuple[str, ...]] | None:
        """The columns of a sentence, line by line; None when a bad one was skipped."""
        separator, width = self._separator, len(self._names)
        if separator == "\t":
            cells = [row.rstrip("\r\n").split("\t") for row in rows]
        elif separator:
            cells = [row.rstrip(" \t\r\n").split(" ") for row in rows]
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

    def _check_scheme(self, tags: Sequence[str], name: str, scheme: Scheme, line: int) -> None:
        """Report the first tag that breaks the scheme, if any."""
        if is_legal_sequence(tags, scheme):
            return
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
