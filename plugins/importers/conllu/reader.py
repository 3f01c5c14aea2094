"""The stream of sentences of a CoNLL-U file (universaldependencies.org/format)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import compress
from operator import ne
from pathlib import Path
from typing import Any

from workbench_plugins.importers.conllu.params import ConlluParams

from workbench.api import Finding, ImportedRecord, Sniff, TaggedTokens, WorkbenchError
from workbench.api.batches import BREAK, SentenceBatch
from workbench.api.blocks import cut, portions, split_blocks
from workbench.api.textfiles import TextFile, decode_head

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_LAYERS = {"lemma": 2, "upos": 3, "xpos": 4, "feats": 5, "deprel": 7}
_RANGE = re.compile(r"\d+-\d+")
_EMPTY_NODE = re.compile(r"\d+\.\d+")
_MAX_PROBLEMS = 200
_MOST_SENTENCES = 1000
_FEW_SENTENCES = 50


@dataclass(slots=True)
class _Place:
    """Where the reading of a file is."""

    line: int = 1
    raw: list[str] = field(default_factory=list)
    """Lines since the last sentence."""
    bad: bool = False
    """Whether those are of a sentence that is left out."""
    document: str = ""
    documents: int = 0

    def begin_document(self, comment: str) -> None:
        self.documents += 1
        self.document = comment.partition("=")[2].strip() or f"document {self.documents}"


@lru_cache(maxsize=1024)
def _numbers(length: int) -> str:
    return "\n".join(map(str, range(1, length + 1)))


class ConlluStream:
    """Sentences as words; multiword ranges (``3-4``) and empty nodes (``8.1``) live on in the raw text alone."""

    def __init__(self, path: Path, options: ConlluParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self._file = TextFile(self.path, options.encoding)
        self._place = _Place()
        for name in options.layers:
            if name not in _LAYERS:
                raise WorkbenchError(f"CoNLL-U has no column {name!r}.", fix=f"Choose of {', '.join(_LAYERS)}.")
        if not options.layers:
            raise WorkbenchError("Choose at least one column to learn from.", fix="For example upos.")
        self._layers = [(name, _LAYERS[name]) for name in options.layers]
        self.layers: dict[str, dict[str, Any]] = {name: {"kind": "label"} for name in options.layers}
        columns = ["_"] * len(COLUMNS)
        columns[1] = "token"
        for name, i in self._layers:
            columns[i] = name
        self.format: dict[str, Any] = {
            "kind": "conllu",
            "separator": "\t",
            "columns": columns,
            "schemes": dict.fromkeys(options.layers, "plain"),
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "has_index": True,
            "tail": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        for batch in self.batches(_MOST_SENTENCES):
            yield from batch

    def batches(self, most: int) -> Iterator[SentenceBatch | list[ImportedRecord]]:
        """The sentences as flat columns, ``most`` at a time; those among odd lines, read line by line, in lists."""
        self._place = _Place()
        for piece in self._file.pieces():
            blocks, rest = split_blocks(piece, self._file.newline)
            for portion in portions(blocks, most):
                yield from self._read(portion)
            if rest:
                yield list(self._carefully(rest))
        self.format["tail"] = "".join(self._place.raw)

    def _read(self, blocks: Sequence[str]) -> Iterator[SentenceBatch | list[ImportedRecord]]:
        """Some blocks, each of which a blank line ends: all at once or, where one of them is odd, in small portions."""
        if (batch := self._at_once(blocks)) is not None:
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
        before = "" if place.bad else "".join(place.raw)
        rows: list[str] = []
        lines: list[int] = []
        documents: list[str] = []
        raws: list[str] = []
        for block in blocks:
            sentence = block
            while sentence[:1] == "#":
                comment, _, sentence = sentence.partition(newline)
                place.line += 1
                if comment.startswith("# newdoc"):
                    place.begin_document(comment)
            if not sentence:
                return None
            rows.append(sentence)
            lines.append(place.line)
            documents.append(place.document)
            raws.append(f"{before}{block}{blank}")
            before = ""
            place.line += sentence.count(newline) + 2
        columns = cut(rows, "\t", len(COLUMNS), newline)
        if columns is None:
            return None
        numbers = columns[0]
        for name in set(numbers) - {BREAK}:
            if not (name.isdigit() or _RANGE.fullmatch(name) or _EMPTY_NODE.fullmatch(name)):
                return None
        is_word = [name == BREAK or name.isdigit() for name in numbers]
        words = "\n".join(compress(numbers, is_word)).split(f"\n{BREAK}\n")
        lengths = [sentence.count("\n") + 1 for sentence in words]
        if len(words) != len(rows) or any(map(ne, words, map(_numbers, lengths))):
            return None
        place.raw, place.bad = [], False
        self._place = place
        start = 0
        for i, sentence in enumerate(rows):  # the line of a sentence is that of its first word
            lines[i] += is_word.index(True, start) - start
            start += sentence.count(newline) + 2
        tokens, *layers = (list(compress(columns[i], is_word)) for i in (1, *(i for _, i in self._layers)))
        named = dict(zip((name for name, _ in self._layers), layers, strict=True))
        return SentenceBatch(tokens, named, lengths, lines, documents, raws)

    def _carefully(self, text: str) -> Iterator[ImportedRecord]:
        """The sentences of a text that ends where a sentence does, line by line."""
        place = self._place
        words: list[list[str]] = []
        ended = False
        first, last = place.line, 0
        for line in io.StringIO(text, newline=""):
            number, place.line = place.line, place.line + 1
            if not line.strip():
                ended = ended or bool(words)
                place.raw.append(line)
                continue
            if ended:
                yield self._record(place.raw, words, first, place.document)
            if ended or (place.bad and place.raw and not place.raw[-1].strip()):
                place.raw, words, ended, place.bad = [], [], False, False
                first, last = number, 0
            place.raw.append(line)
            if line[0] == "#":
                if line.startswith("# newdoc"):
                    place.begin_document(line)
                continue
            if place.bad:
                continue
            cells = line.rstrip("\r\n").split("\t")
            error = self._fault(cells, last, number)
            if error is not None:
                if not self.options.skip_bad:
                    raise error
                place.bad, words = True, []
                if len(self.problems) < _MAX_PROBLEMS:
                    self.problems.append(Finding("columns", "warning", f"Skipped: {error.what}", line=number))
            elif cells[0].isdigit():
                if not words:
                    first = number
                last += 1
                words.append(cells)
        if words:
            yield self._record(place.raw, words, first, place.document)
            place.raw = []

    def _record(self, raw: list[str], words: list[list[str]], line: int, document: str) -> ImportedRecord:
        columns = list(zip(*words, strict=True))
        layers = {name: columns[i] for name, i in self._layers}
        return ImportedRecord(TaggedTokens(columns[1], layers), line, document, "".join(raw))

    def _fault(self, cells: list[str], last: int, number: int) -> WorkbenchError | None:
        """What is wrong with a line after word ``last``, if anything."""
        if len(cells) != len(COLUMNS):
            return WorkbenchError(
                f"This line has {len(cells)} tab-separated columns where CoNLL-U has {len(COLUMNS)}.",
                why=f"The line is {' '.join(cells)[:80]!r}.",
                fix="Mend the line, skip bad sentences, or import the file as CoNLL columns.",
                file=self.path,
                line=number,
            )
        name = cells[0]
        if name == str(last + 1) or _RANGE.fullmatch(name) or _EMPTY_NODE.fullmatch(name):
            return None
        return WorkbenchError(
            f"The word number is {name!r} where {last + 1} was expected.",
            fix="Mend the line, skip bad sentences, or import the file as CoNLL columns.",
            file=self.path,
            line=number,
        )


def sniff(head: bytes, path: Path) -> Sniff | None:
    """How sure it is that a file is CoNLL-U."""
    text = decode_head(head)
    if text is None:
        return None
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    rows = [line.split("\t") for line in lines]
    if not rows or any(len(row) != len(COLUMNS) for row in rows) or rows[0][0] not in ("1", "1-2", "0.1"):
        # a file that calls itself CoNLL-U is not taken for something else because a line of it is broken
        named = path.suffix == ".conllu" and rows
        return Sniff(0.4, "CoNLL-U by its name, but not every line is.", {}) if named else None
    upos = {row[3] for row in rows} - {"_"}
    xpos = {row[4] for row in rows} - {"_"}
    layers = [name for name, found in (("upos", upos), ("xpos", xpos)) if found] or ["upos"]
    reason = f"CoNLL-U, {len(upos)} universal and {len(xpos)} own parts of speech."
    return Sniff(0.98 if path.suffix == ".conllu" else 0.95, reason, {"layers": layers})
