"""A model that writes: its free run is what validation, evaluation and prediction see; schedules know the step."""

from __future__ import annotations

import pytest
import toy_pairs
from conftest import toy_config
from test_resume import Killed, assert_same_end, killer

from workbench.api import TaggedTokens
from workbench.api.events import EpochMetrics
from workbench.engine.compose import Model, compose
from workbench.engine.data import ListSource, encode_split
from workbench.engine.evaluate import Metrics, evaluate_split, evaluation_mode, losses_of_records, validate_split
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.runs.journal import read_journal


@pytest.fixture
def catalogue():
    return toy_pairs.catalogue()


@pytest.fixture
def records():
    return {"train": toy_pairs.words(150, 1), "validation": toy_pairs.words(30, 2), "test": toy_pairs.words(20, 3)}


def model_of(catalogue, **task_params):
    config = toy_config(task_params=task_params, net_params={"dropout": 0.0})
    return compose(config, catalogue, records=toy_pairs.words(3)).eval()


@pytest.fixture
def split(records, catalogue):
    return encode_split(ListSource({"validation": records["validation"]}), "validation", toy_pairs.PairCodec())


def test_what_the_model_writes_chooses_the_checkpoint_beside_the_teacher_forced_loss(split, catalogue, monkeypatch):
    model = model_of(catalogue)
    batches = []
    generate = toy_pairs.WordTask.generate

    def counted(self, parts, batch, records, options):
        batches.append(batch.size)
        assert not options.probabilities
        return generate(self, parts, batch, records, options)

    monkeypatch.setattr(toy_pairs.WordTask, "generate", counted)
    found = validate_split(model, split, Metrics.of(("toy_exact",), catalogue), budget=64)
    assert sum(batches) == len(split)
    assert found.headline == found.metrics["toy_exact"]
    with evaluation_mode(model):
        import numpy as np

        loss = model.loss(split.batch(model.codec, np.arange(len(split))))
    assert found.loss == pytest.approx(float(loss.total) / loss.count, rel=1e-5)


def test_predicting_without_targets_skips_the_forward_pass(catalogue, monkeypatch):
    model = model_of(catalogue)
    from workbench.engine.predict import Predictor

    calls = []
    forward = Model.forward
    monkeypatch.setattr(Model, "forward", lambda self, *args: calls.append(1) or forward(self, *args))
    results = Predictor(model, toy_config()).predict([TaggedTokens(tuple("banana")), TaggedTokens(tuple("fig"))])
    assert len(results) == 2
    assert not calls


def test_losses_of_records_at_once_equal_those_row_by_row(split, catalogue):
    at_once, by_row = model_of(catalogue), model_of(catalogue, by_row=True)
    by_row.load_state_dict(at_once.state_dict())
    reports = [evaluate_split(model, split, budget=100) for model in (at_once, by_row)]
    first, second = ([example["loss"] for example in report.examples] for report in reports)
    assert first == pytest.approx(second, abs=1e-5)
    alone = []
    with evaluation_mode(at_once):
        import numpy as np

        for example in reports[0].examples:
            batch = split.batch(at_once.codec, np.array([example["record_id"]]))
            alone += losses_of_records(at_once, *at_once(batch), batch)
    assert first == pytest.approx(alone, abs=1e-5)


def test_short_sources_with_long_targets_make_small_batches(monkeypatch):
    records = [toy_pairs.word("aeiou"[: 1 + i % 5]) for i in range(40)]
    source, codec = ListSource({"train": records}), toy_pairs.PairCodec()
    unbounded = encode_split(source, "train", codec)
    monkeypatch.setattr(
        toy_pairs.PairCodec, "target_length", lambda self, encoding: 3 * len(encoding["target"]), raising=False
    )
    split = encode_split(source, "train", codec)
    assert split.lengths.tolist() == [3 * (n + 1) for n in unbounded.lengths.tolist()]
    plan = split.batches(60, 7).epoch(1)
    assert all(len(plan[i]) * int(split.lengths[plan[i]].max()) <= 60 for i in range(len(plan)))


def test_scheduled_modules_are_told_before_every_step_and_after_a_resume(make_run, records, catalogue, monkeypatch):
    told = []
    monkeypatch.setattr(toy_pairs.WordNet, "at_step", lambda self, *values: told.append((*values, self.training)))
    run = make_run(max_epochs=2, checkpoint_every=1e-9)
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(9))
    steps = [step for step, _, _ in told]
    assert steps == [0, *range(9)]
    totals = {total for _, total, _ in told}
    told.clear()
    train(run, records, catalogue, resume=True)
    assert told[0][0] >= 8, "right after the resume, before the first step"
    steps = [step for step, _, _ in told]
    assert steps == sorted(steps)
    assert {total for _, total, _ in told} == totals
    assert steps[-1] == next(iter(totals)) - 1


def test_a_model_that_writes_learns_resumes_and_comes_back(make_run, records, catalogue):
    options = {"max_epochs": 4, "learning_rate": 0.03, "net_params": {"hidden_size": 24, "dropout": 0.1}}
    reference, run = make_run(**options), make_run(checkpoint_every=1e-9, **options)
    finished = train(reference, records, catalogue)
    assert finished.reason == "completed", finished.error
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(13))
    train(run, records, catalogue, resume=True)
    assert_same_end(run, reference)
    epochs = [e for e in read_journal(run.journal_path) if isinstance(e, EpochMetrics)]
    assert epochs[-1].train_loss < epochs[0].train_loss
    predictor = load_bundle(run.path, catalogue)
    report = predictor.evaluate(records["validation"], "validation")
    assert report.metrics["toy_exact"] == pytest.approx(finished.metrics["toy_exact"])
