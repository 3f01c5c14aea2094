"""The history of edits: every step with its inverse, in the database, so that undo and redo outlive the program."""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.data.edits import Change


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step: ``undone`` ones can be redone."""

    id: int
    name: str
    time: float
    undone: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an edit, an undo or a redo did.

    ``record_ids`` were changed, inserted or removed. ``structural``: records came, went or changed split, so that a
    list of ids must be read again; otherwise only the records themselves.
    """

    name: str
    record_ids: tuple[int, ...]
    removed: tuple[int, ...] = ()
    structural: bool = False


def outcome_of(name: str, changes: Sequence[Change]) -> Outcome:
    return Outcome(
        name=name,
        record_ids=tuple(change.record_id for change in changes),
        removed=tuple(change.record_id for change in changes if change.after is None),
        structural=any(c.before is None or c.after is None or "split" in c.after for c in changes),
    )


def push(connection: sqlite3.Connection, dataset_id: int, name: str, changes: Sequence[Change]) -> None:
    """Remember a new step; what was undone before it can no longer be redone."""
    connection.execute("DELETE FROM history WHERE dataset_id = ? AND undone = 1", (dataset_id,))
    connection.execute(
        "INSERT INTO history(dataset_id, name, time, changes) VALUES (?, ?, ?, ?)",
        (dataset_id, name, time.time(), _dump(changes)),
    )


def last_done(connection: sqlite3.Connection, dataset_id: int) -> tuple[int, str, list[Change]] | None:
    """The step that undo would take back."""
    row = connection.execute(
        "SELECT id, name, changes FROM history WHERE dataset_id = ? AND undone = 0 ORDER BY id DESC LIMIT 1",
        (dataset_id,),
    ).fetchone()
    return None if row is None else (row[0], row[1], _load(row[2]))


def first_undone(connection: sqlite3.Connection, dataset_id: int) -> tuple[int, str, list[Change]] | None:
    """The step that redo would do again."""
    row = connection.execute(
        "SELECT id, name, changes FROM history WHERE dataset_id = ? AND undone = 1 ORDER BY id LIMIT 1", (dataset_id,)
    ).fetchone()
    return None if row is None else (row[0], row[1], _load(row[2]))


def mark(connection: sqlite3.Connection, entry: int, *, undone: bool) -> None:
    connection.execute("UPDATE history SET undone = ? WHERE id = ?", (int(undone), entry))


def entries(connection: sqlite3.Connection, dataset_id: int, limit: int) -> list[HistoryEntry]:
    """The last steps, oldest first."""
    rows = connection.execute(
        "SELECT id, name, time, undone FROM history WHERE dataset_id = ? ORDER BY id DESC LIMIT ?", (dataset_id, limit)
    ).fetchall()
    return [HistoryEntry(row[0], row[1], row[2], bool(row[3])) for row in reversed(rows)]


LONG_BODY = 4096
"""Characters from which on the new body of a record is kept as what differs from the old one (a point of a series)."""


def _dump(changes: Sequence[Change]) -> bytes:
    plain = [[c.record_id, _plain(c.before), _shortened(c.before, _plain(c.after))] for c in changes]
    return zlib.compress(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8"), 1)


def _plain(columns: object) -> object:
    return dict(columns) if isinstance(columns, dict) else columns


def _load(data: bytes) -> list[Change]:
    return [
        Change(number, before, _restored(before, after)) for number, before, after in json.loads(zlib.decompress(data))
    ]


def _shortened(before: object, after: object) -> object:
    """``after`` with a long body as [characters kept at the beginning, what is new, characters kept at the end]."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    old, new = before.get("body"), after.get("body")
    if not (isinstance(old, str) and isinstance(new, str)) or min(len(old), len(new)) < LONG_BODY:
        return after
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    return {**after, "body": [head, new[head : len(new) - tail], tail]}


def _restored(before: Any, after: Any) -> Any:
    """The inverse of :func:`_shortened`."""
    if not isinstance(after, dict) or not isinstance(after.get("body"), list):
        return after
    head, middle, tail = after["body"]
    old = before["body"]
    return {**after, "body": old[:head] + middle + (old[len(old) - tail :] if tail else "")}


def _shared(a: str, b: str) -> int:
    """How many characters two texts have in common at their beginning: halves are compared, not characters."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
