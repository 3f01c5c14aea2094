"""Recurrent weight dropout: one mask a pass, on the fused kernel too, with the gradient at the raw weights."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from workbench.api import RecurrentParams, WorkbenchError
from workbench.api.recurrent import LayerParams
from workbench.nn.recurrent import DeepEncoder, RecurrentEncoder, build_stack, make_layer
from workbench.nn.recurrent.cells import CELLS
from workbench.nn.recurrent.weight_dropout import WeightDropout

FULL = torch.full((3,), 6)
DROPPING = [name for name in CELLS if make_layer(name, 2, 2).recurrent_weights]


def inputs() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(3, 6, 4, dtype=torch.float64)


def layer_of(cell: str) -> Any:
    torch.manual_seed(0)
    layer = make_layer(cell, 4, 5).double()
    with torch.no_grad():
        for name in layer.recurrent_weights:
            layer.get_parameter(name).mul_(0.4)  # within the bound that some cells hold them to, when scaled up too
    return layer


def dropping() -> WeightDropout:
    return WeightDropout(0.5).train()


def run(cell: Any, seed: int = 5, **options: Any) -> Tensor:
    x = inputs()
    torch.manual_seed(seed)
    states, _ = dropping()(cell, x, FULL, **options)
    return states


@pytest.mark.parametrize("cell", DROPPING)
def test_the_layers_own_kernel_equals_a_loop_over_steps_with_the_same_mask(cell: str) -> None:
    layer, x = layer_of(cell), inputs()
    torch.manual_seed(5)
    dropped = dropping().draw(layer)
    assert set(dropped) == set(layer.recurrent_weights)
    other = copy.deepcopy(layer)
    for name, weight in dropped.items():
        raw = layer.get_parameter(name)
        assert bool(((weight == 0) | torch.isclose(weight, 2 * raw)).all())
        with torch.no_grad():
            other.get_parameter(name).copy_(weight)
    state, hidden = other.zero_state(x), []
    for step in x.unbind(1):
        h, state = other.step(step, state)
        hidden.append(h)
    torch.testing.assert_close(run(layer), torch.stack(hidden, 1))
    torch.testing.assert_close(run(layer, recorded=[]), torch.stack(hidden, 1))


@pytest.mark.parametrize("cell", DROPPING)
def test_the_gradient_at_the_raw_weights_is_right(cell: str) -> None:
    layer = layer_of(cell)
    for name in layer.recurrent_weights:
        weight = layer.get_parameter(name)
        layer.zero_grad()
        run(layer).square().sum().backward()
        assert weight.grad is not None
        flat, found = weight.data.view(-1), weight.grad.view(-1)
        assert (found == 0).any(), "a silenced weight has no part in the answer"
        for at in range(0, flat.numel(), max(1, flat.numel() // 7)):
            values = []
            for change in (1e-5, -1e-5):
                flat[at] += change
                with torch.no_grad():
                    values.append(float(run(layer).square().sum()))
                flat[at] -= change
            assert (values[0] - values[1]) / 2e-5 == pytest.approx(float(found[at]), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("cell", DROPPING)
def test_a_mask_is_drawn_for_each_pass_and_none_in_evaluation(cell: str) -> None:
    layer, x = layer_of(cell), inputs()
    plain = layer(x, FULL)[0]
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    assert not torch.allclose(run(layer, 5), run(layer, 6))
    assert torch.equal(run(layer, 5), run(layer, 5))
    assert not torch.allclose(run(layer), plain)
    assert torch.equal(dropping().eval()(layer, x, FULL)[0], plain)
    assert torch.equal(layer(x, FULL)[0], plain)
    assert all(torch.equal(before[name], tensor) for name, tensor in layer.state_dict().items())
    copy.deepcopy(layer)


def test_every_layer_and_direction_has_its_own_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []
    draw = WeightDropout.draw

    def watch(self: WeightDropout, layer: Any) -> dict[str, Tensor]:
        found = draw(self, layer)
        drawn.extend(weight == 0 for weight in found.values())
        return found

    monkeypatch.setattr(WeightDropout, "draw", watch)
    encoder = RecurrentEncoder("lstm", 4, 5, layers=2, bidirectional=True, weight_dropout=0.5).double().train()
    encoder(inputs(), torch.tensor([6, 2, 4]))
    assert len(drawn) == 4
    assert not any(torch.equal(one, other) for i, one in enumerate(drawn) for other in drawn[:i])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_plain_architectures_have_it_too_and_off_by_default(cell: Any) -> None:
    assert RecurrentParams().weight_dropout == 0
    torch.manual_seed(0)
    encoder = build_stack(cell, RecurrentParams(hidden_size=5, dropout=0, weight_dropout=0.5), 4).double().train()
    x = inputs()
    assert not torch.allclose(encoder(x, FULL).states, encoder(x, FULL).states)
    names = set(encoder.state_dict())
    assert names == set(build_stack(cell, RecurrentParams(hidden_size=5), 4).state_dict())
    encoder(x, FULL).states.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    encoder.eval()
    steps, state = [], None
    for t in range(6):
        h, state = encoder.step(x[:, t], state)
        steps.append(h)
    torch.testing.assert_close(torch.stack(steps, 1), encoder(x, FULL).states)


def test_training_with_it_moves_all_weights_and_carries_state_over_chunks() -> None:
    params = [LayerParams(hidden_size=5, dropout=0, weight_dropout=0.5), LayerParams(hidden_size=3, dropout=0)]
    torch.manual_seed(0)
    encoder = DeepEncoder(4, params).double().train()
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    before = nn.utils.parameters_to_vector(encoder.parameters()).clone()
    state = encoder.zero_state(inputs())
    for chunk in inputs().split(2, dim=1):
        optimizer.zero_grad()
        encoded = encoder(chunk, torch.full((3,), 2), state)
        encoded.states.square().sum().backward()
        optimizer.step()
        state = tuple(tuple(part.detach() for part in level) for level in encoded.state)
    moved = nn.utils.parameters_to_vector(encoder.parameters()) != before
    assert moved.double().mean() > 0.9, "one in eight of the dropping layer's weights were silenced in all chunks"


@pytest.mark.parametrize("cell", ["min_gru", "min_lstm"])
def test_a_cell_without_recurrent_weights_is_refused(cell: Any) -> None:
    with pytest.raises(ValidationError, match="no recurrent weights to drop"):
        LayerParams(cell=cell, weight_dropout=0.5)
    if cell in CELLS:
        with pytest.raises(WorkbenchError, match="no recurrent weight matrix"):
            RecurrentEncoder(cell, 4, 5, weight_dropout=0.5)
