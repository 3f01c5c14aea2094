"""The stream of pairs of a TMX file, read piece by piece by a parser that follows no entity out of the file.

An XML file may declare entities: names for texts, for other files, or for each other a billion times over. A memory
needs none, so each declaration ends the import. Its document type (``tmx14.dtd``) is never fetched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from workbench_plugins.importers.tmx.params import TmxParams

from workbench.api import Finding, ImportedRecord, Sniff, TextPair, WorkbenchError
from workbench.api.files import explain_os_error
from workbench.api.textfiles import decode_head

_CHUNK = 1 << 16
_CODES = frozenset({"bpt", "ept", "ph", "it", "ut"})
"""Elements that hold formatting codes of the original, not text."""


@dataclass(slots=True)
class Unit:
    """A translation unit: its texts by language, the line it begins on and its bytes in the file."""

    line: int
    start: int
    end: int = 0
    texts: dict[str, str] = field(default_factory=dict)


class TmxStream:
    """Pairs in the order of the file. ``raw`` is the unit as it stands there (in UTF-8 files)."""

    def __init__(self, path: Path, options: TmxParams) -> None:
        self.path = Path(path)
        self.options = options
        self.problems: list[Finding] = []
        self.layers: dict[str, dict[str, Any]] = {}
        self.format: dict[str, Any] = {"kind": "tmx", "source": options.source, "target": options.target}
        try:
            self._size = self.path.stat().st_size
        except OSError as error:
            raise explain_os_error(error, self.path, "cannot be read") from error
        self._read = 0

    def position(self) -> tuple[int, int]:
        return min(self._read, self._size), self._size

    def __iter__(self) -> Iterator[ImportedRecord]:
        reader = _Reader(self.path)
        held = b""
        offset = 0  # of held in the file
        ended = 0  # where the last unit ended
        found = 0
        try:
            with self.path.open("rb") as file:
                while True:
                    chunk = file.read(_CHUNK)
                    self._read += len(chunk)
                    held += chunk
                    reader.feed(chunk)
                    while reader.units:
                        unit = reader.units.popleft()
                        begin = ended if found else unit.start
                        if not found:
                            self.format["head"] = _text(held[: unit.start - offset])
                        raw = _text(held[begin - offset : unit.end - offset])
                        ended = unit.end
                        pair = self._pair(unit)
                        if pair is not None:
                            found += 1
                            yield ImportedRecord(pair, unit.line, raw=raw)
                    if not chunk:
                        break
                    if found:
                        held, offset = held[ended - offset :], ended
        except OSError as error:
            raise explain_os_error(error, self.path, "cannot be read") from error
        self.format["tail"] = _text(held[ended - offset :])

    def _pair(self, unit: Unit) -> TextPair | None:
        if not self.format["source"] or not self.format["target"]:
            self._choose(unit)
        texts = [_of_language(unit.texts, self.format[side]) for side in ("source", "target")]
        source, target = texts
        if source is not None and target is not None and source.strip() and target.strip():
            return TextPair(source, target)
        missing = " and ".join(
            self.format[side] or f"the {side} language"
            for side, text in zip(("source", "target"), texts, strict=True)
            if text is None or not text.strip()
        )
        what = f"This translation unit has no text in {missing}."
        if not self.options.skip_bad:
            raise WorkbenchError(
                what,
                why=f"Its languages are: {', '.join(unit.texts) or 'none'}.",
                fix="Name source and target in the options, or leave such units out.",
                file=self.path,
                line=unit.line,
            )
        self.problems.append(Finding("tmx", "warning", what, line=unit.line))
        return None

    def _choose(self, unit: Unit) -> None:
        """The languages of the first unit, in their order, where the options name none."""
        known = list(unit.texts)
        for side, other in (("source", "target"), ("target", "source")):
            if not self.format[side]:
                rest = [code for code in known if not _matches(code, self.format[other])]
                if not rest:
                    raise WorkbenchError(
                        "This translation unit does not have two languages.",
                        why=f"It has: {', '.join(known) or 'none'}.",
                        fix="Name source and target in the options.",
                        file=self.path,
                        line=unit.line,
                    )
                self.format[side] = rest[0]


class _Reader:
    """An expat parser that collects translation units and refuses entities."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.units: deque[Unit] = deque()
        self._open: list[str] = []
        self._unit: Unit | None = None
        self._language = ""
        self._parts: list[str] | None = None
        self._skipped = 0
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._external
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self._parser = parser

    def feed(self, chunk: bytes) -> None:
        """The next bytes; none at the end. :class:`WorkbenchError` with the line where it is no XML."""
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            raise WorkbenchError(
                f"Not well-formed XML: {expat.ErrorString(error.code)}, at column {error.offset + 1}.",
                why="Inside " + " › ".join(self._open) if self._open else "",
                fix="Mend the line, or export the memory once more.",
                file=self.path,
                line=error.lineno,
            ) from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name != "tmx":
            raise WorkbenchError(
                f"This is not a translation memory: it begins with <{name}>.",
                fix="A TMX file begins with <tmx>.",
                file=self.path,
                line=self._parser.CurrentLineNumber,
            )
        self._open.append(name)
        if name == "tu":
            self._unit = Unit(self._parser.CurrentLineNumber, self._parser.CurrentByteIndex)
        elif name == "tuv":
            self._language = attributes.get("xml:lang") or attributes.get("lang") or ""
        elif name == "seg":
            self._parts = []
        elif name in _CODES:
            self._skipped += 1

    def _characters(self, text: str) -> None:
        if self._parts is not None and not self._skipped:
            self._parts.append(text)

    def _end(self, name: str) -> None:
        self._open.pop()
        if name == "seg" and self._parts is not None and self._unit is not None:
            self._unit.texts.setdefault(self._language, "".join(self._parts))
            self._parts = None
        elif name in _CODES:
            self._skipped -= 1
        elif name == "tu" and self._unit is not None:
            self._unit.end = self._parser.CurrentByteIndex + len("</tu>")
            self.units.append(self._unit)
            self._unit = None

    def _entity(self, name: str, *_about: Any) -> None:
        raise self._refused(f"This file declares the entity {name!r}.")

    def _external(self, context: str, base: str | None, system: str | None, public: str | None) -> int:
        raise self._refused(f"This file refers to something outside itself: {system or public or context}.")

    def _refused(self, what: str) -> WorkbenchError:
        return WorkbenchError(
            what,
            why="Entities can read other files or grow without bound; a translation memory needs none.",
            fix="Export the memory without a document type that declares entities.",
            file=self.path,
            line=self._parser.CurrentLineNumber,
        )


def _matches(code: str, wanted: str) -> bool:
    code, wanted = code.lower().replace("_", "-"), wanted.lower().replace("_", "-")
    return bool(wanted) and (code == wanted or code.startswith(wanted + "-"))


def _of_language(texts: dict[str, str], wanted: str) -> str | None:
    return next((text for code, text in texts.items() if _matches(code, wanted)), None)


def _text(data: bytes) -> str:
    """Bytes of the file as text; "" where they are not UTF-8, so that an export writes them anew."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def sniff(head: bytes, path: Path) -> Sniff | None:
    text = decode_head(head)
    if text is None:
        text = head.decode("utf-16", errors="ignore") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
    if "<tmx" not in text[:4000]:
        return None
    return Sniff(0.97, "It begins as a translation memory does (<tmx>).")
