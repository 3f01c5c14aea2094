"""Masks, pooling, dropout and losses: padding never counts."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from workbench.nn.dropout import LockedDropout, WordDropout
from workbench.nn.initialisation import forget_block, initialise_lstm
from workbench.nn.losses import cross_entropy_sum, masked_cross_entropy
from workbench.nn.masks import last_state, reversal_index, reverse_by_length, sequence_mask, zero_padding
from workbench.nn.pooling import masked_max, masked_mean, pool

LENGTHS = torch.tensor([3, 1, 5])


def test_a_sequence_is_turned_round_within_its_length_and_back_again() -> None:
    x = torch.randn(3, 5, 2, dtype=torch.float64, requires_grad=True)
    index = reversal_index(LENGTHS, 5)
    turned = reverse_by_length(x, index)
    for row, n in enumerate(LENGTHS.tolist()):
        assert torch.equal(turned[row, :n], x[row, :n].flip(0))
        assert torch.equal(turned[row, n:], x[row, n:])
    assert torch.equal(reverse_by_length(turned, index), x)
    assert torch.autograd.gradcheck(lambda v: reverse_by_length(v, index), (x,))
    assert torch.autograd.gradgradcheck(lambda v: reverse_by_length(v, index), (x,))


def test_padding_is_zeroed_whatever_stood_there() -> None:
    x = torch.full((3, 5, 2), math.nan)
    x[sequence_mask(LENGTHS, 5)] = 1.0
    assert zero_padding(x, LENGTHS).sum() == LENGTHS.sum() * 2


def test_pooling_looks_at_real_positions_only() -> None:
    states = -torch.rand(3, 5, 4) - 1.0
    states[~sequence_mask(LENGTHS, 5)] = 99.0
    for row, n in enumerate(LENGTHS.tolist()):
        real = states[row, :n]
        torch.testing.assert_close(masked_mean(states, LENGTHS)[row], real.mean(0))
        assert torch.equal(masked_max(states, LENGTHS)[row], real.amax(0))
        assert torch.equal(last_state(states, LENGTHS)[row], real[-1])
    assert torch.equal(pool(states, LENGTHS, "max"), masked_max(states, LENGTHS))


def test_cross_entropy_is_a_sum_over_real_positions() -> None:
    logits, targets = torch.randn(3, 5, 7), torch.randint(0, 7, (3, 5))
    loss = masked_cross_entropy(logits, targets, LENGTHS)
    expected = sum(
        functional.cross_entropy(logits[row, :n], targets[row, :n], reduction="sum")
        for row, n in enumerate(LENGTHS.tolist())
    )
    torch.testing.assert_close(loss.total, expected)
    assert loss.count == 9
    assert cross_entropy_sum(logits[:, 0], targets[:, 0]).count == 3


def test_locked_dropout_drops_the_same_units_at_every_step() -> None:
    torch.manual_seed(1)
    x = torch.ones(4, 6, 50)
    dropped = LockedDropout(0.4)(x)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.6).item()}
    assert torch.equal(LockedDropout(0.4).eval()(x), x)


def test_word_dropout_drops_whole_steps() -> None:
    torch.manual_seed(1)
    dropped = WordDropout(0.5)(torch.ones(4, 20, 3))
    assert torch.equal(dropped.amin(2), dropped.amax(2))
    assert 0 < dropped.mean() < 1


def test_the_forget_bias_is_one_in_sum_and_each_gate_orthogonal() -> None:
    lstm = torch.nn.LSTM(5, 8, num_layers=2)
    initialise_lstm(lstm)
    for layer in range(2):
        bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
        assert torch.equal(forget_block(bias), torch.ones(8))
        assert bias.sum() == 8
        for block in getattr(lstm, f"weight_hh_l{layer}").chunk(4):
            torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-5, rtol=0)
