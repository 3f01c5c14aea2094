"""Files of pretrained word vectors (GloVe, word2vec and fastText as text), read where they lie.

Such a file has a word and its numbers on each line, perhaps after a line with how many words and dimensions there are,
and is often larger than memory. It is read once from end to end, to check it and to note where each line begins; that
index is kept in the user's cache folder. The vectors that are wanted are then read through a memory map, and no others.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import re
import zipfile
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from workbench.api import WorkbenchError
from workbench.api.files import atomic_path, explain_os_error

INDEX_VERSION = 1
_LONGEST_LINE = 1 << 20
_ENDS_BYTES = 1 << 16
_ROWS_MAPPED = 512
_BLANKS = b" \t\r\n"
_OF_NUMBERS = b"0123456789.+-eE \t\r\n"
_HEADER = re.compile(rb"(\d+)[ \t]+(\d+)[ \t]*\r?\n?")
_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class VectorFile:
    """An indexed file of ``count`` words with vectors of ``size`` dimensions; rows are counted in the file's order.

    Most files have the most frequent words first. ``fingerprint`` changes when the file does.
    """

    path: Path
    size: int
    fingerprint: str
    offsets: NDArray[np.int64]
    """(count + 1,) where each row begins, in bytes; the last entry is where the last row ends at most."""
    ends: NDArray[np.int64]
    """(count,) where each word ends in ``spelled``."""
    spelled: bytes
    """All words end to end, UTF-8."""

    @classmethod
    def open(cls, path: Path | str, *, cache: Path | None = None) -> VectorFile:
        """Open the file at ``path``, by its index in the folder ``cache`` (by default the user's) if it is there.

        :class:`WorkbenchError` with the line, when it is not such a file: packed or binary, not UTF-8, rows of unlike
        length, values that are no finite numbers, fewer rows than its first line says.
        """
        path = expand(path)
        fingerprint = fingerprint_of(path)
        folder = cache if cache is not None else Path(platformdirs.user_cache_dir("recurra", appauthor=False))
        kept = folder / "vectors" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:24]}.npz"
        found = _recall(cls, path, fingerprint, kept)
        if found is None:
            found = _index(cls, path, fingerprint)
            _keep(found, kept)
        return found

    @property
    def count(self) -> int:
        return len(self.ends)

    def words(self) -> Iterator[str]:
        """Every word, row by row."""
        start = 0
        for end in self.ends.tolist():
            yield self.spelled[start:end].decode("utf-8")
            start = end

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors (n, D) of ``rows``. :class:`WorkbenchError` with the line, where a value is no number."""
        wanted = np.asarray(rows, dtype=np.int64)
        vectors = np.empty((len(wanted), self.size), dtype=np.float32)
        if not len(wanted):
            return vectors
        try:
            with self.path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                for turn, place in enumerate(np.argsort(wanted, kind="stable").tolist()):  # in the order of the file
                    if turn % _ROWS_MAPPED == 0 and hasattr(mmap, "MADV_DONTNEED"):
                        mapped.madvise(mmap.MADV_DONTNEED)  # what was looked at need not count as memory any more
                    row = int(wanted[place])
                    line = mapped[int(self.offsets[row]) : int(self.offsets[row + 1])]
                    vectors[place] = self._values(line, int(self.offsets[row]))
        except OSError as error:
            raise explain_os_error(error, self.path, "cannot be read") from error
        return vectors

    def _values(self, line: bytes, offset: int) -> NDArray[np.float32]:
        try:
            with np.errstate(over="ignore"):
                fields = map(float, line.split()[-self.size :])
                values = np.fromiter(fields, dtype=np.float64, count=self.size).astype(np.float32)
        except ValueError as error:
            raise _not_a_number(self.path, self._line_at(offset)) from error
        if not np.isfinite(values).all():
            raise _not_a_number(self.path, self._line_at(offset))
        return values

    def _line_at(self, offset: int) -> int:
        """The line (from 1) that begins at byte ``offset``."""
        line, left = 1, offset
        with self.path.open("rb") as handle:
            while left > 0 and (piece := handle.read(min(left, 1 << 20))):
                line += piece.count(b"\n")
                left -= len(piece)
        return line


@dataclass(frozen=True, slots=True)
class Matches:
    """Which rows of a file stand for which words: ``rows`` (n,) of the known words, -1 for none; and ``others``."""

    rows: tuple[int, ...]
    others: tuple[str, ...]
    """Further words of the file, most frequent first."""
    other_rows: tuple[int, ...]


def match_words(
    file: VectorFile, known: Sequence[str], key: Callable[[str], str], *, fold: bool, more: int = 0
) -> Matches:
    """Find the words ``known`` to a vocabulary among those of ``file``, and ``more`` words of the file besides.

    ``key`` turns a word of the file into what a vocabulary would hold for it; of several words with one key the first
    counts, which in most files is the most frequent. With ``fold`` a known word that is not found takes the vector of
    a word that differs in capitals only.
    """
    exact: dict[str, int] = {}
    folded: dict[str, int] = {}
    others: dict[str, int] = {}
    wanted = set(known)
    wanted_folded = {word.lower() for word in known} if fold else set[str]()
    for row, word in enumerate(file.words()):
        read = key(word)
        if read in wanted:
            exact.setdefault(read, row)
        elif len(others) < more:
            others.setdefault(read, row)
        if fold and (low := read.lower()) in wanted_folded:
            folded.setdefault(low, row)
    rows = [exact.get(word, folded.get(word.lower(), -1) if fold else -1) for word in known]
    return Matches(tuple(rows), tuple(others), tuple(others.values()))


def expand(path: Path | str) -> Path:
    """``path`` from the root, a ``~`` at its beginning replaced by the user's folder."""
    return Path(path).expanduser().absolute()


def fingerprint_of(path: Path | str) -> str:
    """A digest of the file's size, time and both ends. :class:`WorkbenchError` if missing, packed or binary."""
    path = expand(path)
    try:
        status = path.stat()
        with path.open("rb") as handle:
            head = handle.read(_ENDS_BYTES)
            handle.seek(max(0, status.st_size - _ENDS_BYTES))
            tail = handle.read(_ENDS_BYTES)
    except OSError as error:
        raise explain_os_error(error, path, "cannot be read") from error
    _refuse_other_kinds(path, head)
    about = f"{INDEX_VERSION} {status.st_size} {status.st_mtime_ns}".encode()
    return hashlib.sha256(about + head + tail).hexdigest()[:32]


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    if not head.strip():
        raise WorkbenchError("The file is empty.", file=path, fix="Check that it was copied whole.")
    for magic, kind in _PACKED.items():
        if head.startswith(magic):
            raise WorkbenchError(
                f"The word vectors are packed ({kind}).",
                why="A packed file can only be read from its beginning, so single vectors cannot be looked up in it.",
                fix="Unpack it first, and name the file of text that was inside.",
                file=path,
            )
    if b"\0" in head:
        raise WorkbenchError(
            "These word vectors are not text.",
            why="Binary files (.bin of word2vec and fastText, .npy) and UTF-16 are not read.",
            fix="Use the file of text (.txt, .vec): a word and its numbers on each line, UTF-8.",
            file=path,
        )


# --- the index


def _index(cls: type[VectorFile], path: Path, fingerprint: str) -> VectorFile:
    """Read the file from end to end; memory grows with its words, not with their vectors."""
    offsets, ends, spelled = array("q"), array("q"), bytearray()
    offset = size = 0
    announced: tuple[int, int] | None = None
    try:
        with path.open("rb", buffering=1 << 20) as handle:
            for number, line in enumerate(iter(lambda: handle.readline(_LONGEST_LINE), b""), start=1):
                start, offset = offset, offset + len(line)
                if number == 1:
                    if line.startswith(_BYTE_ORDER_MARK):
                        start, line = start + len(_BYTE_ORDER_MARK), line[len(_BYTE_ORDER_MARK) :]
                    if header := _HEADER.fullmatch(line):
                        announced = int(header[1]), int(header[2])
                        size = announced[1]
                        continue
                if not line.strip(_BLANKS):
                    continue
                size = size or _size_of_first(path, number, line)
                word = _word_of(path, number, line, size)
                offsets.append(start)
                spelled += word
                ends.append(len(spelled))
    except OSError as error:
        raise explain_os_error(error, path, "cannot be read") from error
    if not ends:
        raise WorkbenchError("The file has no word vectors.", file=path, fix="Check that it was copied whole.")
    if announced is not None and announced[0] != len(ends):
        raise WorkbenchError(
            f"The file says it has {announced[0]:,} words, but has {len(ends):,}.",
            why="It was cut short, or several were joined.",
            fix=f'Copy it whole once more; if you changed it on purpose, write "{len(ends)} {size}" in its first line.',
            file=path,
            line=1,
        )
    offsets.append(offset)
    return cls(
        path,
        size,
        fingerprint,
        np.array(offsets, dtype=np.int64),
        np.array(ends, dtype=np.int64),
        bytes(spelled),
    )


def _size_of_first(path: Path, number: int, line: bytes) -> int:
    """The dimension, from the first line of a file without a header."""
    values = line.split()[1:]
    size = len(values)
    if all(value.translate(None, _OF_NUMBERS) for value in values) or len(line) >= _LONGEST_LINE:
        raise WorkbenchError(
            "This is not a file of word vectors.",
            why="A word and its numbers are expected on each line, with blanks between them.",
            fix="Use vectors of GloVe, word2vec or fastText as text (.txt, .vec).",
            file=path,
            line=number,
        )
    return size


def _word_of(path: Path, number: int, line: bytes, size: int) -> bytes:
    """The word of a line, which is checked: ``size`` values that look like finite numbers."""
    end = line.find(b" ")
    values = line[end:]
    blanks = values.count(b" ") - (values.endswith((b" \n", b" \r\n", b" ")))
    if end > 0 and blanks == size and not values.translate(None, _OF_NUMBERS) and b"  " not in values:
        word = line[:end]
    else:  # tabs, several blanks, words with blanks inside (". . ." of GloVe 840B), and everything that is wrong
        fields = line.rsplit(None, size)
        if len(fields) != size + 1 or len(line) >= _LONGEST_LINE or _is_number(fields[0].split()[-1:], fields[0]):
            found = len(line.split()) - 1
            raise WorkbenchError(
                f"This word has {found} numbers, the ones before it have {size}.",
                why="The file is damaged or cut short here, or another one begins.",
                fix="Copy it whole once more, or take the line out.",
                file=path,
                line=number,
            )
        if any(field.translate(None, _OF_NUMBERS) for field in fields[1:]):
            raise _not_a_number(path, number)
        word = fields[0]
    try:
        word.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WorkbenchError(
            f"The word of this line is not UTF-8 (byte 0x{word[error.start]:02x}).",
            why="The file is in another encoding, or is damaged.",
            fix="Convert it to UTF-8, or take the line out.",
            file=path,
            line=number,
        ) from error
    return word


def _is_number(last: Collection[bytes], word: bytes) -> bool:
    """Whether what should be a word with blanks inside ends in a number: then the row has too many."""
    if not last or len(word.split()) == 1:
        return False
    try:
        float(next(iter(last)))
    except ValueError:
        return False
    return True


def _not_a_number(path: Path, line: int) -> WorkbenchError:
    return WorkbenchError(
        "A value of this word's vector is not a finite number.",
        why="The file is damaged, or the training that wrote it diverged (nan, inf).",
        fix="Take the line out, or use other vectors.",
        file=path,
        line=line,
    )


def _recall(cls: type[VectorFile], path: Path, fingerprint: str, kept: Path) -> VectorFile | None:
    """The index kept in ``kept``, if it is of this file as it is now."""
    try:
        with kept.open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
            about = json.loads(bytes(arrays["about"]))
            if about.get("fingerprint") != fingerprint or about.get("version") != INDEX_VERSION:
                return None
            found = cls(
                path, int(about["size"]), fingerprint, arrays["offsets"], arrays["ends"], arrays["spelled"].tobytes()
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = len(found.offsets) == found.count + 1 and found.count and int(found.ends[-1]) == len(found.spelled)
    return found if whole else None


def _keep(file: VectorFile, kept: Path) -> None:
    about = json.dumps({"version": INDEX_VERSION, "fingerprint": file.fingerprint, "size": file.size})
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(kept) as temporary, temporary.open("wb") as handle:
            np.savez(
                handle,
                allow_pickle=False,
                about=np.frombuffer(about.encode(), dtype=np.uint8),
                offsets=file.offsets,
                ends=file.ends,
                spelled=np.frombuffer(file.spelled, dtype=np.uint8),
            )
    except (OSError, WorkbenchError):  # it only saves time
        return
