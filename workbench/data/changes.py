"""Carrying out changes inside a transaction, and reading what edits need to know first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.api import Record, RecordType, StoredRecord, WorkbenchError
from workbench.data.edits import Change
from workbench.data.query import Query, where
from workbench.data.rows import (
    COLUMNS,
    INSERT_BODY,
    INSERT_RECORD,
    LabelIndex,
    Layers,
    decode_body,
    digest_of,
    encode_body,
    fold,
    problem_of,
    taken,
)

_MANY = 500  # parameters in one statement; SQLite's oldest limit is 999


def pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for begin in range(0, len(ids), _MANY):
        yield ids[begin : begin + _MANY]


def marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))


def read_records(
    connection: sqlite3.Connection, ids: Sequence[int], kinds: Mapping[int, RecordType]
) -> list[StoredRecord]:
    """Records by id, in the order asked for; ids that are gone are left out. ``kinds`` is by dataset id."""
    found: dict[int, StoredRecord] = {}
    for some in pieces(ids):
        rows = connection.execute(
            f"SELECT {COLUMNS}, r.dataset_id FROM records r JOIN bodies b ON b.id = r.id WHERE r.id IN ({marks(some)})",
            some,
        )
        while (row := rows.fetchone()) is not None:
            own, row = list(row), None  # nobody else holds its body then, which is let go of once it is parsed
            found[own[0]] = taken(own, kinds[own[8]])
    return [found[number] for number in ids if number in found]


class Context:
    """The :class:`~workbench.data.edits.EditContext` of one dataset inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, dataset_id: int, kind: RecordType, layers: Layers) -> None:
        self._connection = connection
        self._dataset_id = dataset_id
        self._kind = kind
        self._layers = layers

    @property
    def layers(self) -> Layers:
        return self._layers

    def records(self, ids: Sequence[int]) -> list[StoredRecord]:
        ids = [int(number) for number in ids]
        self._check(ids)
        return read_records(self._connection, ids, {self._dataset_id: self._kind})

    def select(self, query: Query) -> list[int]:
        condition, values = where(self._connection, self._dataset_id, self._layers, query)
        rows = self._connection.execute(f"SELECT id FROM records WHERE {condition} ORDER BY position", values)
        return [row[0] for row in rows]

    def rows(self, ids: Sequence[int]) -> list[tuple[int, dict[str, Any]]]:
        ids = [int(number) for number in ids]
        self._check(ids)
        found: list[tuple[int, dict[str, Any]]] = []
        for some in pieces(ids):
            rows = self._connection.execute(
                "SELECT r.id, r.position, r.split, r.document, r.source, hex(r.origin), b.body, b.raw, b.line"
                f" FROM records r JOIN bodies b ON b.id = r.id WHERE r.id IN ({marks(some)})",
                some,
            )
            names = ("position", "split", "document", "source", "origin", "body", "raw", "line")
            found.extend((row[0], dict(zip(names, row[1:], strict=True))) for row in rows)
        return found

    def new_record(self, record: Record, after: int | None) -> tuple[int, dict[str, Any]]:
        if self._kind.kind != record.KIND:
            raise WorkbenchError(f"A {record.KIND} record does not fit into a dataset of {self._kind.plural}.")
        number = int(self._connection.execute("SELECT value FROM meta WHERE key = 'next_id'").fetchone()[0])
        if after is None:
            last = self._connection.execute(
                "SELECT max(position) FROM records WHERE dataset_id = ?", (self._dataset_id,)
            ).fetchone()[0]
            position, shift = (0 if last is None else last + 1), False
        else:
            position, shift = self.records([after])[0].position + 1, True
        body = encode_body(record)
        columns = {"position": position, "source": -1, "origin": "", "body": body, "raw": "", "line": 0}
        return number, {**columns, "shift": shift}

    def _check(self, ids: Sequence[int]) -> None:
        missing = set(ids)
        for some in pieces(ids):
            rows = self._connection.execute(
                f"SELECT id FROM records WHERE dataset_id = ? AND id IN ({marks(some)})", (self._dataset_id, *some)
            )
            missing.difference_update(row[0] for row in rows)
        if missing:
            raise WorkbenchError(
                f"Record {min(missing)} is not in this dataset.",
                why="It was deleted, perhaps in another window.",
                fix="Reload the dataset and try again.",
            )


