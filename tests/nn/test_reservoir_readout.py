"""The readout: ridge against the normal equations, fitting in pieces, choosing λ, free runs and their alarm, search."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.api import WorkbenchError
from workbench.nn.reservoir import EchoState, Reservoir, ReservoirOptions, RidgeSums, Trial, propose, search
from workbench.nn.reservoir.search import SPACE
from workbench.nn.reservoir.series import lorenz, mackey_glass, narma10, nrmse, valid_steps


def system(rows: int = 500, features: int = 30, targets: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((rows, features)) @ generator.standard_normal((features, features)) + 5.0
    return x, x[:, :targets] ** 2 + generator.standard_normal((rows, targets))


@pytest.mark.parametrize("ridge", [1e-8, 1e-2, 100.0])
def test_ridge_solves_the_normal_equations(ridge: float) -> None:
    x, y = system()
    sums = RidgeSums(30, 2)
    for start in range(0, 500, 77):
        sums.add(x[start : start + 77], y[start : start + 77])
    centred, goal = x - x.mean(0), y - y.mean(0)
    expected = np.linalg.solve(centred.T @ centred + ridge * np.eye(30), centred.T @ goal)
    one = sums.system().solve(ridge)
    np.testing.assert_allclose(one.weight, expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(one.bias, y.mean(0) - x.mean(0) @ expected, rtol=1e-7, atol=1e-6)
    (other, _) = sums.system().solve_all([ridge, 1.0])
    np.testing.assert_allclose(other.weight, expected, rtol=1e-6, atol=1e-8)


def test_errors_from_the_sums_are_those_of_the_rows() -> None:
    x, y = system()
    held_x, held_y = system(seed=1)
    sums, judged = RidgeSums(30, 2), RidgeSums(30, 2)
    sums.add(x, y)
    judged.add(held_x, held_y)
    readout = sums.system().solve(0.1)
    expected = ((held_x @ readout.weight + readout.bias - held_y) ** 2).sum(1).mean()
    assert judged.system().squared_error(readout) == pytest.approx(expected, rel=1e-8)


def test_rows_without_a_target_are_left_out_and_nothing_left_is_refused() -> None:
    x, y = system()
    whole, holed = RidgeSums(30, 2), RidgeSums(30, 2)
    whole.add(x[:300], y[:300])
    y = y.copy()
    y[300:, 1] = np.nan
    holed.add(x, y)
    np.testing.assert_allclose(holed.system().solve(1.0).weight, whole.system().solve(1.0).weight, rtol=1e-9)
    with pytest.raises(WorkbenchError, match="no step to fit"):
        RidgeSums(30, 2).system()
    with pytest.raises(WorkbenchError, match="finite"):
        RidgeSums(30, 2).add(np.where(x > x.max() - 1e-9, np.inf, x), np.nan_to_num(y))


def test_collinear_features_still_have_a_solution() -> None:
    x, y = system()
    sums = RidgeSums(60, 2)
    sums.add(np.hstack([x, x]), y)
    readout = sums.system().solve(1e-12)
    assert np.isfinite(readout.weight).all()
    single = RidgeSums(30, 2)
    single.add(x, y)
    plain = single.system().solve(1e-12)
    np.testing.assert_allclose(
        np.hstack([x, x]) @ readout.weight + readout.bias, x @ plain.weight + plain.bias, rtol=1e-4, atol=1e-3
    )


def test_without_validation_the_ridge_is_neither_least_nor_most() -> None:
    generator = np.random.default_rng(2)
    x = generator.standard_normal((60, 50))
    y = x[:, :1] + generator.standard_normal((60, 1))
    sums = RidgeSums(50, 1)
    sums.add(x, y)
    chosen = sums.system().by_generalised_cross_validation([1e-8, 1.0, 10.0, 100.0, 1e8])
    assert 1.0 <= chosen.ridge <= 100.0


# -- echo state networks ----------------------------------------------------------------------------------------------


def wave(steps: int = 1500) -> np.ndarray:
    t = np.arange(steps + 1)
    return (np.sin(t / 5) + 0.5 * np.sin(t / 13))[:, None]


def test_fitting_in_pieces_and_over_many_series_is_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = wave()
    options = ReservoirOptions(units=50, dtype="float64")
    whole = EchoState(options, ridges=(1e-3,)).fit(x[:-1], x[1:])
    monkeypatch.setattr("workbench.nn.reservoir.reservoir.PIECE_VALUES", 50 * 64)
    pieces = EchoState(options, ridges=(1e-3,)).fit(x[:-1], x[1:])
    np.testing.assert_allclose(whole.readouts[0].weight, pieces.readouts[0].weight, rtol=1e-5, atol=1e-8)
    parts = [x[:700], x[700:]]
    listed = EchoState(options, ridges=(1e-3,)).fit([p[:-1] for p in parts], [p[1:] for p in parts])
    found = listed.predict([p[:-1] for p in parts])
    for part, values in zip(parts, found, strict=True):
        np.testing.assert_allclose(values, listed.predict(part[:-1]), atol=1e-9)
        assert nrmse(values[100:], part[1:][100:]) < 1e-2


def test_a_batch_of_series_is_predicted_as_each_alone() -> None:
    x = np.stack([wave(600) * scale for scale in (0.5, 1.0, 1.5)])
    network = EchoState(ReservoirOptions(units=80), reservoirs=2, squares=True).fit(x[:, :-1], x[:, 1:])
    together = network.predict(x[:, :-1])
    assert together.shape == (3, 600, 1)
    for row in range(3):
        np.testing.assert_allclose(together[row], network.predict(x[row, :-1]), rtol=0, atol=1e-4)


def test_a_free_run_goes_on_with_the_series_alone_and_in_a_batch() -> None:
    x = wave(1600)
    options = ReservoirOptions(units=150, dtype="float64", spectral_radius=0.9, input_scaling=0.5)
    network = EchoState(options, ridges=(1e-9,)).fit(x[:1200], x[1:1201])
    states = network.states_after(x[:1300])
    run = network.generate(100, states=states, first=x[1300])
    assert run.alarm == ""
    assert run.values.shape == (100, 1)
    assert nrmse(run.values, x[1301:1401]) < 0.05
    batch = network.generate(100, states=[np.stack([states[0]] * 3)], first=np.stack([x[1300]] * 3))
    np.testing.assert_allclose(batch.values[2], run.values, rtol=0, atol=1e-6)


def test_feedback_is_forced_in_fitting_and_its_own_in_use() -> None:
    """A wave is continued from a constant input: only the fed-back output can carry it."""
    x = wave(2400)
    nothing = np.zeros_like(x)
    options = ReservoirOptions(units=200, feedback=1.0, spectral_radius=0.8, dtype="float64", noise=1e-5)
    network = EchoState(options, ridges=(1e-7,), input_to_readout=False, seed=3).fit(nothing[:2000], x[:2000])
    forced = network.predict(nothing[:2000], feedback=x[:2000])
    assert nrmse(forced[100:], x[100:2000]) < 1e-2
    state = network.states_after(nothing[:2000], feedback=x[:2000])
    run = network.generate(60, states=state, first=np.array([x[1999, 0], 0.0])[:1], exogenous=None)
    assert run.values.shape == (60, 1)
    assert network.predict(nothing[:50]).shape == (50, 1), "without a teacher it reads its own outputs"


def test_a_run_that_explodes_raises_the_alarm_and_stops() -> None:
    x = wave(600)
    network = EchoState(ReservoirOptions(units=60, noise=0.0), ridges=(1e-9,)).fit(x[:-1], x[1:])
    network.readouts[0].weight[:] *= 40.0
    run = network.generate(50, states=[network.reservoirs[0].zero_state()], first=x[0])
    assert run.diverged[0] >= 0
    assert np.isfinite(run.values).all()
    assert "diverged" in run.alarm


def test_more_inputs_than_outputs_need_what_comes_from_outside() -> None:
    x = np.hstack([wave(600), np.ones((601, 1))])
    network = EchoState(ReservoirOptions(units=60), ridges=(1e-6,)).fit(x[:-1], x[1:, :1])
    with pytest.raises(WorkbenchError, match="feeds 1 outputs back"):
        network.generate(5, states=network.states_after(x[:-1]), first=x[-1])
    run = network.generate(5, states=network.states_after(x[:-1]), first=x[-1], exogenous=np.ones((5, 1)))
    assert run.values.shape == (5, 1)


def test_the_ridge_is_chosen_on_validation_and_mistakes_are_named() -> None:
    generator = np.random.default_rng(0)
    x = wave(900) + 0.3 * generator.standard_normal((901, 1))
    network = EchoState(ReservoirOptions(units=200), ridges=(1e-8, 1e-2, 10.0, 1e6))
    network.fit(x[:500], x[1:501], validation=(x[500:-1], x[501:]))
    assert network.ridge[0] in (1e-2, 10.0)
    with pytest.raises(WorkbenchError, match="do not belong together"):
        network.fit(x[:500], x[:499])
    with pytest.raises(WorkbenchError, match="no step to fit"):
        EchoState(washout=1000).fit(x[:500], x[1:501])
    with pytest.raises(WorkbenchError, match="no readout"):
        EchoState().predict(x)


# -- search -----------------------------------------------------------------------------------------------------------


def test_a_search_finds_a_hill_and_can_be_taken_up_again() -> None:
    def hill(values: dict[str, float]) -> float:
        return -sum((SPACE[name].share(value) - 0.7) ** 2 for name, value in values.items())

    told: list[int] = []
    trials = search(hill, trials=120, seed=1, progress=lambda done, total, trial: told.append(done))
    assert told == list(range(1, 121))
    assert trials[0].score > -0.02
    assert trials[0].score >= trials[-1].score
    tried: list[Trial] = []
    for _ in range(120):  # as an engine does it: one at a time, from what is known
        values = propose(tried, trials=120, seed=1)
        tried.append(Trial(values, hill(values)))
    assert max(tried, key=lambda trial: trial.score) == trials[0]


def test_failed_trials_are_survived() -> None:
    trials = search(lambda values: float("nan") if values["leak"] < 0.7 else values["leak"], trials=30, seed=0)
    assert trials[0].score > 0.7
    assert trials[-1].score == float("-inf")


# -- series -----------------------------------------------------------------------------------------------------------


def test_generated_series_are_what_the_literature_describes() -> None:
    series = mackey_glass(3000)
    assert 0.2 < series.min() < 0.6
    assert 1.2 < series.max() < 1.5
    finer = [mackey_glass(300, fine=fine, discard=0) for fine in (10, 40)]
    np.testing.assert_allclose(*finer, atol=1e-4)
    path = lorenz(4000)
    assert path.shape == (4000, 3)
    assert 40 < path[:, 2].max() < 50
    assert path[:, 0].std() == pytest.approx(7.9, abs=0.6)
    u, y = narma10(2000, seed=1)
    expected = 0.3 * y[50] + 0.05 * y[50] * y[41:51].sum() + 1.5 * u[42] * u[51] + 0.1
    assert y[51] == pytest.approx(expected)


def test_errors_are_measured_as_they_say() -> None:
    wanted = np.sin(np.arange(100.0))
    assert nrmse(np.full(100, wanted.mean()), wanted) == pytest.approx(1.0)
    path = np.ones((2, 10, 3))
    wrong = path.copy()
    wrong[1, 4:] += 9.0
    assert valid_steps(wrong, path, np.ones(3)).tolist() == [10, 4]


def test_a_reservoir_of_one_unit_and_one_step_works() -> None:
    reservoir = Reservoir.draw(ReservoirOptions(units=1), 1)
    assert reservoir.run(np.ones((1, 1))).shape == (1, 1)
    assert reservoir.run(np.ones((4, 1, 1))).shape == (4, 1, 1)
