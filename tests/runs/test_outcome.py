"""What became of a run is told as it was: one that failed is not said to be unfinished, and its error is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from workbench.api import WorkbenchError
from workbench.api.events import FinishReason, RunFinished, RunStarted
from workbench.runs import JournalWriter, RunConfig, RunFolder
from workbench.runs.config import Contribution, DataSection
from workbench.runs.outcome import failure, no_model, outcome

ERROR = WorkbenchError("The training diverged.", why="Steps were too large.", fix="Lower the learning rate.")


def a_run(folder: Path, reason: str = "", error: WorkbenchError | None = None, *, begun: bool = True) -> RunFolder:
    config = RunConfig(task=Contribution(id="t"), architecture=Contribution(id="a"), data=DataSection(dataset="d"))
    run = RunFolder.create(folder / "runs", config)
    if not begun:
        return run
    writer = JournalWriter(run.journal_path, run.id)
    started: dict[str, Any] = {"pid": os.getpid(), "device": "cpu", "device_reason": "", "threads": 1, "parameters": 5}
    writer.write(RunStarted, 0, **started, steps_per_epoch=2, max_epochs=9)
    if reason:
        told = error.to_dict() if error is not None else None
        writer.write(RunFinished, 1, reason=reason, seconds=1.0, metrics={}, best_epoch=0, error=told)
    return run


@pytest.mark.parametrize(
    ("reason", "word"), [("failed", "failed"), ("diverged", "diverged"), ("out_of_memory", "ran out of memory")]
)
def test_a_run_that_failed_is_told_with_its_error(reason: str, word: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, reason, ERROR)
    state = run.state()
    assert outcome(state) == word
    failed = failure(state)
    assert failed is not None
    assert failed.what == ERROR.what
    told = no_model(run.path)
    assert told.what == f"There is no finished model here: the run {word}."
    assert told.why == "The training diverged. Steps were too large."
    assert told.fix == "Lower the learning rate."
    assert no_model(run.path / "model").what == told.what
    assert "not ended" not in str(told)
    assert "discarded" not in str(told)


def test_a_failure_without_an_error_is_still_one(tmp_path: Path) -> None:
    failed = failure(a_run(tmp_path, "failed").state())
    assert failed is not None
    assert failed.what == "The training failed."


@pytest.mark.parametrize(
    ("reason", "begun", "said"),
    [
        ("discarded", True, "the run was discarded"),
        ("completed", True, "the run completed"),
        ("stopped", True, "the run was stopped"),
        ("", True, "the run was interrupted"),
        ("", False, "the run was never started"),
    ],
)
def test_every_other_end_is_named_as_what_it_was(reason: str, begun: bool, said: str, tmp_path: Path) -> None:
    run = a_run(tmp_path, reason, begun=begun)
    assert failure(run.state()) is None
    assert no_model(run.path).what == f"There is no finished model here: {said}."
    assert no_model(run.path).fix


def test_a_run_of_the_same_project_that_has_a_model_is_named(tmp_path: Path) -> None:
    good = a_run(tmp_path, FinishReason.COMPLETED.value)
    good.model_folder.mkdir()
    (good.model_folder / "manifest.json").write_text("{}")
    bad = a_run(tmp_path, "failed", ERROR)
    assert str(good.path) in no_model(bad.path).fix


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    assert "no run" in no_model(tmp_path).why
