"""What people ask of a live run, answered between two steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from workbench.api.events import FinishReason, StateChanged
from workbench.runs.control import Command
from workbench.runs.journal import JournalWriter

POLL_SECONDS = 0.02
"""How often a paused run looks whether it may go on."""


class Ended(Exception):
    """The run was asked to end: not an error, hence no ``WorkbenchError``."""

    def __init__(self, reason: FinishReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class CommandReader(Protocol):
    """``workbench.runs.control.ControlReader``, or a list of commands in a test."""

    def poll(self) -> list[Command]: ...


class Controls:
    """Obeys the control file: stop and discard raise :class:`Ended`, pause waits inside :meth:`obey`."""

    def __init__(self, reader: CommandReader, journal: JournalWriter) -> None:
        self._reader = reader
        self._journal = journal
        self.paused = False
        self.paused_seconds = 0.0
        self.rate: float | None = None
        """A learning rate that was asked for and not yet taken."""

    def obey(self, step: int, *, serve: Callable[[], None], on_pause: Callable[[], None] | None = None) -> None:
        """Answer what was asked since the last call; without ``on_pause`` (not training yet) a pause is kept for later.

        ``serve`` answers the worker's other jobs while the run stands still.
        """
        if not self._take(step) or on_pause is None:
            return
        started = time.monotonic()
        on_pause()
        while True:
            serve()
            time.sleep(POLL_SECONDS)
            if not self._take(step):
                break
        self.paused_seconds += time.monotonic() - started

    def _take(self, step: int) -> bool:
        """Whether the run is paused, after what was asked."""
        for command in self._reader.poll():
            if command.verb == "pause" and not self.paused:
                self.paused = True
                self._journal.write(StateChanged, step, state="paused")
            elif command.verb == "resume" and self.paused:
                self.paused = False
                self._journal.write(StateChanged, step, state="running")
            elif command.verb == "stop":
                raise Ended(FinishReason.STOPPED)
            elif command.verb == "discard":
                raise Ended(FinishReason.DISCARDED)
            elif command.verb == "set_learning_rate" and command.value is not None:
                self.rate = command.value
        return self.paused
