"""Reservoirs against independent references: reservoirpy at equal weights, dense NumPy, all eigenvalues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from workbench.api import WorkbenchError
from workbench.nn.reservoir import (
    EchoState,
    Reservoir,
    ReservoirOptions,
    ReservoirWeights,
    draw_weights,
    echo_state_test,
    memory_capacity,
    spectral_radius,
)
from workbench.nn.reservoir.weights import scale_to_radius

STEPS = 300


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def plainly(weights: ReservoirWeights, x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """The equation of the class docstring, densely and step by step."""
    dense = weights.recurrent.toarray().astype(np.float64)
    h, states = np.zeros(weights.units), []
    for t, inputs in enumerate(x):
        pre = dense @ h + weights.inputs.astype(float) @ inputs + weights.bias.astype(float)
        if y is not None and weights.feedback is not None and t:
            pre += weights.feedback.astype(float) @ y[t - 1]
        h = (1 - weights.leak) * h + weights.leak * np.tanh(pre)
        states.append(h)
    return np.array(states)


def series(rows: int = 0, steps: int = STEPS, width: int = 2, seed: int = 3) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.uniform(-1, 1, (rows, steps, width) if rows else (steps, width))


# -- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [1, 2, 40, 250, 400])
@pytest.mark.parametrize("density", [0.01, 0.1, 1.0])
def test_the_spectral_radius_is_the_one_asked_for(units: int, density: float) -> None:
    weights = draw_weights(ReservoirOptions(units=units, density=density, spectral_radius=0.95, dtype="float64"), 1)
    exact = np.abs(np.linalg.eigvals(weights.recurrent.toarray())).max()
    assert exact == pytest.approx(0.95, rel=1e-6)
    assert spectral_radius(weights.recurrent) == pytest.approx(0.95, rel=1e-6)
    each = max(1, round(density * units))
    assert (np.diff(weights.recurrent.indptr) == each).all(), "every unit listens to as many others"


def test_a_matrix_on_which_the_iteration_fails_is_answered_by_all_eigenvalues() -> None:
    units = 200  # a shift round a ring: 200 eigenvalues of modulus 1, which no iteration can part
    ring = sparse.csr_array((np.ones(units), (np.arange(units), np.roll(np.arange(units), 1))), shape=(units, units))
    assert spectral_radius(ring) == pytest.approx(1.0, rel=1e-8)


def test_what_has_no_cycle_has_radius_zero_and_cannot_be_scaled() -> None:
    triangle = sparse.csr_array(np.triu(np.ones((30, 30)), 1))
    assert spectral_radius(triangle) == 0.0
    assert spectral_radius(sparse.csr_array((30, 30))) == 0.0
    with pytest.raises(WorkbenchError, match="cannot be reached"):
        scale_to_radius(triangle, 0.9)
    assert spectral_radius(scale_to_radius(triangle + sparse.eye_array(30), 0.9)) == pytest.approx(0.9)


def test_impossible_options_and_weights_are_refused() -> None:
    for wrong in ({"units": 0}, {"leak": 0.0}, {"density": 0.0}, {"spectral_radius": -1.0}, {"density": 1.5}):
        with pytest.raises(WorkbenchError, match=next(iter(wrong))):
            draw_weights(ReservoirOptions(**wrong), 1)  # type: ignore[arg-type]
    with pytest.raises(WorkbenchError, match="finite"):
        spectral_radius(np.array([[np.nan, 1.0], [1.0, 0.0]]))


def test_other_scalings_of_the_same_seed_are_the_same_weights_scaled() -> None:
    first = draw_weights(ReservoirOptions(units=50, spectral_radius=0.5, dtype="float64"), 2, seed=4)
    second = draw_weights(
        ReservoirOptions(units=50, spectral_radius=1.0, input_scaling=3.0, dtype="float64"), 2, seed=4
    )
    np.testing.assert_allclose(2 * first.recurrent.toarray(), second.recurrent.toarray())
    np.testing.assert_allclose(3 * first.inputs, second.inputs)
    other = draw_weights(ReservoirOptions(units=50, dtype="float64"), 2, seed=5)
    assert not np.allclose(other.inputs, first.inputs)


# -- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [60, 600])
@pytest.mark.parametrize("leak", [1.0, 0.3])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_states_are_those_of_the_equation(units: int, leak: float, kind: str) -> None:
    options = ReservoirOptions(units=units, leak=leak, spectral_radius=0.8, feedback=0.5, dtype=kind)  # type: ignore[arg-type]
    weights = draw_weights(options, 2, 3, seed=1)
    x, y = series(), series(width=3, seed=9)
    reservoir = Reservoir(weights)
    tolerance = 1e-5 if kind == "float32" else 1e-12
    found = reservoir.run(x, feedback=np.vstack([np.zeros(3), y[:-1]]))
    np.testing.assert_allclose(found, plainly(weights, x, y), rtol=0, atol=tolerance)
    assert found.dtype == np.dtype(kind)


@pytest.mark.parametrize("units", [60, 600])
@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_many_series_at_once_are_as_one_by_one_and_in_pieces(units: int, leak: float) -> None:
    reservoir = Reservoir.draw(ReservoirOptions(units=units, leak=leak), 2)
    x = series(5)
    together = reservoir.run(x)
    for row in range(5):
        np.testing.assert_allclose(together[row], reservoir.run(x[row]), rtol=0, atol=1e-5)
    pieces = list(reservoir.pieces(x, piece_steps=37))
    assert [start for start, _, _ in pieces] == list(range(0, STEPS, 37))
    np.testing.assert_allclose(np.concatenate([s for _, s, _ in pieces], axis=1), together, rtol=0, atol=1e-6)
    state = reservoir.zero_state(5)
    for t in range(20):
        state = reservoir.step(x[:, t], state)
        np.testing.assert_allclose(state, together[:, t], rtol=0, atol=1e-5)


def test_it_agrees_with_scipy_alone_where_mkl_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    reservoir = Reservoir.draw(ReservoirOptions(units=600, leak=0.5), 2)
    x = series(3)
    quick, single = reservoir.run(x), reservoir.run(x[0])
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    np.testing.assert_allclose(reservoir.run(x), quick, rtol=0, atol=1e-5)
    monkeypatch.setattr("workbench.nn.reservoir.scan._sparsetools", None)
    np.testing.assert_allclose(reservoir.run(x), quick, rtol=0, atol=1e-5)
    np.testing.assert_allclose(reservoir.run(x[0]), single, rtol=0, atol=1e-5)


@pytest.mark.parametrize("units", [30, 800])
@pytest.mark.parametrize("steps", [1, 63, 64, 65, 150])
def test_units_that_listen_to_different_numbers_of_others_answer_alike(units: int, steps: int) -> None:
    """As reservoirs drawn elsewhere do; runs of every length, beside the few rows of memory that they share."""
    drawn = draw_weights(ReservoirOptions(units=units, leak=0.3, bias=0.4), 2, seed=4)
    matrix = sparse.random_array((units, units), density=0.02, rng=np.random.default_rng(1), dtype=np.float32)
    weights = replace(drawn, recurrent=sparse.csr_array(matrix))
    assert len(set(np.diff(weights.recurrent.indptr))) > 1
    x = series(steps=steps)
    reservoir = Reservoir(weights)
    first = reservoir.run(x)
    np.testing.assert_allclose(first, plainly(weights, x), rtol=0, atol=1e-6)
    again = reservoir.run(x, first[-1])
    np.testing.assert_allclose(again, plainly(weights, np.concatenate([x, x]))[steps:], rtol=0, atol=1e-6)


def test_noise_is_drawn_only_where_a_generator_is_given() -> None:
    reservoir = Reservoir.draw(ReservoirOptions(units=40, noise=0.1), 2)
    x = series()
    assert np.array_equal(reservoir.run(x), reservoir.run(x))
    noisy = reservoir.run(x, noise=np.random.default_rng(0))
    assert 0.001 < np.abs(noisy - reservoir.run(x)).max() < 0.5


# -- against reservoirpy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_states_and_predictions_are_those_of_reservoirpy_at_equal_weights(leak: float) -> None:
    nodes = pytest.importorskip("reservoirpy.nodes")
    options = ReservoirOptions(units=100, leak=leak, spectral_radius=1.1, bias=0.3)
    x = series(steps=1200)
    y = np.roll(x, 3, axis=0)[:, :1] * x[:, 1:]
    network = EchoState(options, seed=2, washout=100, ridges=(1e-5,), input_to_readout=False).fit(x[:1000], y[:1000])
    weights = network.reservoirs[0].weights
    peer = nodes.Reservoir(
        W=weights.recurrent.toarray().astype(float),
        Win=weights.inputs.astype(float),
        bias=weights.bias.astype(float),
        lr=leak,
    )
    readout = nodes.Ridge(1e-5)
    states = peer.run(x)
    np.testing.assert_allclose(network.reservoirs[0].run(x), states, rtol=0, atol=1e-5)
    readout.fit(states[:1000], y[:1000], warmup=100)
    np.testing.assert_allclose(network.predict(x), readout.run(states), rtol=0, atol=1e-5)


# -- what it can do ---------------------------------------------------------------------------------------------------


def test_two_states_converge_below_a_radius_and_not_far_above() -> None:
    calm = echo_state_test(Reservoir.draw(ReservoirOptions(units=100, spectral_radius=0.8), 1))
    assert calm.converged
    assert 0 < calm.steps < 200
    wild = echo_state_test(Reservoir.draw(ReservoirOptions(units=100, spectral_radius=3.0, input_scaling=0.1), 1))
    assert not wild.converged
    assert "spectral radius" in wild.sentence
    driven = ReservoirOptions(units=100, spectral_radius=1.2, input_scaling=3.0)
    assert echo_state_test(Reservoir.draw(driven, 1)).converged, "a strong input may tame a radius above 1"


def test_memory_is_bounded_by_the_units_and_a_linear_reservoir_nearly_reaches_them() -> None:
    linear = ReservoirOptions(
        units=20, spectral_radius=0.95, input_scaling=0.001, bias=0.0, density=0.5, dtype="float64"
    )
    found = memory_capacity(Reservoir.draw(linear, 1), delays=60, steps=4000, ridge=1e-20)
    assert 17 < found.total <= 20.5
    bent = ReservoirOptions(units=20, spectral_radius=0.95, input_scaling=3.0, density=0.5)
    other = memory_capacity(Reservoir.draw(bent, 1), delays=60, steps=4000)
    assert other.total < found.total
    assert found.span > other.span
    assert (found.by_delay >= 0).all()
    assert (found.by_delay <= 1).all()
