"""Readouts solved in closed form: through the same run folder, journal, checkpoints and controls as any training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import toy
from torch import Tensor
from torch.nn import functional
from workbench_plugins.architectures.esn import ESN

from workbench.api import Ref, Task
from workbench.api.events import EpochMetrics, FinishReason, Phase, RunStarted, StateChanged, StepMetrics
from workbench.api.events import Warning as WarningEvent
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.nn.contract import Batch
from workbench.nn.reservoir import RidgeSums
from workbench.runs.config import parse_config
from workbench.runs.control import Control
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal


class SolvedHead(toy.ToyHead):
    """The toy's head, with what a closed form needs."""

    def regression_targets(self, batch: Batch) -> Tensor | None:
        targets = batch.fields["targets"]
        wanted = functional.one_hot(targets.clamp_min(0), len(toy.LABELS)).float()
        return wanted.masked_fill((targets == toy.PADDING)[..., None], torch.nan)

    def readout(self) -> torch.nn.Linear:
        return self.linear


class SolvedTask(toy.ToyTask):
    def head(self, codec: toy.ToyCodec, input_size: int) -> SolvedHead:
        return SolvedHead(input_size, False)


SOLVED = Task(
    id="toy",
    title="Vowels",
    params=toy.ToyParams,
    record="tagged_tokens",
    result="token_labels",
    shape=toy.TASK.shape,
    factory=Ref(f"{__name__}:SolvedTask"),
    needs=toy.TASK.needs,
    metrics=toy.TASK.metrics,
    parse_input=toy.TASK.parse_input,
)


@pytest.fixture
def catalogue() -> Any:
    return toy.ToyCatalogue(SOLVED, ESN)


@pytest.fixture
def make_run(tmp_path):
    def make(name="runs", training=None, **params):
        values = {"max_epochs": 3, "batch_tokens": 64, "threads": 1, "device": "cpu", **(training or {})}
        config = {
            "task": {"id": "toy"},
            "architecture": {"id": "esn", "params": {"units": 60, **params}},
            "data": {"dataset": "letters"},
            "training": values,
        }
        return RunFolder.create(tmp_path / name, parse_config(config))

    return make


def events_of(run, kind):
    return [event for event in read_journal(run.journal_path) if isinstance(event, kind)]


def weights_of(run, catalogue):
    return {name: value.numpy() for name, value in load_bundle(run.path, catalogue).model.state_dict().items()}


def test_one_fit_is_one_epoch_and_ready_at_once(make_run, records, catalogue):
    run = make_run(units=150)
    finished = train(run, records, catalogue)
    assert finished.reason == FinishReason.COMPLETED, finished.error
    assert finished.metrics["toy_accuracy"] > 0.9
    (epoch,) = events_of(run, EpochMetrics)
    assert epoch.best
    assert 0 < epoch.train_loss < 0.3
    assert 0 < epoch.validation_loss < 0.3
    (started,) = events_of(run, RunStarted)
    assert started.max_epochs == 1
    assert "ready after" in events_of(run, Phase)[-1].name
    assert finished.seconds < 30
    for name in ("best", "last"):
        assert (run.checkpoints / name).is_dir()
    predictor = load_bundle(run.path, catalogue)
    (result,) = predictor.predict(predictor.parse("hello"))
    assert len(result.labels) == 5
    assert predictor.evaluate(records["test"]).metrics["toy_accuracy"] > 0.9
    assert np.isfinite(predictor.trace(records["test"][0], gradient=True).gradient).all()


