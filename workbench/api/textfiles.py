"""Reading text files line by line, exactly: encoding stated and never guessed, line ends kept, place known."""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal

from workbench.api.errors import WorkbenchError
from workbench.api.files import explain_os_error

Encoding = Literal[
    "utf-8", "utf-16", "latin-1", "cp1252", "iso-8859-2", "iso-8859-15", "koi8-r", "cp1251", "gb18030", "big5",
    "shift_jis", "euc-kr",
]  # fmt: skip
"""The encodings that importers offer."""

BYTE_ORDER_MARK = "\ufeff"
_HEAD_BYTES = 1 << 16
_BUFFER_BYTES = 1 << 18
_PIECE_CHARACTERS = 1 << 18


class TextFile:
    """A text file to be read once, line by line with line ends as they are (``\\n``, ``\\r\\n`` or ``\\r``).

    ``bom`` says whether it began with a byte-order mark (which lines do not contain), ``newline`` is its first line
    end. Raises :class:`WorkbenchError` for a file that is missing, empty or binary,
    and, with line and byte, for one that is not in ``encoding``.
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self.path = Path(path)
        self._begun = False
        try:
            self.size = self.path.stat().st_size
            with self.path.open("rb") as handle:
                head = handle.read(_HEAD_BYTES)
        except OSError as error:
            raise explain_os_error(error, self.path, "cannot be read") from error
        if not head:
            raise WorkbenchError("The file is empty.", file=self.path, fix="Check that it was copied whole.")
        self.encoding, self.bom = _settle_encoding(head, encoding, self.path)
        self.newline = _first_newline(head, self.encoding)
        self._raw: io.FileIO | None = None

    def __iter__(self) -> Generator[str, None, None]:
        with self._opened() as text:
            first = next(text, "")
            self._begun = True
            first = first.removeprefix(BYTE_ORDER_MARK) if self.bom else first
            if first:
                yield first
            yield from text

    def pieces(self) -> Iterator[str]:
        """The text in large pieces that end after blank lines; the last one ends with the file.

        A piece is longer than some hundred thousand characters only where the file has no blank line for so long.
        """
        blank = self.newline * 2
        with self._opened() as text:
            held = [text.read(_PIECE_CHARACTERS).removeprefix(BYTE_ORDER_MARK if self.bom else "")]
            self._begun = True
            while new := text.read(_PIECE_CHARACTERS):
                held.append(new)
                if blank not in new:
                    continue
                piece = "".join(held)
                # Further blank lines belong to the same end, so it is looked for where something follows.
                end = piece.rfind(blank, 0, len(piece.rstrip("\r\n"))) + len(blank)
                if end >= len(blank):
                    yield piece[:end]
                held = [piece[end:] if end >= len(blank) else piece]
            if rest := "".join(held):
                yield rest

    @contextlib.contextmanager
    def _opened(self) -> Iterator[io.TextIOWrapper]:
        """The decoded file with its line ends as they are, and its failures in words."""
        try:
            with self.path.open("rb", buffering=0) as raw:
                self._raw = raw
                buffered = io.BufferedReader if self.encoding.startswith("utf-16") else _NoZeroBytes
                yield io.TextIOWrapper(
                    buffered(raw, _BUFFER_BYTES), encoding=self.encoding, errors="strict", newline=""
                )
        except UnicodeDecodeError as error:
            raise self._misencoded() from error
        except _ZeroByteError as error:
            raise self._zero_byte() from error
        except OSError as error:
            raise explain_os_error(error, self.path, "cannot be read") from error
        finally:
            self._raw = None

    def position(self) -> tuple[int, int]:
        """Bytes read (in steps of a buffer) and bytes in all."""
        if self._raw is None or self._raw.closed:
            return (self.size if self._begun else 0), self.size
        return min(self._raw.tell(), self.size), self.size

    def _misencoded(self) -> WorkbenchError:
        """Find the first byte that is not in the encoding."""
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        line, offset = 1, 0
        with self.path.open("rb") as handle:
            while True:
                piece = handle.readline()
                try:
                    decoder.decode(piece, final=not piece)
                except UnicodeDecodeError as error:
                    if not piece:
                        return WorkbenchError(
                            "The file ends in the middle of a character.",
                            why="It was cut short, or is in another encoding.",
                            fix="Copy it whole once more, or choose its encoding in the import options.",
                            file=self.path,
                            line=max(1, line - 1),
                        )
                    at = offset + max(0, error.start)
                    value = piece[error.start] if error.start < len(piece) else 0
                    return WorkbenchError(
                        f"Byte {at + 1:,} (0x{value:02x}) is not {self.encoding.upper()}.",
                        why="The file is in another encoding, or is damaged.",
                        fix="Choose its encoding in the import options: latin-1 or cp1252 for Western European files, "
                        "cp1251 or koi8-r for Cyrillic, gb18030, big5, shift_jis or euc-kr for East Asian, or utf-16.",
                        file=self.path,
                        line=line,
                    )
                if not piece:
                    return WorkbenchError(f"The file is not {self.encoding.upper()}.", file=self.path)
                line += 1
                offset += len(piece)

    def _zero_byte(self) -> WorkbenchError:
        """Find the line of the first zero byte."""
        with self.path.open("rb") as handle:
            line = next((number for number, piece in enumerate(handle, start=1) if b"\0" in piece), 1)
        return WorkbenchError(
            "There is a zero byte in this line: from here on the file is not text.",
            why="A disk or a transfer damaged it, or it is binary.",
            fix="Copy it whole once more, or remove the byte.",
            file=self.path,
            line=line,
        )


class _ZeroByteError(Exception):
    """The file holds a zero byte, which no text does."""


class _NoZeroBytes(io.BufferedReader):
    """Reads a file and refuses zero bytes, which would be carried into tokens unseen."""

    def read1(self, size: int = -1, /) -> bytes:
        piece = super().read1(size)
        if b"\0" in piece:
            raise _ZeroByteError
        return piece


def decode_head(head: bytes) -> str | None:
    """The beginning of a file as text for sniffing, up to its last whole line; None if it is not UTF-8 text."""
    if b"\0" in head:
        return None
    head = head.removeprefix(codecs.BOM_UTF8)
    try:
        text = codecs.getincrementaldecoder("utf-8")("strict").decode(head, final=False)
    except UnicodeDecodeError:
        return None
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:end] if end and len(head) >= _HEAD_BYTES - 3 else text


def _settle_encoding(head: bytes, encoding: str, path: Path) -> tuple[str, bool]:
    """The codec to read with, and whether there is a byte-order mark. A mark is certain, so it overrules UTF-8."""
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            if encoding in ("utf-8", "utf-16"):
                return codec, True
            break
    if encoding == "utf-16":  # without its mark: the blanks and line ends tell the order of bytes
        big = sum(head[i : i + 2] in (b"\0 ", b"\0\n", b"\0\t") for i in range(0, len(head) - 1, 2))
        little = sum(head[i : i + 2] in (b" \0", b"\n\0", b"\t\0") for i in range(0, len(head) - 1, 2))
        return ("utf-16-be" if big > little else "utf-16-le"), False
    if b"\0" in head:
        raise WorkbenchError(
            "This is not a text file.",
            why="It contains zero bytes: a binary file, an archive, or UTF-16 without its mark.",
            fix="Unpack or convert it first, or choose utf-16 as encoding.",
            file=path,
        )
    if encoding == "utf-8" and head.startswith(codecs.BOM_UTF8):
        return "utf-8", True
    return encoding, False


def _first_newline(head: bytes, encoding: str) -> str:
    text = head.decode(encoding, errors="ignore")
    for i, character in enumerate(text):
        if character == "\n":
            return "\n"
        if character == "\r":
            return "\r\n" if text[i + 1 : i + 2] == "\n" else "\r"
    return "\n"
