"""Scans that leave out padding: the same states and gradients of both orders as over padded rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from workbench.nn.masks import sequence_mask
from workbench.nn.recurrent import scans
from workbench.nn.recurrent.cells import make_layer
from workbench.nn.recurrent.ragged import ragged
from workbench.nn.recurrent.scans import gru_scan, plain_gru, plain_rnn, rnn_scan

LENGTHS = torch.tensor([2, 5, 1, 4])


def _rows(size: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    sizes = ((12, size * 3), (4, 3), (size * 3, 3), (3,))
    return tuple(torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in sizes)


def test_rows_are_those_of_each_step_longest_sequence_first() -> None:
    layout = ragged(LENGTHS, 6)
    assert layout is not None
    assert layout.order.tolist() == [1, 3, 0, 2]
    assert layout.sizes == (4, 3, 2, 2, 1)
    x = torch.arange(24.0).view(4, 6, 1)
    rows = layout.pack(x)
    assert rows[:4, 0].tolist() == [6, 18, 0, 12]
    torch.testing.assert_close(layout.unpack(rows, 4), x * sequence_mask(LENGTHS, 6).unsqueeze(2))
    assert ragged(torch.tensor([6, 6, 6, 5]), 6) is None, "little padding is not worth it"


def test_packing_is_differentiable_both_ways_twice() -> None:
    layout = ragged(LENGTHS, 6)
    assert layout is not None
    x = torch.randn(4, 6, 2, dtype=torch.float64, requires_grad=True)
    both = lambda x: layout.unpack(layout.pack(x).square(), 4)  # noqa: E731
    assert torch.autograd.gradcheck(both, (x,))
    assert torch.autograd.gradgradcheck(both, (x,))


@pytest.mark.parametrize("block", [1, 24, 1 << 17])
def test_gru_over_rows_has_the_gradients_of_the_plain_loop(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "BLOCK", block)
    sizes = (4, 3, 2, 2, 1)
    parts = _rows(3)
    torch.testing.assert_close(gru_scan(*parts, sizes), plain_gru(*parts, sizes))
    assert torch.autograd.gradcheck(lambda *p: gru_scan(*p, sizes), parts)
    assert torch.autograd.gradgradcheck(lambda *p: gru_scan(*p, sizes), parts, fast_mode=True)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_rnn_over_rows_has_the_gradients_of_the_plain_loop(nonlinearity: Any) -> None:
    sizes = (4, 3, 2, 2, 1)
    pre, initial, weight, _ = _rows(1)
    torch.testing.assert_close(
        rnn_scan(pre, initial, weight, nonlinearity, sizes), plain_rnn(pre, initial, weight, nonlinearity, sizes)
    )
    scan = lambda *p: rnn_scan(*p, nonlinearity, sizes)  # noqa: E731
    assert torch.autograd.gradcheck(scan, (pre, initial, weight))
    assert torch.autograd.gradgradcheck(scan, (pre, initial, weight), fast_mode=True)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_a_padded_batch_has_the_parameter_gradients_of_its_rows_alone(cell: str) -> None:
    torch.manual_seed(0)
    layer = make_layer(cell, 3, 5).double()
    x, state = torch.randn(4, 6, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    states, after = layer(x, LENGTHS, state)
    mask = sequence_mask(LENGTHS, 6).unsqueeze(2)
    together = torch.autograd.grad((states * mask).square().sum() + after.sum(), list(layer.parameters()))
    total = torch.zeros((), dtype=torch.float64)
    for row, n in enumerate(LENGTHS.tolist()):
        alone, last = layer(x[row : row + 1, :n], LENGTHS[row : row + 1], state[row : row + 1])
        torch.testing.assert_close(states[row, :n], alone[0], atol=1e-12, rtol=0)
        total = total + alone.square().sum() + last.sum()
    for ours, theirs in zip(together, torch.autograd.grad(total, list(layer.parameters())), strict=True):
        torch.testing.assert_close(ours, theirs)
