"""Error measures equal the formulas of the literature and of the reference tools on stored outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.nn.forecasting import metrics

TRUTH = np.array([[10.0, 12.0, 9.0], [100.0, 0.0, 50.0]])
FOUND = np.array([[11.0, 10.0, 9.5], [90.0, 5.0, 50.0]])


def test_means_over_known_steps() -> None:
    gap = np.where(TRUTH == 9.0, np.nan, TRUTH)
    assert metrics.mse(TRUTH, FOUND) == pytest.approx((1 + 4 + 0.25 + 100 + 25 + 0) / 6)
    assert metrics.mae(gap, FOUND) == pytest.approx((1 + 2 + 10 + 5 + 0) / 5)
    assert math.isnan(metrics.mae([np.nan], [1.0]))


def test_smape_is_that_of_the_m4_competition() -> None:
    # the competition's own formula: mean(2 |a - b| / (|a| + |b|)) * 100
    expected = np.mean([2 * abs(a - b) / (abs(a) + abs(b)) * 100 for a, b in zip(TRUTH.flat, FOUND.flat, strict=True)])
    assert metrics.smape(TRUTH, FOUND) == pytest.approx(expected)
    assert metrics.smape([0.0], [0.0]) == 0.0


def test_mape_leaves_out_zeros() -> None:
    assert metrics.mape(TRUTH, FOUND) == pytest.approx(100 * np.mean([0.1, 2 / 12, 0.5 / 9, 0.1, 0.0]))


def test_mase_is_that_of_the_m4_competition() -> None:
    history = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 7.0])
    season = 2
    naive = np.mean(np.abs(history[season:] - history[:-season]))  # Hyndman & Koehler (2006), eq. for seasonal data
    scale = metrics.seasonal_scale(history, season)
    assert scale == pytest.approx(naive)
    assert metrics.mase(TRUTH[0], FOUND[0], scale) == pytest.approx(np.mean([1, 2, 0.5]) / naive)
    assert math.isnan(metrics.seasonal_scale([5.0, 5.0, 5.0], 1)), "a constant past has no scale"


def test_weighted_quantile_loss_is_gluonts_mean() -> None:
    levels = (0.1, 0.5, 0.9)
    quantiles = np.stack([FOUND - 3, FOUND, FOUND + 3])
    each = []
    for level, found in zip(levels, quantiles, strict=True):  # gluonts: 2 Σ |(f - y) (1[y <= f] - q)| / Σ |y|
        each.append(2 * np.abs((found - TRUTH) * ((found >= TRUTH) - level)).sum() / np.abs(TRUTH).sum())
    assert metrics.weighted_quantile_loss(TRUTH, quantiles, levels) == pytest.approx(np.mean(each))


def test_crps_of_many_quantiles_is_that_of_the_distribution() -> None:
    from scipy.special import ndtri

    levels = tuple((np.arange(2000) + 0.5) / 2000)
    truth, mean, deviation = np.array([0.3, -2.0, 5.0]), np.array([0.0, 0.0, 4.0]), np.array([1.0, 2.0, 0.5])
    quantiles = mean + deviation * ndtri(np.array(levels))[:, None]
    exact = metrics.crps_gaussian(truth, mean, deviation)
    assert metrics.crps_from_quantiles(truth, quantiles, levels) == pytest.approx(exact, rel=1e-3)
    # of a standard normal at its mean: (√2 - 1) / √π
    assert metrics.crps_gaussian([0.0], [0.0], [1.0]) == pytest.approx((math.sqrt(2) - 1) / math.sqrt(math.pi))


def test_coverage_counts_the_edges_and_leaves_out_the_unknown() -> None:
    truth = np.array([1.0, 2.0, 3.0, np.nan])
    lower, upper = np.array([1.0, 0.0, 3.1, 0.0]), np.array([1.5, 1.9, 4.0, 9.0])
    assert metrics.coverage(truth, lower, upper) == pytest.approx(1 / 3)
