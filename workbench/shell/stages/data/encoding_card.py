"""A file that is not in UTF-8: its encoding is asked for, beside what the text would read like, and never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout

from workbench.api import WorkbenchError
from workbench.shell.widgets import Button, ErrorCard, Muted, Text

PREVIEW_BYTES = 1 << 16
PREVIEW_CHARACTERS = 70
_TITLES = {
    "utf-16": "UTF-16",
    "latin-1": "Latin-1: Western Europe",
    "cp1252": "Windows-1252: Western Europe",
    "cp1251": "Windows-1251: Cyrillic",
    "koi8-r": "KOI8-R: Russian",
    "gb18030": "GB18030: Chinese",
    "shift_jis": "Shift JIS: Japanese",
}


class EncodingCard(ErrorCard):
    """``chosen(encoding)`` when the person has settled on one."""

    chosen = Signal(str)

    def __init__(self, error: WorkbenchError, path: Path, encodings: Sequence[str]) -> None:
        told = WorkbenchError(
            error.what,
            why=error.why,
            fix="Choose the encoding in which the line below reads right, or save the file as UTF-8.",
            file=error.file,
            line=error.line,
            details=error.details,
        )
        super().__init__(told)
        self._head = _head_of(path)
        self.encoding = QComboBox()
        self.encoding.setAccessibleName("Encoding of the file")
        self.encoding.setMinimumHeight(28)
        for name in encodings:
            self.encoding.addItem(_TITLES.get(name, name), name)
        self.preview = Text("")
        self.read_button = Button("Read in this encoding", kind="primary", on_click=self._choose)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.encoding)
        row.addWidget(self.read_button)
        row.addStretch(1)
        self.body.insertWidget(self.body.count() - 2, Muted("What the file says, so read:"))
        self.body.insertWidget(self.body.count() - 2, self.preview)
        self.body.insertLayout(self.body.count() - 2, row)
        self.encoding.currentIndexChanged.connect(self._show)
        self._show()

    def _show(self, _index: int = 0) -> None:
        self.preview.setText(preview(self._head, str(self.encoding.currentData())))

    def _choose(self) -> None:
        self.chosen.emit(str(self.encoding.currentData()))


def preview(head: bytes, encoding: str) -> str:
    """The stretch of text around the first character that is not ASCII, on one line."""
    text = head.decode(encoding, errors="replace")
    at = next((i for i, character in enumerate(text) if not character.isascii() and character != "\ufeff"), 0)
    begin = max(0, at - PREVIEW_CHARACTERS // 2)
    return " ".join(text[begin : begin + PREVIEW_CHARACTERS].split()) or "(nothing)"


def _head_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(PREVIEW_BYTES)
    except OSError:
        return b""
