"""The simple methods, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.api import Forecast, Series, WorkbenchError
from workbench.nn.forecasting import baselines
from workbench.nn.forecasting.backtest import adaptive_intervals, backtest
from workbench.nn.forecasting.baselines import LinearForecast
from workbench.nn.forecasting.conformal import conformal_width

PAST = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, np.nan, 7.0, np.nan]])


def test_naive_seasonal_and_drift() -> None:
    assert baselines.naive(PAST, 2).tolist() == [[4.0, 4.0], [7.0, 7.0]]
    assert baselines.seasonal_naive(PAST, 3, 2).tolist() == [[3.0, 4.0, 3.0], [7.0, 7.0, 7.0]]
    assert baselines.seasonal_naive(PAST, 1, 99).tolist() == baselines.naive(PAST, 1).tolist()
    assert baselines.drift(PAST, 2).tolist() == [[5.0, 6.0], [9.0, 10.0]]
    assert baselines.naive(np.full((1, 3), np.nan), 1).tolist() == [[0.0]]


def test_gaps_are_filled_from_before() -> None:
    assert baselines.filled(np.array([[np.nan, 2.0, np.nan, 4.0]])).tolist() == [[2.0, 2.0, 2.0, 4.0]]


def test_the_linear_method_finds_a_linear_rule_and_comes_back_from_json() -> None:
    time = np.arange(400.0)
    series = np.sin(0.3 * time) + 0.01 * time
    cut = np.lib.stride_tricks.sliding_window_view(series, 30)
    fitted = LinearForecast.fit([(cut[:300, :20], cut[:300, 20:])], 20, 10, ridge=1e-8)
    assert fitted is not None
    error = np.abs(fitted(cut[300:, :20], 10) - cut[300:, 20:]).max()
    assert error < 0.02
    again = LinearForecast.from_json(fitted.to_json())
    assert np.allclose(again(cut[300:, :20], 4), fitted(cut[300:, :20], 4), atol=1e-3)
    assert fitted(cut[300:, 10:20], 10).shape == (len(cut) - 300, 10), "a short past is no error"
    assert LinearForecast.fit([], 20, 10) is None


def test_a_conformal_width_covers_what_it_promises() -> None:
    generator = np.random.default_rng(3)
    errors, later = np.abs(generator.standard_t(3, (500, 4))), np.abs(generator.standard_t(3, (20_000, 4)))
    for level in (0.8, 0.9, 0.95):
        assert (later <= conformal_width(errors, level)).mean() == pytest.approx(level, abs=0.02)
    assert conformal_width(np.array([1.0, 2.0, np.nan]), 0.9) == 2.0, "too few errors: the largest"


def test_adaptive_intervals_follow_errors_that_grow() -> None:
    generator = np.random.default_rng(5)
    count, horizon = 600, 6
    size = np.linspace(1.0, 4.0, count)[:, None, None]
    truth = generator.standard_normal((count, horizon, 1)) * size
    mean = np.zeros_like(truth)
    lower, upper = adaptive_intervals(mean, truth, np.arange(count), 0.9, np.abs(truth[:50]) * 0.5)
    inside = ((truth >= lower) & (truth <= upper)).mean()
    assert 0.87 <= inside <= 0.93


def test_intervals_know_nothing_of_later_errors() -> None:
    generator = np.random.default_rng(1)
    truth = generator.standard_normal((40, 3, 1))
    changed = truth.copy()
    changed[20:] += 100.0
    origins = np.arange(40)
    before = adaptive_intervals(np.zeros_like(truth), truth, origins, 0.9)[1]
    after = adaptive_intervals(np.zeros_like(truth), changed, origins, 0.9)[1]
    assert np.array_equal(before[:21], after[:21], equal_nan=True)
    assert not np.array_equal(before[25:], after[25:], equal_nan=True)


class _Recorder:
    """A naive model that notes what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Series] = []

    def __call__(self, pasts: list[Series]) -> list[Forecast]:
        self.seen += pasts
        return [Forecast(one.name, one.channels, (), ((float(one.values[-1, 0]),),) * 2) for one in pasts]


def test_a_backtest_shows_the_past_alone_and_refits_when_asked() -> None:
    series = Series.of("s", np.arange(50.0))
    model, fits = _Recorder(), []

    def refit(past: Series) -> _Recorder:
        fits.append(past.size())
        return model

    found = backtest(
        series, None, horizon=2, context=5, first=40, stride=2, refit=refit, refit_every=2, targets=("value",)
    )
    assert found.origins.tolist() == [40, 42, 44, 46, 48]
    assert fits == [40, 44, 48]
    assert found.fits == 3
    assert [float(one.values[-1, 0]) for one in model.seen] == [39.0, 41.0, 43.0, 45.0, 47.0]
    assert all(one.size() == 5 for one in model.seen)
    assert found.truth[0, :, 0].tolist() == [40.0, 41.0]
    assert found.errors()["this model"]["mae"] == pytest.approx(1.5)
    with pytest.raises(WorkbenchError, match="no origin"):
        backtest(series, model, horizon=20, context=5, first=45)
