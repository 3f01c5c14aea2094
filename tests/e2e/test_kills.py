"""A training killed with SIGKILL loses no journal line and ends as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.cli.kills import measure


@pytest.mark.slow
def test_a_killed_worker_and_a_killed_shell_change_nothing(tmp_path: Path) -> None:
    counted = measure(n=2, folder=tmp_path)
    assert counted["kills"] == 2
    assert counted["mid_training"] >= 1
    wrong = {name: counted[name] for name in ("lines_lost", "lines_torn", "not_noticed", "not_bit_equal")}
    assert wrong == dict.fromkeys(wrong, 0), counted["table"]
