"""A run being followed: its training thread drained by a timer that only runs while there is something to come."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.api import Event, WorkbenchError
from workbench.api.events import RunStarted, StateChanged
from workbench.runs.lock import read_holder

if TYPE_CHECKING:
    from workbench.runs.folder import RunFolder
    from workbench.runs.training_thread import TrainingThread

logger = logging.getLogger(__name__)

TICK_MILLISECONDS = 80
MAXIMUM_EVENTS = 5_000
"""Taken in one tick: the history of a long run comes in pieces, between which the window stays quick."""


class LiveRun(QObject):
    """Follows one run folder; ``arrived`` carries new events, at most once a tick; ``changed`` its state."""

    arrived = Signal(object)
    changed = Signal()

    def __init__(self, run: RunFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self.events: list[Event] = []
        self.alive = False
        self.paused = False
        self.error: WorkbenchError | None = None
        self._thread: TrainingThread | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MILLISECONDS)
        self._timer.timeout.connect(self.tick)

    def train(self, worker: Any, project: Path | None, *, resume: bool) -> None:
        """Hand the run to the worker and follow it; :class:`WorkbenchError` when the worker is gone."""
        from workbench.runs.training_thread import TrainingThread

        self._thread = TrainingThread(self.run, worker, project=project, resume=resume).start()
        self.alive = True
        self._timer.start()

    def follow(self) -> None:
        """Read what is there; keep reading if another process trains it."""
        from workbench.runs.training_thread import TrainingThread

        self.alive = is_alive(self.run)
        self._thread = TrainingThread.attach(self.run)
        self._timer.start()

    def ask(self, command: str) -> None:
        """``pause``, ``resume``, ``stop`` or ``discard``; :class:`WorkbenchError` when it cannot be written."""
        if self._thread is not None:
            getattr(self._thread, command)()

    def close(self) -> None:
        """Stop following; the run itself is left alone."""
        self._timer.stop()
        if self._thread is not None:
            self._thread.close()

    def tick(self) -> None:
        thread = self._thread
        if thread is None:
            return
        ended = thread.ended  # asked first: what came before the end is then certainly drained
        events = thread.drain(MAXIMUM_EVENTS)
        changed = False
        if events:
            self.events.extend(events)
            for event in events:
                if isinstance(event, StateChanged):
                    self.paused, changed = event.state == "paused", True
                elif isinstance(event, RunStarted):
                    self.paused, changed = False, True
            self.arrived.emit(events)
        if ended and len(events) < MAXIMUM_EVENTS:
            self._timer.stop()
            changed = changed or self.alive
            self.error = thread.error if self.alive else None
            self.alive = self.paused = False
        if changed:
            self.changed.emit()


def is_alive(run: RunFolder) -> bool:
    """Whether a process trains the run now, told by its lock alone (cheap, unlike ``run.state()``)."""
    holder = read_holder(run.lock_path)
    if holder is None:
        return False
    last_sign = 0.0
    with contextlib.suppress(OSError):
        last_sign = run.journal_path.stat().st_mtime
    return holder.alive(last_sign)
