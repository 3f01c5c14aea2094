"""Runs that have not ended: the welcome page names them, and one button follows or resumes them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.api.events import RunFinished, RunStarted, StepMetrics
from workbench.runs.folder import RunFolder
from workbench.runs.journal import JournalWriter
from workbench.shell.session import Session
from workbench.shell.unfinished import find_unfinished
from workbench.shell.welcome import UnfinishedCard
from workbench.shell.window import LeaveDialog, MainWindow


@pytest.fixture
def begun(session: Session, project: Path) -> RunFolder:
    """A run in its third epoch of twelve whose process is gone; its project is the most recent one, and closed."""
    session.open_project(project)
    assert session.project is not None
    assert session.config is not None
    run = session.project.new_run(session.config.model_copy(update={"name": "Names"}))
    write_story(run)
    session.close_project()
    return run


def write_story(run: RunFolder, *, finished: bool = False) -> None:
    with JournalWriter(run.journal_path, run.id) as journal:
        journal.write(
            RunStarted, 0, pid=1, device="cpu", device_reason="chosen", threads=1, parameters=7, steps_per_epoch=4,
            max_epochs=12,
        )  # fmt: skip
        journal.write(
            StepMetrics, 9, epoch=3, loss=0.5, learning_rate=0.1, gradient_norm=1.0, tokens_per_second=100.0
        )
        if finished:
            journal.write(RunFinished, 48, reason="completed", seconds=3.0)


@pytest.fixture
def trainer(begun: RunFolder) -> Iterator[subprocess.Popen[bytes]]:
    """A real process that holds the run's lock, as a worker does whose window was closed."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    lock = {
        "schema_version": 1,
        "pid": process.pid,
        "started": psutil.Process(process.pid).create_time(),
        "host": __import__("socket").gethostname(),
    }
    begun.lock_path.write_text(json.dumps(lock), encoding="utf-8")
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def window(session: Session, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    monkeypatch.setattr(LeaveDialog, "ask", classmethod(lambda cls, parent: "leave"))
    made = MainWindow(session)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


def cards(window: MainWindow) -> list[UnfinishedCard]:
    layout = window.welcome.unfinished
    return [layout.itemAt(i).widget() for i in range(layout.count())]


def test_a_run_that_ended_is_not_unfinished(begun: RunFolder, project: Path, session: Session) -> None:
    assert [one.run_id for one in find_unfinished([project])] == [begun.id]
    write_story(begun, finished=True)
    assert find_unfinished([project]) == []


def test_what_cannot_be_read_is_passed_over(begun: RunFolder, project: Path, tmp_path: Path) -> None:
    begun.config_path.write_text("not toml [", encoding="utf-8")
    assert len(find_unfinished([tmp_path / "gone", project])) <= 1
    assert find_unfinished([project], cancelled=lambda: True) == []


def test_an_interrupted_run_is_offered_and_resumed(
    begun: RunFolder, window: MainWindow, session: Session, workers: list[Any], qtbot: Any
) -> None:
    qtbot.waitUntil(lambda: len(cards(window)) == 1)
    card = cards(window)[0]
    assert card.found.text() == "Interrupted: Names, epoch 3 of 12"
    assert card.button.text() == "Open and resume"
    card.button.click()
    assert window.pages.current == "train"
    assert session.training_run is not None
    assert session.training_run.id == begun.id
    job = workers[0].jobs[-1]
    assert (job["job"], job["run"], job["resume"]) == ("train", str(begun.path), True)


def test_a_live_run_is_attached_to_and_its_death_makes_it_resumable(
    begun: RunFolder, trainer: Any, window: MainWindow, session: Session, project: Path, workers: list[Any], qtbot: Any
) -> None:
    (begun.checkpoints / "last").mkdir(parents=True)
    other = session  # a newer run, never begun, does not take its place
    other.open_project(project)
    assert other.project is not None
    assert other.config is not None
    other.project.new_run(other.config)
    other.close_project()
    qtbot.waitUntil(lambda: len(cards(window)) == 1)
    card = cards(window)[0]
    assert card.found.text() == "Training goes on: Names, epoch 3 of 12"
    assert card.button.text() == "Open"
    card.button.click()
    assert window.pages.current == "train"
    assert session.training
    assert session.training_run is not None
    assert session.training_run.id == begun.id
    assert not [job for worker in workers for job in worker.jobs if job["job"] == "train"]
    with JournalWriter(begun.journal_path, begun.id) as journal:
        journal.write(
            StepMetrics, 10, epoch=4, loss=0.4, learning_rate=0.1, gradient_norm=1.0, tokens_per_second=100.0
        )
    qtbot.waitUntil(lambda: session.run_view.step is not None and session.run_view.step.step == 10)
    trainer.kill()
    trainer.wait()
    qtbot.waitUntil(lambda: not session.training, timeout=10_000)
    qtbot.waitUntil(lambda: window.actions_by_id["run.resume"].isEnabled())
    window.actions_by_id["run.resume"].trigger()
    assert [job["resume"] for job in workers[-1].jobs if job["job"] == "train"] == [True]


def test_history_comes_in_pieces(
    begun: RunFolder, session: Session, project: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.shell.live_run.MAXIMUM_EVENTS", 2)
    for _ in range(3):
        write_story(begun)
    sizes: list[int] = []
    session.events_arrived.connect(lambda events: sizes.append(len(events)))
    begin = time.monotonic()
    session.open_project(project)
    session.set_run(begun.id)
    qtbot.waitUntil(lambda: sum(sizes) >= 8)
    assert max(sizes) <= 2
    assert time.monotonic() - begin < 10
