"""SQLite connections, one for each thread, and its failures in words a person can act on."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from workbench.api import WorkbenchError

BACKUP_SUFFIX = ".backup"
BUSY_TIMEOUT_MS = 15_000


def backup_path(path: Path) -> Path:
    """Where the last good copy of the store at ``path`` is kept."""
    return path.with_name(path.name + BACKUP_SUFFIX)


def explain(error: sqlite3.Error, path: Path) -> WorkbenchError:
    """What SQLite's complaint means, and what to do."""
    text = str(error)
    lowered = text.lower()
    backup = backup_path(path)
    if "full" in lowered:
        return WorkbenchError(
            "The change was not saved.",
            why="The disk is full.",
            fix="Free some space, then try again; the data are as they were before the change.",
            file=path,
        )
    if "readonly" in lowered or "read-only" in lowered:
        return read_only_error(path)
    if "locked" in lowered or "busy" in lowered:
        return WorkbenchError(
            "The data are busy.",
            why="Another window or an import is writing to this project.",
            fix="Wait for it to finish, then try again.",
            file=path,
            details=text,
        )
    if "malformed" in lowered or "not a database" in lowered or "corrupt" in lowered:
        return damaged_error(path, text)
    if "unable to open" in lowered:
        return WorkbenchError(
            "The data cannot be opened.",
            why="The file is not there or may not be read.",
            fix="Check the path and its permissions.",
            file=path,
            details=text,
        )
    if "disk i/o" in lowered:
        return WorkbenchError(
            "The disk failed while reading or writing the data.",
            why="The disk is full, was unplugged, or is failing.",
            fix=f"Check the disk. The last good copy is {backup.name}." if backup.exists() else "Check the disk.",
            file=path,
            details=text,
        )
    return WorkbenchError("The data could not be read or written.", why=text, file=path, details=text)


def read_only_error(path: Path) -> WorkbenchError:
    return WorkbenchError(
        "This project is open for reading only.",
        why="It was opened so, or you may not write to its folder.",
        fix="Copy the project to a folder of your own and open that.",
        file=path,
    )


def damaged_error(path: Path, details: str) -> WorkbenchError:
    backup = backup_path(path)
    fix = (
        f"The last good copy is {backup.name}: put it back with recurra doctor --restore {path.parent}"
        if backup.exists()
        else "There is no backup; import the data again into a new project."
    )
    why = "Its file was changed or cut short by something else: a failing disk, a broken copy, another program."
    return WorkbenchError("The project's data are damaged.", why=why, fix=fix, file=path, details=details)


def half_character(path: Path | None, line: int = 0) -> WorkbenchError:
    """The error for a text with half of a surrogate pair, which no encoding can write."""
    return WorkbenchError(
        "There is half a character in this text (a lone surrogate such as \\ud800).",
        why="The program it comes from cut a text in the middle of a character.",
        fix="Mend the text; nothing was changed.",
        file=path,
        line=line or None,
    )


class Connections:
    """Hands each thread its own connection to one database, and closes them all."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._local = threading.local()
        self._all: dict[int, tuple[threading.Thread, sqlite3.Connection]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def get(self) -> sqlite3.Connection:
        """This thread's connection, opened on first use."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and not self._closed:
            return connection
        if self._closed:
            raise WorkbenchError("The project is closed.", fix="Open it again.", file=self.path)
        try:
            connection = _connect(self.path, self.read_only)
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        with self._lock:
            for key, (thread, other) in list(self._all.items()):
                if not thread.is_alive():
                    other.close()
                    del self._all[key]
            self._all[id(connection)] = (threading.current_thread(), connection)
        self._local.connection = connection
        return connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, with SQLite's errors explained."""
        try:
            yield self.get()
        except sqlite3.Error as error:
            raise explain(error, self.path) from error

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several reads that see one state of the data, whatever is written meanwhile."""
        with self.reading() as connection:
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self, *, quiet: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction: committed and durable when the block ends well, otherwise as if it had never begun.

        ``quiet`` ones (caches) do not count as a change of the data.
        """
        if self.read_only:
            raise read_only_error(self.path)
        connection = self.get()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if not quiet:
                    connection.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'change'")
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        except UnicodeEncodeError as error:
            raise half_character(self.path) from error

    @property
    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Close every thread's connection; using the store afterwards is a :class:`WorkbenchError`."""
        with self._lock:
            self._closed = True
            for _, connection in self._all.values():
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
            self._all.clear()


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    """Open with our settings. A store in a folder that cannot be written to is read as it lies (``immutable``)."""
    if read_only and not os.access(path.parent, os.W_OK):
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    else:
        uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA mmap_size = 268435456")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            # FULL: a committed edit is on the disk even if the power fails right after.
            connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection
