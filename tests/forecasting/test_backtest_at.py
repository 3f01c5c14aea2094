"""Many origins at once are foretold as each is by itself, from what was known then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.api import Catalogue, Series
from workbench.cli.backtesting import predictor_of
from workbench.engine.compose import compose
from workbench.engine.predict import Predictor
from workbench.host import load_plugins
from workbench.nn.forecasting.backtest import PredictsAt, adaptive_intervals, backtest
from workbench.nn.forecasting.conformal import AdaptiveConformal, conformal_width
from workbench.runs.config import parse_config


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_plugins(safe_mode=True).catalogue


def hours(steps: int = 120, *, gaps: bool = False, regular: bool = True) -> Series:
    generator = np.random.default_rng(2)
    t = np.arange(steps)
    values = np.stack([5 + np.sin(t / 4), np.cos(t / 7), t % 24, 3 + generator.random(steps)], 1)
    values[:, :2] += 0.1 * generator.standard_normal((steps, 2))
    if gaps:
        values[generator.random(values.shape) < 0.1] = np.nan
        values[80:82, :2] = 1.0  # what comes before the first origin is known
    times = np.datetime64("2024-01-01", "ns") + (t if regular else t + t // 30) * np.timedelta64(1, "h")
    roles: list[Any] = ["target", "target", "future", "past"]
    return Series.of("s", values, ["a", "b", "plan", "rain"], times=times, frequency="h", roles=roles)


def untrained(catalogue: Catalogue, task: str, params: dict[str, Any], series: Series) -> Predictor:
    config = parse_config(
        {
            "task": {"id": task, "params": {"lookback": 12, "horizon": 6, **params}},
            "architecture": {"id": "lstm", "params": {"hidden_size": 6, "dropout": 0.0}},
            "data": {"dataset": "s"},
        }
    )
    return Predictor(compose(config, catalogue, records=[series]).eval(), config)


def one_by_one(predictor: Predictor, series: Series, **more: Any) -> Any:
    answers = predictor_of(predictor)
    return backtest(series, lambda pasts: answers(pasts), **more)


@pytest.mark.parametrize(
    ("task", "params", "gaps"),
    [
        ("forecasting", {}, False),
        ("forecasting", {"channels": "apart", "normalisation": "standard", "calendar": False}, True),
        ("forecasting", {"output": "quantiles", "difference": 4, "log": False}, False),
        ("forecasting_free_run", {}, True),
        ("forecasting_free_run", {"level": "last", "difference": 2}, False),
    ],
)
def test_all_origins_at_once_are_each_by_itself(
    task: str, params: dict[str, Any], gaps: bool, catalogue: Catalogue
) -> None:
    series = hours(gaps=gaps)
    predictor = untrained(catalogue, task, params, series)
    answers = predictor_of(predictor)
    assert isinstance(answers, PredictsAt)
    context = 12 + int(params.get("difference", 0))
    options: dict[str, Any] = {"horizon": 6, "context": context, "first": 82, "stride": 3, "future": ["plan"]}
    options["targets"] = ("a", "b")
    if gaps:  # asked one by one, a forecast follows the last value that is known
        options["count"] = 1
    told = answers.at(series, np.array([82]))
    assert told is not None
    at_once, apart = backtest(series, answers, **options), one_by_one(predictor, series, **options)
    assert np.allclose(at_once.mean, apart.mean, atol=1e-5)
    assert np.allclose(told.mean, at_once.mean[:1], atol=1e-5)
    assert set(at_once.baselines) == set(apart.baselines) >= {"naive", "linear"}
    for name, values in apart.baselines.items():
        assert np.allclose(at_once.baselines[name], values, atol=1e-5), name


@pytest.mark.parametrize("task", ["forecasting", "forecasting_free_run"])
def test_nothing_after_an_origin_is_seen_but_what_is_known_ahead(task: str, catalogue: Catalogue) -> None:
    series = hours()
    answers = predictor_of(untrained(catalogue, task, {}, series))
    assert isinstance(answers, PredictsAt)
    origins = np.array([40, 60])
    before = answers.at(series, origins)
    values = series.values.copy()
    values[60:, [0, 1, 3]] += 100.0
    hidden = answers.at(series.with_values(values), origins)
    values[60:, 2] += 100.0
    planned = answers.at(series.with_values(values), origins)
    assert before is not None
    assert hidden is not None
    assert planned is not None
    assert np.array_equal(before.mean, hidden.mean)
    assert np.array_equal(before.baselines["linear"], hidden.baselines["linear"])
    assert not np.allclose(before.mean[1], planned.mean[1])


def test_a_missing_value_before_an_origin_does_not_move_the_forecast(catalogue: Catalogue) -> None:
    values = np.arange(60.0)
    values[39] = np.nan
    series = Series.of("s", values, ["a"])
    predictor = untrained(catalogue, "forecasting_free_run", {"calendar": False}, series)
    found = backtest(series, predictor_of(predictor), horizon=6, context=12, first=40, count=1)
    drift = found.baselines["drift"][0, :, 0]
    assert np.allclose(drift, np.arange(40.0, 46.0), atol=1e-4), "of steps 40 to 45, not of those after the last value"


def test_listed_times_are_asked_one_by_one(catalogue: Catalogue) -> None:
    series = hours(regular=False)
    assert series.ticks
    with_calendar = predictor_of(untrained(catalogue, "forecasting", {}, series))
    without = predictor_of(untrained(catalogue, "forecasting", {"calendar": False}, series))
    assert isinstance(with_calendar, PredictsAt)
    assert isinstance(without, PredictsAt)
    assert with_calendar.at(series, np.array([50])) is None
    assert without.at(series, np.array([50])) is not None
    found = backtest(series, with_calendar, horizon=6, context=12, first=50, count=3, future=["plan"])
    assert found.mean.shape == (3, 6, 2)


def test_widths_are_those_of_all_errors_sorted_anew() -> None:
    generator = np.random.default_rng(0)
    scores = np.abs(generator.standard_normal((40, 5, 2)))
    scores[generator.random(scores.shape) < 0.2] = np.nan
    scores[:25, 3, 1] = np.nan
    conformal = AdaptiveConformal(0.8, (5, 2), rate=0.0, first=scores[:10])
    for last in range(10, 40, 3):
        assert np.array_equal(conformal.width(), conformal_width(scores[:last], 0.8), equal_nan=True)
        conformal.update(scores[last : last + 3], np.full((len(scores[last : last + 3]), 5, 2), np.nan))


@pytest.mark.parametrize("stride", [1, 4, 9])
def test_intervals_know_an_error_once_its_step_has_passed(stride: int) -> None:
    generator = np.random.default_rng(1)
    origins = np.arange(20, 20 + 30 * stride, stride)
    mean, truth = np.zeros((30, 6, 1)), generator.standard_normal((30, 6, 1))
    _, upper = adaptive_intervals(mean, truth, origins, 0.9, rate=0.0)
    error = np.abs(truth)
    for number, origin in enumerate(origins):
        for step in range(6):
            seen = error[origins + step < origin, step]
            expected = conformal_width(seen, 0.9) if len(seen) else np.array([np.nan])
            assert np.array_equal(upper[number, step], expected, equal_nan=True)
