"""Spawning worker processes for the session."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Notice = Callable[[Mapping[str, Any]], None]


NICENESS = 4
"""The worker gives way a little, so that the window stays quick when cores are few."""


def worker_starter(
    *, command: Sequence[str] = (), arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Callable[[Notice], Any]:
    """A ``start_worker`` for :class:`~workbench.shell.session.Session` that spawns real worker processes."""

    def start(on_notice: Notice) -> Any:
        from workbench.runs.exits import describe_exit
        from workbench.runs.worker import WORKER_COMMAND, WorkerProcess

        def on_exit(code: int, tail: str) -> None:
            error = describe_exit(code, tail)
            on_notice({"kind": "died", "code": code, "what": error.what, "fix": error.fix})

        worker = WorkerProcess(
            command=tuple(command) or (sys.executable, *WORKER_COMMAND, *arguments),
            environment=environment,
            on_ready=on_notice,
            on_exit=on_exit,
        )
        worker.start()
        _step_back(worker.pid)
        return worker

    return start


def _step_back(pid: int | None) -> None:
    if pid is None or os.name != "posix":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
