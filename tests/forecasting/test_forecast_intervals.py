"""Intervals that adapt: what they learn from, how they follow hits and misses, and the benchmark that judges them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.cli.benchmarks.forecast_backtest import _mean
from workbench.cli.benchmarks.interval_quality import generate
from workbench.nn.forecasting.backtest import adaptive_intervals
from workbench.nn.forecasting.conformal import AdaptiveConformal, conformal_width


def test_without_a_rate_the_width_is_that_of_split_conformal_prediction() -> None:
    random = np.random.default_rng(2)
    first = np.abs(random.standard_normal((37, 4, 2)))
    still = AdaptiveConformal(0.9, (4, 2), rate=0.0, first=first)
    later = np.abs(random.standard_normal((1, 4, 2)))
    still.update(later, still.width()[None])
    assert np.array_equal(still.width(), conformal_width(np.concatenate([first, later]), 0.9))
    ranked = np.sort(first[:, 0, 0])
    assert conformal_width(first, 0.9)[0, 0] == ranked[math.ceil(38 * 0.9) - 1], "the finite sample counts"


def test_misses_widen_all_steps_of_a_channel_and_leave_the_other_alone() -> None:
    first = np.ones((20, 3, 2))
    moving = AdaptiveConformal(0.9, (3, 2), rate=0.2, first=first)
    errors = np.full((1, 3, 2), np.nan)
    errors[0, 0] = (5.0, 0.1)  # of the first step ahead alone the truth is known: a miss, and a hit
    moving.update(errors, moving.width()[None])
    factor = moving.width()[1:] / 1.0
    assert factor[:, 0] == pytest.approx(math.exp(0.2 * 0.9))
    assert factor[:, 1] == pytest.approx(math.exp(-0.2 * 0.1))


def test_an_error_without_a_promise_moves_nothing_but_is_learned_from() -> None:
    blank = AdaptiveConformal(0.9, (1, 1))
    assert np.isnan(blank.width()).all()
    blank.update(np.full((1, 1, 1), 2.0), blank.width()[None])
    assert blank.width()[0, 0] == 2.0


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_errors_are_told_when_they_are_known_whatever_the_stride(stride: int) -> None:
    random = np.random.default_rng(stride)
    origins = np.arange(0, 300, stride)
    truth = random.standard_normal((len(origins), 5, 1))
    scores = np.abs(random.standard_normal((30, 5, 1)))
    whole = adaptive_intervals(np.zeros_like(truth), truth, origins, 0.9, scores)[1]
    cut = len(origins) // 2
    later = truth.copy()
    # what is not yet known at the origin: step h of a forecast from t is known at t + h + 1
    unknown = origins[:, None] + np.arange(5) >= origins[cut]
    later[unknown] = 99.0
    changed = adaptive_intervals(np.zeros_like(truth), later, origins, 0.9, scores)[1]
    assert np.array_equal(whole[: cut + 1], changed[: cut + 1])
    inside = (np.abs(truth) <= whole).mean()
    assert 0.85 <= inside <= 0.94


def test_generated_series_are_the_same_for_a_seed_and_several_seeds_of_a_benchmark_are_averaged() -> None:
    assert generate(3) == generate(3)
    assert generate(3) != generate(4)
    assert (generate(3).size(), generate(3).frequency) == (144, "MS")
    rows = [
        {"coverage": c, "seconds": 1.0, "cpu_seconds": 2.0, "seed": s, "errors": {"this model": {"mae": m}}}
        for s, c, m in ((1, 88.0, 2.0), (2, 92.0, 4.0))
    ]
    row = _mean(rows)
    assert (row["coverage"], row["errors"]["this model"]["mae"], row["cpu_seconds"]) == (90.0, 3.0, 4.0)
    assert row["by_seed"] == {"1": 88.0, "2": 92.0}
