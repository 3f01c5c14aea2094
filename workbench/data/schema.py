"""The tables of ``data.sqlite``, their version, and the steps from older versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from workbench.api import WorkbenchError
from workbench.data.connection import damaged_error

SCHEMA_VERSION = 1

APPLICATION_ID = 0x52435552  # "RCUR": tells our files from other SQLite databases

# `records` is narrow so that filtering and counting read little; what a page of the editor shows lies in `bodies`.
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE datasets (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    record TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,
    count INTEGER NOT NULL DEFAULT 0,
    format TEXT NOT NULL DEFAULT '{}',
    layers TEXT NOT NULL DEFAULT '{}',
    created TEXT NOT NULL,
    deleted TEXT
);
CREATE UNIQUE INDEX datasets_name ON datasets(name) WHERE deleted IS NULL;
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    split TEXT NOT NULL,
    document TEXT NOT NULL,
    source INTEGER NOT NULL,
    size INTEGER NOT NULL,
    edited INTEGER NOT NULL,
    problem TEXT NOT NULL,
    digest BLOB NOT NULL,
    origin BLOB,
    labels TEXT NOT NULL,
    search TEXT NOT NULL
);
CREATE INDEX records_order ON records(dataset_id, position, split);
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY REFERENCES records(id) ON DELETE CASCADE,
    body TEXT NOT NULL,
    raw TEXT NOT NULL,
    line INTEGER NOT NULL
);
CREATE TABLE labels (
    id INTEGER PRIMARY KEY,
    dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
    layer TEXT NOT NULL,
    label TEXT NOT NULL,
    UNIQUE (dataset_id, layer, label)
);
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    time REAL NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    changes BLOB NOT NULL
);
CREATE INDEX history_order ON history(dataset_id, undone, id);
CREATE TABLE cache (
    dataset_id INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (dataset_id, name)
) WITHOUT ROWID;
"""

Migration = Callable[[sqlite3.Connection], None]

MIGRATIONS: Mapping[int, Migration] = MappingProxyType({})
"""``MIGRATIONS[n]`` takes a database from version n to n + 1, inside the transaction of :func:`migrate`."""


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty store of the present version (in one transaction)."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.executemany(
            "INSERT INTO meta(key, value) VALUES (?, ?)",
            [("schema_version", str(SCHEMA_VERSION)), ("change", "0"), ("next_id", "1")],
        )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def read_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of an opened database; :class:`WorkbenchError` for one that is not ours, or is newer."""
    if path.stat().st_size == 0:
        raise damaged_error(path, "The file is empty.")
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'meta'").fetchone()
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() if found else None
    if row is None:
        raise WorkbenchError(
            "This database was not written by Recurra.", why="It holds other tables.", fix="Check the path.", file=path
        )
    if not str(row[0]).isdigit():
        raise damaged_error(path, f"Its schema_version is {row[0]!r}.")
    version = int(row[0])
    if version > SCHEMA_VERSION:
        raise WorkbenchError(
            f"This project was written by a newer version (schema {version}; this one reads up to {SCHEMA_VERSION}).",
            fix="Update Recurra to open it.",
            file=path,
        )
    return version


def migrate(connection: sqlite3.Connection, version: int, migrations: Mapping[int, Migration] = MIGRATIONS) -> None:
    """Bring an older database up to date, all steps in one transaction."""
    if version >= SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, SCHEMA_VERSION):
            migrations[step](connection)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(SCHEMA_VERSION),))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
