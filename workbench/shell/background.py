"""Work off the GUI thread: imports, exports, statistics. Progress, cancel, and no late callbacks after a close."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from workbench.api import Cancelled, WorkbenchError

logger = logging.getLogger(__name__)

Progress = Callable[..., None]
"""``progress(phase, done, total)``; also ``progress(done, total)``."""
IsCancelled = Callable[[], bool]
Work = Callable[[Progress, IsCancelled], Any]


@dataclass(frozen=True, slots=True)
class BusyState:
    """What the status line shows of a job in the background; ``total`` 0 means not countable."""

    title: str
    phase: str = ""
    done: int = 0
    total: int = 0

    def text(self) -> str:
        words = ", ".join(part for part in (self.title, self.phase) if part)
        return f"{words}, {self.done:,} of {self.total:,}" if self.total else words


class BackgroundTask(QObject):
    """One piece of work on its own thread; its signals arrive in the GUI thread."""

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, work: Work, title: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._cancel = threading.Event()
        self._closed = False
        self.quiet = False
        self._outcome: tuple[bool, Any] | None = None
        self.state = BusyState(title)
        self._on_done: Callable[[Any], object] | None = None
        self._on_error: Callable[[WorkbenchError], object] | None = None
        self._on_progress: Callable[[str, int, int], object] | None = None
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._moved.connect(self._show_progress, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name=f"background: {title}", daemon=True)

    _arrived = Signal()
    _moved = Signal(object)

    def begin(
        self,
        on_done: Callable[[Any], object] | None,
        on_error: Callable[[WorkbenchError], object] | None,
        on_progress: Callable[[str, int, int], object] | None,
    ) -> None:
        self._on_done, self._on_error, self._on_progress = on_done, on_error, on_progress
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to end; its error callback then gets :class:`Cancelled`."""
        self._cancel.set()

    def close(self) -> None:
        """Ask the work to end and drop every callback."""
        self._closed = True
        self._cancel.set()

    def join(self, seconds: float) -> bool:
        """Wait for the thread; whether it ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def _progress(self, *values: Any) -> None:
        phase = values[0] if values and isinstance(values[0], str) else self.state.phase
        numbers = [int(value) for value in values if isinstance(value, (int, float))]
        done, total = [*numbers, 0, 0][:2]
        if not self._closed:
            self._moved.emit(BusyState(self.state.title, phase, done, total))

    def _run(self) -> None:
        try:
            self._outcome = (True, self._work(self._progress, self._cancel.is_set))
        except WorkbenchError as error:
            self._outcome = (False, error)
        except Exception as error:  # told to the person, with its traceback
            logger.exception("background work failed")
            wrapped = WorkbenchError(
                f"{self.state.title or 'This'} failed: {error}.",
                why="This is a mistake in the program, not in your data.",
                fix="Copy the details into a report.",
                details=traceback.format_exc(),
            )
            self._outcome = (False, wrapped)
        if not self._closed:
            self._arrived.emit()

    def _show_progress(self, state: BusyState) -> None:
        if self._closed:
            return
        self.state = state
        if self._on_progress is not None:
            self._on_progress(state.phase, state.done, state.total)
        self.progressed.emit(state)

    def _deliver(self) -> None:
        if self._closed or self._outcome is None:
            return
        self._closed = True
        ok, value = self._outcome
        self.ended.emit()
        if ok:
            if self._on_done is not None:
                self._on_done(value)
            self.succeeded.emit(value)
            return
        if self._on_error is not None:
            self._on_error(value)
        elif not isinstance(value, Cancelled):
            self.failed.emit(value)
