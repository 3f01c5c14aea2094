"""A run that did not end answers from its best checkpoint, and says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import toy

from workbench.api import WorkbenchError
from workbench.api.events import EpochMetrics
from workbench.engine.jobs import _Jobs
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal


class Killed(BaseException):
    """As if the process had died: no handler may tidy up after it."""


@pytest.fixture
def cut(make_run: Callable[..., RunFolder], records: Any, catalogue: Any) -> RunFolder:
    """A run that died in its third epoch."""
    run = make_run(max_epochs=6, learning_rate=0.03)

    def service(live: object) -> None:
        found = read_journal(run.journal_path) if live is not None else ()
        if sum(isinstance(event, EpochMetrics) for event in found) == 2:
            raise Killed

    with pytest.raises(Killed):
        train(run, records, catalogue, service=service)
    shutil.rmtree(run.model_folder, ignore_errors=True)
    return run


def test_the_best_checkpoint_answers_with_the_metric_it_had(cut: RunFolder, records: Any, catalogue: Any) -> None:
    best = [event for event in read_journal(cut.journal_path) if isinstance(event, EpochMetrics) and event.best][-1]
    predictor = load_bundle(cut.path, catalogue)
    assert predictor.epoch == best.epoch
    assert predictor.notice == f"interrupted run: answers from the best checkpoint, epoch {best.epoch}"
    assert predictor.manifest["interrupted"] is True
    report = predictor.evaluate(records["validation"], "validation")
    assert report.metrics["toy_accuracy"] == pytest.approx(best.metrics["toy_accuracy"])


def test_a_finished_model_goes_first_and_gives_no_notice(cut: RunFolder, records: Any, catalogue: Any) -> None:
    train(cut, records, catalogue, resume=True)
    predictor = load_bundle(cut.path, catalogue)
    assert predictor.notice == ""
    assert "interrupted" not in predictor.manifest


def test_the_worker_reads_a_newer_checkpoint_anew(cut: RunFolder, records: Any, catalogue: Any) -> None:
    jobs = _Jobs(catalogue, toy.ToyStore)  # type: ignore[arg-type]
    first = jobs._load(cut.path)
    assert jobs._load(cut.path) is first
    train(cut, records, catalogue, resume=True)
    assert jobs._load(cut.path).notice == ""


def test_without_checkpoints_or_with_damaged_ones_it_says_why(cut: RunFolder, catalogue: Any) -> None:
    start = cut.checkpoints / "start.json"
    whole = start.read_bytes()
    start.write_bytes(whole[:-20])
    with pytest.raises(WorkbenchError, match="best checkpoint cannot be read"):
        load_bundle(cut.path, catalogue)
    start.write_bytes(whole)
    assert load_bundle(cut.path, catalogue).epoch > 0
    shutil.rmtree(cut.checkpoints)
    with pytest.raises(WorkbenchError, match="no finished model"):
        load_bundle(cut.path, catalogue)
