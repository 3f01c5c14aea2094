"""What importers, exporters, samples and data checks exchange with the host application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workbench.api.records import Record
from workbench.api.refs import Ref

SPLITS: tuple[str, ...] = ("train", "validation", "test")
"""Names of the splits; a record in none has the split ""."""


@dataclass(frozen=True, slots=True)
class Sniff:
    """An importer's proposal for a file: how sure (0 to 1), why in a sentence, and the options it would use."""

    confidence: float
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportedRecord:
    """One record of a stream; ``raw`` is its exact source text, for byte-equal export; ``line`` is 1-based."""

    record: Record
    line: int
    document: str = ""
    raw: str = ""
    split: str = ""


class ImportStream(Protocol):
    """Iterates over records; after the end ``format`` and ``layers`` describe the file for export and statistics.

    ``format`` must be JSON-able and hold what an exporter needs to write edited records as the file had them
    (columns, separators, scheme, newline, byte-order mark). ``layers`` maps a layer's name to
    {"kind": "span" | "label", "source_scheme": …}. ``problems`` are findings that did not stop the import.
    A stream of tagged sentences may also be a :class:`workbench.api.batches.BatchedStream`, which is imported faster.
    """

    format: dict[str, Any]
    layers: dict[str, dict[str, Any]]
    problems: list[Finding]

    def __iter__(self) -> Iterator[ImportedRecord]: ...

    def position(self) -> tuple[int, int]:
        """Bytes read and bytes in all, for progress."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a check found: severity "error" | "warning" | "info", in words, where, and a fix when there is one.

    ``mend`` resolves to ``(record) -> record``: what a button called ``mend_title`` does with every record of the
    dataset, as one step that Undo takes back. A record that needs no mending comes back as it is.
    """

    check: str
    severity: str
    message: str
    record_ids: tuple[int, ...] = ()
    line: int | None = None
    fix: str = ""
    mend: Ref | None = None
    mend_title: str = ""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record of the store: ``id`` is stable, ``position`` its place in the dataset, ``edited`` since the import."""

    id: int
    position: int
    split: str
    document: str
    record: Record
    raw: str = ""
    edited: bool = False
    source: int = 0
    """Which of ``format["sources"]`` it was imported from, for export; -1 for one made in the application."""
