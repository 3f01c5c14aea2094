"""The worker as the shell sees it: a process that has torch, spoken to in lines of JSON.

Callbacks are called from this object's own threads, one at a time; whoever has a user interface passes them on to it
(a queue, a signal). Nothing here blocks the caller: writing happens in a thread too.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.api import Params, Runner, WorkbenchError, validate
from workbench.runs.exits import describe_exit

log = logging.getLogger(__name__)
Message = Mapping[str, Any]
WORKER_COMMAND = ("-m", "workbench.cli.worker")
ENDINGS = frozenset({"result", "error", "cancelled"})
_TAIL_BYTES = 8192


class Handle:
    """A job that was handed over. ``wait`` is for command line and tests; a user interface listens to messages."""

    def __init__(
        self, job_id: str, name: str, on_message: Callable[[Message], None], cancel: Callable[[], None]
    ) -> None:
        self.id = job_id
        self.name = name
        self.last: Message | None = None
        """The message the job ended with: its ``kind`` is "result", "error" or "cancelled"."""
        self._on_message = on_message
        self._cancel = cancel
        self._ended = threading.Event()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ask the worker to end this job; it answers "cancelled", or the result if that was sooner."""
        if not self.ended:
            self._cancel()

    def wait(self, timeout: float | None = None) -> Any:
        """The result's value; raises the job's :class:`WorkbenchError`, or :class:`TimeoutError`."""
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the worker has not answered {self.name!r} yet")
        last = self.last or {}
        if last.get("kind") == "result":
            return last.get("value")
        raise error_of(last)

    def deliver(self, message: Message) -> None:
        """Pass a message on; what the callback raises must not end the reader thread."""
        ending = message.get("kind") in ENDINGS
        if ending:
            self.last = message
        try:
            self._on_message(message)
        except Exception:
            log.exception("a callback of job %s (%s) failed", self.id, self.name)
        if ending:
            self._ended.set()


def error_of(message: Message) -> WorkbenchError:
    """The error of an "error" or "cancelled" message."""
    if message.get("kind") == "cancelled":
        return WorkbenchError("The job was cancelled.")
    data = message.get("error")
    return WorkbenchError.from_dict(data if isinstance(data, Mapping) else message)


