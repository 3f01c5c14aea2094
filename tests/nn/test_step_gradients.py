"""|∂L_s/∂h_t| is the total derivative through time: checked by a loop of our own, by differences, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.nn.contract import Encoded
from workbench.nn.recurrent import CellKind, RecurrentEncoder, gradients, step_gradient_norms

STEPS, SIZE, UNITS, LABELS = 7, 3, 4, 5


def _parts(cell: CellKind, layers: int = 1, both: bool = False) -> tuple[RecurrentEncoder, Tensor, Tensor, Tensor]:
    """Encoder, x (1, T, D), readout (K, H) and the wanted label of each step, in float64."""
    torch.manual_seed(5)
    encoder = RecurrentEncoder(cell, SIZE, UNITS, layers=layers, bidirectional=both).double().eval()
    x = torch.randn(1, STEPS, SIZE, dtype=torch.float64)
    readout = torch.randn(LABELS, encoder.output_size, dtype=torch.float64)
    return encoder, x, readout, torch.arange(STEPS) % LABELS


def _norms(encoder: nn.Module, x: Tensor, readout: Tensor, wanted: Tensor, steps: list[int]) -> dict[str, np.ndarray]:
    def losses(encoded: Encoded, rows: Tensor) -> Tensor:
        here = encoded.states[torch.arange(len(rows)), rows]
        return functional.cross_entropy(here @ readout.T, wanted[rows], reduction="none")

    return step_gradient_norms(encoder, x, losses, steps)


def _unrolled_loss(cell: CellKind, weights: tuple[Tensor, ...], x: Tensor, added: list[Tensor], s: int) -> Tensor:
    """h_s of a plain loop over torch's cells, with ``added[t]`` added to h_t."""
    h = c = x.new_zeros(1, UNITS)
    states = []
    for t in range(STEPS):
        if cell == "lstm":
            h, c = torch.lstm_cell(x[:, t], (h, c), *weights)
        else:
            h = (torch.gru_cell if cell == "gru" else torch.rnn_tanh_cell)(x[:, t], h, *weights)
        h = h + added[t]
        states.append(h)
    return states[s]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_matrix_is_that_of_a_plain_loop_and_of_differences(cell: CellKind) -> None:
    encoder, x, readout, wanted = _parts(cell)
    found = _norms(encoder, x, readout, wanted, list(range(STEPS)))
    assert list(found) == ["forward"]
    weights = tuple(part.detach() for part in encoder._layer(0).weights)

    def loss(added: list[Tensor], s: int) -> Tensor:
        return functional.cross_entropy(_unrolled_loss(cell, weights, x, added, s) @ readout.T, wanted[s : s + 1])

    by_loop, by_difference = np.zeros((STEPS, STEPS)), np.zeros((STEPS, STEPS))
    nothing = [x.new_zeros(1, UNITS) for _ in range(STEPS)]
    for s in range(STEPS):
        added = [zero.clone().requires_grad_() for zero in nothing]
        slopes = torch.autograd.grad(loss(added, s), added, allow_unused=True)
        by_loop[s] = [0.0 if slope is None else float(slope.norm()) for slope in slopes]
        for t in range(STEPS):
            slope = []
            for unit in range(UNITS):
                ends = []
                for small in (1e-6, -1e-6):
                    moved = [zero.clone() for zero in nothing]
                    moved[t][0, unit] = small
                    ends.append(float(loss(moved, s)))
                slope.append((ends[0] - ends[1]) / 2e-6)
            by_difference[s, t] = np.linalg.norm(slope)
    np.testing.assert_allclose(found["forward"], by_loop, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found["forward"], by_difference, rtol=1e-4, atol=1e-8)
    assert (np.triu(found["forward"], 1) == 0).all()  # no state moves the loss of a step before it
    assert (found["forward"][np.tril_indices(STEPS)] > 0).all()


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_backward_direction_reaches_to_later_words(cell: CellKind) -> None:
    encoder, x, readout, wanted = _parts(cell, layers=2, both=True)
    found = _norms(encoder, x, readout, wanted, list(range(STEPS)))
    assert list(found) == ["forward", "backward"]
    assert (np.triu(found["forward"], 1) == 0).all()
    assert (np.tril(found["backward"], -1) == 0).all()
    assert (found["backward"][np.triu_indices(STEPS)] > 0).all()
    # the same network read from the other end has its directions exchanged
    turned = RecurrentEncoder(cell, SIZE, UNITS, bidirectional=True).double().eval()
    one = RecurrentEncoder(cell, SIZE, UNITS, bidirectional=True).double().eval()
    turned.forwards.load_state_dict(one.backwards.state_dict())
    turned.backwards.load_state_dict(one.forwards.state_dict())
    halves = readout.roll(UNITS, 1)
    there = _norms(one, x, readout, wanted, list(range(STEPS)))
    back = _norms(turned, x.flip(1), halves, wanted.flip(0), list(range(STEPS)))
    np.testing.assert_allclose(there["backward"], back["forward"][::-1, ::-1], rtol=1e-5)


def test_in_a_linear_network_the_gradient_shrinks_by_the_recurrent_factor() -> None:
    encoder, x, readout, wanted = _parts("rnn")
    with torch.no_grad():
        for part in encoder._layer(0).weights:
            part.zero_()
        encoder._layer(0).weights[1].copy_(0.5 * torch.eye(UNITS))  # tanh'(0) = 1: ∂h_s/∂h_t = 0.5^(s - t)
    last = _norms(encoder, x, readout, wanted, [STEPS - 1])["forward"][0]
    np.testing.assert_allclose(last / last[-1], 0.5 ** np.arange(STEPS - 1, -1, -1), rtol=1e-6)


def test_parts_that_fit_into_memory_give_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = _parts("gru", both=True)
    whole = _norms(*parts, list(range(STEPS)))
    monkeypatch.setattr(gradients, "CELLS_AT_ONCE", 2 * STEPS)
    for name, values in _norms(*parts, list(range(STEPS))).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-6)


def test_a_network_that_records_nothing_answers_for_its_inputs() -> None:
    encoder, x, readout, wanted = _parts("gru")

    class Closed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = encoder

        def forward(self, x: Tensor, lengths: Tensor) -> Encoded:
            return self.inner(x, lengths)

    found = _norms(Closed(), x, readout, wanted, [2, STEPS - 1])
    assert list(found) == ["input"]
    assert found["input"].shape == (2, STEPS)
    assert (found["input"][0, 3:] == 0).all()
    assert (found["input"][0, :3] > 0).all()
