"""The dataset store of a project: one SQLite database, used from any thread, by several processes at once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workbench.api import SPLITS, RecordType, StoredRecord, WorkbenchError
from workbench.api.records import BUILT_IN_RECORD_TYPES
from workbench.data import backup, history, schema
from workbench.data.changes import Context, carry_out, read_records
from workbench.data.connection import Connections, backup_path, explain
from workbench.data.edits import Edit
from workbench.data.history import HistoryEntry, Outcome
from workbench.data.query import Query, where
from workbench.data.rows import COLUMNS, taken
from workbench.data.statistics import DatasetStatistics, compute_statistics

EVERYTHING = Query()


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A dataset. ``revision`` grows with every change; ``layers`` as in :class:`workbench.api.io.ImportStream`.

    ``format`` is {"importer": id, "sources": [what each imported file needs for export, …]}.
    """

    id: int
    name: str
    record: str
    count: int
    revision: int
    format: Mapping[str, Any]
    layers: Mapping[str, Mapping[str, Any]]
    created: str


class DatasetStore:
    """Datasets, their records, edits and history. Every change is one durable transaction (WAL, synchronous FULL).

    Open with :meth:`open` or :meth:`create`. ``read_only`` stores answer every question and refuse every change.
    Failures of the disk or the database are :class:`WorkbenchError`.
    """

    def __init__(self, connections: Connections, record_types: Iterable[RecordType]) -> None:
        self._connections = connections
        self._kinds = {kind.kind: kind for kind in (*BUILT_IN_RECORD_TYPES, *record_types)}
        self._infos: tuple[int, dict[int, DatasetInfo]] = (-1, {})
        self._hashes: dict[tuple[int, int, str | None], str] = {}

    # -- opening and closing ---------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, *, record_types: Iterable[RecordType] = ()) -> Self:
        """A new, empty store at ``path``, which must not exist yet."""
        path = Path(path)
        if path.exists():
            raise WorkbenchError("There is already a database here.", fix="Open it, or choose another name.", file=path)
        try:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("PRAGMA page_size = 8192")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                schema.create_tables(connection)
        except sqlite3.Error as error:
            raise explain(error, path) from error
        return cls.open(path, record_types=record_types)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False, record_types: Iterable[RecordType] = ()) -> Self:
        """Open an existing store, checked for damage; for reading only where its file may not be written to."""
        path = Path(path)
        if not path.is_file():
            if backup_path(path).is_file():
                raise WorkbenchError(
                    "The project's data are gone.",
                    why="Their file is not there, but the last good copy of it is.",
                    fix=f"Put the copy back with recurra doctor --restore {path.parent}",
                    file=path,
                )
            raise WorkbenchError("There is no such database.", fix="Check the path.", file=path)
        connections = Connections(path, read_only=read_only or not _writable(path))
        try:
            with connections.reading() as connection:
                version = schema.read_version(connection, path)
                backup.check(connection, path)
                if not connections.read_only:
                    schema.migrate(connection, version)
                elif version < schema.SCHEMA_VERSION:
                    raise WorkbenchError(
                        "This project was written by an older version and is open for reading only.",
                        fix="Open it once for writing, so that it can be brought up to date.",
                        file=path,
                    )
        except BaseException:
            connections.close()
            raise
        return cls(connections, record_types)

    @property
    def path(self) -> Path:
        return self._connections.path

    @property
    def read_only(self) -> bool:
        return self._connections.read_only

    @property
    def connections(self) -> Connections:
        """For the other modules of this room."""
        return self._connections

    def close(self, *, keep_backup: bool = True) -> None:
        """Close all connections; a store that was changed leaves a checked backup beside it first."""
        if self._connections.is_closed:
            return
        try:
            if keep_backup and not self.read_only:
                self.back_up()
        finally:
            self._connections.close()

    def back_up(self) -> bool:
        """Bring the backup up to date; False when that was not possible (the reason is logged)."""
        with self._connections.reading() as connection:
            if backup.is_current(self.path, backup.change_count(connection)):
                return True
            return backup.make(connection, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def data_version(self) -> int:
        """Grows with every change of anything by anyone: what a window watches to notice another one's edits."""
        with self._connections.reading() as connection:
            return backup.change_count(connection)

    # -- record types ----------------------------------------------------------------------------------------------

    def add_record_types(self, record_types: Iterable[RecordType]) -> None:
        """Make further kinds of records known (those that task plugins declare)."""
        self._kinds.update({kind.kind: kind for kind in record_types})

    def record_type(self, kind: str) -> RecordType:
        try:
            return self._kinds[kind]
        except KeyError:
            raise WorkbenchError(
                f"Records of the kind {kind!r} cannot be read.",
                why="The plugin that brought them is not installed or is switched off.",
                fix="Install or enable it.",
                file=self.path,
            ) from None

    # -- datasets --------------------------------------------------------------------------------------------------

    def datasets(self) -> list[DatasetInfo]:
        """All datasets, oldest first."""
        return list(self._read_infos().values())

    def dataset(self, name_or_id: str | int) -> DatasetInfo:
        """One dataset; :class:`WorkbenchError` naming those there are."""
        infos = self._read_infos()
        if isinstance(name_or_id, int) and name_or_id in infos:
            return infos[name_or_id]
        for info in infos.values():
            if info.name == name_or_id:
                return info
        known = ", ".join(info.name for info in infos.values()) or "none yet"
        raise WorkbenchError(f"There is no dataset {name_or_id!r}.", fix=f"Datasets here: {known}.", file=self.path)

    def _read_infos(self) -> dict[int, DatasetInfo]:
        with self._connections.reading() as connection:
            change = backup.change_count(connection)
            if self._infos[0] == change and not connection.in_transaction:
                return self._infos[1]
            rows = connection.execute(
                "SELECT id, name, record, count, revision, format, layers, created FROM datasets"
                " WHERE deleted IS NULL ORDER BY id"
            ).fetchall()
            infos = {
                r[0]: DatasetInfo(r[0], r[1], r[2], r[3], r[4], json.loads(r[5]), json.loads(r[6]), r[7]) for r in rows
            }
            if not connection.in_transaction:
                self._infos = (change, infos)
            return infos

    def create_dataset(
        self,
        name: str,
        record: str,
        *,
        format: Mapping[str, Any] | None = None,
        layers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> DatasetInfo:
        """An empty dataset for records of the kind ``record``."""
        self.record_type(record)
        with self._connections.writing() as connection:
            number = create_dataset_row(connection, name, record, format or {}, layers or {})
        return self.dataset(number)

    def unused_name(self, name: str) -> str:
        """``name``, or ``name 2`` and so on where it is taken."""
        taken = {info.name for info in self.datasets()}
        candidates = (name if i == 1 else f"{name} {i}" for i in range(1, len(taken) + 2))
        return next(candidate for candidate in candidates if candidate not in taken)

    def rename_dataset(self, dataset_id: int, name: str) -> None:
        """:class:`WorkbenchError` when the name is taken or empty."""
        self.dataset(dataset_id)
        with self._connections.writing() as connection:
            _check_name(connection, name, dataset_id)
            connection.execute("UPDATE datasets SET name = ? WHERE id = ?", (name, dataset_id))

    def delete_dataset(self, dataset_id: int) -> None:
        """Put a dataset out of sight; :meth:`restore_dataset` brings it back, :meth:`purge` frees its space."""
        self.dataset(dataset_id)
        with self._connections.writing() as connection:
            connection.execute("UPDATE datasets SET deleted = ? WHERE id = ?", (_now(), dataset_id))

    def restore_dataset(self, dataset_id: int) -> DatasetInfo:
        """Undo :meth:`delete_dataset`."""
        with self._connections.writing() as connection:
            row = connection.execute("SELECT name FROM datasets WHERE id = ?", (dataset_id,)).fetchone()
            if row is None:
                raise WorkbenchError("That dataset is gone for good.", file=self.path)
            _check_name(connection, row[0], dataset_id)
            connection.execute("UPDATE datasets SET deleted = NULL WHERE id = ?", (dataset_id,))
        return self.dataset(dataset_id)

    def purge(self) -> int:
        """Remove deleted datasets for good; returns how many."""
        with self._connections.writing() as connection:
            return connection.execute("DELETE FROM datasets WHERE deleted IS NOT NULL").rowcount

    # -- reading ---------------------------------------------------------------------------------------------------

    def ids(self, dataset_id: int, query: Query = EVERYTHING) -> NDArray[np.int64]:
        """The ids of the records that fit ``query``, in the order of the dataset."""
        layers = self.dataset(dataset_id).layers
        with self._connections.reading() as connection:
            condition, values = where(connection, dataset_id, layers, query)
            cursor = connection.execute(f"SELECT id FROM records WHERE {condition} ORDER BY position", values)
            return np.fromiter((row[0] for row in cursor), dtype=np.int64)

    def get(self, ids: Iterable[int]) -> list[StoredRecord]:
        """Records by id, in the order asked for; those that no longer exist are left out."""
        wanted = [int(number) for number in ids]
        kinds = self._dataset_kinds()
        with self._connections.reading() as connection:
            return read_records(connection, wanted, kinds)

    def iterate(self, dataset_id: int, split: str | None = None) -> Iterator[StoredRecord]:
        """The records of a split (None: all) in order, as one unchanging snapshot, read bit by bit."""
        kind = self.record_type(self.dataset(dataset_id).record)
        condition = "r.dataset_id = ?" if split is None else "r.dataset_id = ? AND r.split = ?"
        values = (dataset_id,) if split is None else (dataset_id, split)
        with self._connections.reading() as connection:
            cursor = connection.execute(
                f"SELECT {COLUMNS} FROM records r JOIN bodies b ON b.id = r.id WHERE {condition} ORDER BY r.position",
                values,
            )
            try:
                while (row := cursor.fetchone()) is not None:
                    own, row = list(row), None  # nobody else holds its body then: see taken
                    yield taken(own, kind)
            finally:
                cursor.close()

    def _dataset_kinds(self) -> dict[int, RecordType]:
        return {info.id: self.record_type(info.record) for info in self.datasets() if info.record in self._kinds}

    def labels(self, dataset_id: int, layer: str) -> list[str]:
        """The labels in use in a layer, sorted; entity types, without B and I, for a span layer."""
        with self._connections.snapshot() as connection:
            layers = self.dataset(dataset_id).layers
            return labels_in_use(connection, dataset_id, layers, layer)

    def split_counts(self, dataset_id: int) -> dict[str, int]:
        """Records in each split, in the order train, validation, test, none; empty splits are left out."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT split, count(*) FROM records WHERE dataset_id = ? GROUP BY split", (dataset_id,)
            )
            counts = dict(rows.fetchall())
        return {split: counts[split] for split in (*SPLITS, "") if split in counts}

    def content_hash(self, dataset_id: int, split: str | None = None) -> str:
        """A SHA-256 over the records of a split (None: all) in order: equal contents, equal hash. Kept by revision."""
        info = self.dataset(dataset_id)
        key = (dataset_id, info.revision, split)
        if key not in self._hashes:
            condition = "" if split is None else " AND split = ?"
            values: tuple[Any, ...] = (dataset_id,) if split is None else (dataset_id, split)
            digest = hashlib.sha256(info.record.encode())
            with self._connections.reading() as connection:
                for (part,) in connection.execute(
                    f"SELECT digest FROM records WHERE dataset_id = ?{condition} ORDER BY position", values
                ):
                    digest.update(part)
            self._hashes = {k: v for k, v in self._hashes.items() if k[0] != dataset_id or k[1] == info.revision}
            self._hashes[key] = digest.hexdigest()
        return self._hashes[key]

    def statistics(self, dataset_id: int) -> DatasetStatistics:
        """Counts, lengths, labels, vocabulary and duplicates; computed once for every revision."""
        info = self.dataset(dataset_id)
        with self._connections.reading() as connection:
            row = connection.execute(
                "SELECT value FROM cache WHERE dataset_id = ? AND name = 'statistics' AND revision = ?",
                (dataset_id, info.revision),
            ).fetchone()
        if row is not None:
            return DatasetStatistics.from_json(json.loads(row[0]))
        with self._connections.snapshot() as connection:
            found = compute_statistics(connection, info.id, info.layers, self.record_type(info.record))
        if not self.read_only:
            with contextlib.suppress(WorkbenchError), self._connections.writing(quiet=True) as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO cache(dataset_id, name, revision, value) VALUES (?, 'statistics', ?, ?)",
                    (dataset_id, info.revision, json.dumps(found.to_json(), ensure_ascii=False)),
                )
        return found

    # -- editing ---------------------------------------------------------------------------------------------------

    def apply(self, dataset_id: int, edit: Edit) -> Outcome:
        """Carry out an edit as one durable step of the history; what was undone before can no longer be redone.

        An edit that changes nothing leaves no step. :class:`WorkbenchError` when it does not fit the data.
        """
        info = self.dataset(dataset_id)
        kind = self.record_type(info.record)
        with self._connections.writing() as connection:
            changes = edit.changes(Context(connection, dataset_id, kind, info.layers))
            if changes:
                carry_out(connection, dataset_id, kind, info.layers, changes)
                history.push(connection, dataset_id, edit.name, changes)
        return history.outcome_of(edit.name, changes)

    def undo(self, dataset_id: int) -> Outcome | None:
        """Take the last step back; None when there is none."""
        info = self.dataset(dataset_id)
        with self._connections.writing() as connection:
            step = history.last_done(connection, dataset_id)
            if step is None:
                return None
            entry, name, changes = step
            inverse = [change.inverse() for change in reversed(changes)]
            carry_out(connection, dataset_id, self.record_type(info.record), info.layers, inverse)
            history.mark(connection, entry, undone=True)
        return history.outcome_of(name, inverse)

    def redo(self, dataset_id: int) -> Outcome | None:
        """Do the step last undone again; None when there is none."""
        info = self.dataset(dataset_id)
        with self._connections.writing() as connection:
            step = history.first_undone(connection, dataset_id)
            if step is None:
                return None
            entry, name, changes = step
            carry_out(connection, dataset_id, self.record_type(info.record), info.layers, changes)
            history.mark(connection, entry, undone=False)
        return history.outcome_of(name, changes)

    def history(self, dataset_id: int, limit: int = 200) -> list[HistoryEntry]:
        """The last steps, oldest first; undone ones come last."""
        with self._connections.reading() as connection:
            return history.entries(connection, dataset_id, limit)

    def can_undo(self, dataset_id: int) -> str:
        """The name of the step that undo would take back, or ""."""
        return self._step_name(dataset_id, undone=False)

    def can_redo(self, dataset_id: int) -> str:
        """The name of the step that redo would do again, or ""."""
        return self._step_name(dataset_id, undone=True)

    def _step_name(self, dataset_id: int, *, undone: bool) -> str:
        with self._connections.reading() as connection:
            row = connection.execute(
                "SELECT name FROM history WHERE dataset_id = ? AND undone = ?"
                f" ORDER BY id {'ASC' if undone else 'DESC'} LIMIT 1",
                (dataset_id, int(undone)),
            ).fetchone()
        return "" if row is None else str(row[0])

    def assign_splits(
        self,
        dataset_id: int,
        method: str = "random",
        fractions: Sequence[float] = (0.8, 0.1, 0.1),
        seed: int = 7,
    ) -> Outcome:
        """Divide the dataset anew, as an edit that can be undone. See :func:`workbench.data.splits.divide`."""
        from workbench.data.splits import divide

        return self.apply(dataset_id, divide(self, dataset_id, method, fractions, seed))


def labels_in_use(
    connection: sqlite3.Connection, dataset_id: int, layers: Mapping[str, Mapping[str, Any]], layer: str
) -> list[str]:
    """Sorted labels of ``layer`` that occur in at least one record."""
    from workbench.api.schemes import parse_tag

    names = dict(
        connection.execute("SELECT id, label FROM labels WHERE dataset_id = ? AND layer = ?", (dataset_id, layer))
    )
    used: set[int] = set()
    for (text,) in connection.execute("SELECT DISTINCT labels FROM records WHERE dataset_id = ?", (dataset_id,)):
        used.update(map(int, text.split()))
    found = {names[number] for number in used if number in names}
    if layers.get(layer, {}).get("kind") == "span":
        found = {parse_tag(tag)[1] for tag in found if parse_tag(tag)[0] != "O"}
    return sorted(found)


def create_dataset_row(
    connection: sqlite3.Connection,
    name: str,
    record: str,
    format: Mapping[str, Any],
    layers: Mapping[str, Mapping[str, Any]],
) -> int:
    """Add a dataset inside the caller's transaction; its id."""
    _check_name(connection, name, None)
    cursor = connection.execute(
        "INSERT INTO datasets(name, record, format, layers, created) VALUES (?, ?, ?, ?, ?)",
        (name, record, json.dumps(format, ensure_ascii=False), json.dumps(layers, ensure_ascii=False), _now()),
    )
    if cursor.lastrowid is None:
        raise WorkbenchError("The dataset could not be made.")
    return cursor.lastrowid


def _check_name(connection: sqlite3.Connection, name: str, own: int | None) -> None:
    if not name.strip():
        raise WorkbenchError("A dataset needs a name.")
    row = connection.execute("SELECT id FROM datasets WHERE name = ? AND deleted IS NULL", (name,)).fetchone()
    if row is not None and row[0] != own:
        raise WorkbenchError(f"There is already a dataset {name!r}.", fix="Choose another name.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _writable(path: Path) -> bool:
    import os

    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
