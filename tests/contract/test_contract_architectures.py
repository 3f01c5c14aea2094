"""Every architecture with every option: padding never leaks, gradients are finite, a trace tells the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from contract_subjects import encoders, name_of, traits_of

from workbench.api import Architecture, Trait, validate
from workbench.nn.contract import Encoded, Encoder

LENGTHS = torch.tensor([7, 1, 4, 7, 2])
INPUT_SIZE = 5
TOLERANCE = 1e-6
BOUNDED_GATES = {"input", "forget", "output", "reset", "update"}

pytestmark = pytest.mark.parametrize(("architecture", "options"), encoders(), ids=name_of)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        yield


@pytest.fixture
def encoder(architecture: Architecture, options: dict[str, Any]) -> Encoder:
    """In double precision, so that only a wrong computation can differ, and in evaluation mode."""
    built = architecture.factory.resolve()(validate(architecture.params, options), INPUT_SIZE)
    assert isinstance(built, Encoder)
    return built.double().eval()


@pytest.fixture
def x() -> torch.Tensor:
    """A batch (B, T, D) whose padding is loud."""
    values = torch.randn(len(LENGTHS), int(LENGTHS.max()), INPUT_SIZE, dtype=torch.float64)
    for row, length in zip(values, LENGTHS.tolist(), strict=True):
        row[length:] = 1000.0
    return values


def test_a_batch_answers_as_its_records_one_by_one(encoder: Encoder, x: torch.Tensor) -> None:
    together: Encoded = encoder(x, LENGTHS)
    assert together.states.shape[0] == together.final.shape[0] == len(LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone: Encoded = encoder(x[row : row + 1, :length], torch.tensor([length]))
        steps = int(alone.lengths[0])
        assert int(together.lengths[row]) == steps
        torch.testing.assert_close(together.states[row, :steps], alone.states[0], rtol=0, atol=TOLERANCE)
        torch.testing.assert_close(together.final[row], alone.final[0], rtol=0, atol=TOLERANCE)
        assert not together.states[row, steps:].any(), "positions beyond the length hold zeros"


def test_single_precision_agrees_too(encoder: Encoder, x: torch.Tensor) -> None:
    single = encoder.float()
    together = single(x.float(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = single(x[row : row + 1, :length].float(), torch.tensor([length]))
        torch.testing.assert_close(together.states[row, : int(alone.lengths[0])], alone.states[0], rtol=1e-5, atol=1e-5)


def test_the_output_has_the_size_it_says(encoder: Encoder, x: torch.Tensor) -> None:
    encoded = encoder(x, LENGTHS)
    assert encoded.states.shape[-1] == encoder.output_size
    assert encoded.final.shape[-1] == encoder.output_size
    assert encoded.lengths.device.type == "cpu"


def test_gradients_are_finite_and_padding_has_none(
    encoder: Encoder, x: torch.Tensor, architecture: Architecture
) -> None:
    x.requires_grad_()
    encoder.train()
    encoded = encoder(x, LENGTHS)
    (encoded.states.square().sum() + encoded.final.square().sum()).backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
    for row, length in zip(x.grad, LENGTHS.tolist(), strict=True):
        assert not row[length:].any()
    trained = [(name, p) for name, p in encoder.named_parameters() if p.requires_grad]
    if architecture.fitting == "gradient":
        assert trained
    for name, parameter in trained:
        assert parameter.grad is not None, f"{name} is never reached by a gradient"
        assert bool(torch.isfinite(parameter.grad).all()), name


def test_evaluation_is_repeatable_and_leaves_its_input_alone(encoder: Encoder, x: torch.Tensor) -> None:
    before = x.clone()
    first, second = encoder(x, LENGTHS), encoder(x, LENGTHS)
    assert torch.equal(first.states, second.states)
    assert torch.equal(x, before)


def test_a_trace_holds_the_states_of_the_forward_pass(encoder: Encoder, x: torch.Tensor) -> None:
    row, length = 2, int(LENGTHS[2])
    with torch.no_grad():
        states = encoder(x[row : row + 1, :length], torch.tensor([length])).states[0].numpy()
        layers = encoder.trace(x[row : row + 1], length)
    assert layers
    assert len({(layer.name, layer.direction) for layer in layers}) == len(layers)
    assert layers[0].direction, "something is recurrent"
    for layer in layers:
        assert layer.direction in ("forward", "backward", "")
        assert layer.direction or not layer.gates, "what carries nothing from step to step has no gates"
        assert layer.states.shape[0] == length
        units = next(iter(layer.gates.values()), layer.states).shape  # a projected state is narrower than its gates
        for name, values in {**layer.gates, "cell": layer.cell}.items():
            if values is not None:
                assert values.shape == units, name
                assert values.shape[0] == length, name
                assert np.isfinite(values).all(), name
            if name in BOUNDED_GATES:
                assert values.min() >= 0
                assert values.max() <= 1
    directions = [layer for layer in layers if layer.name == layers[-1].name]  # one, or two beside each other
    states = states.repeat(encoder.subsampling, axis=0)[:length]  # a state is shown at every step it stands for
    joined = np.concatenate([layer.states for layer in directions], axis=1)
    if joined.shape != states.shape:  # an architecture may add the directions instead
        joined = sum(layer.states for layer in directions)
    np.testing.assert_allclose(joined, states, rtol=0, atol=TOLERANCE)


def test_a_causal_network_steps_as_it_reads_and_others_say_they_cannot(
    encoder: Encoder, x: torch.Tensor, architecture: Architecture, options: dict[str, Any]
) -> None:
    row = x[:1, : int(LENGTHS[0])]
    if Trait.CAUSAL not in traits_of(architecture, options):
        with pytest.raises(TypeError, match="cannot be stepped"):
            encoder.step(row[:, 0], None)
        return
    whole = encoder(row, LENGTHS[:1]).states
    state, outputs = None, []
    for t in range(row.shape[1]):
        output, state = encoder.step(row[:, t], state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), whole, rtol=0, atol=TOLERANCE)


def test_a_causal_network_sees_no_future_and_goes_on_from_its_state(
    encoder: Encoder, x: torch.Tensor, architecture: Architecture, options: dict[str, Any]
) -> None:
    row, length = x[:1, :7], LENGTHS[:1]
    whole = encoder(row, length).states
    changed = row.clone()
    changed[:, 4:] += 1.0
    other = encoder(changed, length).states
    if Trait.CAUSAL not in traits_of(architecture, options):
        assert not torch.allclose(other[:, :4], whole[:, :4]), "a network that reads both ways sees what comes"
        return
    torch.testing.assert_close(other[:, :4], whole[:, :4], rtol=0, atol=TOLERANCE)
    first = encoder(row[:, :3], torch.tensor([3]))
    second = encoder(row[:, 3:], torch.tensor([4]), first.state)
    torch.testing.assert_close(torch.cat([first.states, second.states], 1), whole, rtol=0, atol=TOLERANCE)
