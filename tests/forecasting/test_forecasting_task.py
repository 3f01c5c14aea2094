"""Forecasting end to end: nothing leaks in time, what comes back is in the units of the data, intervals hold."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from workbench_plugins.tasks.forecasting.codec import HISTORY, SeriesCodec
from workbench_plugins.tasks.forecasting.free_run import FreeRunForecasting
from workbench_plugins.tasks.forecasting.params import ForecastingParams, FreeRunParams
from workbench_plugins.tasks.forecasting.splitting import FIRST, bounds
from workbench_plugins.tasks.forecasting.task import DirectForecasting
from workbench_plugins.tasks.forecasting.text import parse_input

from workbench.api import Catalogue, Forecast, Series, WorkbenchError
from workbench.engine.data import ListSource
from workbench.engine.predict import Predictor, load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.runs import RunFolder
from workbench.runs.config import parse_config


def waves(steps: int = 400, channels: int = 1, *, noise: float = 0.05, seed: int = 1) -> Series:
    generator = np.random.default_rng(seed)
    t = np.arange(steps)
    columns = [
        20 + 0.01 * t + 3 * np.sin(2 * np.pi * t / 24 + c) + noise * generator.standard_normal(steps)
        for c in range(channels)
    ]
    times = np.datetime64("2024-01-01", "ns") + t * np.timedelta64(1, "h")
    return Series.of("waves", np.stack(columns, 1), times=times, frequency="h")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_plugins(safe_mode=True).catalogue


def fitted(
    catalogue: Catalogue,
    folder: Path,
    task: dict[str, Any],
    architecture: dict[str, Any],
    series: list[Series],
    **more: Any,
) -> Predictor:
    config = parse_config(
        {
            "task": task,
            "architecture": architecture,
            "data": {"dataset": "s"},
            "training": {"max_epochs": 6, "patience": 0, "learning_rate": 0.01, "threads": 1, "device": "cpu", **more},
        }
    )
    run = RunFolder.create(folder, config)
    ended = train(run, {"train": series}, catalogue)
    assert ended.error is None, ended.error
    return load_bundle(run.path, catalogue, device="cpu")


# -- time ------------------------------------------------------------------------------------------------------------


def test_parts_follow_one_another_and_read_back_into_the_past() -> None:
    series = waves(100)
    task = DirectForecasting(ForecastingParams(lookback=10, horizon=5, validation=20, test=0.1))
    parts = {name: task.part(series, name) for name in ("train", "validation", "test")}
    assert bounds(series, task.params) == (70, 90, 100)
    train_part, validation, test = (parts[name] for name in ("train", "validation", "test"))
    assert isinstance(train_part, Series)
    assert isinstance(validation, Series)
    assert isinstance(test, Series)
    assert (train_part.size(), validation.size(), test.size()) == (70, 30, 20)
    assert validation.static[FIRST] == 10.0
    assert validation.times()[10] == series.times()[70]


def test_windows_never_take_targets_from_another_part() -> None:
    series = waves(100)
    task = DirectForecasting(ForecastingParams(lookback=40, horizon=8, validation=20, test=20))
    codec = task.fit_codec([part for part in [task.part(series, "train")] if part is not None])
    for split, first, last in (("train", 0, 60), ("validation", 60, 80), ("test", 80, 100)):
        part = task.part(series, split)
        assert isinstance(part, Series)
        offset = int(np.searchsorted(series.times(), part.times()[0]))
        role = "train" if split == "train" else "evaluate"
        stops = offset + codec.windows(codec.encode(part), role)[:, 1]  # type: ignore[arg-type]
        assert stops.min() >= first
        assert stops.max() + 8 <= last
        assert split == "train" or stops.min() == first, "the first step of a part is foretold"
        assert stops.max() + 8 == last, "and so is its last"


def test_dates_cut_a_series_too() -> None:
    series = waves(100)
    params = ForecastingParams(validation_from="2024-01-03", test_from="2024-01-04T12:00")
    assert bounds(series, params) == (48, 84, 100)
    with pytest.raises(WorkbenchError, match="'soon' is no date"):
        bounds(series, ForecastingParams(test_from="soon"))


def test_scaling_knows_the_training_part_alone() -> None:
    series = waves(100)
    changed = series.with_values(np.concatenate([series.values[:70], series.values[70:] + 1000]))
    task = DirectForecasting(ForecastingParams(lookback=10, horizon=5))
    told = []
    for one in (series, changed):
        part = task.part(one, "train")
        assert part is not None
        told.append(task.fit_codec([part]).to_json())
    assert told[0] == told[1]


# -- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", ["together", "apart"])
@pytest.mark.parametrize("normalisation", ["none", "last", "mean", "standard"])
@pytest.mark.parametrize(("log", "difference"), [(False, 0), (True, 0), (True, 24)])
def test_the_normalised_truth_comes_back_as_it_was(
    channels: str, normalisation: str, log: bool, difference: int
) -> None:
    params = ForecastingParams.model_validate(
        {
            "lookback": 30,
            "horizon": 30,
            "channels": channels,
            "normalisation": normalisation,
            "log": log,
            "difference": difference,
        }
    )
    series = waves(300, 2)
    task = DirectForecasting(params)
    codec = task.fit_codec([series])
    encoding = codec.encode(series)
    spans = codec.windows(encoding, "train")[[0, 50]]
    batch = codec.collate([codec.window(encoding, *span) for span in spans.tolist()])
    head = task.head(codec, 4)
    restored = codec.restored(head.by_window(batch.fields["targets"]), batch)  # type: ignore[attr-defined]
    for row, (_, stop) in enumerate(spans.tolist()):
        assert np.allclose(restored[row], series.values[stop : stop + 30], rtol=1e-4)


def test_a_codec_comes_back_from_json() -> None:
    series = waves(300, 3)
    series = series.with_roles(("target", "past", "future"))
    codec = DirectForecasting(ForecastingParams(lookback=20, horizon=4)).fit_codec([series])
    again = SeriesCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert (again.targets, again.past, again.future) == (("channel 1",), ("channel 2",), ("channel 3",))
    first, second = codec.encode(series), again.encode(series)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)


def test_missing_values_are_flagged_and_never_reach_the_loss() -> None:
    values = waves(200).values.copy()
    values[::7] = np.nan
    series = waves(200).with_values(values)
    task = DirectForecasting(ForecastingParams(lookback=14, horizon=7))
    codec = task.fit_codec([series])
    assert codec.missing
    encoding = codec.encode(series)
    batch = codec.collate([codec.window(encoding, *codec.windows(encoding, "train")[0].tolist())])
    assert torch.isfinite(batch.fields["inputs"]).all()
    head = task.head(codec, 4)
    loss = head.loss(torch.zeros(1, 7), None, batch)  # type: ignore[arg-type]
    assert loss.count == 6
    assert math.isfinite(float(loss.total))


# -- refusals --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_learned_from_is_refused() -> None:
    task = DirectForecasting(ForecastingParams(lookback=10, horizon=50))
    with pytest.raises(WorkbenchError, match="longer than the series"):
        task.check([waves(40)])
    bad = waves(100).with_value(3, 0, math.inf)
    with pytest.raises(WorkbenchError, match="infinite value: value at step 4"):
        DirectForecasting(ForecastingParams()).check([bad])
    with pytest.raises(WorkbenchError, match="no logarithm"):
        DirectForecasting(ForecastingParams(log=True)).check([waves(100).with_value(3, 0, -1.0)])
    with pytest.raises(WorkbenchError, match="has no channel 'x'"):
        DirectForecasting(ForecastingParams(targets=("x",))).check([waves(100)])
    with pytest.raises(WorkbenchError, match="role target"):
        DirectForecasting(ForecastingParams()).check([waves(100).with_roles(("past",))])


def test_typed_numbers() -> None:
    (row,) = parse_input("1 2 3 NA 5")
    assert isinstance(row, Series)
    assert row.size() == 5
    (table,) = parse_input("a,b\n1,2\n3,4\n")
    assert isinstance(table, Series)
    assert table.channels == ("a", "b")
    with pytest.raises(WorkbenchError, match="'x' is not a number") as caught:
        parse_input("1\nx\n")
    assert caught.value.line == 2


# -- models ----------------------------------------------------------------------------------------------------------


def test_a_gru_beats_the_naive_methods_and_its_intervals_hold(catalogue: Catalogue, tmp_path: Path) -> None:
    series = waves(700, 2, noise=0.3)
    task = {"id": "forecasting", "params": {"lookback": 48, "horizon": 12, "segment": 4, "calendar": False}}
    model = fitted(catalogue, tmp_path, task, {"id": "gru", "params": {"hidden_size": 32}}, [series], max_epochs=20)
    report = model.evaluate(ListSource({"train": [series]}), "test")
    rows = {row["label"]: row for row in report.table}
    assert set(rows) == {"this model", "naive", "seasonal naive", "drift", "linear"}
    assert rows["this model"]["mase"] < rows["seasonal naive"]["mase"] < rows["naive"]["mase"]
    assert 0.8 <= report.metrics["coverage_90"] <= 0.97
    (answer,) = model.predict([series])
    assert isinstance(answer, Forecast)
    assert answer.times[0] == series.times()[-1] + 3_600_000_000_000
    assert [interval.level for interval in answer.intervals] == [0.8, 0.9, 0.95]
    truth = 20 + 0.01 * (700 + np.arange(12)) + 3 * np.sin(2 * np.pi * (700 + np.arange(12)) / 24)
    assert np.abs(np.array(answer.mean)[:, 0] - truth).mean() < 0.6


@pytest.mark.parametrize("output", ["quantiles", "gaussian", "student"])
def test_probabilistic_outputs_rise_and_hold_the_median(output: str, catalogue: Catalogue, tmp_path: Path) -> None:
    task = {"id": "forecasting", "params": {"lookback": 24, "horizon": 6, "output": output}}
    series = waves(300, 2, noise=0.5)
    model = fitted(catalogue, tmp_path, task, {"id": "gru", "params": {"hidden_size": 8}}, [series], max_epochs=2)
    (answer,) = model.predict([series])
    assert isinstance(answer, Forecast)
    quantiles = np.array(answer.quantiles)
    assert (np.diff(quantiles, axis=0) >= 0).all()
    assert np.allclose(quantiles[answer.levels.index(0.5)], answer.mean, atol=1e-4)
    report = model.evaluate(ListSource({"train": [series]}), "test")
    assert {"wql", "crps"} <= report.metrics.keys()


def test_an_echo_state_network_runs_freely(catalogue: Catalogue, tmp_path: Path) -> None:
    series = waves(600, noise=0.1)
    series = series.with_values(series.values - 0.01 * np.arange(600)[:, None])  # a level that stays
    task = {"id": "forecasting_free_run", "params": {"lookback": 96, "horizon": 24, "washout": 24, "calendar": False}}
    model = fitted(catalogue, tmp_path, task, {"id": "esn", "params": {"units": 100, "search_trials": 6}}, [series])
    report = model.evaluate(ListSource({"train": [series]}), "test")
    rows = {row["label"]: row for row in report.table}
    assert rows["this model"]["mase"] < rows["seasonal naive"]["mase"]


def test_the_direct_echo_state_network_is_solved_at_once(catalogue: Catalogue, tmp_path: Path) -> None:
    series = waves(400)
    task = {"id": "forecasting", "params": {"lookback": 48, "horizon": 12, "calendar": False}}
    model = fitted(catalogue, tmp_path, task, {"id": "esn", "params": {"units": 60}}, [series])
    report = model.evaluate(ListSource({"train": [series]}), "test")
    rows = {row["label"]: row for row in report.table}
    assert rows["this model"]["mase"] < rows["seasonal naive"]["mase"]


def test_a_batch_answers_as_one_by_one(catalogue: Catalogue, tmp_path: Path) -> None:
    series = waves(300, 2)
    options = {"lookback": 24, "horizon": 6, "channels": "apart", "normalisation": "standard"}
    task = {"id": "forecasting", "params": options}
    model = fitted(catalogue, tmp_path, task, {"id": "lstm", "params": {"hidden_size": 8}}, [series], max_epochs=1)
    parts = [series.part(0, stop) for stop in (300, 250, 40, 10)]
    together = model.predict(parts)
    alone = [model.predict([part])[0] for part in parts]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, Forecast)
        assert isinstance(other, Forecast)
        assert np.allclose(one.mean, other.mean, atol=1e-4)


def test_a_what_if_changes_the_answer(catalogue: Catalogue, tmp_path: Path) -> None:
    series = waves(300)
    task = {"id": "forecasting", "params": {"lookback": 24, "horizon": 6}}
    model = fitted(catalogue, tmp_path, task, {"id": "gru", "params": {"hidden_size": 8}}, [series], max_epochs=1)
    before, after = model.predict([series, series.with_value(299, 0, 40.0)])
    assert isinstance(before, Forecast)
    assert isinstance(after, Forecast)
    assert after.mean[0][0] > before.mean[0][0] + 5


def test_free_run_accumulates_what_it_foretold_of_the_season_before() -> None:
    """With a network that foretells no change, a seasonal difference repeats the last season, again and again."""
    series = waves(200)
    task = FreeRunForecasting(FreeRunParams(lookback=48, horizon=30, difference=12, calendar=False))
    codec = task.fit_codec([series])
    encoding = codec.encode(series)
    batch = codec.collate([codec.window(encoding, *codec.windows(encoding, "predict")[0].tolist())])
    nothing = torch.zeros(1, 30, 1)
    restored = codec.restored(nothing, batch)[0, :, 0]
    assert np.allclose(restored, np.tile(series.values[-12:, 0], 3)[:30], atol=1e-4)


def test_window_records_say_where_their_history_ends() -> None:
    series = waves(200)
    codec = DirectForecasting(ForecastingParams(lookback=20, horizon=5)).fit_codec([series])
    window = codec.window_record(series, 30, 50)
    assert isinstance(window, Series)
    assert window.static[HISTORY] == 20.0
    assert np.array_equal(window.values, series.values[30:55])


def test_steps_of_a_series_without_a_clock_are_named_by_their_values() -> None:
    task = DirectForecasting(ForecastingParams(lookback=4, horizon=1))
    (typed,) = parse_input("110 120.25 NA 140 150.5")
    assert task.steps(typed) == ("120.2", "–", "140", "150.5")
    assert task.steps(Series.of("years", [1.0, 2.0, 3.0, 4.0], times=[1990, 1991, 1992, 1993]))[0] == "1990"
