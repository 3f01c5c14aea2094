"""The local runner starts the worker the way its options say."""

from __future__ import annotations

import shutil
import sys

import pytest
from workbench_plugins.runners.local import LOCAL, LocalParams


def test_by_default_this_interpreter_trains() -> None:
    command, environment = LOCAL.factory.resolve()(LocalParams())
    assert command == [sys.executable, "-m", "workbench.cli.worker"]
    assert environment == {}


def test_options_reach_the_command() -> None:
    command, environment = LOCAL.factory.resolve()(LocalParams(python="/usr/bin/python3", threads=2))
    assert command[0] == "/usr/bin/python3"
    assert environment == {"OMP_NUM_THREADS": "2"}


@pytest.mark.skipif(shutil.which("nice") is None, reason="this system has no nice")
def test_low_priority_goes_through_nice() -> None:
    command, _ = LOCAL.factory.resolve()(LocalParams(low_priority=True))
    assert command[1:3] == ["-n", "10"]
    assert command[-1] == "workbench.cli.worker"
