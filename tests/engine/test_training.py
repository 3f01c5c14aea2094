"""A run trains, tells what it does, keeps its best and says how it ended."""

from __future__ import annotations

import pytest
import torch
import toy

from workbench.api import WorkbenchError
from workbench.api.events import (
    EpochMetrics,
    FinishReason,
    Phase,
    RunFinished,
    RunStarted,
    SamplePrediction,
    StateChanged,
    StepMetrics,
)
from workbench.api.events import Warning as WarningEvent
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.runs.control import Control
from workbench.runs.journal import read_journal


def events_of(run, kind):
    return [event for event in read_journal(run.journal_path) if isinstance(event, kind)]


def test_a_run_learns_and_its_bundle_loads_without_anything_else(make_run, records, catalogue):
    run = make_run(max_epochs=8, learning_rate=0.03)
    finished = train(run, records, catalogue)
    assert finished.reason == FinishReason.COMPLETED
    assert finished.metrics["toy_accuracy"] > 0.95
    assert finished.best_epoch >= 1
    predictor = load_bundle(run.path, catalogue)
    (result,) = predictor.predict(predictor.parse("hello"))
    assert result.labels == ("consonant", "vowel", "consonant", "consonant", "vowel")


def test_the_journal_begins_with_phases_and_the_very_first_step_and_ends_with_finished(make_run, records, catalogue):
    run = make_run()
    train(run, records, catalogue)
    events = read_journal(run.journal_path)
    assert isinstance(events[0], Phase)
    assert isinstance(events[-1], RunFinished)
    assert [event.seq for event in events] == list(range(len(events)))
    assert events_of(run, StepMetrics)[0].step == 1
    assert [event.epoch for event in events_of(run, EpochMetrics)] == [1, 2, 3]
    (started,) = events_of(run, RunStarted)
    assert started.threads == 1
    assert started.resumed_from_step is None


def test_the_codec_knows_the_training_split_only(make_run, records, catalogue):
    records["train"] = [toy.letters("abc")] * 4
    records["validation"] = [toy.letters("xyz")]
    run = make_run(max_epochs=1)
    train(run, records, catalogue)
    assert set(load_bundle(run.path, catalogue).model.codec.vocabulary) == {"a", "b", "c"}


def test_stop_keeps_the_best_and_discard_keeps_nothing(make_run, records, catalogue):
    for verb, reason in (("stop", FinishReason.STOPPED), ("discard", FinishReason.DISCARDED)):
        run = make_run(max_epochs=500)

        def ask(live, run=run, verb=verb):
            if live is not None and live.epoch == 2:
                Control(run.control_path).write(verb)

        finished = train(run, records, catalogue, service=ask)
        assert finished.reason == reason
        assert (run.model_folder / "manifest.json").is_file() == (verb == "stop")
        assert run.checkpoints.exists() == (verb == "stop")


def test_a_paused_run_waits_answers_others_and_goes_on(make_run, records, catalogue):
    run = make_run(max_epochs=2)
    control = Control(run.control_path)
    calls = []

    def ask(live):
        if live is None:
            return
        calls.append(live.epoch)
        if len(calls) == 3:
            control.write("pause")
        if len(calls) == 6:
            control.write("resume")

    assert train(run, records, catalogue, service=ask).reason == FinishReason.COMPLETED
    assert [event.state for event in events_of(run, StateChanged)] == ["paused", "running"]


def test_a_new_learning_rate_is_taken_at_once(make_run, records, catalogue):
    run = make_run(max_epochs=2)
    asked = []

    def ask(live):
        if live is not None and not asked:
            asked.append(Control(run.control_path).write("set_learning_rate", 0.5))

    train(run, records, catalogue, service=ask)
    assert events_of(run, StepMetrics)[0].learning_rate == pytest.approx(0.002)
    assert events_of(run, StepMetrics)[-1].learning_rate == 0.5


