"""Attention against plain NumPy, its masks, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workbench.api import WorkbenchError
from workbench.nn import attention
from workbench.nn.attention import AdditiveAttention, GeneralAttention, coverage_penalty, make_attention, masked_softmax

B, T, S, Q, M, A = 3, 4, 5, 6, 7, 8
LENGTHS = (5, 2, 3)
KINDS = ("additive", "dot", "general", "concat")


def _reference(module, kind, query, memory, coverage, lengths):
    """Position by position, over real positions only."""
    weights = np.zeros((B, T, S))
    values = {name: p.detach().numpy() for name, p in module.named_parameters()}
    for b in range(B):
        for t in range(T):
            scores = []
            for s in range(lengths[b]):
                q, k, c = query[b, t], memory[b, s], coverage[b, t, s]
                if kind == "dot":
                    scores.append(q @ k + values["of_coverage"] * c)
                elif kind == "general":
                    scores.append(q @ values["of_memory.weight"] @ k + values["of_coverage"] * c)
                else:
                    hidden = values["of_query.weight"] @ q + values["of_memory.weight"] @ k
                    hidden = hidden + values.get("of_memory.bias", 0.0) + values["of_coverage"] * c
                    scores.append(values["score"] @ np.tanh(hidden))
            e = np.exp(np.array(scores) - max(scores))
            weights[b, t, : lengths[b]] = e / e.sum()
    return weights @ memory, weights


@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_what_the_equations_say(kind):
    torch.manual_seed(0)
    size = Q if kind == "dot" else M
    module = make_attention(kind, Q, size, size=A, coverage=True).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter))
    query, memory, coverage = torch.randn(B, T, Q), torch.randn(B, S, size), torch.rand(B, T, S)
    query, memory, coverage = query.double(), memory.double(), coverage.double()
    mask = torch.arange(S) < torch.tensor(LENGTHS).unsqueeze(1)
    context, weights = module(query, module.keys(memory), memory, mask, coverage)
    wanted = _reference(module, kind, query.numpy(), memory.numpy(), coverage.numpy(), LENGTHS)
    np.testing.assert_allclose(context.detach(), wanted[0], atol=1e-12)
    np.testing.assert_allclose(weights.detach(), wanted[1], atol=1e-12)


def test_concat_is_additive_without_its_bias():
    assert isinstance(make_attention("concat", Q, M), AdditiveAttention)
    assert "of_memory.bias" not in dict(make_attention("concat", Q, M).named_parameters())
    assert "of_memory.bias" in dict(make_attention("additive", Q, M).named_parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_row_without_a_position_gets_zeros_and_a_masked_position_exactly_zero(dtype):
    scores = torch.tensor([[1e4, 3.0, -1e4], [5.0, 6.0, 7.0], [0.0, 1.0, 2.0]], dtype=dtype)
    mask = torch.tensor([[True, True, False], [False, False, False], [True, True, True]])
    weights = masked_softmax(scores, mask)
    assert weights.dtype == dtype
    assert not weights.isnan().any()
    assert not weights[1].any()
    assert float(weights[0, 2]) == 0.0
    torch.testing.assert_close(weights[2].float(), scores[2].float().softmax(0), atol=1e-2, rtol=0)


def test_gradients_through_a_masked_row_are_finite():
    scores = torch.randn(2, 3, requires_grad=True)
    masked_softmax(scores, torch.tensor([[False] * 3, [True, False, True]])).square().sum().backward()
    assert torch.isfinite(scores.grad).all()


def test_padding_of_the_memory_changes_nothing():
    module = GeneralAttention(Q, M).double()
    query, memory = torch.randn(2, T, Q).double(), torch.randn(2, S, M).double()
    alone = module(query, module.keys(memory), memory)
    padded = torch.cat([memory, torch.full((2, 3, M), 100.0).double()], 1)
    mask = (torch.arange(S + 3) < S).expand(2, -1)
    context, weights = module(query, module.keys(padded), padded, mask)
    torch.testing.assert_close(context, alone[0])
    torch.testing.assert_close(weights[:, :, :S], alone[1])
    assert not weights[:, :, S:].any()


def test_a_dot_product_of_two_sizes_is_refused():
    with pytest.raises(WorkbenchError, match=r"6 units .* 7"):
        make_attention("dot", Q, M)


def test_looking_twice_at_one_place_costs_and_looking_around_does_not():
    around = torch.eye(3).unsqueeze(0)
    twice = torch.tensor([[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]])
    assert float(coverage_penalty(around)) == 0.0
    assert float(coverage_penalty(twice)) == pytest.approx(1.5)
    assert float(coverage_penalty(twice, torch.tensor([[True, True, False]]))) == pytest.approx(1.0)


def test_a_long_target_is_scored_in_pieces_with_the_same_gradient(monkeypatch):
    module = make_attention("additive", Q, M, size=A, coverage=True).double()
    with torch.no_grad():
        module.of_coverage.fill_(0.3)
    inputs = [torch.randn(B, T, Q), torch.randn(B, S, M), torch.rand(B, T, S)]

    def answer():
        given = [tensor.double().requires_grad_() for tensor in inputs]
        module.zero_grad()
        context, _ = module(given[0], module.keys(given[1]), given[1], None, given[2])
        context.square().sum().backward()
        return [context.detach(), *(tensor.grad for tensor in (*given, *module.parameters()))]

    whole = answer()
    monkeypatch.setattr(attention, "LARGEST", B * S * A * 3)
    torch.testing.assert_close(answer(), whole)
    with torch.no_grad():
        keys = module.keys(inputs[1].double())
        assert module.scores(inputs[0].double(), keys).shape == (B, T, S)


def test_additive_attention_has_finite_difference_gradients():
    module = AdditiveAttention(2, 3, 2, coverage=True).double()
    with torch.no_grad():
        module.of_coverage.fill_(0.5)
    inputs = (torch.randn(1, 2, 2), torch.randn(1, 3, 3), torch.rand(1, 2, 3))
    query, memory, coverage = (tensor.double().requires_grad_() for tensor in inputs)
    assert torch.autograd.gradcheck(
        lambda q, m, c: module(q, module.keys(m), m, torch.tensor([[True, True, False]]), c),
        (query, memory, coverage),
    )
