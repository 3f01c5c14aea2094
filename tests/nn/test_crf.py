"""The CRF against counting every path, against pytorch-crf, and where numbers get extreme."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from workbench.nn.chain import chain_sums
from workbench.nn.crf import LinearChainCrf


def _constrained(labels: int, seed: int, *, constrain: bool) -> LinearChainCrf:
    """A CRF with random constraints under which label 0 may always follow label 0, so that a path exists."""
    generator = torch.Generator().manual_seed(seed)
    masks = [torch.rand(shape, generator=generator) < 0.6 for shape in ((labels, labels), (labels,), (labels,))]
    for mask in masks:
        mask.view(-1)[0] = True
    crf = LinearChainCrf(labels, *(masks if constrain else (None, None, None)))
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 2)
    return crf.double()


def _all_paths(crf: LinearChainCrf, emissions: Tensor) -> list[tuple[tuple[int, ...], float]]:
    """Every legal path of one sentence (T, K) with its score, best first."""
    transitions, start, end = (part.detach() for part in crf.scores())
    scored = []
    for path in itertools.product(range(crf.labels), repeat=emissions.shape[0]):
        score = start[path[0]] + end[path[-1]] + sum(emissions[t, label] for t, label in enumerate(path))
        score = score + sum(transitions[a, b] for a, b in itertools.pairwise(path))
        if score > float("-inf"):
            scored.append((path, float(score)))
    return sorted(scored, key=lambda item: -item[1])


chains = st.tuples(
    st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 10_000), st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(chains, st.sampled_from([1.0, 30.0, 1000.0]), st.booleans())
def test_sums_marginals_and_best_paths_equal_counting_all(
    chain: tuple[int, list[int], int, bool], spread: float, log_space: bool
) -> None:
    labels, lengths, seed, constrain = chain
    crf = _constrained(labels, seed, constrain=constrain)
    n = torch.tensor(lengths)
    emissions = torch.randn(len(lengths), max(lengths), labels, dtype=torch.float64) * spread
    sums = chain_sums(emissions, *(part.detach() for part in crf.scores()), n, log_space=log_space)
    paths, scores = crf.decode(emissions, n)
    best_three = crf.n_best(emissions, n, 3)
    for row, length in enumerate(lengths):
        every = _all_paths(crf, emissions[row, :length])
        path_scores = torch.tensor([score for _, score in every], dtype=torch.float64)
        log_z = torch.logsumexp(path_scores, 0)
        assert float(sums.log_z[row]) == pytest.approx(float(log_z), rel=1e-9, abs=1e-7)
        probability = (path_scores - log_z).exp()
        for t in range(length):
            for k in range(labels):
                expected = sum(p for (path, _), p in zip(every, probability.tolist(), strict=True) if path[t] == k)
                assert float(sums.marginals[t, row, k]) == pytest.approx(expected, abs=1e-7)
        assert tuple(paths[row, :length].tolist()) == every[0][0] or float(scores[row]) == pytest.approx(every[0][1])
        assert float(scores[row]) == pytest.approx(every[0][1], rel=1e-4, abs=1e-4)
        found = best_three[row]
        assert len(found) == min(3, len(every))
        assert len({tuple(path) for path, _ in found}) == len(found)
        assert [p for _, p in found] == pytest.approx(probability[:3].tolist(), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(chains)
def test_the_gradient_is_right(chain: tuple[int, list[int], int, bool]) -> None:
    labels, lengths, seed, constrain = chain
    crf = _constrained(labels, seed, constrain=constrain)
    n = torch.tensor(lengths)
    emissions = torch.randn(len(lengths), max(lengths), labels, dtype=torch.float64, requires_grad=True)
    tags, _ = crf.decode(torch.randn_like(emissions), n)  # a legal path
    parameters = tuple(crf.parameters())

    def weighted(emissions: Tensor, *_: Tensor) -> Tensor:
        return crf.losses(emissions, tags, n) * torch.arange(1, len(lengths) + 1)

    assert torch.autograd.gradcheck(weighted, (emissions, *parameters))


def test_both_spaces_agree_over_many_rescalings() -> None:
    crf = _constrained(4, 2, constrain=True)
    lengths = torch.tensor([8, 9, 1, 40, 17, 33])
    emissions = torch.randn(6, 40, 4, dtype=torch.float64)
    scores = tuple(part.detach() for part in crf.scores())
    fast, exact = (chain_sums(emissions, *scores, lengths, log_space=log_space) for log_space in (False, True))
    assert not fast.log_space
    assert exact.log_space
    weight = torch.arange(6).double()
    torch.testing.assert_close(fast.log_z, exact.log_z, rtol=1e-12, atol=1e-9)
    torch.testing.assert_close(fast.marginals, exact.marginals, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(fast.pair_counts(weight), exact.pair_counts(weight), rtol=1e-9, atol=1e-9)


def test_losses_gradients_and_paths_equal_pytorch_crf() -> None:
    torchcrf = pytest.importorskip("torchcrf")
    torch.manual_seed(3)
    ours, theirs = LinearChainCrf(9), torchcrf.CRF(9, batch_first=True)
    with torch.no_grad():
        theirs.transitions.copy_(ours.transitions)
        theirs.start_transitions.copy_(ours.start)
        theirs.end_transitions.copy_(ours.end)
    lengths = torch.tensor([12, 3, 30, 1])
    mask = torch.arange(30) < lengths.unsqueeze(1)
    emissions = torch.randn(4, 30, 9, requires_grad=True)
    other = emissions.detach().clone().requires_grad_()
    tags = torch.randint(0, 9, (4, 30))
    loss, reference = ours.loss(emissions, tags, lengths), -theirs(other, tags, mask=mask)
    loss.backward()
    reference.backward()
    torch.testing.assert_close(loss, reference, rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(emissions.grad, other.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.transitions.grad, theirs.transitions.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.start.grad, theirs.start_transitions.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.end.grad, theirs.end_transitions.grad, rtol=1e-4, atol=1e-5)
    paths, _ = ours.decode(emissions, lengths)
    assert [paths[i, :n].tolist() for i, n in enumerate(lengths.tolist())] == theirs.decode(other, mask)


def test_long_sentences_and_wide_scores_stay_right_in_float32() -> None:
    torch.manual_seed(4)
    crf = LinearChainCrf(9)
    lengths = torch.tensor([400, 1, 399])
    for spread in (1.0, 60.0, 3000.0):
        emissions = (torch.randn(3, 400, 9) * spread).requires_grad_()
        tags, _ = crf.decode(emissions, lengths)
        loss = crf.loss(emissions, tags, lengths)
        loss.backward()
        exact = chain_sums(emissions.detach(), *(p.detach() for p in crf.scores()), lengths, log_space=True)
        torch.testing.assert_close(crf.log_partition(emissions.detach(), lengths), exact.log_z, rtol=1e-9, atol=1e-6)
        assert emissions.grad is not None
        assert torch.isfinite(emissions.grad).all()
        assert loss.item() >= -0.05 * spread


def test_a_path_that_comes_back_from_far_behind_is_not_lost() -> None:
    """The only legal way to the second label starts 800 nats behind: plain exponential scaling would lose it."""
    allowed = torch.tensor([[True, False], [True, True]])
    crf = LinearChainCrf(2, allowed, None, torch.tensor([False, True]))
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.zero_()
    emissions = torch.tensor([[[800.0, 0.0], [0.0, 0.0], [0.0, 1000.0]]], requires_grad=True)
    lengths = torch.tensor([3])
    torch.testing.assert_close(crf.log_partition(emissions.detach(), lengths), torch.tensor([1000.0]).double())
    crf.loss(emissions, torch.tensor([[1, 1, 1]]), lengths).backward()
    assert emissions.grad is not None
    assert emissions.grad.abs().max() < 1e-6
    assert crf.decode(emissions, lengths)[0].tolist() == [[1, 1, 1]]


def test_a_gold_path_that_breaks_the_constraints_costs_much_but_not_infinity() -> None:
    allowed = torch.tensor([[True, False], [True, True]])
    crf = LinearChainCrf(2, allowed)
    emissions = torch.zeros(1, 2, 2, requires_grad=True)
    loss = crf.loss(emissions, torch.tensor([[0, 1]]), torch.tensor([2]))
    loss.backward()
    assert 9_000 < loss.item() < 11_000
    assert crf.transitions.grad is not None
    assert crf.transitions.grad[0, 1] == 0


def test_padding_does_not_matter_and_a_batch_equals_one_by_one() -> None:
    torch.manual_seed(5)
    crf = _constrained(5, 1, constrain=True).float()
    lengths = torch.tensor([7, 2, 5])
    emissions = torch.randn(3, 7, 5)
    tags, scores = crf.decode(emissions, lengths)
    losses, marginals = crf.losses(emissions, tags, lengths), crf.marginals(emissions, lengths)
    for row, n in enumerate(lengths.tolist()):
        emissions[row, n:] = 1e6
        tags[row, n:] = 4
        one = slice(row, row + 1)
        torch.testing.assert_close(crf.losses(emissions[one, :n], tags[one, :n], lengths[one]), losses[one])
        torch.testing.assert_close(crf.marginals(emissions[one, :n], lengths[one]), marginals[one, :n])
    torch.testing.assert_close(crf.losses(emissions, tags, lengths), losses)
    torch.testing.assert_close(crf.marginals(emissions, lengths), marginals)
    torch.testing.assert_close(crf.decode(emissions, lengths)[1], scores)


def test_constraints_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="allowed_start"):
        LinearChainCrf(3, None, torch.ones(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="forbids everything"):
        LinearChainCrf(3, torch.zeros(3, 3, dtype=torch.bool))
