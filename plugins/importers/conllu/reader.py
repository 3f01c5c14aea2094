"""The stream of sentences of a CoNLL-U file (universaldependencies.org/format)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench_plugins.importers.conllu.params import ConlluParams

from workbench.api import Finding, ImportedRecord, Sniff, TaggedTokens, WorkbenchError
from workbench.api.textfiles import TextFile, decode_head

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_LAYERS = {"lemma": 2, "upos": 3, "xpos": 4, "feats": 5, "deprel": 7}
_RANGE = re.compile(r"\d+-\d+")
_EMPTY_NODE = re.compile(r"\d+\.\d+")
_MAX_PROBLEMS = 200


class ConlluStream:
    """Sentences as words; multiword ranges (``3-4``) and empty nodes (``8.1``) live on in the raw text alone."""

    def __init__(self, path: Path, options: ConlluParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self._file = TextFile(self.path, options.encoding)
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
        raw: list[str] = []
        words: list[list[str]] = []
        ended = bad = False
        document, documents, first, last = "", 0, 1, 0
        for number, line in enumerate(self._file, start=1):
            if not line.strip():
                ended = ended or bool(words)
                raw.append(line)
                continue
            if ended:
                yield self._record(raw, words, first, document)
            if ended or (bad and raw and not raw[-1].strip()):
                raw, words, ended, bad = [], [], False, False
                first, last = number, 0
            raw.append(line)
            if line[0] == "#":
                if line.startswith("# newdoc"):
                    documents += 1
                    document = line.partition("=")[2].strip() or f"document {documents}"
                continue
            if bad:
                continue
            cells = line.rstrip("\r\n").split("\t")
            error = self._fault(cells, last, number)
            if error is not None:
                if not self.options.skip_bad:
                    raise error
                bad, words = True, []
                if len(self.problems) < _MAX_PROBLEMS:
                    self.problems.append(Finding("columns", "warning", f"Skipped: {error.what}", line=number))
            elif cells[0].isdigit():
                if not words:
                    first = number
                last += 1
                words.append(cells)
        if words:
            yield self._record(raw, words, first, document)
        else:
            self.format["tail"] = "".join(raw)

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
