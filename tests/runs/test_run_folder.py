"""A run is a folder; what it is doing can be told from the folder alone."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from workbench.api import WorkbenchError
from workbench.api.events import CheckpointSaved, EpochMetrics, RunFinished, RunStarted, StateChanged, StepMetrics
from workbench.runs import JournalWriter, RunConfig, RunFolder, list_runs
from workbench.runs.config import Contribution, DataSection


@pytest.fixture
def config() -> RunConfig:
    return RunConfig(
        task=Contribution(id="tagging", params={"layer": "ner"}),
        architecture=Contribution(id="birnn"),
        data=DataSection(dataset="news"),
        inputs=("Ada met Alan.",),
    )


def begin(run: RunFolder) -> JournalWriter:
    writer = JournalWriter(run.journal_path, run.id)
    writer.write(
        RunStarted,
        0,
        pid=os.getpid(),
        device="cpu",
        device_reason="",
        threads=1,
        parameters=5,
        steps_per_epoch=2,
        max_epochs=9,
    )
    return writer


def lock_of(run: RunFolder, pid: int, started: float, host: str = "") -> None:
    values = {"schema_version": 1, "pid": pid, "started": started, "host": host or socket.gethostname()}
    run.lock_path.write_text(json.dumps(values))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_ids_say_when_and_what_and_are_unique(tmp_path: Path, config: RunConfig) -> None:
    runs = [RunFolder.create(tmp_path, config) for _ in range(12)]
    assert re.fullmatch(r"\d{8}-\d{4}-birnn-tagging", runs[0].id)
    assert len({run.id for run in runs}) == 12
    assert [run.id for run in list_runs(tmp_path)] == [run.id for run in runs]


def test_the_configuration_comes_back(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    assert RunFolder.open(run.path).config == config
    assert RunFolder.open(run.config_path).id == run.id


def test_opening_what_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="no run here"):
        RunFolder.open(tmp_path)


def test_a_run_with_a_damaged_configuration_is_listed_and_told_when_read(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    run.config_path.write_text("task = [")
    (listed,) = list_runs(tmp_path)
    assert listed.state().status == "queued"
    with pytest.raises(WorkbenchError, match="TOML"):
        _ = listed.config


def test_a_read_only_folder_is_said_in_words(tmp_path: Path, config: RunConfig) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(WorkbenchError, match="cannot be written"):
        RunFolder.create(tmp_path / "runs", config)


def test_the_life_of_a_run(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    assert run.state().status == "queued"
    with run.lock():
        assert run.state().status == "running"
        with begin(run) as writer:
            values = {"learning_rate": 0.1, "gradient_norm": 1.0, "tokens_per_second": 1.0}
            writer.write(StepMetrics, 2, epoch=1, loss=1.0, **values)
            common = {"patience": 3, "seconds": 1.0, "train_loss": 0.9}
            writer.write(
                EpochMetrics,
                2,
                epoch=1,
                validation_loss=0.8,
                metrics={"f1": 0.5},
                best=True,
                epochs_since_best=0,
                **common,
            )
            writer.write(
                EpochMetrics,
                4,
                epoch=2,
                validation_loss=0.9,
                metrics={"f1": 0.4},
                best=False,
                epochs_since_best=1,
                **common,
            )
            writer.write(StateChanged, 4, state="paused")
            paused = run.state()
            writer.write(StateChanged, 4, state="running")
            assert run.state().status == "running"
            writer.write(RunFinished, 4, reason="stopped", seconds=2.0)
    assert (paused.status, paused.epoch, paused.step, paused.pid) == ("paused", 2, 4, os.getpid())
    assert (paused.best_epoch, paused.best_metrics, paused.validation_loss) == (1, {"f1": 0.5}, 0.9)
    state = run.state()
    assert (state.status, state.reason, state.alive, state.pid) == ("finished", "stopped", False, None)
    assert isinstance(state.last_event, RunFinished)


def test_a_dead_process_leaves_an_interrupted_run(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    begin(run).close()
    lock_of(run, dead_pid(), 0.0)
    state = run.state()
    assert (state.status, state.resumable) == ("interrupted", False)
    (run.checkpoints / "last").mkdir(parents=True)
    assert run.state().resumable


def test_another_process_with_the_same_pid_is_not_the_run(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    begin(run).close()
    me = psutil.Process()
    lock_of(run, me.pid, me.create_time() - 60)
    assert run.state().status == "interrupted"
    lock_of(run, me.pid, me.create_time())
    assert run.state().status == "running"


def test_a_zombie_does_not_hold_a_run(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    begin(run).close()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock_of(run, process.pid, psutil.Process(process.pid).create_time())
    assert run.state().status == "running"
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet collected by its parent
    assert run.state().status == "interrupted"
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def test_a_run_of_another_machine_lives_while_its_journal_grows(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    begin(run).close()
    lock_of(run, 1, 0.0, host="cluster-node-7")
    assert run.state().status == "running"
    for path in (run.journal_path, run.lock_path):
        os.utime(path, (1e9, 1e9))
    assert run.state().status == "interrupted"


def test_only_one_process_trains_a_run(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    with run.lock(), pytest.raises(WorkbenchError, match="already being trained"):
        run.lock().acquire()
    assert not run.lock_path.exists()
    lock_of(run, dead_pid(), 0.0)
    with run.lock():
        assert json.loads(run.lock_path.read_text())["pid"] == os.getpid()


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    with begin(run) as writer:
        writer.write(CheckpointSaved, 2, name="last", epoch=1)
        common = {"train_loss": 1.0, "validation_loss": 1.0, "epochs_since_best": 0, "patience": 3, "seconds": 1.0}
        writer.write(EpochMetrics, 4, epoch=2, metrics={"f1": 0.9}, best=True, **common)
        writer.write(RunFinished, 4, reason="stopped", seconds=1.0)
        writer.write(
            RunStarted,
            2,
            resumed_from_step=2,
            pid=1,
            device="cpu",
            device_reason="",
            threads=1,
            parameters=5,
            steps_per_epoch=2,
            max_epochs=9,
        )
    state = run.state()
    assert (state.status, state.step, state.best_epoch) == ("interrupted", 2, 0)


def test_a_deleted_run_can_be_taken_back(tmp_path: Path, config: RunConfig) -> None:
    run = RunFolder.create(tmp_path, config)
    with run.lock(), pytest.raises(WorkbenchError, match="being trained"):
        run.delete()
    trashed = run.delete()
    assert list_runs(tmp_path) == []
    assert RunFolder.open(trashed).restore().config == config
    assert [listed.id for listed in list_runs(tmp_path)] == [run.id]
