"""What a dropped file or folder could be: every importer looks at its beginning and says how sure it is."""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.api import Catalogue, Importer, Sniff, WorkbenchError
from workbench.api.files import explain_os_error

_logger = logging.getLogger(__name__)

HEAD_BYTES = 1 << 16
OFFERED = ("latin-1", "cp1252", "cp1251", "koi8-r", "gb18030", "shift_jis")
"""Encodings named to somebody whose file is not in UTF-8; the importers know more."""

_WORDS = {
    "train": "train",
    "training": "train",
    "dev": "validation",
    "devel": "validation",
    "development": "validation",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "testa": "validation",
    "test": "test",
    "testb": "test",
    "testing": "test",
}
_PATTERN = re.compile(rf"(?:^|[._\-\s])({'|'.join(sorted(_WORDS, key=len, reverse=True))})(?=$|[._\-\s\d])", re.I)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One way to import some files: with which importer, as which splits, why, and how sure (0 to 1)."""

    importer: Importer
    files: tuple[tuple[Path, str], ...]
    confidence: float
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)
    dataset_name: str = ""


def split_word(path: Path) -> tuple[str, str]:
    """The split that a file's name tells ("" for none), and the name without that word and its extension."""
    name = path.name
    found = list(_PATTERN.finditer(name))
    if not found:
        return "", path.stem
    match = found[-1]
    rest = (name[: match.start()] + name[match.end() :]).strip("._- ")
    for suffix in (path.suffix,):
        if suffix and match.group(1).lower() != suffix[1:].lower():
            rest = rest.removesuffix(suffix).removesuffix(suffix[1:])
    return _WORDS[match.group(1).lower()], rest.strip("._- ")


def guess_split(path: Path) -> str:
    """``train``, ``validation``, ``test`` or "" from a file's name (train.txt, eng.testa, en_ewt-ud-dev.conllu)."""
    return split_word(path)[0]


def propose(
    catalogue: Catalogue,
    paths: Sequence[Path],
    *,
    on_error: Callable[[Importer, Exception], None] | None = None,
    encoding: str = "",
) -> list[Proposal]:
    """Ways to import ``paths`` (files, or folders of files) as one dataset, the surest first.

    A folder counts with the files that the best importer knows. An importer that fails while looking is passed over
    and reported to ``on_error``. ``encoding`` reads the files in that encoding, with the importers that have an option
    for it; without it they are UTF-8. :class:`WorkbenchError` when a path is not there.
    """
    from workbench.data.importing import name_for

    files, whole_folder = _files(paths)
    sniffed: dict[str, dict[Path, Sniff]] = {}
    importers = {
        importer.id: importer
        for importer in catalogue.importers()
        if not encoding or "encoding" in importer.params.model_fields
    }
    for path in files:
        head = _head(path)
        if encoding:
            head = head.decode(encoding, errors="ignore").encode()
        if _stand_in(head) is not None:
            continue  # its lines could be read as texts or columns, but are nobody's data
        for importer in importers.values():
            try:
                sniff: Sniff | None = importer.sniff.resolve()(head, path)
            except Exception as error:
                _logger.warning("importer %s failed while looking at %s", importer.id, path, exc_info=True)
                if on_error is not None:
                    on_error(importer, error)
                continue
            if sniff is not None and sniff.confidence > 0:
                sniffed.setdefault(importer.id, {})[path] = sniff
    proposals: list[Proposal] = []
    for name, found in sniffed.items():
        if len(found) < len(files) and not whole_folder:
            continue
        chosen = _together(found)
        sure = max(found[path].confidence for path in chosen)
        share = len(chosen) / len(files)
        best = max(chosen, key=lambda path: (found[path].confidence, path.stat().st_size))
        proposals.append(
            Proposal(
                importer=importers[name],
                files=_as_splits(chosen),
                confidence=sure if not whole_folder else sure * (0.5 + 0.5 * share),
                reason=found[best].reason,
                options={**found[best].options, **({"encoding": encoding} if encoding else {})},
                dataset_name=name_for(chosen),
            )
        )
    return sorted(proposals, key=lambda proposal: -proposal.confidence)


