"""The arithmetic of a step: accumulation, padding, clipping, groups, schedules, averaged weights, thread trials."""

from __future__ import annotations

import gc
import random
import weakref

import numpy as np
import pytest
import torch
import toy
from conftest import toy_config

from workbench.api import WorkbenchError
from workbench.engine.compose import compose, describe_model
from workbench.engine.data import ListSource, encode_split
from workbench.engine.evaluate import evaluation_mode, losses_of_records
from workbench.engine.modes import spare_collections
from workbench.engine.optim import AveragedWeights, Schedule, clip_gradients, decay_groups, scale_gradients
from workbench.engine.threads import calibrate_threads
from workbench.engine.training import train
from workbench.runs.config import TrainingParams


@pytest.fixture
def model(catalogue):
    return compose(toy_config(net_params={"dropout": 0.0}), catalogue, records=toy.texts(50, 1))


@pytest.fixture
def split(model):
    return encode_split(ListSource({"train": toy.texts(24, 4)}), "train", model.codec)


def gradients(model):
    return [p.grad.clone() for p in model.parameters()]


def test_two_accumulated_batches_give_the_gradient_of_one_large_batch(model, split):
    everything = np.arange(24)
    whole = model.loss(split.batch(model.codec, everything))
    (whole.total / whole.count).backward()
    expected = gradients(model)
    model.zero_grad()
    count = 0
    # of very different sizes: a mean of means would be wrong
    for indices in (everything[:3], everything[3:]):
        part = model.loss(split.batch(model.codec, indices))
        part.total.backward()
        count += part.count
    scale_gradients(list(model.parameters()), 1 / count)
    for ours, theirs in zip(gradients(model), expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-7)


def test_accumulating_twice_half_the_budget_learns_as_well(make_run, records, catalogue):
    run = make_run(accumulate=2, batch_tokens=32, max_epochs=8, learning_rate=0.03)
    assert train(run, records, catalogue).metrics["toy_accuracy"] > 0.95


def test_the_loss_of_a_record_does_not_depend_on_its_batch(model, split):
    with evaluation_mode(model):
        batch = split.batch(model.codec, np.arange(24))
        outputs, encoded = model(batch)
        together = losses_of_records(model, outputs, encoded, batch)
        alone = []
        for i in range(24):
            loss = model.loss(split.batch(model.codec, np.array([i])))
            alone.append(float(loss.total) / loss.count)
    assert together == pytest.approx(alone, abs=1e-5)


def test_clipping_reports_the_norm_before_and_keeps_the_direction(model, split):
    loss = model.loss(split.batch(model.codec, np.arange(24)))
    loss.total.backward()
    before = torch.cat([g.flatten() for g in gradients(model)])
    norm = clip_gradients(list(model.parameters()), 0.5)
    after = torch.cat([g.flatten() for g in gradients(model)])
    assert float(norm) == pytest.approx(float(before.norm()), rel=1e-5)
    assert float(after.norm()) == pytest.approx(0.5, rel=1e-4)
    assert torch.allclose(after / after.norm(), before / before.norm(), atol=1e-5)


def test_biases_and_embeddings_do_not_decay(model):
    decayed, plain = decay_groups(model, 0.1)
    assert decayed["weight_decay"] == 0.1
    assert plain["weight_decay"] == 0.0
    spared = {id(p) for p in plain["params"]}
    assert id(model.embedder.table.weight) in spared
    assert id(model.head.linear.bias) in spared
    assert id(model.head.linear.weight) not in spared
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("kind", "first", "middle", "last"),
    [("constant", 1, 1, 1), ("cosine", 1, 0.5, 0), ("linear", 1, 0.5, 0), ("inverse", 1, 0.4472, 0.3162)],
)
def test_schedules(kind, first, middle, last):
    schedule = Schedule(TrainingParams(schedule=kind, learning_rate=1.0, max_epochs=10), steps_per_epoch=10)
    rates = [schedule.rate(step) for step in (0, 50, 100)]
    assert rates == pytest.approx([first, middle, last], abs=0.01)


def test_warm_up_rises_from_almost_nothing():
    schedule = Schedule(TrainingParams(learning_rate=1.0, warmup_steps=4), 10)
    assert [schedule.rate(step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_plateau_halves_after_half_the_patience():
    schedule = Schedule(TrainingParams(schedule="plateau", learning_rate=1.0, patience=4), 10)
    rates = []
    for improved in (True, False, False, True, False, False):
        schedule.validated(improved)
        rates.append(schedule.rate(0))
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_averaged_weights_follow_and_the_own_ones_come_back(model):
    averaged = AveragedWeights(model, 0.9)
    weight = model.head.linear.weight
    start = weight.detach().clone()
    with torch.no_grad():
        weight.add_(1.0)
    averaged.update()  # the first decay is (1 + 0) / (10 + 0) = 0.1
    with averaged.applied():
        assert torch.allclose(weight, start + 0.9)
    assert torch.allclose(weight, start + 1.0)


def test_a_thread_trial_changes_nothing(model, split):
    batch = split.batch(model.codec, np.arange(24))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    choice = calibrate_threads(model, [batch], (1, 2), budget=0.05)
    assert choice.threads in (1, 2)
    assert set(choice.seconds) == {1, 2}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_a_run_with_a_thread_trial_ends_as_one_with_that_number_asked_for(make_run, records, catalogue, monkeypatch):
    monkeypatch.setattr("workbench.engine.threads.thread_candidates", lambda: (1, 2))
    tried = train(make_run(threads=0), records, catalogue)
    from workbench.api.events import RunStarted
    from workbench.runs.journal import read_journal

    run = make_run(threads=0)
    tried = train(run, records, catalogue)
    (started,) = [e for e in read_journal(run.journal_path) if isinstance(e, RunStarted)]
    asked = train(make_run(threads=started.threads), records, catalogue)
    assert tried.metrics == asked.metrics
    assert "threads" in started.environment


def test_composing_is_a_function_of_the_seed_and_leaves_the_random_state(catalogue):
    before = torch.get_rng_state()
    one, two = (compose(toy_config(), catalogue, records=toy.texts(50, 1)) for _ in range(2))
    other = compose(toy_config(seed=8), catalogue, records=toy.texts(50, 1))
    assert torch.equal(one.head.linear.weight, two.head.linear.weight)
    assert not torch.equal(one.head.linear.weight, other.head.linear.weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_pair_that_does_not_fit_is_refused_with_the_reason():
    from dataclasses import replace

    task = replace(toy.TASK, needs=frozenset({toy.Trait.TREE}))
    with pytest.raises(WorkbenchError, match="nodes of a tree"):
        compose(toy_config(), toy.ToyCatalogue(task=task), records=toy.texts(5))


def test_a_wrong_option_names_its_place(catalogue):
    with pytest.raises(WorkbenchError, match=r"architecture\.params\.hidden_size"):
        compose(toy_config(net_params={"hidden_size": 0}), catalogue, records=toy.texts(5))


def test_the_parameter_table_adds_up(model):
    description = describe_model(model, TrainingParams())
    assert description.parameters == sum(p.numel() for p in model.parameters())
    assert sum(layer["parameters"] for layer in description.layers) == description.parameters
    assert description.bytes > 4 * 4 * description.parameters


def test_libraries_are_left_to_the_collector_once_and_what_comes_after_is_still_collected():
    spare_collections()
    before = gc.get_freeze_count()
    assert before > 0
    spare_collections()
    assert gc.get_freeze_count() == before

    class Ring:
        pass

    ring = Ring()
    ring.itself = ring
    gone = weakref.ref(ring)
    del ring
    gc.collect()
    assert gone() is None
