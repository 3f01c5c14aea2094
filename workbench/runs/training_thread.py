"""A run followed by the shell: the background thread that owns it, hands it to a worker and collects its events."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from workbench.api import WorkbenchError, events
from workbench.api.events import Event, Phase, RunFinished, RunStarted, StateChanged
from workbench.runs.control import Command, Control, Verb
from workbench.runs.folder import RunFolder
from workbench.runs.journal import JournalReader, JournalWriter
from workbench.runs.lock import read_holder
from workbench.runs.worker import Handle, WorkerProcess, error_of

log = logging.getLogger(__name__)
Following = Literal["starting", "running", "paused", "finished", "interrupted"]
POLL_SECONDS = 0.05
_LOCK_CHECK_SECONDS = 0.5
INTERRUPTED = "The process that trained this run ended before the run did."


class TrainingThread:
    """Follows one run until it ends; ``drain`` gives its events to whoever has a timer.

    With a worker it hands the run over (:meth:`start`); without one it follows a run that another process trains
    (:meth:`attach`). It restarts nothing by itself: a run whose worker died is ``interrupted`` and may be resumed.
    """

    def __init__(
        self,
        run: RunFolder,
        worker: WorkerProcess | None,
        *,
        project: Path | None = None,
        resume: bool = False,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        """``on_end`` is called once from this thread when the run has ended in any way."""
        self.run = run
        self.status: Following = "starting"
        self.error: WorkbenchError | None = None
        """Why the run ended, where it was not by itself."""
        self._worker = worker
        self._project = project
        self._resume = resume
        self._on_end = on_end
        self._control = Control(run.control_path)
        self._reader = JournalReader(run.journal_path)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._handle: Handle | None = None
        self._wake = threading.Event()
        self._closed = False
        self._last: Event | None = None
        self._finished: RunFinished | None = None
        self._thread = threading.Thread(target=self._follow, name=f"run-{run.id}", daemon=True)

    @classmethod
    def attach(cls, run: RunFolder, *, on_end: Callable[[], None] | None = None) -> TrainingThread:
        """Follow a run that is being trained elsewhere (or has ended: then its events are told and that is all)."""
        thread = cls(run, None, on_end=on_end)
        thread.start()
        return thread

    def start(self) -> TrainingThread:
        """Hand the run to the worker and begin to follow it; :class:`WorkbenchError` when the worker is not running."""
        if self._worker is not None:
            if self._resume:
                self._control.clear()
                for event in self._reader.poll():
                    self._tell(event)
                self._finished, self.status = None, "starting"
            job = {
                "job": "train",
                "run": str(self.run.path),
                "project": str(self._project) if self._project else "",
                "resume": self._resume,
            }
            self._handle = self._worker.submit(job, lambda _: self._wake.set())
        self._thread.start()
        return self

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "interrupted")

    @property
    def finished(self) -> RunFinished | None:
        return self._finished

    @property
    def resumable(self) -> bool:
        return self.ended and self.run.state().resumable

    def drain(self, limit: int = 100_000) -> list[Event]:
        """Events since the last call, at most ``limit``; never blocks."""
        drained: list[Event] = []
        with contextlib.suppress(queue.Empty):
            while len(drained) < limit:
                drained.append(self._events.get_nowait())
        return drained

    def pause(self) -> Command:
        return self._ask("pause")

    def resume(self) -> Command:
        """Go on after a pause (a run that was interrupted is resumed by a new thread with ``resume=True``)."""
        return self._ask("resume")

    def stop(self) -> Command:
        """Stop and keep the best model so far."""
        return self._ask("stop")

    def discard(self) -> Command:
        """Stop and throw away what was trained."""
        return self._ask("discard")

    def set_learning_rate(self, value: float) -> Command:
        return self._ask("set_learning_rate", value)

    def close(self) -> None:
        """Stop following; the run itself is left alone."""
        self._closed = True
        self._wake.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(5.0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run has ended; for the command line and tests."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _ask(self, verb: Verb, value: float | None = None) -> Command:
        return self._control.write(verb, value)

    def _follow(self) -> None:
        try:
            self._follow_to_the_end()
        except WorkbenchError as error:
            self.error = error
            self.status = "interrupted"
        except Exception as error:
            log.exception("following run %s failed", self.run.id)
            self.error = WorkbenchError(f"Following the run failed: {error}.", file=self.run.path)
            self.status = "interrupted"
        if self._on_end is not None and not self._closed:
            self._on_end()

    def _follow_to_the_end(self) -> None:
        next_check = 0.0
        while not self._closed:
            handle_ended = self._handle is not None and self._handle.ended
            lock_gone = False
            if self._handle is None and (self._finished is not None or time.monotonic() >= next_check):
                next_check = time.monotonic() + _LOCK_CHECK_SECONDS
                lock_gone = not self._alive_elsewhere()
            # Asked before the last poll: what was written until the process ended is then certainly read.
            for event in self._reader.poll():
                self._tell(event)
            if self._finished is not None and (lock_gone or handle_ended):
                self.error = _failure(self._finished)
                self.status = "finished"
                return
            if handle_ended or lock_gone:
                self._interrupted()
                return
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    def _tell(self, event: Event) -> None:
        self._last = event
        if isinstance(event, RunStarted | Phase):
            self._finished = None  # after an end: it is being resumed
            self.status = "running"
        elif isinstance(event, RunFinished):
            self._finished = event
        elif isinstance(event, StateChanged):
            self.status = "paused" if event.state == "paused" else "running"
        self._events.put(event)

    def _interrupted(self) -> None:
        last = self._handle.last if self._handle is not None else None
        died = last is None or bool(last.get("worker_died"))
        if last is not None and last.get("kind") != "result":
            self.error = error_of(last)
        else:
            self.error = WorkbenchError(INTERRUPTED, fix="Resume the run.", file=self.run.path)
        if died and self._last is not None:
            self._leave_word(self.error)
        self.status = "interrupted"

    def _leave_word(self, error: WorkbenchError) -> None:
        """Write into the journal why it ends here, once, whoever notices first."""
        step = self._last.step if self._last is not None else 0
        what = " ".join(part for part in (error.what, error.why) if part)
        try:
            with self.run.lock():
                told = self._reader.poll()
                for event in told:
                    self._tell(event)
                if isinstance(self._last, events.Warning) or self._finished is not None:
                    return
                with JournalWriter(self.run.journal_path, self.run.id) as writer:
                    writer.write(events.Warning, step, what=what, fix=error.fix or "Resume the run.")
            for event in self._reader.poll():
                self._tell(event)
        except WorkbenchError as failure:  # a full disk, or somebody already resumed it
            log.warning("no word left in the journal of %s: %s", self.run.id, failure)

    def _alive_elsewhere(self) -> bool:
        holder = read_holder(self.run.lock_path)
        if holder is None:
            return False
        last_sign = 0.0
        with contextlib.suppress(OSError):
            last_sign = self.run.journal_path.stat().st_mtime
        return holder.alive(last_sign)


def _failure(finished: RunFinished) -> WorkbenchError | None:
    return WorkbenchError.from_dict(finished.error) if finished.error else None
