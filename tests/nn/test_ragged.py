"""Scans that leave out padding: the same states and gradients of both orders as over padded rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from workbench.api.recurrent import LayerParams
from workbench.nn.masks import reversal_index, reverse_by_length, sequence_mask
from workbench.nn.recurrent import RecurrentEncoder, deep, scans
from workbench.nn.recurrent.cells import make_layer
from workbench.nn.recurrent.deep import DeepEncoder, StackLevel
from workbench.nn.recurrent.ragged import pack_both, ragged, unpack_both
from workbench.nn.recurrent.rows_layer import RowsLayer, read_both_ways
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


def test_the_layout_of_turned_sequences_and_where_each_ends() -> None:
    layout = ragged(LENGTHS, 6)
    assert layout is not None
    turned = layout.turned(LENGTHS)
    x = torch.arange(24.0).view(4, 6, 1)
    index = reversal_index(LENGTHS, 6)
    assert torch.equal(turned.pack(x), layout.pack(reverse_by_length(x, index)))
    rows = layout.pack(x)
    assert rows[layout.last(LENGTHS), 0].tolist() == [1, 10, 12, 21]


def test_packing_both_readings_is_differentiable_twice() -> None:
    layout = ragged(LENGTHS, 6)
    assert layout is not None
    turned = layout.turned(LENGTHS)
    x = torch.randn(4, 6, 2, dtype=torch.float64, requires_grad=True)

    def both(x: Tensor) -> Tensor:
        ahead, back = pack_both(x, layout, turned)
        return unpack_both(ahead.square(), back * ahead, layout, turned)

    assert torch.autograd.gradcheck(both, (x,))
    assert torch.autograd.gradgradcheck(both, (x,))


@pytest.mark.parametrize("merge", ["concatenate", "sum"])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_both_directions_without_padding_are_those_of_sequences_turned_round(
    cell: Any, merge: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(cell, 3, 5, layers=2, bidirectional=True, merge=merge).double()
    x = torch.randn(4, 6, 3, dtype=torch.float64, requires_grad=True)

    def answer() -> tuple[Tensor, ...]:
        given = torch.where(sequence_mask(LENGTHS, 6).unsqueeze(2), x, torch.nan)  # padding must not be looked at
        found = encoder(given if encoder._rows(x, LENGTHS, None) is not None else x, LENGTHS)
        loss = found.states.square().sum() + found.final.sin().sum()
        gradients = torch.autograd.grad(loss, [x, *encoder.parameters()], create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in gradients[1:]), list(encoder.parameters()))
        return found.states, found.final, *gradients, *second

    assert encoder._rows(x, LENGTHS, None) is not None
    quick = answer()
    monkeypatch.setattr(RecurrentEncoder, "_rows", lambda *_: None)
    for ours, turned in zip(quick, answer(), strict=True):
        torch.testing.assert_close(ours, turned, atol=1e-12, rtol=1e-10)


def test_weight_dropout_and_recording_go_the_longer_way() -> None:
    encoder = RecurrentEncoder("gru", 3, 5, bidirectional=True, weight_dropout=0.5)
    x = torch.randn(4, 6, 3)
    assert encoder._rows(x, LENGTHS, None) is None
    assert encoder._rows(x, LENGTHS, []) is None
    assert encoder.eval()._rows(x, LENGTHS, None) is not None
    assert encoder._rows(x, LENGTHS, []) is None


@pytest.mark.parametrize("direction", ["both", "both_summed"])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_a_stack_put_together_reads_without_padding_what_it_would_read_turned_round(
    cell: Any, direction: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    # the layer in the middle has three steps for six, and of them its own layout
    below = LayerParams(cell=cell, hidden_size=4, direction=direction, dropout=0.0, residual=True, layer_norm=True)
    above = LayerParams(cell=cell, hidden_size=5, direction=direction, dropout=0.0, subsampling=2)
    stack = DeepEncoder(3, [below, above, below]).double()
    x = torch.randn(4, 6, 3, dtype=torch.float64, requires_grad=True)
    read: list[int] = []

    def noted(ahead: RowsLayer, back: RowsLayer, x: Tensor, *rest: Any) -> Any:
        read.append(x.shape[1])
        return read_both_ways(ahead, back, x, *rest)

    monkeypatch.setattr(deep, "read_both_ways", noted)

    def answer() -> tuple[Tensor, ...]:
        found = stack(x, LENGTHS)
        loss = found.states.square().sum() + found.final.sin().sum()
        gradients = torch.autograd.grad(loss, [x, *stack.parameters()], create_graph=True)
        total = sum((g.square().sum() for g in gradients[1:]), torch.zeros((), dtype=torch.float64))
        return found.states, found.final, *gradients, *torch.autograd.grad(total, list(stack.parameters()))

    quick = answer()
    assert read == [6, 3, 3]
    monkeypatch.setattr(StackLevel, "without_padding", lambda *_: False)
    for ours, turned in zip(quick, answer(), strict=True):
        torch.testing.assert_close(ours, turned, atol=1e-11, rtol=1e-9)
    assert len(read) == 3


def test_a_recorded_level_and_one_that_drops_weights_read_turned_round() -> None:
    level = StackLevel(3, LayerParams(cell="gru", hidden_size=4, direction="both", weight_dropout=0.5))
    assert not level.without_padding(None)
    assert level.eval().without_padding(None)
    assert not level.without_padding([])
    assert not StackLevel(3, LayerParams(cell="lstm", hidden_size=4, direction="both")).without_padding(None)
    assert not StackLevel(3, LayerParams(cell="gru", hidden_size=4, direction="backward")).without_padding(None)
