"""Work that may be asked for often and is done at most so often: at once after a pause, else once at the end of one."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


class Pace(QObject):
    """``ask()`` calls ``work`` now if the last time is long enough ago, else once when it is.

    The pause stretches with what the work costs, so that it never takes more than ``share`` of this thread's time.
    """

    def __init__(
        self, work: Callable[[], object], milliseconds: int, parent: QObject, *, share: float = 0.1
    ) -> None:
        super().__init__(parent)
        self._work = work
        self._pause = milliseconds / 1000
        self._share = share
        self._next = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.do)

    def ask(self) -> None:
        wait = self._next - time.monotonic()
        if wait <= 0:
            self.do()
        elif not self._timer.isActive():
            self._timer.start(max(1, round(wait * 1000)))

    def do(self) -> None:
        """Now, whatever was before."""
        self._timer.stop()
        begun, cost = time.monotonic(), time.thread_time()
        self._work()
        cost = time.thread_time() - cost
        self._next = begun + max(self._pause, cost / self._share)

    def stop(self) -> None:
        """Forget what was asked for."""
        self._timer.stop()