def explain_unknown(catalogue: Catalogue, paths: Sequence[Path]) -> WorkbenchError:
    """Why :func:`propose` has no answer for ``paths``: nothing there, binary, something else in the place of the
    data, or in an encoding that must be named.

    An encoding is never guessed silently; the one a file seems to be in is offered in the words of the import.
    """
    files, _ = _files(paths)
    known = ", ".join(importer.id for importer in catalogue.importers()) or "none"
    if not files:
        return WorkbenchError("There is no file in this folder.", fix="Check the path.", file=paths[0])
    path = next((file for file in files if _undecodable(head := _head(file)) or _stand_in(head)), files[0])
    head = _head(path)
    if (told := _stand_in(head)) is not None:
        return WorkbenchError(told[0], why=told[1], fix=told[2], file=path, line=1)
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    if not head.removeprefix(codecs.BOM_UTF8).strip():
        return WorkbenchError(
            "The file is empty." if not head else "The file holds only white space.",
            fix="Check that it was copied whole.",
            file=path,
        )
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return WorkbenchError("The file is in UTF-32.", fix="Save it as UTF-8.", file=path)
    if head.startswith(marks) or _alternating(head):
        return WorkbenchError(
            "The file seems to be in UTF-16.",
            why="It begins with the mark of UTF-16." if head.startswith(marks) else "Every other byte is zero.",
            fix=_name_encoding(catalogue, path, head, ("utf-16",)),
            file=path,
        )
    if b"\0" in head:
        return WorkbenchError(
            "This is not a text file.",
            why="It contains zero bytes: an archive, a picture, or another binary file.",
            fix="Unpack it, or convert it to text first.",
            file=path,
        )
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError as error:
        if sum(byte < 9 or 13 < byte < 32 for byte in head) * 50 > len(head):
            return WorkbenchError(
                "This is not a text file.", why="It holds bytes that no text has.", fix="Check the file.", file=path
            )
        return WorkbenchError(
            f"The file is not in UTF-8: byte {error.start + 1:,} is 0x{head[error.start]:02x}.",
            why="It is in another encoding, or is damaged.",
            fix=_name_encoding(catalogue, path, head, OFFERED),
            file=path,
            line=head.count(b"\n", 0, error.start) + 1,
        )
    if path.suffix.lower() == ".parquet" and not head.startswith(b"PAR1"):
        return WorkbenchError(
            "This is not a Parquet file, though it is named so.",
            why="A Parquet file begins with PAR1.",
            fix="Get the file once more, or name it after what it holds.",
            file=path,
        )
    return WorkbenchError(
        "No importer knows what this file is.", fix=f"Name one with --importer. There are: {known}.", file=path
    )


def _stand_in(head: bytes) -> tuple[str, str, str] | None:
    """What, why and what to do where a file holds what a server gave in the place of the data; None for others."""
    start = head[:200].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return (
            "This is a web page, not the data.",
            "A server that asks for a login, or does not have the file, answers with a page under the file's name.",
            "Open the address in a browser and save the data itself; if you mean the page, name --importer.",
        )
    if start.startswith(b"version https://git-lfs.github.com/"):
        return (
            "This is a pointer of Git LFS, not the data.",
            "The repository keeps the file elsewhere; here stand only its name and size.",
            "Run git lfs pull where it came from, or download the file itself.",
        )
    return None


def _undecodable(head: bytes) -> bool:
    """Whether a file that begins so is empty, binary or not UTF-8: of several, the one to speak of."""
    if not head or b"\0" in head:
        return True
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return True
    return False


def encodings_to_offer(paths: Sequence[Path]) -> tuple[str, ...]:
    """What the first of ``paths`` may be encoded in where it is text but not UTF-8; () where that is not the matter."""
    files, _ = _files(paths)
    head = _head(files[0]) if files else b""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ()
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (head and _alternating(head)):
        return ("utf-16",)
    if b"\0" in head or sum(byte < 9 or 13 < byte < 32 for byte in head) * 50 > len(head):
        return ()
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return OFFERED
    return ()


def _alternating(head: bytes) -> bool:
    """Whether the zero bytes lie as in UTF-16 of mostly Latin text: all at even, or all at odd places."""
    zeros = head.count(b"\0")
    return zeros * 3 > len(head) and max(head[::2].count(b"\0"), head[1::2].count(b"\0")) > 0.98 * zeros


def _name_encoding(catalogue: Catalogue, path: Path, head: bytes, encodings: Sequence[str]) -> str:
    """How to import ``path`` with an encoding named; the importer is the one that knows the decoded text."""
    first = encodings[0]
    codec = "utf-16-be" if first == "utf-16" and head[::2].count(b"\0") > head[1::2].count(b"\0") else first
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        codec = "utf-16"
    text = head.decode(codec, errors="ignore").encode()
    best: tuple[float, str] = (0.0, "IMPORTER")
    for importer in catalogue.importers():
        try:
            sniff = importer.sniff.resolve()(text, path)
        except Exception:
            _logger.debug("importer %s failed while looking at %s", importer.id, path, exc_info=True)
            continue
        if sniff is not None and sniff.confidence > best[0]:
            best = (sniff.confidence, importer.id)
    others = f", or with {', '.join(encodings[1:])} in its place" if encodings[1:] else ""
    return f"Name its encoding: --importer {best[1]} --option encoding={first}{others}; or save it as UTF-8."


def _together(found: Mapping[Path, Sniff]) -> list[Path]:
    """Of a folder's files those that are as sure as the surest: notes and licences beside the data stay out."""
    best = max(sniff.confidence for sniff in found.values())
    return [path for path, sniff in found.items() if sniff.confidence >= 0.75 * best]


def _as_splits(paths: Sequence[Path]) -> tuple[tuple[Path, str], ...]:
    """The splits by name; if two files claim one split, or only some tell, those that do not are in none."""
    order = {"train": 0, "validation": 1, "test": 2, "": 3}
    pairs = [(path, guess_split(path)) for path in paths]
    if len(pairs) == 1:
        return tuple(pairs)
    return tuple(sorted(pairs, key=lambda pair: (order[pair[1]], pair[0].name)))


def _files(paths: Sequence[Path]) -> tuple[list[Path], bool]:
    files: list[Path] = []
    folder = False
    for path in map(Path, paths):
        if path.is_dir():
            folder = True
            files.extend(sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")))
        elif path.is_file():
            files.append(path)
        else:
            raise WorkbenchError("There is no such file.", file=path, fix="Check the path.")
    return files, folder


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES)
    except OSError as error:
        raise explain_os_error(error, path, "cannot be read") from error
