"""The stream of lines or paragraphs of a text file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench_plugins.importers.text.params import TextParams

from workbench.api import Finding, ImportedRecord, Sniff, Text
from workbench.api.textfiles import TextFile, decode_head


class TextStream:
    """Pieces of text. Empty lines separate and are no records; they belong to the raw text of the piece before."""

    def __init__(self, path: Path, options: TextParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {}
        self._file = TextFile(self.path, options.encoding)
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
        paragraphs = self.options.unit == "paragraph"
        for number, line in enumerate(self._file, start=1):
            if line.strip():
                if lines and (not paragraphs or not raw[-1].strip()):
                    yield ImportedRecord(Text("\n".join(lines)), first, raw="".join(raw))
                    raw, lines = [], []
                if not lines:
                    first = number
                lines.append(line.rstrip("\r\n"))
            raw.append(line)
        if lines:
            yield ImportedRecord(Text("\n".join(lines)), first, raw="".join(raw))


def sniff(head: bytes, path: Path) -> Sniff | None:
    """Any text can be read as text, so this is the last resort."""
    text = decode_head(head)
    if text is None or not text.strip():
        return None
    lines = sum(1 for line in text.split("\n") if line.strip())
    return Sniff(0.3 if path.suffix in (".txt", ".text", ".md") else 0.1, f"Plain text, {lines:,} lines or more.")
