"""Following a run: every event once, through a killed worker, a killed follower and a second window."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.api import events
from workbench.api.events import Event, RunFinished, RunStarted, StateChanged, StepMetrics
from workbench.runs import RunConfig, RunFolder, read_journal, without_superseded
from workbench.runs.config import Contribution, DataSection
from workbench.runs.queue import RunQueue
from workbench.runs.training_thread import TrainingThread
from workbench.runs.worker import WorkerProcess

FAKE = [sys.executable, str(Path(__file__).with_name("fake_worker.py"))]
Spawn = Callable[..., WorkerProcess]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path)


def make_run(parent: Path) -> RunFolder:
    config = RunConfig(
        task=Contribution(id="sum"), architecture=Contribution(id="toy"), data=DataSection(dataset="none")
    )
    return RunFolder.create(parent, config)


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    workers: list[WorkerProcess] = []

    def make(steps: int = 50, step_seconds: float = 0.002) -> WorkerProcess:
        environment = {"FAKE_STEPS": str(steps), "FAKE_STEP_SECONDS": str(step_seconds)}
        log_path = tmp_path / f"worker{len(workers)}.log"
        workers.append(WorkerProcess(command=FAKE, environment=environment, log_path=log_path).start())
        return workers[-1]

    yield make
    for worker in workers:
        worker.close(grace=0.1, keep_training=False)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def losses(told: list[Event]) -> list[tuple[int, float]]:
    return [(event.step, event.loss) for event in without_superseded(told) if isinstance(event, StepMetrics)]


def test_a_run_is_told_from_start_to_finish(run: RunFolder, spawn: Spawn) -> None:
    ended: list[bool] = []
    thread = TrainingThread(run, spawn(), on_end=lambda: ended.append(True)).start()
    assert thread.wait(20)
    told = thread.drain()
    assert told == read_journal(run.journal_path)
    assert isinstance(told[0], RunStarted)
    assert isinstance(told[-1], RunFinished)
    assert (thread.status, thread.error, ended) == ("finished", None, [True])


def test_each_verb_is_obeyed(run: RunFolder, spawn: Spawn) -> None:
    thread = TrainingThread(run, spawn(steps=10_000)).start()
    until(lambda: thread.status == "running")
    thread.pause()
    until(lambda: thread.status == "paused")
    assert run.state().status == "paused"
    thread.set_learning_rate(0.125)
    thread.resume()
    until(lambda: any(isinstance(e, StepMetrics) and e.learning_rate == 0.125 for e in thread.drain()))
    thread.stop()
    assert thread.wait(20)
    assert thread.finished is not None
    assert thread.finished.reason == "stopped"
    assert [e.state for e in read_journal(run.journal_path) if isinstance(e, StateChanged)] == ["paused", "running"]


def test_a_killed_worker_is_noticed_and_its_run_resumes_to_the_same_end(
    run: RunFolder, spawn: Spawn, tmp_path: Path
) -> None:
    never = make_run(tmp_path / "uninterrupted")
    uninterrupted = TrainingThread(never, spawn(steps=60)).start()
    assert uninterrupted.wait(20)

    worker = spawn(steps=60, step_seconds=0.005)
    first = TrainingThread(run, worker).start()
    until(lambda: len(losses(read_journal(run.journal_path))) >= 25)
    os.kill(worker.pid or 0, signal.SIGKILL)
    assert first.wait(20)
    assert first.status == "interrupted"
    assert first.error is not None
    assert "memory" in first.error.why
    warning = first.drain()[-1]
    assert isinstance(warning, events.Warning)
    assert "resumed" in warning.fix
    assert read_journal(run.journal_path)[-1] == warning
    state = run.state()
    assert (state.status, state.resumable) == ("interrupted", True)

    second = TrainingThread(run, spawn(steps=60), resume=True).start()
    assert second.wait(20)
    assert second.status == "finished"
    assert losses(second.drain()) == losses(uninterrupted.drain())
    assert [event.seq for event in read_journal(run.journal_path)] == list(range(len(read_journal(run.journal_path))))


def test_a_resumed_run_does_not_obey_the_stop_that_ended_it(run: RunFolder, spawn: Spawn) -> None:
    first = TrainingThread(run, spawn(steps=80, step_seconds=0.01)).start()
    until(lambda: run.state().step >= 11)
    first.stop()
    assert first.wait(20)
    second = TrainingThread(run, spawn(steps=80), resume=True).start()
    assert second.wait(20)
    assert second.finished is not None
    assert second.finished.reason == "completed"


def test_a_run_goes_on_without_its_shell_and_can_be_attached_to(run: RunFolder, spawn: Spawn) -> None:
    worker = spawn(steps=100, step_seconds=0.005)
    shell = TrainingThread(run, worker).start()
    until(lambda: shell.status == "running")
    shell.close()
    worker.close()  # as when the window is closed; when it is killed, the system does the same to the pipe
    assert worker.alive
    window = TrainingThread.attach(run)
    assert window.wait(20)
    assert window.status == "finished"
    assert [event.seq for event in window.drain()] == list(range(len(read_journal(run.journal_path))))


def test_a_second_window_sees_a_worker_die(run: RunFolder, spawn: Spawn) -> None:
    worker = spawn(steps=10_000)
    owner = TrainingThread(run, worker).start()
    until(lambda: owner.status == "running")
    window = TrainingThread.attach(run)
    os.kill(worker.pid or 0, signal.SIGKILL)
    assert owner.wait(20)
    assert window.wait(20)
    assert window.status == "interrupted"
    warnings = [e for e in read_journal(run.journal_path) if isinstance(e, events.Warning)]
    assert len(warnings) == 1


def test_closing_a_follower_leaves_the_run_alone(run: RunFolder, spawn: Spawn) -> None:
    thread = TrainingThread(run, spawn(steps=10_000)).start()
    until(lambda: thread.status == "running")
    thread.close()
    before = run.state().step
    until(lambda: run.state().step > before)
    assert run.state().status == "running"


def test_a_queue_trains_one_after_the_other_and_survives_a_restart(tmp_path: Path, spawn: Spawn) -> None:
    runs = [make_run(tmp_path / "runs") for _ in range(4)]
    line = RunQueue(tmp_path / "queue.json", tmp_path / "runs")
    for run in runs:
        line.add(run)
    line.add(runs[0])
    line.move(runs[2].id, 0)
    line.remove(runs[1].id)
    runs[3].delete()
    line = RunQueue(tmp_path / "queue.json", tmp_path / "runs")
    assert line.ids() == (runs[2].id, runs[0].id, runs[3].id)

    started: list[str] = []

    def start(run: RunFolder) -> TrainingThread:
        assert not any(other.state().alive for other in runs)
        started.append(run.id)
        return TrainingThread(run, spawn(steps=5)).start()

    current = None
    deadline = time.monotonic() + 20
    while line.ids() or (current is not None and not current.ended):
        current = line.advance(current, start)
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert started == [runs[2].id, runs[0].id]
    assert runs[0].state().status == "finished"
