"""Writing a small file so that a reader, or a crash, meets the old content or the new one and never half of either."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.api import WorkbenchError


def write_atomic(path: Path, text: str) -> None:
    """Write to a temporary name, sync, rename; :class:`WorkbenchError` when the disk is full or read-only."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise writing_failed(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """:func:`write_atomic` of ``value`` as indented JSON."""
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value of a JSON file, or None where there is none or it does not parse (another program wrote into it)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` durable, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def writing_failed(path: Path, error: OSError) -> WorkbenchError:
    """``error`` of the operating system in words."""
    return WorkbenchError(
        f"Cannot write: {error.strerror or error}.",
        why="The disk is full, the folder is read-only or it is gone.",
        fix="Free some space or choose another folder, then try again.",
        file=path,
    )


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an advisory lock file beside ``path``, so that two processes do not read, change and write at once."""
    try:
        import fcntl
    except ImportError:  # Windows has no flock; two windows steering one run at the same instant is not worth more
        yield
        return
    try:
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise writing_failed(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
