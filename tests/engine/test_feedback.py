"""Output feedback: the true answers are heard while a readout is fitted, the network's own in use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import toy
import toy_feedback
from torch import Tensor, nn
from workbench_plugins.architectures.esn import ESN

from workbench.api import Catalogue, Series, WorkbenchError, compatibility
from workbench.api.events import EpochMetrics, FinishReason
from workbench.api.events import Warning as WarningEvent
from workbench.engine.compose import compose
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.protocols import FeedsBack
from workbench.nn.reservoir import EchoState, Reservoir, ReservoirOptions, ReservoirWeights
from workbench.nn.reservoir.encoder import EchoStateEncoder
from workbench.nn.reservoir.ridge import Readout
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal

UNITS, STEPS, WIDTH, ANSWERS = 60, 50, 3, 2


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        yield


# -- the network alone, at equal weights with plain steps, with reservoirpy and with our own numeric layer ------------


def network(*, leak: float = 0.4, reservoirs: int = 1, **options: Any) -> tuple[EchoStateEncoder, nn.Linear]:
    drawn = ReservoirOptions(units=UNITS, leak=leak, feedback=0.8, spectral_radius=0.8, dtype="float64", **options)
    encoder = EchoStateEncoder(drawn, WIDTH + ANSWERS, feedback_size=ANSWERS, reservoirs=reservoirs).eval()
    readout = nn.Linear(encoder.output_size, ANSWERS, dtype=torch.float64)
    nn.init.uniform_(readout.weight, -0.2, 0.2)
    encoder.hear(readout)
    return encoder, readout


def inputs(rows: int = 1, answers: Tensor | None = None) -> Tensor:
    x = 2.0 * torch.rand(rows, STEPS, WIDTH, dtype=torch.float64) - 1.0
    if answers is None:
        answers = torch.full((rows, STEPS, ANSWERS), torch.nan, dtype=torch.float64)
    return torch.cat([x, answers], dim=2)


def plainly(encoder: EchoStateEncoder, readout: nn.Linear, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States and answers of one reservoir, densely and step by step; NaN among the inputs: its own answer."""
    weights = encoder._reservoirs()[0].weights
    dense, leak = weights.recurrent.toarray(), weights.leak
    matrix, constant = readout.weight.detach().numpy(), readout.bias.detach().numpy()
    h, y, states, answers = np.zeros(UNITS), np.zeros(ANSWERS), [], []
    for step in x:
        heard = np.where(np.isnan(step[WIDTH:]), y, step[WIDTH:])
        pre = dense @ h + weights.inputs @ np.concatenate([step[:WIDTH], heard]) + weights.bias
        h = (1 - leak) * h + leak * np.tanh(pre)
        y = matrix @ np.concatenate([h, step[:WIDTH]]) + constant
        states.append(h)
        answers.append(y)
    return np.array(states), np.array(answers)


