"""Writing texts: the source text where nothing was changed, with the empty lines around a piece where it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.api import StoredRecord, Text, WorkbenchError


def write(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """Write ``records`` to ``path``, in the encoding and with the line ends of the file they came from.

    New pieces of several lines are parted by empty lines, as paragraphs are.
    """
    sources = [source if source.get("kind") == "text" else None for source in format.get("sources", [])]
    first = next((source for source in sources if source is not None), None)
    encoding, bom = (str(first["encoding"]), bool(first["bom"])) if first else ("utf-8", False)
    try:
        with path.open("w", encoding=encoding, newline="") as file:
            if bom:
                file.write("\ufeff")
            file.writelines(_texts(records, sources))
    except UnicodeEncodeError as error:
        raise WorkbenchError(
            f"{error.object[error.start : error.end]!r} cannot be written in {encoding}.",
            why="The data were imported from a file in that encoding, and have since got a character it lacks.",
            fix="Change the character.",
        ) from error


def _texts(records: Iterable[StoredRecord], sources: list[Mapping[str, Any] | None]) -> Iterator[str]:
    ended, blank, newline = True, True, "\n"
    for stored in records:
        if not isinstance(stored.record, Text):
            raise WorkbenchError("Only texts can be written as plain text.")
        source = sources[stored.source] if 0 <= stored.source < len(sources) else None
        newline = str(source["newline"]) if source else newline
        lines = stored.record.text.splitlines()
        if source and stored.raw and not stored.edited:
            text = stored.raw
        else:
            text = newline.join(lines)
            body = stored.raw.strip("\r\n") if source else ""
            if body:
                start = stored.raw.index(body)
                text = stored.raw[:start] + text + stored.raw[start + len(body) :]
            else:
                text += newline
        if not ended:
            yield newline
        paragraph = source is not None and source.get("unit") == "paragraph"
        if not blank and (paragraph or (source is None and len(lines) > 1)):
            yield newline  # a piece of several lines begins after an empty one
        yield text
        ended = text.endswith(("\n", "\r"))
        blank = text.endswith(newline * 2) or not (paragraph or len(lines) > 1 or not ended)
        if source is None and len(lines) > 1:
            yield newline
            blank = True
