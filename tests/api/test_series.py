"""Series and forecasts as records and results: JSON, gaps, times, edits."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from workbench.api import Forecast, Interval, Series, season_of


def _hourly() -> Series:
    times = np.datetime64("2020-01-01T00", "ns") + np.arange(6) * np.timedelta64(1, "h")
    values = np.array([[1.0, 9.0], [2.0, np.nan], [3.0, 7.0], [4.0, 6.0], [5.0, 5.0], [6.0, 4.0]])
    roles = ("target", "past")
    return Series.of("load", values, ("a", "b"), times=times, frequency="h", roles=roles, static={"x": 2.0})


def test_json_keeps_a_series_with_its_gaps() -> None:
    series = _hourly()
    again = Series.from_json(json.loads(json.dumps(series.to_json(), allow_nan=False)))
    assert again == series
    assert again.missing() == 1
    assert hash(again) == hash(series)
    assert pickle.loads(pickle.dumps(series)) == series


def test_regular_times_are_not_listed_and_irregular_ones_are() -> None:
    series = _hourly()
    assert series.ticks == b""
    assert series.clock == "datetime"
    assert np.array_equal(series.times_after(1), series.times()[-1:] + series.step)
    odd = Series.of("odd", [1.0, 2.0, 3.0], times=[1, 2, 5])
    assert odd.clock == "ordinal"
    assert odd.times().tolist() == [1, 2, 5]
    assert Series.from_json(odd.to_json()) == odd


def test_months_follow_the_calendar() -> None:
    months = np.arange("2020-10", "2021-01", dtype="datetime64[M]").astype("datetime64[ns]")
    series = Series.of("m", [1.0, 2.0, 3.0], times=months, frequency="MS")
    after = series.times_after(2).view("datetime64[ns]").astype("datetime64[D]").astype(str)
    assert after.tolist() == ["2021-01-01", "2021-02-01"]


def test_a_part_keeps_its_times_and_an_edit_changes_one_value() -> None:
    series = _hourly()
    part = series.part(2, 5)
    assert np.array_equal(part.values, series.values[2:5])
    assert np.array_equal(part.times(), series.times()[2:5])
    mended = series.with_value(1, "b", 8.0)
    assert mended.missing() == 0
    assert series.missing() == 1
    odd = Series.of("odd", [1.0, 2.0, 3.0, 4.0], times=[1, 2, 5, 9]).part(1, 3)
    assert odd.times().tolist() == [2, 5]


def test_plain_lists_are_read_as_a_person_writes_them() -> None:
    series = Series.from_json({"name": "p", "values": [1, None, 3]})
    assert (series.size(), series.missing(), series.channels) == (3, 1, ("value",))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="whole steps"):
        Series("s", ("a", "b"), b"12345678")
    with pytest.raises(ValueError, match="same name"):
        Series.of("s", [[1.0, 2.0]], ("a", "a"))
    with pytest.raises(ValueError, match="values of shape"):
        _hourly().with_values([1.0, 2.0])


def test_seasons() -> None:
    assert (season_of("h"), season_of("MS"), season_of("")) == (24, 12, 1)


def test_importing_the_module_does_not_import_numpy() -> None:
    code = "import sys, workbench.api.series; print('numpy' in sys.modules, 'torch' in sys.modules)"
    before = "import sys, workbench.api.errors; print('numpy' in sys.modules, 'torch' in sys.modules)"
    command = [sys.executable, "-c"]
    run = [subprocess.run([*command, c], capture_output=True, text=True, check=True).stdout for c in (code, before)]
    assert run[0] == run[1], "the series record itself asks for no more than the package does"


def test_json_keeps_a_forecast_without_a_nan() -> None:
    forecast = Forecast(
        name="s",
        channels=("a",),
        times=(4, 5),
        mean=((1.0,), (math.nan,)),
        history=((0.0,),),
        history_times=(3,),
        clock="ordinal",
        levels=(0.1, 0.9),
        quantiles=(((0.0,), (0.5,)), ((2.0,), (2.5,))),
        intervals=(Interval(0.9, ((0.0,), (0.1,)), ((2.0,), (2.1,))),),
        baselines={"naive": ((0.0,), (0.0,))},
        actual=((1.5,), (2.5,)),
    )
    text = json.dumps(forecast.to_json(), allow_nan=False)
    assert json.dumps(Forecast.from_json(json.loads(text)).to_json()) == text
    assert "90%" in forecast.summary()
