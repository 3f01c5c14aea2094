"""Packing a model folder into an archive, and unpacking one that a stranger may have made."""

from __future__ import annotations

import os
import shutil
import stat
import uuid
import zipfile
from pathlib import Path, PurePosixPath

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error

MANIFEST = "manifest.json"
MAX_BYTES = 16 << 30
"""Unpacked size beyond which an archive is refused."""
MAX_FILES = 1_000
_COMPRESSIBLE = {".json", ".toml", ".txt", ".md"}
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path, path: Path) -> None:
    """Write the model ``folder`` to the archive ``path``; the same folder gives the same bytes."""
    if not (folder / MANIFEST).is_file():
        raise WorkbenchError(
            "This is not a finished model.", fix="Train the run to its end, or stop it and keep the best.", file=folder
        )
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    try:
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
                # weights are noise to a compressor: stored, they cost no time
                entry.compress_type = zipfile.ZIP_DEFLATED if file.suffix in _COMPRESSIBLE else zipfile.ZIP_STORED
                entry.external_attr = (stat.S_IFREG | 0o644) << 16
                entry.file_size = file.stat().st_size  # tells zipfile when a file needs the large format
                with file.open("rb") as source, archive.open(entry, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except OSError as error:
        raise explain_os_error(error, path) from error


def unpack(path: Path, folder: Path) -> Path:
    """Unpack the archive ``path`` as the new ``folder``, which appears whole or not at all, and return it.

    Nothing is ever written outside ``folder``. :class:`WorkbenchError` for a file that is no archive, is damaged or
    holds no model; for names that lead outside, links, and archives of absurd size; and where ``folder`` is taken.
    """
    if folder.exists():
        raise WorkbenchError("There is already something here.", fix="Name a new folder.", file=folder)
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked(archive, path)
            fresh.mkdir(parents=True)
            for entry in entries:
                target = fresh.joinpath(*PurePosixPath(entry.filename).parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(archive, entry, target, path)
        os.replace(fresh, folder)
    except zipfile.BadZipFile as error:
        raise WorkbenchError(
            "This is not a whole .zip file.", why=str(error), fix="Fetch or export it again.", file=path
        ) from error
    except OSError as error:
        raise explain_os_error(error, folder) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _checked(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    names = [entry.filename for entry in entries]
    for entry in entries:
        if not _stays_inside(entry.filename):
            raise _refused(path, f"It holds a file that would be written outside its folder: {entry.filename!r}.")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _refused(path, f"It holds something that is not a plain file: {entry.filename!r}.")
        if entry.flag_bits & 1:
            raise _refused(path, "It is encrypted.")
    if len({name.casefold() for name in names}) != len(names):
        raise _refused(path, "It holds two files of one name.")
    if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise _refused(path, "It is far larger than any model.")
    if MANIFEST not in names:
        raise WorkbenchError(
            "This archive holds no model.", why=f"It has no {MANIFEST}.", fix="Choose an exported model.", file=path
        )
    return entries


def _stays_inside(name: str) -> bool:
    """A relative path of ordinary names, for POSIX and for Windows alike."""
    if not name or "\\" in name or "\x00" in name or name.startswith("/"):
        return False
    parts = name.split("/")
    return all(part not in ("", ".", "..") and ":" not in part for part in parts)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, path: Path) -> None:
    """Copy one file, stopping where it grows beyond the size the archive states for it."""
    left = entry.file_size
    with archive.open(entry) as source, target.open("xb") as out:
        while chunk := source.read(1 << 20):
            left -= len(chunk)
            if left < 0:
                raise _refused(path, f"{entry.filename!r} is larger than the archive says.")
            out.write(chunk)


def _refused(path: Path, why: str) -> WorkbenchError:
    return WorkbenchError(
        "This archive is not unpacked.", why=why, fix="Only use models from people you trust.", file=path
    )
