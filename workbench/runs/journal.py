"""``journal.jsonl``: the append-only story of a run, one event a line.

A line is one ``write`` of the operating system to a file opened for appending, so once :meth:`JournalWriter.write`
returns, killing the process cannot lose it. Epochs, checkpoints and the end are also synced to disk, for the day the
power goes.
"""

from __future__ import annotations

import errno
import json
import math
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from workbench.api.errors import WorkbenchError
from workbench.api.events import (
    CheckpointSaved,
    EpochMetrics,
    Event,
    RunFinished,
    RunStarted,
    SamplePrediction,
    StepMetrics,
    event_from_json,
)
from workbench.api.files import explain_os_error, sync_folder

E = TypeVar("E", bound=Event)
_SYNCED = (RunStarted, EpochMetrics, CheckpointSaved, RunFinished)
_TO_TEXT = {math.inf: "Infinity", -math.inf: "-Infinity"}
_FROM_TEXT = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_CHUNK_BYTES = 1 << 22


class JournalWriter:
    """Appends events of one run; only the process that holds the run's lock may have one.

    Opening an existing journal goes on where it ended: a last line cut short by a crash is completed or cut off, and
    ``seq`` continues. Safe to call from several threads.
    """

    def __init__(self, path: Path, run_id: str) -> None:
        self._path = Path(path)
        self._run_id = run_id
        self._lock = threading.Lock()
        try:
            self._next_seq = _mend(self._path) + 1
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise explain_os_error(error, self._path) from error
        sync_folder(self._path.parent)

    @property
    def next_seq(self) -> int:
        return self._next_seq

    def write(self, event_cls: type[E], step: int, **values: Any) -> E:
        """Append one event and return it; :class:`WorkbenchError` when the disk is full (no half line stays)."""
        with self._lock:
            if self._descriptor < 0:
                raise WorkbenchError("The journal of this run is already closed.", file=self._path)
            event = event_cls(run_id=self._run_id, seq=self._next_seq, step=step, time=time.time(), **values)
            line = to_line(event)
            try:
                written = os.write(self._descriptor, line)
                if written != len(line):
                    # A full disk takes part of a line; take it back so that the journal stays whole.
                    os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if isinstance(event, _SYNCED):
                    os.fsync(self._descriptor)
            except OSError as error:
                raise explain_os_error(error, self._path) from error
            self._next_seq += 1
            return event

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class JournalReader:
    """Follows a journal that another process may be writing.

    ``gaps`` lists (expected seq, found seq) where lines are missing; ``damaged`` counts whole lines that are no event.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._offset = 0
        self._next_seq = 0
        self.gaps: list[tuple[int, int]] = []
        self.damaged = 0

    def poll(self) -> list[Event]:
        """Events appended since the last call; a line still being written is left for the next one."""
        events: list[Event] = []
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset = 0  # replaced by another file: read it again, events already told are skipped by seq
                file.seek(self._offset)
                while chunk := _whole_lines(file):
                    self._offset += len(chunk)
                    events.extend(self._parse(chunk))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WorkbenchError(f"Cannot read the journal: {error.strerror or error}.", file=self._path) from error
        return events

    def _parse(self, chunk: bytes) -> Iterable[Event]:
        for line in chunk.splitlines():
            if not line.strip():
                continue
            data = _load(line)
            if data is None:
                self.damaged += 1
                continue
            seq = int(data["seq"])
            if seq < self._next_seq:
                continue
            if seq > self._next_seq:
                self.gaps.append((self._next_seq, seq))
            self._next_seq = seq + 1
            try:
                event = event_from_json(data)
            except TypeError:  # an event of this type without one of its fields
                self.damaged += 1
                continue
            if event is not None:
                yield event


def read_journal(path: Path) -> list[Event]:
    """All events there are now."""
    return JournalReader(path).poll()


def without_superseded(events: Iterable[Event]) -> list[Event]:
    """Events of the training that counts: after a resume from step s, what was measured beyond s before is left out.

    The journal itself keeps everything that happened; curves and the best epoch must not show a step twice.
    """
    kept: list[Event] = []
    for event in events:
        if isinstance(event, RunStarted) and event.resumed_from_step is not None:
            resumed_from = event.resumed_from_step
            kept = [e for e in kept if not (isinstance(e, _MEASURED) and e.step > resumed_from)]
        kept.append(event)
    return kept


_MEASURED = (StepMetrics, EpochMetrics, SamplePrediction, CheckpointSaved)


def to_line(event: Event) -> bytes:
    """The journal line of ``event``. JSON has no NaN; a diverged loss is written as the text "NaN"."""
    data = event.to_json()
    for name, value in data.items():
        if isinstance(value, float) and not math.isfinite(value):
            data[name] = _TO_TEXT.get(value, "NaN")
        elif name == "metrics":
            data[name] = {
                k: v if not isinstance(v, float) or math.isfinite(v) else _TO_TEXT.get(v, "NaN")
                for k, v in value.items()
            }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


_TEXT_FIELDS = frozenset({"type", "run_id", "name", "what", "fix", "state", "reason", "device", "device_reason"})


def _load(line: bytes) -> dict[str, Any] | None:
    """The object of a line, or None when it is not one of ours."""
    try:
        data = json.loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("seq"), int):
        return None
    if b'"NaN"' in line or b'Infinity"' in line:
        for name, value in data.items():
            if isinstance(value, str) and name not in _TEXT_FIELDS:
                data[name] = _FROM_TEXT.get(value, value)
            elif name == "metrics" and isinstance(value, dict):
                data[name] = {k: _FROM_TEXT.get(v, v) if isinstance(v, str) else v for k, v in value.items()}
    return data


def _whole_lines(file: Any) -> bytes:
    """The next whole lines, some megabytes at most; empty when only a torn line or nothing is left."""
    chunk: bytes = file.read(_CHUNK_BYTES)
    end = chunk.rfind(b"\n") + 1
    while end == 0 and len(chunk) >= _CHUNK_BYTES:  # a single line longer than a chunk
        more = file.read(_CHUNK_BYTES)
        if not more:
            break
        chunk += more
        end = chunk.rfind(b"\n") + 1
    file.seek(end - len(chunk), os.SEEK_CUR)
    return chunk[:end]


def _mend(path: Path) -> int:
    """Cut what a crash left after the last whole event; return that event's ``seq`` (-1 for an empty journal)."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return -1
    end = len(content)
    while end:
        start = content.rfind(b"\n", 0, end - 1) + 1
        line = content[start:end]
        data = _load(line) if line.strip() else None
        if data is not None:
            if not line.endswith(b"\n"):  # whole but for its newline
                with path.open("ab") as file:
                    file.write(b"\n")
            elif end < len(content):
                os.truncate(path, end)
            return int(data["seq"])
        end = start
    os.truncate(path, 0)
    return -1
