"""The echo state network as a plugin: one reservoir, whichever way it is run; its options; its search."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from workbench_plugins.architectures.esn import ESN, EchoStateParams
from workbench_plugins.architectures.esn.model import build
from workbench_plugins.architectures.esn.search import propose_params

from workbench.api import WorkbenchError, validate
from workbench.nn.protocols import SolvesReadout
from workbench.nn.recurrent import RecordingEncoder
from workbench.nn.reservoir import echo_state_test
from workbench.nn.reservoir.search import SPACE

LENGTHS = torch.tensor([9, 4, 6])


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        yield


def encoder(**options):
    return build(validate(EchoStateParams, {"units": 40, **options}), 3).eval()


@pytest.mark.parametrize(
    "options", [{}, {"leak": 0.3}, {"reservoirs": 3, "squares": True}, {"input_to_readout": False}]
)
def test_with_and_without_a_gradient_it_answers_alike(options):
    network = encoder(**options)
    x = torch.randn(3, 9, 3)
    quick = network(x, LENGTHS)
    slow = network(x.requires_grad_(), LENGTHS)
    torch.testing.assert_close(quick.states, slow.states, rtol=0, atol=1e-5)
    torch.testing.assert_close(quick.final, slow.final, rtol=0, atol=1e-5)
    torch.testing.assert_close(quick.state, slow.state, rtol=0, atol=1e-5)
    slow.final.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not [name for name, _ in network.named_parameters()], "nothing of a reservoir is learned"


def test_gradients_are_those_of_finite_differences():
    network = encoder(leak=0.5, squares=True).double()
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: network(v, torch.tensor([4, 2])).states, (x,), fast_mode=True)


def test_the_seed_of_the_run_decides_the_reservoir_and_a_saved_one_is_the_same():
    torch.manual_seed(1)
    first = encoder(leak=0.4)
    torch.manual_seed(1)
    again = encoder(leak=0.4)
    other = encoder(leak=0.9, spectral_radius=0.2)
    x = torch.randn(3, 9, 3)
    expected = first(x, LENGTHS).states
    assert torch.equal(again(x, LENGTHS).states, expected)
    assert not torch.allclose(other(x, LENGTHS).states, expected)
    other.load_state_dict(first.state_dict())
    assert torch.equal(other(x, LENGTHS).states, expected), "the weights say all, the leak too"


def test_several_reservoirs_are_blocks_of_what_is_read():
    network = encoder(reservoirs=2, squares=True)
    assert isinstance(network, SolvesReadout)
    assert network.blocks == ((0, 63), (63, 126)) == tuple((i * 63, (i + 1) * 63) for i in range(2))
    assert network.output_size == 126
    states = network(torch.randn(1, 5, 3), torch.tensor([5])).states[0]
    torch.testing.assert_close(states[:, 40:60], states[:, 0:40:2] ** 2)
    torch.testing.assert_close(states[:, 60:63], states[:, 123:126])
    assert not torch.allclose(states[:, :40], states[:, 63:103])


def test_noise_is_for_fitting_only():
    network = encoder(noise=0.1)
    x = torch.randn(3, 9, 3)
    calm = network(x, LENGTHS).states
    network.train()
    noisy = network(x, LENGTHS).states
    assert not torch.allclose(noisy, calm)
    assert not torch.allclose(network(x.requires_grad_(), LENGTHS).states, calm)
    network.eval()
    assert torch.equal(network(x.detach(), LENGTHS).states, calm)


def test_it_is_traced_reservoir_by_reservoir_and_asked_for_gradients_through_time():
    network = encoder(reservoirs=2)
    layers = network.trace(torch.randn(1, 6, 3), 6)
    assert [layer.name for layer in layers] == ["reservoir 1", "reservoir 2", "what the readout reads"]
    assert [layer.states.shape for layer in layers] == [(6, 40), (6, 40), (6, 86)]
    assert isinstance(network, RecordingEncoder)
    encoded, (states,) = network.forward_recorded(torch.randn(2, 6, 3), torch.tensor([6, 6]))
    norms = [g.norm() for g in torch.autograd.grad(encoded.final.sum(), states)]
    assert len(norms) == 6
    assert all(norm > 0 for norm in norms)


def test_its_reservoir_forgets_where_it_began():
    for reservoir in encoder(spectral_radius=0.7)._reservoirs():
        assert echo_state_test(reservoir, steps=300).converged


def test_impossible_options_are_refused():
    for wrong in (
        {"units": 0},
        {"leak": 0.0},
        {"density": 0},
        {"spectral_radius": -1},
        {"ridges": []},
        {"ridges": [0.0]},
    ):
        with pytest.raises(WorkbenchError, match=next(iter(wrong))):
            validate(EchoStateParams, wrong)


def test_every_preset_is_valid_and_names_a_published_one():
    assert any("published" in preset.title for preset in ESN.presets)
    for preset in ESN.presets:
        validate(EchoStateParams, dict(preset.values))


def test_the_search_begins_with_what_was_asked_and_ends_after_its_trials():
    params = validate(EchoStateParams, {"search_trials": 5})
    tried = []
    while (found := propose_params(params, tried, 7)) is not None:
        tried.append((found, -abs(found.spectral_radius - 1.0)))
    assert tried[0][0] == params
    assert len(tried) == 6
    assert len({one.spectral_radius for one, _ in tried}) > 3
    fixed = set(EchoStateParams.model_fields) - set(SPACE)
    for one, _ in tried:
        assert all(getattr(one, name) == getattr(params, name) for name in fixed)
        assert validate(EchoStateParams, one.model_dump()) == one
    assert propose_params(params, tried[:3], 7) == tried[3][0], "the same search goes on alike"
    assert propose_params(validate(EchoStateParams, {}), [(params, 0.0)], 7) is None


def test_its_numbers_are_finite_for_a_loud_input():
    states = encoder()(1e6 * torch.randn(3, 9, 3), LENGTHS).states
    assert np.isfinite(states.numpy()).all()
