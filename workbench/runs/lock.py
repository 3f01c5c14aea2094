"""``lock.json``: which process trains a run, so that anyone can tell "running" from "interrupted"."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error
from workbench.runs.files import read_json

SCHEMA_VERSION = 1
_START_TOLERANCE_SECONDS = 2.0
"""The system derives start times from its clock, which may be set between two readings."""
_REMOTE_SILENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock; ``started`` tells it from a later process with the same pid."""

    pid: int
    started: float
    host: str

    @classmethod
    def me(cls) -> Holder:
        return cls(os.getpid(), psutil.Process().create_time(), socket.gethostname())

    def alive(self, last_sign: float = 0.0) -> bool:
        """Whether it still runs. Of another machine only ``last_sign`` (Unix seconds, of its journal) can tell."""
        if self.host != socket.gethostname():
            return time.time() - last_sign < _REMOTE_SILENCE_SECONDS
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return bool(abs(process.create_time() - self.started) < _START_TOLERANCE_SECONDS)
        except psutil.AccessDenied:
            return True
        except psutil.Error:
            return False


def read_holder(path: Path) -> Holder | None:
    """Who holds the lock at ``path``, or None."""
    data = read_json(path)
    if not isinstance(data, Mapping):
        return None
    try:
        return Holder(int(data["pid"]), float(data["started"]), str(data["host"]))
    except (KeyError, TypeError, ValueError):
        return None


class RunLock:
    """Held by the process that trains: ``with RunLock(folder.lock_path): …``. A dead holder's lock is taken over."""

    def __init__(self, path: Path, last_sign: Path | None = None) -> None:
        self._path = Path(path)
        self._last_sign = last_sign
        self._mine: Holder | None = None

    def acquire(self) -> None:
        """Take the lock; :class:`WorkbenchError` while another live process holds it."""
        me = Holder.me()
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(me)}) + "\n"
        temporary = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex}")
        try:
            temporary.write_text(text, encoding="utf-8")
            try:
                while not _create(temporary, self._path):
                    self._remove_dead_holder()
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise explain_os_error(error, self._path) from error
        self._mine = me

    def release(self) -> None:
        if self._mine is not None and read_holder(self._path) == self._mine:
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._mine = None

    def __enter__(self) -> RunLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _remove_dead_holder(self) -> None:
        holder = read_holder(self._path)
        if holder is not None and holder.alive(_modified(self._last_sign)):
            raise WorkbenchError(
                "This run is already being trained.",
                why=f"Process {holder.pid} on {holder.host} holds it.",
                fix="Follow it, or stop it first.",
                file=self._path.parent,
            )
        # Moved aside first: of two processes that find the same dead lock only one moves it.
        aside = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex}.dead")
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._path, aside)
            moved = read_holder(aside)
            if moved is not None and moved != holder:  # someone took it over in between: give it back
                with contextlib.suppress(OSError):
                    os.link(aside, self._path)
            aside.unlink(missing_ok=True)


def _create(temporary: Path, path: Path) -> bool:
    """Let ``temporary`` appear as ``path`` if nothing is there; False if something is."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "wb") as file:
            file.write(temporary.read_bytes())
    return True


def _modified(path: Path | None) -> float:
    try:
        return path.stat().st_mtime if path is not None else 0.0
    except OSError:
        return 0.0