class WorkerProcess:
    """One worker process, from :meth:`start` to its death; for another one make another object."""

    def __init__(
        self,
        *,
        command: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        log_path: Path | None = None,
        on_ready: Callable[[Message], None] | None = None,
        on_exit: Callable[[int, str], None] | None = None,
    ) -> None:
        """``command`` defaults to this interpreter's worker; ``log_path`` receives what it writes to stderr."""
        self._command = list(command) or [sys.executable, *WORKER_COMMAND]
        self._environment = worker_environment(environment or {})
        self._log_path = log_path
        self._on_ready = on_ready
        self._on_exit = on_exit
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs: dict[str, Handle] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._ready = threading.Event()
        self._exited = threading.Event()
        self._closing = False
        self.ready_message: Message | None = None

    @classmethod
    def from_runner(cls, runner: Runner, values: Mapping[str, Any] | None = None, **options: Any) -> WorkerProcess:
        """The worker a runner plugin starts: its factory turns its options into a command and an environment."""
        params: Params = validate(runner.params, dict(values or {}), where=runner.id)
        command, environment = runner.factory.resolve()(params)
        return cls(command=tuple(command), environment=environment, **options)

    def start(self) -> WorkerProcess:
        """Spawn the process; returns at once. :class:`WorkbenchError` when it cannot be started at all."""
        if self._process is not None:
            raise WorkbenchError("This worker was already started.", fix="Make another one.")
        try:
            stderr = self._open_log()
            with stderr:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=self._environment,
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            raise WorkbenchError(
                f"The worker process cannot be started: {error.strerror or error}.",
                why=f"The command was: {' '.join(self._command)}",
                fix="Check the runner's settings, or run: recurra doctor",
            ) from error
        for name, target in (("worker-reader", self._read), ("worker-writer", self._write)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        return self._process is not None and not self._exited.is_set()

    @property
    def ready(self) -> bool:
        """Whether it is warm (torch imported, devices known) and alive."""
        return self._ready.is_set() and self.alive

    @property
    def training(self) -> bool:
        """Whether a training was handed to it and has not ended."""
        with self._lock:
            return any(handle.name == "train" for handle in self._jobs.values())

    @property
    def log_path(self) -> Path | None:
        return self._log_path

    def wait_ready(self, timeout: float) -> bool:
        """Wait until it is warm or dead; True if warm."""
        self._ready.wait(timeout)
        return self.ready

    def submit(self, job: Mapping[str, Any], on_message: Callable[[Message], None] | None = None) -> Handle:
        """Hand a job over (``{"job": NAME, …}``); before the worker is warm it waits in line there.

        Every job ends with exactly one of "result", "error" and "cancelled", also when the worker dies.
        """
        handle = self._register(str(job.get("job", "")), on_message or (lambda _: None))
        self._send({**job, "id": handle.id})
        return handle

    def ping(self, timeout: float = 10.0) -> Any:
        """Ask for a sign of life and wait for it."""
        return self.submit({"job": "ping"}).wait(timeout)

    def close(self, grace: float = 3.0, *, keep_training: bool = True) -> None:
        """End the worker: close its input, wait ``grace`` seconds, then terminate, then kill.

        One that trains is let go to finish its run (:meth:`detach`) unless ``keep_training`` is False.
        """
        if keep_training and self.training:
            self.detach()
            return
        self._closing = True
        process = self._process
        if process is None:
            return
        self._outbox.put(None)
        if not self._exited.wait(grace):
            with contextlib.suppress(OSError):
                process.terminate()
            if not self._exited.wait(2.0):
                with contextlib.suppress(OSError):
                    process.kill()
                self._exited.wait(5.0)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(5.0)

    def detach(self) -> None:
        """Close its input and let it be: a training in it goes on to its end, and its run can be attached to later."""
        self._closing = True
        self._outbox.put(None)

    def _open_log(self) -> Any:
        if self._log_path is None:
            descriptor, name = tempfile.mkstemp(prefix="recurra-worker-", suffix=".log")
            self._log_path = Path(name)
            return os.fdopen(descriptor, "wb")
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        return self._log_path.open("wb")

    def _register(self, name: str, on_message: Callable[[Message], None]) -> Handle:
        job_id = str(next(self._ids))
        handle = Handle(job_id, name, on_message, lambda: self._cancel(job_id))
        with self._lock:
            if self._process is None or self._exited.is_set() or self._closing:
                raise WorkbenchError("The worker process is not running.", fix="Start it again.")
            self._jobs[job_id] = handle
        return handle

    def _cancel(self, job_id: str) -> None:
        with contextlib.suppress(WorkbenchError):  # died in between: its jobs have ended anyway
            self.submit({"job": "cancel", "target": job_id})

    def _send(self, message: Message) -> None:
        self._outbox.put(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def _write(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError), self._process.stdin as pipe:
            while (line := self._outbox.get()) is not None:
                try:
                    pipe.write(line)
                    pipe.flush()
                except OSError:  # it died; the reader says so
                    break

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                try:
                    message = json.loads(line)
                except ValueError:
                    log.warning("the worker wrote something that is not JSON: %r", line[:200])
                    continue
                if isinstance(message, dict):
                    self._receive(message)
        self._end(self._process.wait())

    def _receive(self, message: dict[str, Any]) -> None:
        if message.get("kind") == "ready":
            self.ready_message = message
            self._ready.set()
            if self._on_ready is not None:
                self._call(self._on_ready, message)
            return
        job_id = str(message.get("id", ""))
        with self._lock:
            ended = message.get("kind") in ENDINGS
            handle = self._jobs.pop(job_id, None) if ended else self._jobs.get(job_id)
        if handle is not None:
            handle.deliver(message)

    def _end(self, returncode: int) -> None:
        tail = self._stderr_tail()
        with self._lock:
            self._exited.set()
            pending = list(self._jobs.values())
            self._jobs.clear()
        error = describe_exit(returncode, tail)
        for handle in pending:
            handle.deliver({"id": handle.id, "kind": "error", "error": error.to_dict(), "worker_died": True})
        self._ready.set()  # wakes who waits; ``ready`` is False because it is dead
        self._outbox.put(None)
        if self._on_exit is not None:
            self._call(self._on_exit, returncode, tail)

    def _stderr_tail(self) -> str:
        try:
            assert self._log_path is not None
            with self._log_path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - _TAIL_BYTES))
                return file.read().decode("utf-8", errors="replace")
        except OSError:
            return ""

    @staticmethod
    def _call(callback: Callable[..., None], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:
            log.exception("a callback of the worker failed")


def worker_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with what a worker needs set before it starts; ``changes`` win, then the person's own.

    cuBLAS is deterministic only with a fixed workspace chosen before CUDA starts (docs.pytorch.org, cuDNN RNN
    determinism); threads beyond the physical cores slow small recurrent networks down, and threads that spin while they
    wait take the core that the window needs.
    """
    import psutil

    environment = {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:2",
        "OMP_NUM_THREADS": str(psutil.cpu_count(logical=False) or os.cpu_count() or 1),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONFAULTHANDLER": "1",
        **os.environ,
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
    }
    return {**environment, **changes}
