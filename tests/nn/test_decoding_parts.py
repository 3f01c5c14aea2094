"""The parts of a beam: candidates by blocks, oneDNN's products, lost greedy hypotheses that are written on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from workbench.nn.decoding import Begun, Decoding, Symbols, beam_search, greedy
from workbench.nn.decoding.candidates import _by_rows, best_continuations
from workbench.nn.decoding.competition import Competition
from workbench.nn.decoding.constraints import Constraints
from workbench.nn.decoding.products import LEAST, StepProducts, available
from workbench.nn.decoding.stepper import joined
from workbench.nn.decoding.trail import Trail

START, END = 2, 3
SYMBOLS = Symbols(start=START, end=END, unknown=1, never=(0,))


# --- candidates


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("size", "width", "places"), [
    (4, 1, 5), (7, 5, 5), (60, 5, 5), (100, 1, 5), (513, 5, 5), (1000, 3, 12), (6001, 5, 5), (640, 5, 700), (9, 2, 40),
])
def test_the_best_by_blocks_are_those_of_sorting_everything(dtype, size, width, places):
    generator = torch.Generator().manual_seed(size)
    values = torch.randn(6 * width, size, generator=generator, dtype=dtype).mul_(4).log_softmax(1)
    values[:, 0] = float("-inf")
    scores = -np.random.default_rng(size).random((6, width)) * 3
    scores[2, -1] = -np.inf
    parents, tokens, totals, chances = best_continuations(values, scores, places)
    everything = (values.double().numpy().reshape(6, width, size) + scores[:, :, None]).reshape(6, -1)
    order = np.argsort(-everything, axis=1, kind="stable")[:, :places]
    wanted = np.take_along_axis(everything, order, 1)
    np.testing.assert_array_equal(totals, wanted)
    possible = wanted > -np.inf
    np.testing.assert_array_equal((parents * size + tokens)[possible], order[possible])
    found = values.double().numpy().reshape(6, width, size)[np.arange(6)[:, None], parents, tokens]
    np.testing.assert_array_equal(chances[possible], found[possible])


def test_a_device_without_numpy_finds_the_same():
    values, scores = torch.randn(20, 300).log_softmax(1), -np.random.default_rng(0).random((4, 5))
    for one, other in zip(best_continuations(values, scores, 5), _by_rows(values, scores, 5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_of_equals_the_first_place_and_symbol_come_first():
    parents, tokens, _, _ = best_continuations(torch.zeros(2, 200), np.zeros((1, 2)), 3)
    assert parents.tolist() == [[0, 0, 0]]
    assert (np.diff(tokens[0]) > 0).all()


# --- products


needs_kernel = pytest.mark.skipif(not available(), reason="this torch has no oneDNN product for this processor")


@needs_kernel
@pytest.mark.parametrize("rows", [3, 400])
def test_the_other_kernel_yields_what_torch_yields(rows):
    torch.manual_seed(0)
    size = 128
    lstm, gru, linear = nn.LSTMCell(96, size), nn.GRUCell(96, size), nn.Linear(size, 900)
    x, hidden, cell = torch.randn(rows, 96), torch.randn(rows, size), torch.randn(rows, size)

    def outcome():
        one, two = torch.lstm_cell(x, (hidden, cell), *lstm.parameters())
        three = torch.gru_cell(x, hidden, *gru.parameters())
        return [one, two, three, linear(one), linear(one).log_softmax(1).clone(), linear(two).tanh()]

    with torch.no_grad():
        wanted = outcome()
        with StepProducts():
            found = outcome()
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@needs_kernel
def test_what_is_given_stays_as_it_was():
    x, hidden, cell = torch.randn(400, 96), torch.randn(400, 128), torch.randn(400, 128)
    before = [tensor.clone() for tensor in (x, hidden, cell)]
    lstm, gru = nn.LSTMCell(96, 128), nn.GRUCell(96, 128)
    with torch.no_grad(), StepProducts():
        torch.lstm_cell(x, (hidden, cell), *lstm.parameters())
        torch.gru_cell(x, hidden, *gru.parameters())
        x.tanh()
        x.repeat(1, 90).log_softmax(1)
    assert all(torch.equal(one, other) for one, other in zip((x, hidden, cell), before, strict=True))


@needs_kernel
def test_other_types_and_small_products_are_torchs_own():
    weight, x = torch.randn(300, 200), torch.randn(100, 200)
    assert x.shape[0] * weight.numel() >= LEAST
    with torch.no_grad():
        with StepProducts():
            double = functional.linear(x.double(), weight.double())
            small = functional.linear(x[:2], weight)
            turned = functional.linear(x[:, :100], weight.t()[:100].t())
        assert torch.equal(double, functional.linear(x.double(), weight.double()))
        assert torch.equal(small, functional.linear(x[:2], weight))
        assert torch.equal(turned, functional.linear(x[:, :100], weight.t()[:100].t()))


# --- what is kept of the way


def test_a_trail_is_read_backwards():
    trail = Trail()
    trail.grow(np.array([0, 0, 1]), np.array([10, 11, 12]), np.array([-1.0, -2.0, -3.0]))
    trail.grow(np.array([2, 0]), np.array([20, 21]), np.array([-4.0, -5.0]))
    trail.attended = [torch.eye(2), torch.ones(3, 2), torch.tensor([[5.0, 6.0], [7.0, 8.0]])]
    tokens, chances, through = trail.written(2, np.array([0, 1]))
    assert tokens.tolist() == [[12, 20], [10, 21]]
    assert chances.tolist() == [[-3.0, -4.0], [-1.0, -5.0]]
    assert through.tolist() == [[1, 2, 0], [0, 0, 1]]
    assert trail.attention(through[0]).tolist() == [[0, 1], [1, 1], [5, 6]]
    assert trail.attention(through[1], 1).tolist() == [[1], [1], [7]]


def test_states_are_joined_part_by_part_and_refused_where_they_differ():
    @dataclass
    class Held:
        values: torch.Tensor
        nothing: None = None

    one = {"layers": (torch.zeros(2, 3), [torch.zeros(2)]), "memory": Held(torch.zeros(2, 4)), "feed": None}
    two = {"layers": (torch.ones(1, 3), [torch.ones(1)]), "memory": Held(torch.ones(1, 4)), "feed": None}
    both = joined([one, two, two])
    assert both["layers"][0].shape == (4, 3)
    assert both["layers"][1][0].tolist() == [0, 0, 1, 1]
    assert both["memory"].values[:, 0].tolist() == [0, 0, 1, 1]
    assert both["feed"] is None
    assert joined([{"step": 1}, {"step": 2}]) is None, "a count of steps is not to be mixed"
    assert joined([torch.zeros(2, 3), torch.zeros(2, 4)]) is None


def test_rules_hold_for_rows_at_steps_of_their_own():
    begun = Begun(None, 3, torch.device("cpu"), prefixes=[[4, 5, 6], [], []], max_lengths=[9, 9, 2])
    rules = Constraints(begun, Decoding(method="greedy", min_length=2, no_repeat=2, max_length=9), SYMBOLS)
    history = np.array([[4, 5], [-1, 7], [7, 7]])
    together = rules.apply(torch.zeros(3, 9), np.array([2, 1, 2]), np.arange(3), history)
    for row, step in enumerate((2, 1, 2)):
        alone = rules.apply(torch.zeros(1, 9), step, np.array([row]), history[row : row + 1, 2 - step :])
        assert torch.equal(together[row], alone[0])
    single = Constraints(begun, Decoding(method="greedy", no_repeat=1, max_length=9), SYMBOLS)
    free = single.apply(torch.zeros(1, 9), np.array([1]), np.array([1]), np.array([[-1, 7]]))
    assert free[0, 8] == 0, "what fills a shorter history is no symbol"
    assert free[0, 7] == -np.inf


# --- what was lost


class Table:
    """A language model of two symbols before: random, so that beams lose the greedy hypothesis now and then."""

    def __init__(self, seed, size=14, joins=True):
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(size, size, size, generator=generator, dtype=torch.float64).mul_(1.5).log_softmax(2)
        self.rows = 0
        if joins:
            self.join = joined

    def step(self, tokens, state):
        self.rows += len(tokens)
        return self.table[state, tokens].clone(), tokens, None

    def select(self, state, rows, sentences=None):
        return state[rows]


def write(stepper, options, count=40):
    state = torch.arange(count) % 14
    return beam_search(stepper, Begun(state, count, torch.device("cpu")), options, SYMBOLS)


@pytest.mark.parametrize("extra", [
    {}, {"length_penalty": "none"}, {"length_penalty": "gnmt"}, {"n_best": 3}, {"no_repeat": 1}, {"no_repeat": 2},
    {"min_length": 4},
])
def test_a_lost_greedy_hypothesis_competes_as_if_it_had_been_written_from_the_start(extra, monkeypatch):
    options = Decoding(beam=3, max_length=12, **extra)
    held = []
    hold = Competition.hold

    def noting(self, lost):
        held.extend(sentence for part in lost for sentence in part.sentences.tolist())
        before = [list(own) for own in self.answers]
        hold(self, lost)
        again = greedy(self.stepper, self.begun, Decoding(method="greedy", max_length=12, **extra), SYMBOLS)
        for sentence in range(len(before)):
            wanted = before[sentence]
            mine = again[sentence]
            if sentence in held and all(mine.tokens != other.tokens for other in wanted):
                wanted = sorted([*wanted, mine], key=lambda one: -one.score)[: options.n_best]
            assert [one.tokens for one in self.answers[sentence]] == [one.tokens for one in wanted]
            for one, other in zip(self.answers[sentence], wanted, strict=True):
                assert one.score == pytest.approx(other.score, abs=1e-12)
                assert one.cut == other.cut
                np.testing.assert_allclose(one.step_log_probabilities, other.step_log_probabilities, atol=1e-12)

    monkeypatch.setattr(Competition, "hold", noting)
    for seed in range(4):
        write(Table(seed), options)
    assert len(held) > 5, "the beams of this model lose some"


def test_a_model_whose_states_cannot_be_joined_writes_the_same():
    for seed in range(4):
        options = Decoding(beam=2, max_length=12, n_best=2)
        one, other = write(Table(seed), options), write(Table(seed, joins=False), options)
        assert [[h.tokens for h in found] for found in one] == [[h.tokens for h in found] for found in other]


def test_what_can_no_longer_win_is_not_written_on():
    options = Decoding(beam=3, max_length=60, length_penalty="none")
    pruned, whole = Table(1), Table(1)
    found = write(pruned, options)
    wanted = greedy(whole, Begun(torch.arange(40) % 14, 40, torch.device("cpu")), options, SYMBOLS)
    assert all(one[0].score >= other.score - 1e-12 for one, other in zip(found, wanted, strict=True))
    without = Table(1)
    hold, Competition.hold = Competition.hold, lambda self, lost: None
    try:
        write(without, options)
    finally:
        Competition.hold = hold
    assert pruned.rows - without.rows < 0.25 * whole.rows