@pytest.mark.parametrize("leak", [1.0, 0.4])
@pytest.mark.parametrize("forced", [True, False])
@torch.no_grad()
def test_forced_and_free_states_are_those_of_plain_steps(leak: float, forced: bool) -> None:
    encoder, readout = network(leak=leak)
    answers = torch.rand(1, STEPS, ANSWERS, dtype=torch.float64) if forced else None
    x = inputs(answers=answers)
    states, expected = plainly(encoder, readout, x[0].numpy())
    encoded = encoder(x, torch.tensor([STEPS]))
    np.testing.assert_allclose(encoded.states[0, :, :UNITS].numpy(), states, rtol=0, atol=1e-6)
    np.testing.assert_allclose(readout(encoded.states)[0].numpy(), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(encoded.states[0, :, UNITS:].numpy(), x[0, :, :WIDTH].numpy(), rtol=0, atol=0)


@torch.no_grad()
def test_forced_and_free_states_are_those_of_reservoirpy_at_equal_weights() -> None:
    """Which takes what is fed back as further inputs too; its nodes are stepped, each with the answer before."""
    nodes = pytest.importorskip("reservoirpy.nodes")
    encoder, readout = network()
    weights = encoder._reservoirs()[0].weights

    def peer() -> Any:
        return nodes.Reservoir(
            W=weights.recurrent.toarray(), Win=weights.inputs, bias=weights.bias, lr=weights.leak
        )

    forced = inputs(answers=torch.rand(1, STEPS, ANSWERS, dtype=torch.float64))
    found = encoder(forced, torch.tensor([STEPS])).states[0, :, :UNITS].numpy()
    np.testing.assert_allclose(found, peer().run(forced[0].numpy()), rtol=0, atol=1e-6)
    free = inputs()
    node, y = peer(), np.zeros(ANSWERS)
    told = nodes.Ridge(Wout=readout.weight.numpy().T, bias=readout.bias.numpy())
    expected = []
    for step in free[0, :, :WIDTH].numpy():
        expected.append(node.run(np.concatenate([step, y])[None])[0])
        y = told.run(np.concatenate([expected[-1], step])[None])[0]
    found = encoder(free, torch.tensor([STEPS])).states[0, :, :UNITS].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_free_run_is_that_of_the_numeric_layer() -> None:
    encoder, readout = network()
    weights = encoder._reservoirs()[0].weights
    alone = EchoState(ReservoirOptions(units=UNITS, dtype="float64"), washout=0)
    alone.reservoirs = [
        Reservoir(
            ReservoirWeights(
                weights.recurrent, weights.inputs[:, :WIDTH], weights.bias, weights.inputs[:, WIDTH:], weights.leak
            )
        )
    ]
    alone.readouts = [Readout(readout.weight.numpy().T, readout.bias.numpy(), 1.0)]
    alone._low = alone._high = np.zeros(ANSWERS)
    x = inputs(4)
    found = readout(encoder(x, torch.full((4,), STEPS)).states).numpy()
    np.testing.assert_allclose(found, alone.predict(x[..., :WIDTH].numpy()), rtol=0, atol=1e-6)


@torch.no_grad()
def test_rows_pieces_and_steps_answer_alike() -> None:
    encoder, _ = network(reservoirs=2)
    x = inputs(3)
    x[1, 20:30, WIDTH:] = 0.5  # some answers of one row are known, and heard
    lengths = torch.tensor([STEPS, 45, 10])
    whole = encoder(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = encoder(x[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(whole.states[row, :length], alone.states[0], rtol=0, atol=1e-9)
        torch.testing.assert_close(whole.state[row], alone.state[0], rtol=0, atol=1e-9)
    full = torch.full((3,), 25)
    first = encoder(x[:, :25], full)
    rest = encoder(x[:, 25:], full, first.state)
    torch.testing.assert_close(rest.states[0], whole.states[0, 25:], rtol=0, atol=1e-9)
    state = None
    for step in range(STEPS):
        output, state = encoder.step(x[:1, step], state)
        torch.testing.assert_close(output[0], whole.states[0, step], rtol=0, atol=1e-9)


def test_with_a_gradient_it_answers_alike_and_the_gradient_goes_through_the_feedback() -> None:
    encoder, _ = network()
    x, lengths = inputs(2), torch.tensor([STEPS, 30])
    with torch.no_grad():
        quick = encoder(x, lengths)
    recorded, (states,) = encoder.forward_recorded(x, lengths)
    torch.testing.assert_close(recorded.states, quick.states, rtol=0, atol=1e-9)
    assert len(states) == STEPS
    grads = torch.autograd.grad(recorded.states[0, -1].sum(), list(states), allow_unused=True)
    assert all(grad is not None and torch.isfinite(grad).all() for grad in grads)
    deaf, _ = network()
    deaf.load_state_dict(encoder.state_dict())
    deaf.input_weights[..., WIDTH:] = 0.0
    without, (others,) = deaf.forward_recorded(x, lengths)
    (grad,) = torch.autograd.grad(without.states[0, -1].sum(), [others[-2]])
    assert not torch.allclose(grad[0], grads[-2][0])


@torch.no_grad()
def test_an_answer_that_leaves_all_reason_is_held_and_raises_the_alarm() -> None:
    encoder, readout = network()
    encoder.train()
    encoder(inputs(answers=torch.rand(1, STEPS, ANSWERS, dtype=torch.float64)), torch.tensor([STEPS]))
    encoder.eval()
    assert isinstance(encoder, FeedsBack)
    readout.weight.mul_(0.01)
    encoder(inputs(), torch.tensor([STEPS]))
    assert encoder.alarm() == ""
    readout.weight.mul_(1e6)
    heard = encoder.trace(inputs(), STEPS)[1]
    assert heard.name == "what is fed back"
    assert np.abs(heard.states).max() <= 4.0, "within three widths of [0, 1]"
    assert "diverged" in encoder.alarm()
    assert encoder.alarm() == "", "it is told once"


# -- through the engine -----------------------------------------------------------------------------------------------


@pytest.fixture
def records() -> dict[str, Any]:
    return {
        split: toy_feedback.pushes(count, seed)
        for seed, (split, count) in enumerate((("train", 40), ("validation", 10), ("test", 10)))
    }


@pytest.fixture
def catalogue() -> Any:
    return toy.ToyCatalogue(toy_feedback.task(), ESN, (toy_feedback.METRIC,))


@pytest.fixture
def make_run(tmp_path):
    def make(name="runs", known=False, **params):
        config = {
            "task": {"id": "toy", "params": {"known": known}},
            "architecture": {"id": "esn", "params": {"units": 80, "spectral_radius": 0.3, **params}},
            "data": {"dataset": "pushes"},
            "training": {"batch_tokens": 2000, "threads": 1, "device": "cpu", "max_epochs": 3},
        }
        return RunFolder.create(tmp_path / name, parse_config(config))

    return make


def warnings_of(run):
    return [event.what for event in read_journal(run.journal_path) if isinstance(event, WarningEvent)]


def test_what_a_small_reservoir_forgets_its_own_answer_remembers(make_run, records, catalogue):
    """Judged by its own answers alone: nothing of the right ones may reach a prediction."""
    without = train(make_run("without"), records, catalogue)
    run = make_run("with", feedback=0.5, noise=1e-3)
    finished = train(run, records, catalogue)
    assert finished.reason == FinishReason.COMPLETED, finished.error
    assert without.metrics["toy_right"] < 0.8
    assert finished.metrics["toy_right"] > 0.95
    assert warnings_of(run) == []
    predictor = load_bundle(run.path, catalogue)
    assert predictor.evaluate(records["test"]).metrics["toy_right"] > 0.95
    blank = [toy_feedback.Pushes(record.inputs) for record in records["test"]]
    told, blind = predictor.predict(records["test"]), predictor.predict(blank)
    for one, other in zip(told, blind, strict=True):
        np.testing.assert_allclose(one.values, other.values, rtol=0, atol=1e-6)


def test_the_readout_is_fitted_on_states_that_heard_the_true_answers(make_run, records, catalogue):
    run = make_run(feedback=0.5, ridges=(0.01,))
    train(run, records, catalogue)
    model = load_bundle(run.path, catalogue).model
    reservoir = model.encoder._reservoirs()[0]
    x, y = [], []
    for record in records["train"]:
        u, answers = np.array(record.inputs)[:, None], np.array(record.answers)[:, None]
        heard = np.concatenate([u, np.vstack([np.zeros((1, 1)), answers[:-1]])], axis=1)
        x.append(np.concatenate([reservoir.run(heard), u], axis=1, dtype=np.float64))
        y.append(answers)
    states, wanted = np.concatenate(x), np.concatenate(y)
    states, wanted = states - states.mean(axis=0), wanted - wanted.mean(axis=0)
    expected = np.linalg.solve(states.T @ states + 0.01 * np.eye(81), states.T @ wanted)
    found = model.head.linear.weight.detach().numpy().T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_the_ridge_is_the_one_whose_own_answers_do_best(make_run, records, catalogue):
    losses, ridges = {}, (1e-12, 1e-2, 1e3)
    for name, tried in (("all", ridges), *((str(ridge), (ridge,)) for ridge in ridges)):
        run = make_run(name, feedback=5.0, ridges=tried, reservoirs=2)
        assert train(run, records, catalogue).reason == FinishReason.COMPLETED
        (epoch,) = [event for event in read_journal(run.journal_path) if isinstance(event, EpochMetrics)]
        losses[name] = epoch.validation_loss
        if name in ("1e-12", "all"):
            assert bool([what for what in warnings_of(run) if "diverged" in what]) is (name == "1e-12")
    assert losses["all"] == pytest.approx(min(losses[str(ridge)] for ridge in ridges), rel=1e-3)
    assert losses["all"] < losses["1e-12"]


def test_a_trace_shows_what_was_heard(make_run, records, catalogue):
    run = make_run(feedback=0.5, noise=1e-3)
    train(run, records, catalogue)
    predictor = load_bundle(run.path, catalogue)
    record = records["test"][0]
    trace = predictor.trace(record, gradient=True)
    layer = next(layer for layer in trace.layers if layer.name == "what is fed back")
    (answered,) = predictor.predict([record])
    np.testing.assert_allclose(layer.states[1:, 0], answered.values[:-1], rtol=0, atol=1e-5)
    assert layer.states[0, 0] == 0.0
    assert np.isfinite(trace.gradient).all()


def test_answers_that_are_known_in_use_are_heard(make_run, records, catalogue):
    run = make_run(known=True, feedback=0.5)
    train(run, records, catalogue)
    record = records["test"][0]
    layer = next(one for one in load_bundle(run.path, catalogue).trace(record).layers if one.name == "what is fed back")
    np.testing.assert_allclose(layer.states[1:, 0], record.answers[:-1], rtol=0, atol=0)


def test_an_interrupted_search_with_feedback_goes_on_as_if_it_had_not_been(make_run, records, catalogue):
    options = {"feedback": 0.5, "noise": 1e-3, "search_trials": 3}
    whole, cut = make_run("whole", **options), make_run("cut", **options)
    assert train(whole, records, catalogue).reason == FinishReason.COMPLETED

    def interrupt(live):
        if sum(isinstance(event, EpochMetrics) for event in read_journal(cut.journal_path)) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(cut, records, catalogue, service=interrupt)
    assert train(cut, records, catalogue, resume=True).reason == FinishReason.COMPLETED
    first, second = (load_bundle(run.path, catalogue).model.state_dict() for run in (whole, cut))
    assert "encoder.answer_range" in first
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_readout_trained_by_gradient_hears_the_true_answers_in_training_only(make_run, records, catalogue):
    run = make_run(feedback=0.5, readout="gradient")
    finished = train(run, records, catalogue)
    assert finished.reason == FinishReason.COMPLETED, finished.error
    model = load_bundle(run.path, catalogue).model
    batch = model.codec.collate([model.codec.encode(records["train"][0])])
    assert model.embedder(batch)[..., 1:].isnan().all()
    model.train()
    np.testing.assert_allclose(model.embedder(batch)[0, 1:, 1].numpy(), records["train"][0].answers[:-1])


def test_a_free_run_that_diverges_is_told_and_what_the_advice_is_worth(make_run, records, catalogue):
    run = make_run(feedback=5.0, ridges=(1e-12,))
    assert train(run, records, catalogue).reason == FinishReason.COMPLETED
    (told,) = [what for what in warnings_of(run) if "diverged" in what]
    assert "lower the feedback" in told
    calmer = make_run("calmer", feedback=0.5, ridges=(1e-3,), noise=1e-3)
    assert train(calmer, records, catalogue).metrics["toy_right"] > 0.95
    assert warnings_of(calmer) == []


# -- who can be fed back ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed() -> Catalogue:
    return load_plugins(safe_mode=True).catalogue


def test_a_task_without_numbers_is_refused_in_a_sentence(installed: Catalogue, make_run, records) -> None:
    esn = installed.architecture("esn")
    for task in installed.tasks():
        if not compatibility(task, esn):
            continue
        assert compatibility(task, esn, {}), task.id
        answer = compatibility(task, esn, {"feedback": 0.5})
        assert bool(answer) is (task.id == "forecasting_free_run"), task.id
        assert answer or answer.reason.startswith("Output feedback needs numeric answers at every step")
    silent = toy.ToyCatalogue(toy_feedback.task(offers=frozenset()), ESN, (toy_feedback.METRIC,))
    with pytest.raises(WorkbenchError) as refused:
        compose(make_run(feedback=0.5).config, silent, records=records["train"])
    assert "needs numeric answers" in str(refused.value.why)


def test_a_forecast_step_by_step_hears_the_series_and_then_itself(installed: Catalogue, tmp_path) -> None:
    steps = np.arange(420)
    noise = 0.05 * np.random.default_rng(0).standard_normal(420)
    series = Series.of("wave", (np.sin(2 * np.pi * steps / 24) + noise)[:, None])
    config = {
        "task": {"id": "forecasting_free_run", "params": {"lookback": 72, "horizon": 24, "calendar": False}},
        "architecture": {"id": "esn", "params": {"units": 100, "feedback": 0.5, "input_to_readout": False}},
        "data": {"dataset": "s"},
        "training": {"threads": 1, "device": "cpu"},
    }
    run = RunFolder.create(tmp_path, parse_config(config))
    finished = train(run, {"train": [series]}, installed)
    assert finished.reason == FinishReason.COMPLETED, finished.error
    predictor = load_bundle(run.path, installed)
    past = series.part(0, 396)
    (found,) = predictor.predict([past])
    truth = np.sin(2 * np.pi * steps[396:] / 24)
    assert np.sqrt(np.mean((np.asarray(found.mean)[:, 0] - truth) ** 2)) < 0.2
    layer = next(one for one in predictor.trace(past).layers if one.name == "what is fed back")
    deviation = predictor.model.codec.deviation[predictor.model.codec.targets[0]]
    assert np.ptp(layer.states) * deviation == pytest.approx(np.ptp(past.values[-72:]), rel=1e-4)
    assert warnings_of(run) == []


@pytest.mark.parametrize("feedback", [0.0, 1.0])
def test_a_forecast_that_diverges_is_told_with_and_without_feedback(installed: Catalogue, tmp_path, feedback) -> None:
    steps = np.arange(420)
    noise = 0.05 * np.random.default_rng(0).standard_normal(420)
    series = Series.of("wave", (np.sin(2 * np.pi * steps / 24) + noise)[:, None])
    told = {}
    for name, options in (
        ("wild", {"units": 300, "ridges": (1e-14,), "squares": True, "feedback": feedback}),
        ("calm", {"units": 100, "feedback": feedback}),
    ):
        config = {
            "task": {"id": "forecasting_free_run", "params": {"lookback": 72, "horizon": 48, "calendar": False}},
            "architecture": {"id": "esn", "params": options},
            "data": {"dataset": "s"},
            "training": {"threads": 1, "device": "cpu"},
        }
        run = RunFolder.create(tmp_path / name, parse_config(config))
        assert train(run, {"train": [series]}, installed).reason == FinishReason.COMPLETED
        told[name] = [what for what in warnings_of(run) if "diverged" in what]
    (wild,) = told["wild"]
    assert ("lower the feedback" in wild) is (feedback > 0)
    assert told["calm"] == []
