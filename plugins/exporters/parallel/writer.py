"""Writing pairs: the source text where nothing was changed, else the same with the changed side in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape as xml_escape

from workbench_plugins.importers.parallel.names import with_language
from workbench_plugins.importers.parallel.reader import split_raw

from workbench.api import StoredRecord, TextPair, WorkbenchError
from workbench.api.files import atomic_path

Records = Iterable[StoredRecord]
Format = Mapping[str, Any]
_SIDES = ("source", "target")


def write_parallel(records: Records, format: Format, layers: Any, path: Path, options: Mapping[str, Any]) -> None:
    """A source a line into ``path``, a target a line into :func:`target_path` beside it, both or neither."""
    sources = sources_of(format, "parallel")
    first = next((source for source in sources if source), {})
    boms = first.get("bom", (False, False))
    with (
        atomic_path(target_path(path, first.get("languages", ()))) as other,
        EncodedFile(path, {**first, "bom": boms[0]}) as source_file,
        EncodedFile(other, {**first, "bom": boms[1]}) as target_file,
    ):
        lines = [_Lines(side, sources) for side in (0, 1)]
        for stored in records:
            for writer, file in zip(lines, (source_file, target_file), strict=True):
                file.write(writer.line(stored))


def target_path(path: Path, languages: Sequence[str] = ()) -> Path:
    """Where the targets go when the sources go to ``path``: x.de → x.en, as they were imported; x.src → x.tgt.

    ``path`` may be the temporary name of a file that is to appear whole: its final name counts.
    """
    final = re.fullmatch(r"\.(.+)\.[0-9a-f]{12}\.tmp", path.name)
    name = path.with_name(final[1]) if final else path
    known = {"src": "tgt", "source": "target", **({languages[0]: languages[1]} if len(languages) == 2 else {})}
    for own, other in reversed(known.items()):
        found = with_language(name, other, frozenset({own}))
        if found != name:
            return found
    return name.with_name(f"{name.stem}.target{name.suffix}")


def write_tmx(records: Records, format: Format, layers: Any, path: Path, options: Mapping[str, Any]) -> None:
    """The memory it came from with the changed segments, or a plain one in TMX 1.4."""
    sources = sources_of(format, "tmx")
    first = next((source for source in sources if source), {})
    languages = (first.get("source") or "source", first.get("target") or "target")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(first.get("head") or _tmx_head(languages[0]))
        for stored in records:
            source = source_of(stored, sources)
            pair = pair_of(stored)
            if source is not None and stored.raw and not stored.edited:
                file.write(stored.raw)
                continue
            named = (source.get("source"), source.get("target")) if source else languages
            changed = _changed_unit(stored.raw, pair, named) if source is not None else None
            file.write(changed if changed is not None else _new_unit(pair, languages))
        file.write(first.get("tail") or "\n</body>\n</tmx>\n")


# -- parallel files ------------------------------------------------------------------------------------------


class _Lines:
    """The lines of one side, with the line ends of the file they came from."""

    def __init__(self, side: int, sources: list[Format | None]) -> None:
        self._side, self._sources = side, sources
        self._ended, self._newline = True, "\n"

    def line(self, stored: StoredRecord) -> str:
        source = source_of(stored, self._sources)
        self._newline = str(source["newline"]) if source is not None else self._newline
        text = getattr(pair_of(stored), _SIDES[self._side])
        raw = split_raw(stored.raw)[self._side] if source is not None and stored.raw else ""
        if raw and raw.startswith(text) and not raw[len(text) :].strip():
            line = raw  # this side was not changed
        else:
            line = " ".join(text.splitlines()) + (raw[len(raw.rstrip("\r\n")) :] if raw else self._newline)
        before = "" if self._ended else self._newline
        self._ended = line.endswith(("\n", "\r"))
        return before + line


# -- translation memories ------------------------------------------------------------------------------------

_SEGMENT = re.compile(r"(<tuv\b[^>]*?\blang\s*=\s*[\"']([^\"']+)[\"'][^>]*>.*?<seg\b[^>]*>)(.*?)(</seg>)", re.DOTALL)


def _changed_unit(raw: str, pair: TextPair, languages: tuple[Any, Any]) -> str | None:
    """``raw`` with the segments of both languages replaced; None where they are not found."""
    wanted = {str(code).lower(): text for code, text in zip(languages, (pair.source, pair.target), strict=True) if code}
    done: set[str] = set()

    def one(match: re.Match[str]) -> str:
        code = match[2].lower()
        for language, text in wanted.items():
            if language not in done and (code == language or code.startswith(language + "-")):
                done.add(language)
                return match[1] + xml_escape(text) + match[4]
        return match[0]

    changed = _SEGMENT.sub(one, raw)
    return changed if len(done) == 2 else None


def _new_unit(pair: TextPair, languages: tuple[str, str]) -> str:
    segments = "".join(
        f'\n  <tuv xml:lang="{xml_escape(code)}"><seg>{xml_escape(text)}</seg></tuv>'
        for code, text in zip(languages, (pair.source, pair.target), strict=True)
    )
    return f"\n<tu>{segments}\n</tu>"


def _tmx_head(language: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4">\n'
        f'<header creationtool="Recurra" creationtoolversion="1" segtype="sentence" o-tmf="Recurra" adminlang="en" '
        f'srclang="{xml_escape(language)}" datatype="plaintext"/>\n<body>'
    )


# -- all -----------------------------------------------------------------------------------------------------


def sources_of(format: Format, kind: str) -> list[Format | None]:
    return [source if source.get("kind") == kind else None for source in format.get("sources", [])]


def source_of(stored: StoredRecord, sources: list[Format | None]) -> Format | None:
    return sources[stored.source] if 0 <= stored.source < len(sources) else None


def pair_of(stored: StoredRecord) -> TextPair:
    if not isinstance(stored.record, TextPair):
        raise WorkbenchError("Only pairs of texts can be written as parallel text.")
    return stored.record


class EncodedFile:
    """An open text file in a format's encoding; what it cannot hold is said in words."""

    def __init__(self, path: Path, source: Format) -> None:
        self._encoding = str(source.get("encoding", "utf-8"))
        self._file = path.open("w", encoding=self._encoding, newline="")
        self._bom = bool(source.get("bom"))

    def __enter__(self) -> Any:
        if self._bom:
            self._file.write("\ufeff")
        return self._file

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self._file.close()
        except UnicodeEncodeError as late:
            error = error or late
        if isinstance(error, UnicodeEncodeError):
            raise WorkbenchError(
                f"{error.object[error.start : error.end]!r} cannot be written in {self._encoding}.",
                why="The data were imported from a file in that encoding, and have since got a character it lacks.",
                fix="Change the character.",
            ) from error