def test_a_loss_that_is_no_number_ends_as_diverged_and_keeps_the_last_good_model(make_run, records, catalogue):
    run = make_run(max_epochs=50, task_params={"explode": True})
    finished = train(run, records, catalogue)
    assert finished.reason == FinishReason.DIVERGED
    assert "learning rate" in finished.error["fix"]
    weights = load_bundle(run.path, catalogue).model.state_dict()
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())


def test_patience_ends_a_run_that_no_longer_improves(make_run, records, catalogue):
    run = make_run(max_epochs=100, patience=2, learning_rate=1e-9)
    finished = train(run, records, catalogue)
    assert finished.reason == FinishReason.COMPLETED
    assert len(events_of(run, EpochMetrics)) == finished.best_epoch + 2


def test_the_time_limit_stops_and_keeps_a_model(make_run, records, catalogue):
    run = make_run(max_epochs=100_000, patience=0, time_limit=0.3)
    assert train(run, records, catalogue).reason == FinishReason.COMPLETED
    assert (run.model_folder / "manifest.json").is_file()


def test_pinned_inputs_are_answered_after_every_validation(make_run, records, catalogue):
    run = make_run(inputs=("hello", "xyz"))
    train(run, records, catalogue)
    samples = events_of(run, SamplePrediction)
    assert [sample.epoch for sample in samples] == [1, 2, 3]
    assert samples[0].results[0]["tokens"] == list("hello")


def test_validating_every_so_many_steps(make_run, records, catalogue):
    run = make_run(max_epochs=1, validate_every=5)
    train(run, records, catalogue)
    steps = [event.step for event in events_of(run, EpochMetrics)]
    assert steps[:2] == [5, 10]
    assert steps[-1] == events_of(run, RunFinished)[0].step


def test_without_a_validation_split_the_training_loss_chooses_and_it_is_said(make_run, records, catalogue):
    del records["validation"]
    run = make_run()
    assert train(run, records, catalogue).best_epoch == 3
    assert "validation" in events_of(run, WarningEvent)[0].what


def test_an_empty_training_split_is_refused_in_words(make_run, catalogue):
    finished = train(make_run(), {"train": []}, catalogue)
    assert finished.reason == FinishReason.FAILED
    assert "nothing to train on" in finished.error["what"]


def test_records_without_steps_are_left_out_and_counted(make_run, records, catalogue):
    records["train"].append(toy.letters(""))
    run = make_run(max_epochs=1)
    assert train(run, records, catalogue).reason == FinishReason.COMPLETED
    assert events_of(run, WarningEvent)[0].what.startswith("1 empty")


def test_memory_that_runs_out_is_told_as_such(make_run, records, catalogue):
    def fail(live):
        if live is not None:
            raise MemoryError

    finished = train(make_run(), records, catalogue, service=fail)
    assert finished.reason == FinishReason.OUT_OF_MEMORY
    assert "batch_tokens" in finished.error["fix"]


def test_a_run_being_trained_elsewhere_is_refused(make_run, records, catalogue):
    run = make_run()
    with run.lock(), pytest.raises(WorkbenchError, match="already being trained"):
        train(run, records, catalogue)


def test_data_the_task_refuses_ends_the_run_with_its_words(make_run, catalogue):
    finished = train(make_run(), {"train": [toy.TaggedTokens(("a",))]}, catalogue)
    assert finished.reason == FinishReason.FAILED
    assert finished.error["what"] == "A record has no layer kind."


def test_an_f1_that_stays_at_nought_does_not_end_a_run_whose_loss_falls(make_run, records, catalogue, monkeypatch):
    monkeypatch.setattr(toy.Accuracy, "compute", lambda self: {"toy_accuracy": 0.0})
    run = make_run(max_epochs=6, patience=2, learning_rate=0.01)
    finished = train(run, records, catalogue)
    assert len(events_of(run, EpochMetrics)) == 6
    assert finished.best_epoch == 6
