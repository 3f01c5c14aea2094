"""Writing tagged sentences in columns: the source text where nothing was changed, and otherwise only what was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench_plugins.exporters.conll.render import Columns, fresh_columns, render_new, rerender
from workbench_plugins.importers.conll.columns import DOCUMENT_START

from workbench.api import StoredRecord, TaggedTokens, WorkbenchError

_KINDS = ("conll", "conllu")


def write(
    records: Iterable[StoredRecord],
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
    path: Path,
    options: Mapping[str, Any],
) -> None:
    """Write ``records`` to ``path``.

    Records of a column file keep their own columns, schemes, separators and line ends. Others are written with a
    token column and one for each layer, in IOB2. ``options``: ``scheme`` rewrites all span layers in that scheme
    ("iob1", "iob2", "iobes", "bilou"), and then nothing is taken over as it was.
    """
    sources = [source if source.get("kind") in _KINDS else None for source in format.get("sources", [])]
    first = next((source for source in sources if source is not None), None)
    encoding, bom = (first["encoding"], first["bom"]) if first else ("utf-8", False)
    scheme = options.get("scheme")
    known = [Columns.of(source, layers) if source else None for source in sources]
    fallback = next((columns for columns in known if columns is not None), None) or fresh_columns(layers)
    try:
        with path.open("w", encoding=encoding, newline="") as file:
            if bom:
                file.write("\ufeff")
            file.writelines(_texts(records, known, sources, fallback, scheme))
    except UnicodeEncodeError as error:
        raise WorkbenchError(
            f"{error.object[error.start : error.end]!r} cannot be written in {encoding}.",
            why="The data were imported from a file in that encoding, and have since got a character it lacks.",
            fix="Change the character, or export as JSON Lines.",
        ) from error


def _texts(
    records: Iterable[StoredRecord],
    known: list[Columns | None],
    sources: list[Mapping[str, Any] | None],
    fallback: Columns,
    scheme: str | None,
) -> Iterator[str]:
    """The texts that make up the file; what followed the last sentence of a source comes after it again."""
    previous, end, newline = -1, "", fallback.newline
    for stored in records:
        columns = known[stored.source] if 0 <= stored.source < len(known) else None
        if not isinstance(stored.record, TaggedTokens):
            raise WorkbenchError("Only tagged sentences can be written as CoNLL columns.")
        if columns is None or not stored.raw:
            text = render_new(stored.record, fallback, scheme)
        elif stored.edited or scheme:
            text = rerender(stored.raw, stored.record, columns, scheme)
        else:
            text = stored.raw
        if stored.source != previous:
            tail = _tail(sources, previous)
            yield tail
            end, previous = tail or end, stored.source
        if end and not text.startswith(DOCUMENT_START):
            yield _missing_end(end, newline)
        yield text
        end, newline = text[-8:], (columns or fallback).newline
    yield _tail(sources, previous)


def _tail(sources: list[Mapping[str, Any] | None], source: int) -> str:
    found = sources[source] if 0 <= source < len(sources) else None
    return str(found.get("tail", "")) if found else ""


def _missing_end(text: str, newline: str) -> str:
    """What a sentence lacks so that another may follow: the last one of a file may end without a blank line."""
    if not text.endswith(("\n", "\r")):
        return newline * 2
    last = text.removesuffix("\n").removesuffix("\r").replace("\r", "\n").rpartition("\n")[2]
    return newline if last.strip() else ""
