"""The softmax over a vocabulary: piece by piece as in one piece, on real positions only."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from workbench.api import WorkbenchError
from workbench.nn import symbols
from workbench.nn.contract import Batch, Embedder, Encoded
from workbench.nn.heads import VocabularyHead
from workbench.nn.protocols import TiesWeights
from workbench.nn.symbols import AdaptiveSoftmax, FullSoftmax, chunked_cross_entropy

LENGTHS = torch.tensor([3, 1, 4])
B, T, H, V = 3, 4, 5, 11


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        yield


def encoded_batch(dtype=torch.float64):
    states = torch.randn(B, T, H, dtype=dtype)
    targets = torch.randint(0, V, (B, T))
    for row, length in enumerate(LENGTHS.tolist()):
        states[row, length:] = 0
        targets[row, length:] = 0
    return Encoded(states, LENGTHS, states[:, 0]), Batch({"targets": targets}, LENGTHS, int(LENGTHS.sum()))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("piece", [1, 30, 1 << 20])
def test_loss_and_gradient_in_pieces_are_those_of_the_whole(smoothing, piece, monkeypatch):
    monkeypatch.setattr(symbols, "PIECE", piece)
    states, weight, bias = torch.randn(9, H).double(), torch.randn(V, H).double(), torch.randn(V).double()
    targets = torch.randint(0, V, (9,))
    found, wanted = [], []
    for into, function in ((found, chunked_cross_entropy), (wanted, symbols._plain)):
        given = [tensor.clone().requires_grad_() for tensor in (states, weight, bias)]
        loss = function(*given, targets, smoothing)
        (loss * 0.3).backward()
        into += [loss.detach().double(), *(tensor.grad for tensor in given)]
    # the plain one computes its loss in float32
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_gradients_of_the_chunked_loss_by_finite_differences_and_second_order():
    states = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(5, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 4, 2, 2])
    given = (states, weight, bias)
    assert torch.autograd.gradcheck(lambda s, w, b: chunked_cross_entropy(s, w, b, targets, 0.1), given)
    (first,) = torch.autograd.grad(chunked_cross_entropy(states, weight, bias, targets), states, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), states)
    (plain,) = torch.autograd.grad(symbols._plain(states, weight, bias, targets, 0.0), states, create_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad(plain.square().sum(), states)[0], rtol=1e-4, atol=1e-4)


def test_under_autocast_the_products_are_half_and_the_loss_is_not():
    head = VocabularyHead(H, V)
    encoded, batch = encoded_batch(torch.float32)
    whole = head.loss(encoded.states, encoded, batch).total
    states = encoded.states.to(torch.bfloat16).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = head.loss(states, encoded, batch).total
    half.backward()
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(whole.item(), rel=0.02)
    assert states.grad.dtype == torch.bfloat16
    assert head.output.scores.weight.grad.dtype == torch.float32


def test_only_real_positions_count_and_each_record_knows_its_loss():
    encoded, batch = encoded_batch()
    head = VocabularyHead(H, V).double().eval()
    outputs = head(encoded, batch)
    loss = head.loss(outputs, encoded, batch)
    log_probabilities = head.log_probabilities(encoded.states)
    torch.testing.assert_close(log_probabilities.exp().sum(-1), torch.ones(B, T).double())
    wanted = torch.zeros(B, T).double()
    for row, length in enumerate(LENGTHS.tolist()):
        for t in range(length):
            wanted[row, t] = -log_probabilities[row, t, batch.fields["targets"][row, t]]
    assert loss.count == 8
    torch.testing.assert_close(loss.total.double(), wanted.sum())
    torch.testing.assert_close(head.symbol_losses(outputs, encoded, batch).double(), wanted, rtol=1e-5, atol=1e-5)
    totals, counts = head.record_losses(outputs, encoded, batch)
    torch.testing.assert_close(totals.double(), wanted.sum(1), rtol=1e-5, atol=1e-5)
    assert counts.tolist() == LENGTHS.tolist()


def test_smoothing_is_for_training_only_and_the_networks_penalty_is_left_to_the_engine():
    encoded, batch = encoded_batch()
    head = VocabularyHead(H, V, label_smoothing=0.1).double()
    training = head.train().loss(encoded.states, encoded, batch).total
    plain = head.eval().loss(encoded.states, encoded, batch).total
    assert not torch.isclose(training, plain)
    encoded.penalty = torch.tensor(3.0)
    again = head.train().loss(encoded.states, encoded, batch).total
    torch.testing.assert_close(again, training)  # the engine adds it: here it would count twice


class Words(Embedder):
    def __init__(self, size):
        super().__init__()
        self.output_size = size
        self.table = nn.Embedding(V, size)

    def forward(self, batch):
        return self.table(batch.fields["targets"])

    def symbol_weight(self):
        return self.table.weight


@pytest.mark.parametrize("size", [H, H + 2])
def test_tied_weights_are_one_weight_saved_once(size):
    embedder, head = Words(size), VocabularyHead(H, V, tied=True, embedding_size=size)
    assert isinstance(head, TiesWeights)
    head.tie(embedder)
    assert not any(parameter.shape == (V, size) for parameter in head.parameters())
    encoded, batch = encoded_batch(torch.float32)
    head.loss(head(encoded, batch), encoded, batch).total.backward()
    assert embedder.table.weight.grad is not None
    before = head.log_probabilities(encoded.states)
    with torch.no_grad():
        embedder.table.weight.mul_(2.0)
    assert not torch.allclose(before, head.log_probabilities(encoded.states))
    assert head.readout() is None


def test_tying_what_cannot_be_tied_is_refused():
    with pytest.raises(WorkbenchError, match="shape"):
        VocabularyHead(H, V, tied=True).tie(Words(H + 1))
    with pytest.raises(WorkbenchError, match="neither label smoothing nor tied"):
        VocabularyHead(H, V, tied=True, softmax="adaptive")
    with pytest.raises(WorkbenchError, match="no vocabulary"):
        VocabularyHead(H, 0)
    with pytest.raises(WorkbenchError, match="too small"):
        VocabularyHead(H, V, softmax="adaptive")


def test_an_adaptive_softmax_is_a_distribution_and_its_loss_follows_from_it():
    encoded, batch = encoded_batch()
    head = VocabularyHead(8, 40, softmax="adaptive", cutoffs=(5, 15)).double().eval()
    encoded.states = torch.randn(B, T, 8).double()
    assert isinstance(head.output, AdaptiveSoftmax)
    log_probabilities = head.log_probabilities(encoded.states)
    torch.testing.assert_close(log_probabilities.exp().sum(-1), torch.ones(B, T).double())
    batch.fields["targets"] = torch.randint(0, 40, (B, T))
    wanted = -log_probabilities.gather(2, batch.fields["targets"].unsqueeze(2)).squeeze(2)
    losses = head.symbol_losses(encoded.states, encoded, batch).double()
    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(losses[row, :length], wanted[row, :length], rtol=1e-5, atol=1e-5)
    total = head.loss(encoded.states, encoded, batch).total
    torch.testing.assert_close(total.double(), losses.sum(), rtol=1e-5, atol=1e-5)


def test_a_small_full_softmax_can_be_solved_for():
    _, batch = encoded_batch()
    head = VocabularyHead(H, V)
    targets = head.regression_targets(batch)
    assert isinstance(head.readout(), nn.Linear)
    assert targets.shape == (B, T, V)
    assert targets[1, 1:].isnan().all()
    assert int(targets[0, 0].argmax()) == int(batch.fields["targets"][0, 0])
    assert VocabularyHead(H, 5000).regression_targets(batch) is None


def test_the_scores_of_a_whole_batch_are_never_kept(monkeypatch):
    layer = FullSoftmax(4, 1000)
    widest = 0
    linear = functional.linear

    def watched(x, *rest):
        nonlocal widest
        found = linear(x, *rest)
        widest = max(widest, found.numel())
        return found

    monkeypatch.setattr(symbols, "PIECE", 20_000)
    monkeypatch.setattr(functional, "linear", watched)
    layer.loss(torch.randn(200, 4, requires_grad=True), torch.zeros(200, dtype=torch.int64), 0.0).backward()
    assert widest <= 20_000