def carry_out(
    connection: sqlite3.Connection, dataset_id: int, kind: RecordType, layers: Layers, changes: Sequence[Change]
) -> None:
    """Do ``changes`` and bump the dataset's revision; the caller holds the transaction."""
    index = LabelIndex(connection, dataset_id)
    if len(changes) > 1 and all(set(c.before or ()) == {"split"} for c in changes if c.after is not None):
        updates = [(c.after["split"], c.record_id) for c in changes if c.after is not None and c.before is not None]
        if len(updates) == len(changes):
            connection.executemany("UPDATE records SET split = ? WHERE id = ?", updates)
            _bump(connection, dataset_id, 0)
            return
    grown = 0
    for change in changes:
        if change.after is None:
            _delete(connection, dataset_id, change)
            grown -= 1
        elif change.before is None:
            _insert(connection, dataset_id, kind, layers, index, change.record_id, change.after)
            grown += 1
        else:
            _update(connection, kind, layers, index, change.record_id, change.after)
    _bump(connection, dataset_id, grown)


def _bump(connection: sqlite3.Connection, dataset_id: int, grown: int) -> None:
    connection.execute(
        "UPDATE datasets SET revision = revision + 1, count = count + ? WHERE id = ?", (grown, dataset_id)
    )


def _delete(connection: sqlite3.Connection, dataset_id: int, change: Change) -> None:
    connection.execute("DELETE FROM records WHERE id = ?", (change.record_id,))
    if change.before is not None and change.before.get("shift"):
        connection.execute(
            "UPDATE records SET position = position - 1 WHERE dataset_id = ? AND position > ?",
            (dataset_id, change.before["position"]),
        )


def _insert(
    connection: sqlite3.Connection,
    dataset_id: int,
    kind: RecordType,
    layers: Layers,
    index: LabelIndex,
    number: int,
    columns: Mapping[str, Any],
) -> None:
    if columns.get("shift"):
        connection.execute(
            "UPDATE records SET position = position + 1 WHERE dataset_id = ? AND position >= ?",
            (dataset_id, columns["position"]),
        )
    body = columns["body"]
    record = decode_body(body, kind)
    digest = digest_of(body)
    origin = bytes.fromhex(columns["origin"]) or None
    connection.execute(
        INSERT_RECORD,
        (
            number,
            dataset_id,
            columns["position"],
            columns["split"],
            columns["document"],
            columns["source"],
            record.size(),
            int(digest != origin),
            problem_of(record, layers),
            digest,
            origin,
            index.text(record.labels()),
            fold(record.search_text()),
        ),
    )
    connection.execute(INSERT_BODY, (number, body, columns["raw"], columns["line"]))
    connection.execute("UPDATE meta SET value = max(CAST(value AS INTEGER), ?) WHERE key = 'next_id'", (number + 1,))


def _update(
    connection: sqlite3.Connection,
    kind: RecordType,
    layers: Layers,
    index: LabelIndex,
    number: int,
    columns: Mapping[str, Any],
) -> None:
    if "split" in columns:
        connection.execute("UPDATE records SET split = ? WHERE id = ?", (columns["split"], number))
    if "body" in columns:
        body = columns["body"]
        record = decode_body(body, kind)
        digest = digest_of(body)
        connection.execute(
            "UPDATE records SET size = ?, edited = (origin IS NOT ?), problem = ?, digest = ?, labels = ?, search = ?"
            " WHERE id = ?",
            (
                record.size(),
                digest,
                problem_of(record, layers),
                digest,
                index.text(record.labels()),
                fold(record.search_text()),
                number,
            ),
        )
        connection.execute("UPDATE bodies SET body = ? WHERE id = ?", (body, number))
