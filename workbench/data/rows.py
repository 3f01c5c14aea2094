"""Between records and rows: what is stored of a record, and what is derived from it for filters and checks."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Any

from workbench.api import Record, RecordType, StoredRecord, TaggedTokens, WorkbenchError
from workbench.api.schemes import is_legal_sequence

Layers = Mapping[str, Mapping[str, Any]]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode

PROBLEM_SCHEME = "scheme"
PROBLEM_EMPTY = "empty"

INSERT_RECORD = (
    "INSERT INTO records(id, dataset_id, position, split, document, source, size, edited, problem, digest, origin,"
    " labels, search) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_IMPORTED = (
    "INSERT INTO records(id, dataset_id, position, split, document, source, size, edited, problem, digest, origin,"
    " labels, search) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?9, ?10, ?11)"
)
INSERT_BODY = "INSERT INTO bodies(id, body, raw, line) VALUES (?, ?, ?, ?)"


def encode_body(record: Record) -> str:
    """The record as stored: compact JSON."""
    return _encode(record.to_json())


def digest_of(body: str) -> bytes:
    """16 bytes that change when the record does."""
    return blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def fold(text: str) -> str:
    """``text`` as the search compares it: composed and without case."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def is_span_layer(layers: Layers, name: str) -> bool:
    return layers.get(name, {}).get("kind") == "span"


def problem_of(record: Record, layers: Layers) -> str:
    """The name of the first thing wrong with a record, or ""."""
    if record.size() == 0:
        return PROBLEM_EMPTY
    if isinstance(record, TaggedTokens):
        for name, tags in record.layers.items():
            if is_span_layer(layers, name) and not is_legal_sequence(tags):
                return PROBLEM_SCHEME
    return ""


class LabelIndex:
    """Numbers the labels of one dataset, so that a record's row can hold them as " 3 7 " for a quick filter."""

    def __init__(self, connection: sqlite3.Connection, dataset_id: int) -> None:
        self._connection = connection
        self._dataset_id = dataset_id
        self._known: dict[str, dict[str, str]] = {}
        rows = connection.execute("SELECT id, layer, label FROM labels WHERE dataset_id = ?", (dataset_id,))
        for number, layer, label in rows:
            self._known.setdefault(layer, {})[label] = str(number)

    def text(self, labels: Mapping[str, frozenset[str]]) -> str:
        """The row text for a record's ``labels``; new labels get a number."""
        parts: list[str] = []
        for layer, found in labels.items():
            known = self._known.setdefault(layer, {})
            try:
                parts.extend([known[label] for label in found])
            except KeyError:
                parts.extend([known.get(label) or self._add(layer, label) for label in found])
        return f" {' '.join(parts)} " if parts else ""

    def numbers(self, layer: str, labels: AbstractSet[str]) -> Mapping[str, str]:
        """The numbers of ``labels``, and of others of the layer."""
        known = self._known.setdefault(layer, {})
        for label in sorted(labels - known.keys()):
            self._add(layer, label)
        return known

    def _add(self, layer: str, label: str) -> str:
        cursor = self._connection.execute(
            "INSERT INTO labels(dataset_id, layer, label) VALUES (?, ?, ?)", (self._dataset_id, layer, label)
        )
        number = str(cursor.lastrowid)
        self._known[layer][label] = number
        return number


def decode_body(body: str, kind: RecordType, number: int = 0) -> Record:
    """The record stored as ``body``, its dataset's ``number``-th; :class:`WorkbenchError` if it is not of its type."""
    try:
        values = json.loads(body)
        del body  # see taken
        return kind.cls.from_json(values)
    except (ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(
            f"A stored {kind.title} cannot be read{f', record {number:,}' if number else ''}: {error}.",
            why="The data were changed by another program, or its plugin changed.",
            fix="Put an earlier copy of the project's data.sqlite in its place, or import the data again.",
        ) from error


COLUMNS = "r.id, r.position, r.split, r.document, r.edited, r.source, b.body, b.raw"


def taken(row: list[Any], kind: RecordType) -> StoredRecord:
    """A :class:`StoredRecord` from a row of :data:`COLUMNS` that nobody else holds.

    Its body is taken out of it, and freed as soon as it is parsed: a long series is 100 MB of text.
    """
    record = decode_body(row.pop(6), kind, row[1] + 1)
    return StoredRecord(
        id=row[0],
        position=row[1],
        split=row[2],
        document=row[3],
        edited=bool(row[4]),
        source=row[5],
        record=record,
        raw=row[6],
    )
