"""Ctrl+C and ``kill`` close the window properly: nothing is lost, and a run in training goes on in its worker."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class QuitSignals(QObject):
    """Calls ``leave`` in the GUI thread soon after one of the signals came; :meth:`restore` puts back what was before.

    Python runs its signal handlers between two bytecodes, and a window that waits for events runs none. So the
    interpreter writes the signal's number into a socket (``signal.set_wakeup_fd``) that Qt watches; being called wakes
    Python, whose handler has then been run. Only for the main thread, as Python demands.
    """

    def __init__(self, leave: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._leave = leave
        self._read, self._write = socket.socketpair()
        for end in (self._read, self._write):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_wakeup)
        self._before: dict[int, Any] = {}
        self._came = False
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._on_signal)
        self._old_fd = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)

    def restore(self) -> None:
        signal.set_wakeup_fd(self._old_fd)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        self._notifier.setEnabled(False)
        for end in (self._read, self._write):
            end.close()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def _on_wakeup(self) -> None:
        with contextlib.suppress(OSError):
            self._read.recv(4096)
        if self._came:
            self._came = False
            self._leave()
