"""What is asked of a run is answered once, in order, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.api import WorkbenchError
from workbench.runs import Control, ControlReader


def test_commands_arrive_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    reader = ControlReader(path)
    assert reader.poll() == []
    Control(path).write("pause")
    Control(path).write("set_learning_rate", 0.01)
    commands = reader.poll()
    assert [(c.seq, c.verb, c.value) for c in commands] == [(1, "pause", None), (2, "set_learning_rate", 0.01)]
    assert reader.poll() == []
    Control(path).write("resume")
    assert [c.verb for c in reader.poll()] == ["resume"]


def test_a_restarted_worker_does_not_obey_twice(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    Control(path).write("stop")
    assert len(ControlReader(path).poll()) == 1
    assert ControlReader(path).poll() == []


def test_a_resumed_run_does_not_obey_what_was_asked_before(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    Control(path).write("stop")
    Control(path).clear()
    reader = ControlReader(path)
    assert reader.poll() == []
    Control(path).write("pause")
    assert [c.verb for c in reader.poll()] == ["pause"]


def test_two_windows_asking_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Control(path).write("pause"), range(20)))
    assert [c.seq for c in ControlReader(path).poll()] == list(range(1, 21))


def test_a_damaged_file_is_no_command(tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    path.write_text('{"commands": [{"command": "pause"}, 3, {"command": "dance", "seq": 1}')
    assert ControlReader(path).poll() == []
    path.write_text('{"commands": [{"command": "pause"}, 3, {"command": "dance", "seq": 1}]}')
    assert ControlReader(path).poll() == []


@pytest.mark.parametrize(("verb", "value"), [("dance", None), ("set_learning_rate", None), ("set_learning_rate", -1.0)])
def test_a_wrong_wish_is_refused(tmp_path: Path, verb: str, value: float | None) -> None:
    with pytest.raises(WorkbenchError):
        Control(tmp_path / "control.json").write(verb, value)  # type: ignore[arg-type]
    assert not (tmp_path / "control.json").exists()
