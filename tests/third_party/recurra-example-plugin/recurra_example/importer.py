"""Lines of label, tab, text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recurra_example import LinesParams
from recurra_example.records import JudgedText
from workbench.api import Finding, ImportedRecord, Sniff, WorkbenchError


def sniff(head: bytes, path: Path) -> Sniff | None:
    try:
        lines = head.decode("utf-8").splitlines()[:20]
    except UnicodeDecodeError:
        return None
    if path.suffix == ".judged" and lines and all(line.count("\t") == 1 for line in lines):
        return Sniff(0.9, "Every line is a label, a tab and a text.")
    return None


class JudgedLines:
    """Streams the records of a file; errors name file and line."""

    def __init__(self, path: Path, options: LinesParams) -> None:
        self._path, self._options = path, options
        self._read = 0
        self.format: dict[str, Any] = {"separator": "\t"}
        self.layers: dict[str, dict[str, Any]] = {"label": {"kind": "label"}}
        self.problems: list[Finding] = []

    def __iter__(self) -> Iterator[ImportedRecord]:
        try:
            with self._path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    self._read += len(raw)
                    if number == 1 and self._options.skip_header:
                        continue
                    yield self._record(number, raw)
        except OSError as error:
            raise WorkbenchError(f"Cannot be read: {error.strerror}.", file=self._path) from error

    def position(self) -> tuple[int, int]:
        return self._read, os.path.getsize(self._path)

    def _record(self, number: int, raw: bytes) -> ImportedRecord:
        try:
            line = raw.decode("utf-8")
            label, text = line.rstrip("\r\n").split("\t")
        except ValueError as error:  # a UnicodeDecodeError is one
            raise WorkbenchError(
                "Not a label, a tab and a text.", fix="Correct this line.", file=self._path, line=number
            ) from error
        return ImportedRecord(JudgedText(text, label), number, raw=line)
