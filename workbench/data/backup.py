"""The last good copy of a store: made when it is closed after changes, offered when the store is damaged."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error, sync_folder
from workbench.data.connection import backup_path, damaged_error

_logger = logging.getLogger(__name__)


def check(connection: sqlite3.Connection, path: Path) -> None:
    """:class:`WorkbenchError` offering the backup when the database is damaged."""
    rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    if rows != [("ok",)]:
        raise damaged_error(path, "; ".join(str(row[0]) for row in rows))


def change_count(connection: sqlite3.Connection) -> int:
    """How many transactions have changed this store, by any process."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'change'").fetchone()
    return int(row[0]) if row else 0


def is_current(path: Path, change: int) -> bool:
    """Whether the backup of the store at ``path`` holds the state after ``change`` transactions."""
    backup = backup_path(path)
    if not backup.exists():
        return False
    try:
        with contextlib.closing(
            sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as connection:
            return change_count(connection) == change
    except sqlite3.Error:
        return False


def make(source: sqlite3.Connection, path: Path) -> bool:
    """Copy the store to its backup and check the copy before it replaces the old one. False when it did not work.

    A backup is a kindness: that it fails (a full disk) is logged and never stops the closing of a project.
    """
    target = backup_path(path)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            check(copy, path)
        temporary.replace(target)
        sync_folder(target.parent)
    except (sqlite3.Error, OSError, WorkbenchError) as error:
        _logger.warning("no backup of %s was made: %s", path, error)
        return False
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def restore(path: Path) -> Path:
    """Put the backup in the place of a damaged store, which is kept beside it; returns where the damaged one lies."""
    backup = backup_path(path)
    if not backup.exists():
        raise WorkbenchError("There is no backup to restore.", file=path, fix="Import the data into a new project.")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with (
            contextlib.closing(sqlite3.connect(backup)) as source,
            contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as copy,
        ):
            check(source, path)
            source.backup(copy)
        if path.exists():
            path.replace(aside)
        for suffix in ("-wal", "-shm"):
            leftover = path.with_name(path.name + suffix)
            if leftover.exists():
                leftover.replace(aside.with_name(aside.name + suffix))
        temporary.replace(path)
        sync_folder(path.parent)
    except sqlite3.Error as error:
        raise WorkbenchError("The backup cannot be read either.", file=backup, details=str(error)) from error
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return aside
