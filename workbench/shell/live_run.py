"""A run being followed: its journal read on a timer that only runs while the run lives."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from workbench.api import Event, WorkbenchError
from workbench.api.events import RunFinished, RunStarted, StateChanged
from workbench.runs.control import Control
from workbench.runs.journal import JournalReader

if TYPE_CHECKING:
    from workbench.runs.folder import RunFolder
    from workbench.shell.jobs import Workers

logger = logging.getLogger(__name__)

TICK_MILLISECONDS = 80


class LiveRun(QObject):
    """Follows one run folder; ``arrived`` carries new events, at most once a tick."""

    arrived = Signal(object)
    changed = Signal()

    def __init__(self, run: RunFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self.events: list[Event] = []
        self.alive = False
        self.paused = False
        self.error: WorkbenchError | None = None
        self._reader = JournalReader(run.journal_path)
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MILLISECONDS)
        self._timer.timeout.connect(self.tick)
        self._resumed = False

    def train(self, workers: Workers, project: Path | None, *, resume: bool) -> None:
        """Hand the run to the worker and follow it."""
        self.alive = True
        self._resumed = resume
        job: dict[str, Any] = {"job": "train", "run": str(self.run.path), "resume": resume}
        if project is not None:
            job["project"] = str(project)
        workers.submit(job, self._on_result, self._on_error)
        self.tick()
        self._timer.start()

    def follow(self) -> None:
        """Read what is there; keep reading if somebody trains it."""
        self.alive = self.run.state().alive
        self.tick()
        if self.alive:
            self._timer.start()

    def ask(self, command: str) -> None:
        try:
            Control(self.run.control_path).write(command)  # type: ignore[arg-type]
        except WorkbenchError as error:
            self.error = error
            self.changed.emit()

    def close(self) -> None:
        self._timer.stop()

    def worker_died(self, text: str) -> None:
        self.tick()
        if self.alive:
            self._end(WorkbenchError(text, why="The process that trained this run ended.", fix="Resume the run."))

    def tick(self) -> None:
        events = self._reader.poll()
        if not events:
            return
        self.events.extend(events)
        changed = False
        finished = False
        for event in events:
            if isinstance(event, StateChanged):
                self.paused, changed = event.state == "paused", True
            elif isinstance(event, RunStarted):
                changed, finished = True, False
            elif isinstance(event, RunFinished):
                finished, changed = True, True
                self.error = WorkbenchError.from_dict(event.error) if event.error else None
        self.arrived.emit(events)
        if finished:
            self._end(self.error)
        elif changed:
            self.changed.emit()

    def _on_result(self, _value: Any) -> None:
        self.tick()
        if self.alive:
            self._end(None)

    def _on_error(self, error: WorkbenchError) -> None:
        self.tick()
        if self.alive:
            self._end(error)

    def _end(self, error: WorkbenchError | None) -> None:
        self._timer.stop()
        if self.alive:
            self.alive = self.paused = False
            self.error = error
            self.changed.emit()
