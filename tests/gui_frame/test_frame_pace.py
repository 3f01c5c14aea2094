"""What may be asked for often is done at once after a pause, and otherwise once at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QSlider

from workbench.api.events import EpochMetrics, RunStarted, StepMetrics
from workbench.runs.journal import JournalWriter
from workbench.runs.training_thread import TrainingThread
from workbench.shell.pace import Pace
from workbench.shell.session import Session
from workbench.shell.window import LeaveDialog, MainWindow


def test_many_requests_are_few_calls(qtbot: Any) -> None:
    calls: list[int] = []
    parent = QObject()
    pace = Pace(lambda: calls.append(1), 40, parent)
    for _ in range(100):
        pace.ask()
    assert len(calls) == 1
    qtbot.waitUntil(lambda: len(calls) == 2)
    pace.do()
    assert len(calls) == 3
    pace.ask()
    pace.stop()
    assert not pace._timer.isActive()


def test_the_run_in_training_is_owned_by_its_thread_and_the_timer_ends_with_it(
    session: Session, project: Path, workers: list[Any], qtbot: Any
) -> None:
    session.open_project(project)
    run = session.start_training()
    assert run is not None
    live = session._training
    assert live is not None
    assert isinstance(live._thread, TrainingThread)
    assert live._timer.isActive()
    assert 50 <= live._timer.interval() <= 100
    assert [job["job"] for job in workers[0].jobs] == ["train"]
    live.tick()
    workers[0].say(0, kind="result", value={})
    live._thread._handle.last = {"kind": "result"}
    qtbot.waitUntil(lambda: not live._timer.isActive())
    assert not session.training


def test_the_size_of_a_model_in_training_comes_from_its_run(
    session: Session, project: Path, workers: list[Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeaveDialog, "ask", classmethod(lambda cls, parent: "leave"))
    window = MainWindow(session)
    window.show()
    qtbot.waitExposed(window)
    window.open_project(project)
    window.train()
    run = session.run
    assert run is not None
    slider = window.pages.stage("train")
    assert slider is not None
    assert not isinstance(window.focusWidget(), QSlider)
    assert window.bottom_bar.hint.text() == ""
    with JournalWriter(run.journal_path, run.id) as journal:
        journal.write(
            RunStarted, 0, pid=1, device="cpu", device_reason="x", threads=1, parameters=72_512, steps_per_epoch=40,
            max_epochs=12,
        )  # fmt: skip
        journal.write(StepMetrics, 1, epoch=1, loss=1.0, learning_rate=0.1, gradient_norm=1.0, tokens_per_second=9.0)
        journal.write(
            EpochMetrics, 40, epoch=1, train_loss=1.0, validation_loss=1.0, metrics={"entity_f1": 0.02}, best=True,
            epochs_since_best=0, patience=4, seconds=1.0,
        )  # fmt: skip
    qtbot.waitUntil(lambda: window.inspector.size_label.text() == "72,512 parameters")
    assert "72,512 parameters" in window.bottom_bar.facts.text()
    assert [job["job"] for worker in workers for job in worker.jobs] == ["train"]  # no second worker was started
    small = window.pages.stage("train").small  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: small.tabs["metric"].text() == "Entity F1")
    assert small.title.isHidden()
    window.leave()
    window.deleteLater()
