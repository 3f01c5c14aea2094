"""Writing trees: the source text where nothing was changed, and otherwise brackets on one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.importers.bracketed.reader import is_wrapped

from workbench.api import LabelledTree, StoredRecord, WorkbenchError
from workbench.api.trees import format_bracketed, parse_bracketed


def write(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """Write ``records`` to ``path``, in the encoding and with the line ends of the file they came from.

    Blank lines around an edited tree stay; where a file wraps its trees in brackets without a label, so do they.
    """
    sources = [source if source.get("kind") == "bracketed" else None for source in format.get("sources", [])]
    first = next((source for source in sources if source is not None), None)
    encoding, bom = (first["encoding"], first["bom"]) if first else ("utf-8", False)
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
    ended, newline = True, "\n"
    for stored in records:
        source = sources[stored.source] if 0 <= stored.source < len(sources) else None
        if not isinstance(stored.record, LabelledTree):
            raise WorkbenchError("Only labelled trees can be written as brackets.")
        newline = str(source["newline"]) if source else newline
        text = stored.raw if source and stored.raw and not stored.edited else _written(stored, source, newline)
        if not ended:
            yield newline
        yield text
        ended = text.endswith(("\n", "\r"))


def _written(stored: StoredRecord, source: Mapping[str, Any] | None, newline: str) -> str:
    record = stored.record
    assert isinstance(record, LabelledTree)
    try:
        text = format_bracketed(record)
    except ValueError as error:
        raise WorkbenchError(
            f"Record {stored.position + 1} cannot be written in brackets: {error}.", fix="Change that word or label."
        ) from error
    raw = stored.raw
    body = raw.strip()
    if source is not None and source.get("wrapped") and (not body or is_wrapped(parse_bracketed(body))):
        text = f"({text})"
    if source is None or not body:
        return text + newline
    start = raw.index(body)
    return raw[:start] + text + raw[start + len(body) :]
