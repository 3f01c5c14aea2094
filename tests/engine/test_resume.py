"""A training that was interrupted ends bit-equal with one that never was."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
import toy
from safetensors.torch import load_file

from workbench.api import WorkbenchError
from workbench.api.events import EpochMetrics, FinishReason, RunFinished, RunStarted
from workbench.api.events import Warning as WarningEvent
from workbench.engine.training import train
from workbench.runs.control import Control
from workbench.runs.journal import read_journal, without_superseded

OPTIONS = [
    {},
    {"optimizer": "sgd", "schedule": "cosine", "warmup_steps": 3, "accumulate": 2},
    {"optimizer": "adamw", "weight_decay": 0.1, "average_weights": 0.9, "schedule": "plateau", "patience": 3},
    {"optimizer": "rmsprop", "schedule": "inverse", "validate_every": 4, "net_params": {"cell": "lstm"}},
]


class Killed(BaseException):
    """As if the process had died: no handler may tidy up after it."""


def killer(after_steps):
    calls = []

    def service(live):
        if live is not None:
            calls.append(1)
            if len(calls) == after_steps:
                raise Killed

    return service


def final_state(run):
    weights = load_file(run.checkpoints / "last" / "state.safetensors")
    epochs = [e for e in without_superseded(read_journal(run.journal_path)) if isinstance(e, EpochMetrics)]
    return weights, [(e.step, e.train_loss, e.validation_loss, dict(e.metrics), e.best) for e in epochs]


def assert_same_end(run, reference):
    weights, epochs = final_state(run)
    expected_weights, expected_epochs = final_state(reference)
    assert epochs == expected_epochs
    assert weights.keys() == expected_weights.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, expected_weights[name]), name
    ours, theirs = (load_file(r.model_folder / "model.safetensors") for r in (run, reference))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("options", OPTIONS, ids=["adam", "sgd", "adamw", "rmsprop"])
@pytest.mark.parametrize("kill_at", [1, 7, 25])
def test_killed_and_resumed_ends_bit_equal(make_run, records, catalogue, options, kill_at):
    reference, run = make_run(**options), make_run(checkpoint_every=1e-9, **options)
    train(reference, records, catalogue)
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(kill_at))
    assert not any(isinstance(event, RunFinished) for event in read_journal(run.journal_path))
    # what a new process would start with is not what the run had
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002 - the state a resume restores
    torch.manual_seed(99)
    train(run, records, catalogue, resume=True)
    assert_same_end(run, reference)


def test_a_run_killed_again_and_again_in_the_middle_of_epochs_ends_bit_equal(make_run, records, catalogue):
    reference, run = make_run(), make_run(checkpoint_every=1e-9)
    train(reference, records, catalogue)
    for attempt in range(5):
        with pytest.raises(Killed):
            train(run, records, catalogue, service=killer(6), resume=attempt > 0)
    finished = train(run, records, catalogue, resume=True)
    assert finished.reason == FinishReason.COMPLETED
    assert_same_end(run, reference)


def test_a_run_killed_before_its_first_checkpoint_begins_again_the_same(make_run, records, catalogue):
    reference, run = make_run(), make_run()
    train(reference, records, catalogue)
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(2))
    train(run, records, catalogue, resume=True)
    started = [e for e in read_journal(run.journal_path) if isinstance(e, RunStarted)]
    assert started[-1].resumed_from_step == 0
    assert_same_end(run, reference)


def test_a_stopped_run_can_go_on_to_the_same_end(make_run, records, catalogue):
    reference, run = make_run(), make_run()
    train(reference, records, catalogue)
    calls = []

    def stop_once(live):
        if live is not None:
            calls.append(1)
            if len(calls) == 9:
                Control(run.control_path).write("stop")

    assert train(run, records, catalogue, service=stop_once).reason == FinishReason.STOPPED
    assert train(run, records, catalogue, resume=True).reason == FinishReason.COMPLETED
    assert_same_end(run, reference)


def test_questions_to_the_live_model_leave_the_training_bit_equal(make_run, records, catalogue):
    reference = make_run(average_weights=0.9)
    asked = make_run(average_weights=0.9, inputs=("hello",), checkpoint_every=1e-9)
    train(reference, records, catalogue)
    answers = []

    def ask(live):
        if live is not None:
            answers.append(live.predict(live.parse("question")))
            live.trace(live.parse("question")[0], gradient=True)

    train(asked, records, catalogue, service=ask)
    assert len(answers) > 10
    assert_same_end(asked, reference)


def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(make_run, records, catalogue):
    reference, run = make_run(), make_run(checkpoint_every=1e-9)
    train(reference, records, catalogue)
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(15))
    path = run.checkpoints / "last" / "state.safetensors"
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 0xFF
    path.write_bytes(blob)
    train(run, records, catalogue, resume=True)
    warnings = [e for e in read_journal(run.journal_path) if isinstance(e, WarningEvent)]
    assert "damaged" in warnings[0].what
    assert_same_end(run, reference)


def test_two_damaged_checkpoints_are_reported_not_guessed(make_run, records, catalogue):
    run = make_run(checkpoint_every=1e-9)
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(15))
    for name in ("last", "last-previous"):
        (run.checkpoints / name / "state.safetensors").write_bytes(b"")
    finished = train(run, records, catalogue, resume=True)
    assert finished.reason == FinishReason.FAILED
    assert "damaged" in finished.error["what"]


def test_a_checkpoint_of_a_newer_version_is_refused(make_run, records, catalogue):
    run = make_run()
    train(run, records, catalogue)
    path = run.checkpoints / "last" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    assert "newer version" in train(run, records, catalogue, resume=True).error["what"]


def test_a_run_that_diverged_goes_on_from_its_last_good_checkpoint(make_run, records, catalogue):
    run = make_run(max_epochs=50, task_params={"explode": True})
    assert train(run, records, catalogue).reason == FinishReason.DIVERGED
    resumed = [e for e in (train(run, records, catalogue, resume=True),) if e.reason == FinishReason.DIVERGED]
    started = [e for e in read_journal(run.journal_path) if isinstance(e, RunStarted)]
    assert resumed
    assert started[-1].resumed_from_step > 0


def test_resuming_with_other_records_goes_on_and_says_so(tmp_path, make_run, records, catalogue):
    run = make_run(max_epochs=2, checkpoint_every=1e-9)
    source = toy.HashedSource(records, "one")
    with pytest.raises(Killed):
        train(run, source, catalogue, service=killer(5))
    source = toy.HashedSource({**records, "train": records["train"][:60]}, "two")
    assert train(run, source, catalogue, resume=True).reason == FinishReason.COMPLETED
    assert any(
        "changed" in event.what for event in read_journal(run.journal_path) if isinstance(event, WarningEvent)
    )


def test_a_resume_into_nothing_trains_from_the_beginning(make_run, records, catalogue):
    run = make_run(max_epochs=1)
    assert train(run, records, catalogue, resume=True).reason == FinishReason.COMPLETED


def test_wrong_weights_are_refused_in_words(make_run, records, catalogue):
    from workbench.engine.checkpoint import load_weights

    with pytest.raises(WorkbenchError, match="do not fit"):
        load_weights(torch.nn.Linear(2, 2), {"weight": torch.zeros(3, 3)})
