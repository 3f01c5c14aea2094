"""A run that solves a readout is told in trials, not in epochs; panels stand beside the runs they were made for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QWidget

from workbench.api import Panel, Ref
from workbench.api.events import EpochMetrics, RunFinished, RunStarted, StepMetrics
from workbench.runs.journal import JournalReader, JournalWriter
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.session import Session
from workbench.shell.stages.explain.stage import ExplainStage
from workbench.shell.stages.train import TrainStage


def make_run(folder: Path, *, trials: int, unit: str = "trial", architecture: str = "esn") -> Any:
    path = folder / f"run-{unit}-{trials}-{architecture}"
    path.mkdir(parents=True)
    with JournalWriter(path / "journal.jsonl", path.name) as writer:
        writer.write(
            RunStarted, 0, pid=1, device="cpu", device_reason="", threads=1, parameters=9, steps_per_epoch=1,
            max_epochs=trials, unit=unit,
        )  # fmt: skip
        for trial in range(1, trials + 1):
            loss = 0.5 if trial % 2 else 0.3
            writer.write(
                StepMetrics, trial, epoch=trial, loss=loss, learning_rate=0.0, gradient_norm=0.0, tokens_per_second=9.0
            )
            writer.write(
                EpochMetrics, trial, epoch=trial, train_loss=loss, validation_loss=loss, metrics={"error": loss},
                best=trial <= 2, epochs_since_best=max(0, trial - 2), patience=5, seconds=1.0,
            )  # fmt: skip
        writer.write(RunFinished, trials, reason="completed", seconds=14.0, best_epoch=2)
    config = SimpleNamespace(
        name="", architecture=SimpleNamespace(id=architecture, params={}),
        task=SimpleNamespace(id="tagging", params={}), inputs=(), data=SimpleNamespace(dataset="generated"),
    )  # fmt: skip
    return SimpleNamespace(id=path.name, path=path, journal_path=path / "journal.jsonl", config=config)


def select(session: Session, run: Any) -> None:
    session.run = run
    session.events = []
    session.run_changed.emit()
    events = JournalReader(run.journal_path).poll() if run is not None else []
    session.events.extend(events)
    session.events_arrived.emit(events)


def texts(stage: QWidget) -> str:
    return "\n".join(label.text() for label in stage.findChildren(QLabel) if label.isVisible())


@pytest.fixture
def stage(
    qtbot: Any, session: Session, open_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> TrainStage:
    metric = SimpleNamespace(title="Error")
    monkeypatch.setattr(type(session.catalogue), "metric", lambda self, name: metric, raising=False)
    open_project(20)
    made = TrainStage(session)
    qtbot.addWidget(made)
    made.resize(776, 690)
    made.show()
    return made


def test_a_search_is_told_in_trials_and_ready_in_seconds(
    qtbot: Any, stage: TrainStage, session: Session, tmp_path: Path
) -> None:
    select(session, make_run(tmp_path, trials=5))
    qtbot.waitUntil(lambda: stage._plots_made and "trial" in stage.loss.canvas.accessibleName())
    said = texts(stage)
    assert "Ready in\n14 s" in said
    assert "trial 5 of 5" in said
    assert "0.300 at best trial 2" in said
    assert "epoch" not in said
    assert stage.small.canvas.x_label == "trial"
    assert not stage.small.tabs["gradient_norm"].isVisible()
    assert not stage.small.tabs["learning_rate"].isVisible()
    assert not stage.loss.smoothing.isVisible(), "fits apart from one another are not smoothed"
    assert stage.loss.canvas._lines["train"].y == pytest.approx([0.5, 0.3, 0.5, 0.3, 0.5])
    assert session.run_view.patience_text() == "3 since best"
    assert session.run_view.progress_text() == "trial 5 of 5"
    for look in (clipped, nameless, shadowing):
        assert look(stage) == []


def test_a_single_fit_is_called_so_and_epochs_come_back_with_the_next_run(
    qtbot: Any, stage: TrainStage, session: Session, tmp_path: Path
) -> None:
    select(session, make_run(tmp_path, trials=1))
    assert session.run_view.epoch_text() == "one fit in closed form"
    qtbot.waitUntil(lambda: stage._plots_made)
    stage.small.choose("tokens_per_second")
    select(session, make_run(tmp_path, trials=3, unit="epoch", architecture="lstm"))
    qtbot.waitUntil(lambda: stage.small.tabs["gradient_norm"].isVisible())
    assert stage.loss.smoothing.isVisible()
    assert session.run_view.progress_text() == "epoch 3 of 3 · step 3"
    stage.small.choose("gradient_norm")
    select(session, make_run(tmp_path, trials=2))
    qtbot.waitUntil(lambda: stage.small.chosen == "metric")
    assert stage.small.tabs["metric"].isChecked()


def hello(context: Any) -> QWidget:
    return QLabel("a panel")


def test_explain_has_a_tab_for_a_panel_beside_the_runs_it_was_made_for(
    qtbot: Any, session: Session, open_project: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panels = (
        Panel(id="of-esn", title="Reservoir", area="explain", factory=Ref(f"{__name__}:hello"), for_architecture="esn"),
        Panel(id="of-parsing", title="Arcs", area="explain", factory=Ref(f"{__name__}:hello"), for_task="parsing"),
    )
    monkeypatch.setattr(type(session.catalogue), "panels", lambda self: panels)
    open_project(20)
    stage = ExplainStage(session)
    qtbot.addWidget(stage)
    stage.show()
    assert not stage.tabs.tabBar().isVisible()
    select(session, make_run(tmp_path, trials=1))
    assert [stage.tabs.isTabVisible(i) for i in range(3)] == [True, True, False]
    assert stage.tabs.tabBar().isVisible()
    stage.tabs.setCurrentIndex(1)
    assert "a panel" in texts(stage)
    select(session, make_run(tmp_path, trials=1, architecture="lstm"))
    assert stage.tabs.currentIndex() == 0
    assert not stage.tabs.tabBar().isVisible()
