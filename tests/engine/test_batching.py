"""Batches: every record once, the same for the same seed and epoch, within the budget, with little padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine import batching
from workbench.engine.batching import TokenBudgetBatches, contiguous_plan, evaluation_plan

lists_of_lengths = st.lists(st.integers(1, 60), max_size=200).map(lambda values: np.array(values, dtype=np.int64))


def sentence_lengths(count=20_000):
    return np.random.default_rng(3).geometric(1 / 14, count).astype(np.int64)


@given(lists_of_lengths, st.integers(1, 200), st.integers(0, 5))
def test_every_record_comes_once_and_no_batch_is_over_the_budget(lengths, budget, epoch):
    for plan in (
        TokenBudgetBatches(lengths, budget, 7).epoch(epoch),
        evaluation_plan(lengths, budget),
        contiguous_plan(lengths, budget),
    ):
        seen = [int(i) for batch in plan for i in batch]
        assert sorted(seen) == list(range(len(lengths)))
        assert all(len(batch) == 1 or lengths[batch].max() * len(batch) <= budget for batch in plan)


def test_the_same_seed_and_epoch_give_the_same_batches_and_others_give_others():
    lengths = sentence_lengths()
    first, again = (TokenBudgetBatches(lengths, 1024, 7).epoch(3) for _ in range(2))
    assert np.array_equal(first.order, again.order)
    assert np.array_equal(first.bounds, again.bounds)
    assert not np.array_equal(first.order, TokenBudgetBatches(lengths, 1024, 7).epoch(4).order)
    assert not np.array_equal(first.order, TokenBudgetBatches(lengths, 1024, 8).epoch(3).order)


@pytest.mark.parametrize("budget", [512, 1024, 4096])
def test_little_of_a_batch_is_padding(budget):
    lengths = sentence_lengths()
    assert TokenBudgetBatches(lengths, budget, 7).epoch(1).waste(lengths) < 0.05


def test_batches_come_in_random_order_of_length():
    lengths = sentence_lengths()
    longest = [int(lengths[batch].max()) for batch in TokenBudgetBatches(lengths, 1024, 7).epoch(1)]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


def test_the_contiguous_plan_keeps_the_order():
    lengths = np.array([3, 9, 1, 4, 4, 20, 2])
    plan = contiguous_plan(lengths, 12)
    assert plan.order.tolist() == list(range(7))
    assert [batch.tolist() for batch in plan] == [[0], [1], [2, 3, 4], [5], [6]]


def test_a_million_records_are_planned_quickly():
    import time

    lengths = sentence_lengths(1_000_000)
    started = time.process_time()
    plan = TokenBudgetBatches(lengths, 1024, 7).epoch(1)
    assert len(plan) > 10_000
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("count", "length", "budget"), [(1, 5, 12), (7, 3, 2), (1000, 7, 64), (5003, 4, 30), (999, 1, 1)]
)
def test_records_of_one_length_are_batched_as_ever_without_sorting(count: int, length: int, budget: int) -> None:
    equal = np.broadcast_to(np.int64(length), (count,))
    quick = TokenBudgetBatches(equal, budget, seed=3).epoch(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "equal_length", lambda _lengths: None)
        slow = TokenBudgetBatches(np.full(count, length), budget, seed=3).epoch(2)
        slow_evaluation = evaluation_plan(np.full(count, length), budget)
    for one, other in ((quick, slow), (evaluation_plan(equal, budget), slow_evaluation)):
        assert [batch.tolist() for batch in one] == [batch.tolist() for batch in other]
        assert one[0].dtype == np.int64
