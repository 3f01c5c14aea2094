"""Of a run that failed every stage says that it did, and of what, where it would else ask to train first."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.api import WorkbenchError
from workbench.api.events import RunFinished, RunStarted
from workbench.shell.session import Session
from workbench.shell.stages.evaluate.stage import EvaluateStage
from workbench.shell.stages.explain.stage import ExplainStage
from workbench.shell.stages.model_state import model_title
from workbench.shell.stages.use.stage import UseStage

ERROR = WorkbenchError("The training diverged: the loss is no number.", fix="Lower the learning rate.")
PLACE: dict[str, Any] = {"run_id": "r", "seq": 0, "step": 3, "time": 1.0}


def ended(reason: str) -> RunFinished:
    error = None if reason == "discarded" else ERROR.to_dict()
    return RunFinished(**PLACE, reason=reason, seconds=2.0, metrics={}, best_epoch=0, error=error)


def begun() -> RunStarted:
    return RunStarted(
        **PLACE, pid=1, device="cpu", device_reason="", threads=1, parameters=5, steps_per_epoch=2, max_epochs=9
    )


@pytest.mark.parametrize("kind", [UseStage, EvaluateStage, ExplainStage])
def test_a_stage_says_that_the_run_failed_and_of_what(
    qtbot: Any, session: Session, fake_run: SimpleNamespace, kind: type[Any]
) -> None:
    shutil.rmtree(fake_run.path / "model")
    stage = kind(session)
    qtbot.addWidget(stage)
    stage.show()
    before = stage.empty.title.text(), stage.empty.text.text()
    session.run, session.events = fake_run, [begun(), ended("diverged")]
    session.run_changed.emit()
    assert stage.empty.isVisible()
    assert stage.empty.title.text() == "This run diverged and left no model"
    assert "The training diverged" in stage.empty.text.text()
    assert "Lower the learning rate." in stage.empty.text.text()
    session.events = [begun(), ended("discarded")]
    session.run_changed.emit()
    assert (stage.empty.title.text(), stage.empty.text.text()) == before


def test_the_best_checkpoint_of_a_failed_run_is_not_called_interrupted(
    session: Session, fake_run: SimpleNamespace
) -> None:
    shutil.rmtree(fake_run.path / "model")
    (fake_run.path / "checkpoints" / "best").mkdir(parents=True)
    (fake_run.path / "checkpoints" / "start.json").write_text("{}")
    (fake_run.path / "checkpoints" / "best" / "state.json").write_text("{}")
    session.run, session.events = fake_run, [begun(), ended("failed")]
    assert model_title(session).endswith("failed: its best checkpoint answers")
    session.events = [begun(), ended("failed"), begun()]
    assert model_title(session).endswith("interrupted: its best checkpoint answers")
