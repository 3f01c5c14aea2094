"""The stream of lines or paragraphs of a text file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench_plugins.importers.text.params import TextParams

from workbench.api import SPLITS, Finding, ImportedRecord, Sniff, Text
from workbench.api.textfiles import TextFile, decode_head

FEW_BLOCKS = 5
"""Parts between empty lines from which on a text is proposed as paragraphs."""
LONG_FILE = 20_000
"""Bytes from which on a text is proposed to be divided by position."""

OTHER_FORMATS = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".tmx", ".po", ".pot", ".conllu"})
"""Endings of tables and markup, which are not read as plain text unless that importer is named."""


class TextStream:
    """Pieces of text. Empty lines separate and are no records; they belong to the raw text of the piece before."""

    def __init__(self, path: Path, options: TextParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {}
        self._file = TextFile(self.path, options.encoding)
        shares = [] if options.divide == "no" else [int(share) for share in options.divide.split("/")]
        self._bounds = [self._file.size * bound / 100 for bound in itertools.accumulate(shares)]
        """The bytes at which the splits end."""
        self.format: dict[str, Any] = {
            "kind": "text",
            "unit": options.unit,
            "newline": self._file.newline,
            "bom": self._file.bom,
            "encoding": self._file.encoding,
            "tail": "",
        }

    def position(self) -> tuple[int, int]:
        return self._file.position()

    def __iter__(self) -> Iterator[ImportedRecord]:
        raw: list[str] = []
        lines: list[str] = []
        first = 1
        begin = place = 0
        paragraphs = self.options.unit == "paragraph"
        for number, line in enumerate(self._file, start=1):
            if line.strip():
                if lines and (not paragraphs or not raw[-1].strip()):
                    yield ImportedRecord(Text("\n".join(lines)), first, raw="".join(raw), split=self._split(begin))
                    raw, lines = [], []
                if not lines:
                    first, begin = number, place
                lines.append(line.rstrip("\r\n"))
            raw.append(line)
            if self._bounds:
                place += len(line.encode(self._file.encoding, "surrogatepass"))
        if lines:
            yield ImportedRecord(Text("\n".join(lines)), first, raw="".join(raw), split=self._split(begin))

    def _split(self, place: int) -> str:
        """The split of a piece that begins at byte ``place``: whole pieces, so that none is cut in two."""
        if not self._bounds:
            return ""
        return next((split for split, bound in zip(SPLITS, self._bounds, strict=True) if place < bound), SPLITS[-1])


def sniff(head: bytes, path: Path) -> Sniff | None:
    """Any text can be read as text, so this is the last resort; paragraphs and a division where the text looks so."""
    if path.suffix.lower() in OTHER_FORMATS:
        return None  # who brings a broken table wants to be told so, not to find its lines as texts
    text = decode_head(head)
    if text is None or not text.strip():
        return None
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    lines = sum(1 for line in text.split("\n") if line.strip())
    options: dict[str, str] = {}
    reason = f"Plain text, {lines:,} lines or more."
    if len(blocks) >= FEW_BLOCKS and lines >= 1.5 * len(blocks):
        options["unit"] = "paragraph"
        reason = f"Plain text with empty lines between its parts, {len(blocks):,} or more."
    if path.is_file() and path.stat().st_size >= LONG_FILE:
        options["divide"] = "90/5/5"
        reason += " Unless its name says a split: the first 90 % to train, then 5 % and 5 %."
    return Sniff(0.3 if path.suffix in (".txt", ".text", ".md") else 0.1, reason, options)