@pytest.mark.parametrize("reservoirs", [1, 3])
def test_the_readout_is_that_of_the_normal_equations_for_each_reservoir(make_run, records, catalogue, reservoirs):
    run = make_run(ridges=(0.5,), reservoirs=reservoirs, input_to_readout=False)
    train(run, records, catalogue)
    model = load_bundle(run.path, catalogue).model
    codec, head = model.codec, model.head
    sums = [RidgeSums(60, 2) for _ in range(reservoirs)]
    with torch.no_grad():
        for record in records["train"]:
            batch = codec.collate([codec.encode(record)])
            states, wanted = model.encode(batch).states[0].numpy(), head.regression_targets(batch)[0].numpy()
            for number, one in enumerate(sums):
                one.add(states[:, number * 60 : (number + 1) * 60], wanted)
    expected = np.concatenate([one.system().solve(0.5).weight for one in sums]) / reservoirs
    found = head.linear.weight.detach().numpy().T.astype(np.float64)
    scale = float(
        (found * expected).sum() / (expected**2).sum()
    )  # a softmax over the answers is sharpened by one factor
    assert scale >= 1.0
    np.testing.assert_allclose(found / scale, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_without_validation_the_ridge_comes_from_the_training_split(make_run, records, catalogue):
    run = make_run(units=150)
    finished = train(run, {"train": records["train"]}, catalogue)
    assert finished.reason == FinishReason.COMPLETED, finished.error
    predictor = load_bundle(run.path, catalogue)
    assert predictor.evaluate(records["test"]).metrics["toy_accuracy"] > 0.9


def test_a_search_tells_every_trial_and_keeps_the_best(make_run, records, catalogue):
    run = make_run(search_trials=4)
    finished = train(run, records, catalogue)
    epochs = events_of(run, EpochMetrics)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5]
    assert events_of(run, RunStarted)[0].max_epochs == 5
    best = max(epochs, key=lambda epoch: (epoch.metrics["toy_accuracy"], -epoch.validation_loss))
    assert finished.best_epoch == best.epoch
    assert len({epoch.validation_loss for epoch in epochs}) == 5, "every trial is another network"
    predictor = load_bundle(run.path, catalogue)
    found = predictor.evaluate(records["validation"], "validation").metrics["toy_accuracy"]
    assert found == pytest.approx(best.metrics["toy_accuracy"])
    params = predictor.config.architecture.params
    assert params["units"] == 60
    if best.epoch > 1:
        assert params["spectral_radius"] != run.config.architecture.params.get("spectral_radius", 0.9)
    assert float(predictor.model.encoder.leak) == pytest.approx(params["leak"])


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(make_run, records, catalogue):
    whole, cut = make_run("whole", search_trials=3, noise=1e-3), make_run("cut", search_trials=3, noise=1e-3)
    train(whole, records, catalogue)

    def interrupt(live):
        if len(events_of(cut, EpochMetrics)) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(cut, records, catalogue, service=interrupt)
    assert not cut.model_folder.exists()
    assert train(cut, records, catalogue, resume=True).reason == FinishReason.COMPLETED
    first, second = weights_of(whole, catalogue), weights_of(cut, catalogue)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert sorted({event.epoch for event in events_of(cut, EpochMetrics)}) == [1, 2, 3, 4]


@pytest.mark.parametrize("verb", ["stop", "discard"])
def test_a_search_is_stopped_or_discarded_between_two_batches(make_run, records, catalogue, verb):
    run = make_run(search_trials=50)

    def ask(live):
        if len(events_of(run, EpochMetrics)) == 2 and not run.control_path.exists():
            Control(run.control_path).write(verb)

    finished = train(run, records, catalogue, service=ask)
    assert len(events_of(run, EpochMetrics)) <= 3
    assert finished.reason == (FinishReason.STOPPED if verb == "stop" else FinishReason.DISCARDED)
    assert run.model_folder.exists() is (verb == "stop")


def test_a_search_pauses_and_goes_on(make_run, records, catalogue):
    run = make_run(search_trials=2)
    control = Control(run.control_path)

    def ask(live):
        states = [event.state for event in events_of(run, StateChanged)]
        if not states and events_of(run, EpochMetrics) and not run.control_path.exists():
            control.write("pause")
        if states == ["paused"]:
            control.write("resume")

    assert train(run, records, catalogue, service=ask).reason == FinishReason.COMPLETED
    assert [event.state for event in events_of(run, StateChanged)] == ["paused", "running"]
    assert len(events_of(run, EpochMetrics)) == 3


def test_a_head_without_targets_or_a_wish_is_trained_by_gradient_on_the_fixed_reservoir(make_run, records):
    for catalogue, params in (
        (toy.ToyCatalogue(toy.TASK, ESN), {}),
        (toy.ToyCatalogue(SOLVED, ESN), {"readout": "gradient"}),
    ):
        run = make_run(str(len(params)), training={"learning_rate": 0.05, "max_epochs": 5}, **params)
        finished = train(run, records, catalogue)
        assert finished.reason == FinishReason.COMPLETED, finished.error
        assert [event.epoch for event in events_of(run, EpochMetrics)] == [1, 2, 3, 4, 5]
        assert all(event.gradient_norm > 0 for event in events_of(run, StepMetrics))
        assert finished.metrics["toy_accuracy"] > 0.8
        checkpoint = weights_of(run, catalogue)
        other = make_run(f"{len(params)} again", training={"learning_rate": 0.01, "max_epochs": 1}, **params)
        train(other, records, catalogue)
        again = weights_of(other, catalogue)
        assert np.array_equal(checkpoint["encoder.values"], again["encoder.values"]), "the reservoir is not trained"
        assert not np.array_equal(checkpoint["embedder.table.weight"], again["embedder.table.weight"])


def test_a_reservoir_that_does_not_forget_its_start_is_told(make_run, records, catalogue):
    for radius, words in ((4.0, ["does not forget where it began"]), (0.5, [])):
        run = make_run(str(radius), spectral_radius=radius, input_scaling=0.01, bias=0.0)
        assert train(run, records, catalogue).reason == FinishReason.COMPLETED
        told = [event.what for event in events_of(run, WarningEvent)]
        assert len(told) == len(words)
        assert all(word in what for word, what in zip(words, told, strict=True))


def test_a_washout_that_leaves_nothing_is_explained(make_run, records, catalogue):
    finished = train(make_run(washout=1000), records, catalogue)
    assert finished.reason == FinishReason.FAILED
    assert "no step to fit" in finished.error["what"]
    assert "washout" in finished.error["fix"]
