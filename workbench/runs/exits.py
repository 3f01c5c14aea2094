"""Why a worker process ended, in words: its exit status and the last lines it wrote."""

from __future__ import annotations

import signal

import psutil

from workbench.api import WorkbenchError

_RESUME = "Its run can be resumed from the last checkpoint."


def describe_exit(returncode: int, stderr_tail: str) -> WorkbenchError:
    """What happened to a worker that ended with ``returncode`` (negative: the signal that killed it)."""
    last_line = next((line.strip() for line in reversed(stderr_tail.splitlines()) if line.strip()), "")
    if returncode == 0:
        return WorkbenchError("The worker process has ended.", fix="Start it again.", details=stderr_tail)
    if returncode < 0:
        number = -returncode
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return WorkbenchError(
            f"The worker process was killed ({name}).",
            why=_why(number),
            fix=f"{_RESUME} {_fix(number)}".strip(),
            details=stderr_tail,
        )
    return WorkbenchError(
        f"The worker process ended with status {returncode}.", why=last_line, fix=_RESUME, details=stderr_tail
    )


def _why(number: int) -> str:
    if number == getattr(signal, "SIGKILL", -1):
        free = psutil.virtual_memory().available / 2**30
        return (
            "The system kills a process like this when memory runs out, or somebody ended it "
            f"({free:.1f} GiB are free now)."
        )
    if number in (getattr(signal, "SIGSEGV", -1), getattr(signal, "SIGBUS", -1), getattr(signal, "SIGILL", -1)):
        return "A library or driver crashed."
    return "Somebody or something asked it to end."


def _fix(number: int) -> str:
    if number == getattr(signal, "SIGKILL", -1):
        return "If memory ran out, use a smaller batch or a smaller model."
    return ""
