"""Whole or not at all: files are written to a temporary name, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from workbench.api.errors import WorkbenchError

_CHUNK_BYTES = 1 << 20


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write ``data`` (text as UTF-8) so that a reader, or a crash, sees the old file or the new one, never a part.

    :class:`WorkbenchError` when it cannot be written; the old file is then untouched.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write into; renamed to ``path`` when the block ends well, else removed.

    ``OSError`` from the block or the renaming becomes a :class:`WorkbenchError`.
    """
    path = Path(path)
    if path.is_dir():
        raise WorkbenchError(f"{path} cannot be written.", why="It is a folder.", fix="Name a file.", file=path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a renaming in ``folder`` durable; where a folder cannot be synced (Windows), nothing is done."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def explain_os_error(error: OSError, path: Path | str, what: str = "cannot be written") -> WorkbenchError:
    """Say in words what the operating system refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why, fix = "The disk is full.", "Free some space, then try again; nothing was changed."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why, fix = "You may not write there.", "Choose another folder or change its permissions."
    elif error.errno == errno.ENOENT:
        why, fix = "The file or its folder is not there.", "Check the path."
    elif error.errno == errno.EISDIR:
        why, fix = "It is a folder.", "Name a file."
    else:
        why, fix = f"{error.strerror or error}.", "Check the path and try again."
    return WorkbenchError(f"{Path(path).name} {what}.", why=why, fix=fix, file=path)


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
