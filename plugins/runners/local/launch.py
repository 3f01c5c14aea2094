"""The command and environment of a worker on this machine."""

from __future__ import annotations

import shutil
import sys

from workbench_plugins.runners.local import LocalParams


def launch(params: LocalParams) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment changes of the process; ``nice`` is used where the system has it."""
    command = [params.python or sys.executable, "-m", "workbench.cli.worker"]
    if params.low_priority and (nice := shutil.which("nice")):
        command = [nice, "-n", "10", *command]
    return command, {"OMP_NUM_THREADS": str(params.threads)} if params.threads else {}
