"""The data doctor on series: what is found, where it is, and that its remedy mends it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workbench_plugins.tasks.forecasting import mending
from workbench_plugins.tasks.forecasting.checks import check_series_data
from workbench_plugins.tasks.forecasting.cutting import SeriesCut

from workbench.api import Finding, Series, StoredRecord
from workbench.cli.main import run
from workbench.data.importing import import_records
from workbench.project import Project

HOURS = np.datetime64("2024-01-01", "h") + np.arange(60)
DRAFT = ("forecasting", {"lookback": 12, "horizon": 6, "validation": 12.0, "test": 12.0})


def wave(count: int = 60) -> np.ndarray[Any, Any]:
    return np.sin(np.arange(count) / 3.0)


def findings(
    *series: Series, draft: tuple[str, Mapping[str, Any]] | None = DRAFT, split: str = "train"
) -> dict[str, Finding]:
    stored = [StoredRecord(i + 1, i, split, "", one) for i, one in enumerate(series)]
    return {found.check: found for found in check_series_data(stored, draft)}


def mended(found: Finding, series: Series) -> Series:
    assert found.mend is not None
    result = found.mend.resolve()(series)
    assert isinstance(result, Series)
    return result


def test_a_good_series_is_not_complained_of() -> None:
    assert findings(Series.of("good", wave(), times=HOURS, frequency="h")) == {}
    months = np.datetime64("2020-01", "M") + np.arange(60)
    assert findings(Series.of("months", wave(), times=months, frequency="MS")) == {}


def test_doubled_and_unsorted_times_are_found_where_they_are_and_sorted() -> None:
    times = HOURS.copy()
    times[10] = times[9]
    times[30], times[31] = times[31], times[30]
    series = Series.of("load", wave(), times=times, frequency="h")
    found = findings(series)["series-times"]
    assert found.severity == "error"
    assert "two values at 2024-01-01 09:00, steps 10 and 11" in found.message
    result = mended(found, series)
    assert result.size() == 59
    assert bool((np.diff(result.times()) > 0).all())
    assert result.values[9, 0] == series.values[10, 0], "of doubled times the last counts"
    assert "series-times" not in findings(result)


def test_steps_left_out_are_put_in_as_missing() -> None:
    kept = np.delete(np.arange(60), [20, 21, 40])
    series = Series.of("load", wave()[kept], times=HOURS[kept], frequency="h")
    found = findings(series)["series-steps"]
    assert "3 steps are left out of 'load', the first at 2024-01-01 20:00" in found.message
    result = mended(found, series)
    assert result.size() == 60
    assert result.missing() == 3
    assert set(findings(result)) == {"series-missing"}


def test_business_days_have_no_gaps_at_weekends_and_odd_times_are_irregular() -> None:
    days = np.datetime64("2024-01-01", "D") + np.arange(84)
    weekdays = days[np.is_busday(days)]
    assert findings(Series.of("prices", wave(len(weekdays)), times=weekdays, frequency="B")) == {}
    odd = HOURS.astype("datetime64[m]")
    odd[7] += np.timedelta64(13, "m")
    found = findings(Series.of("odd", wave(), times=odd))["series-irregular"]
    assert "2 of 59 steps" in found.message
    assert found.mend is None


def test_infinite_and_missing_values_are_told_with_their_place_and_mended() -> None:
    values = wave()
    values[5], values[20:24], values[-1] = np.inf, np.nan, np.nan
    series = Series.of("load", values, times=HOURS, frequency="h")
    found = findings(series)
    assert found["series-infinite"].severity == "error"
    assert "infinite at 2024-01-01 05:00" in found["series-infinite"].message
    assert "5 of 60 values" in found["series-missing"].message
    assert "longest gap has 4 from 2024-01-01 20:00" in found["series-missing"].message
    assert np.isnan(mended(found["series-infinite"], series).values[5, 0])
    filled = mended(found["series-missing"], series).values[:, 0]
    assert filled[20:24] == pytest.approx(np.interp([20, 21, 22, 23], [19, 24], values[[19, 24]]))
    assert np.isnan(filled[-1]), "what has no value after it is not made up"


def test_channels_that_tell_nothing_and_twins_are_found() -> None:
    values = np.stack([wave(), np.full(60, 3.0), np.full(60, np.nan)], axis=1)
    one = Series.of("a", values, ("x", "flat", "empty"))
    found = findings(one, Series.of("b", values, ("x", "flat", "empty")))
    assert "flat of 'a' is always 3, and so on in 1 more series" in found["series-constant"].message
    assert "empty of 'a' has no value at all" in found["series-empty"].message
    assert found["series-twins"].record_ids == (1, 2)


def test_lengths_are_judged_by_the_options_of_the_draft() -> None:
    series = Series.of("short", wave(28))
    found = findings(series)
    assert found["series-short"].severity == "error"
    assert "training part of 'short' has 4 steps; a forecast of 6 steps needs one more" in found["series-short"].message
    assert "series-short" not in findings(series, draft=None), "without a task there is no horizon"
    both = findings(series, Series.of("long", wave()))
    assert both["series-short"].severity == "warning", "the other one can be learned from"
    part = findings(Series.of("part", wave()), draft=("forecasting", {"horizon": 20, "validation": 12.0, "test": 20.0}))
    assert "validation part of 'part' has 12 steps, less than the horizon of 20" in part["series-part"].message


def test_another_level_in_the_test_part_is_told_unless_the_options_follow_it() -> None:
    values = np.concatenate([wave(48), wave(12) + 9.0])
    series = Series.of("jump", values)
    free = ("forecasting", {**DRAFT[1], "normalisation": "none"})
    assert "higher in the test part" in findings(series, draft=free)["series-shift"].message
    assert "series-shift" not in findings(series), "relative to the last value, the level does not matter"


def test_what_needs_no_mending_comes_back_as_it_is() -> None:
    series = Series.of("good", wave(), times=HOURS, frequency="h", static={"shop": "a"})
    for mend in (mending.sort_times, mending.fill_times, mending.drop_infinite, mending.fill_gaps):
        assert mend(series) is series


def test_mending_keeps_roles_and_static_values() -> None:
    kept = np.delete(np.arange(60), [20])
    values = np.stack([wave(), wave()], axis=1)[kept]
    series = Series.of(
        "two", values, ("y", "x"), times=HOURS[kept], frequency="h", roles=("target", "past"), static={"shop": "a"}
    )
    result = mending.fill_times(series)
    assert isinstance(result, Series)
    assert (result.roles, dict(result.static)) == (("target", "past"), {"shop": "a"})


def test_a_cut_in_time_counts_steps_as_training_does() -> None:
    cut, series = SeriesCut(), Series.of("s", wave(100))
    assert cut.cuts({})
    assert not cut.cuts(cut.whole())
    assert cut.steps(series, cut.cut(0.1, 24)) == {"train": 66, "validation": 10, "test": 24, "": 0}
    assert cut.steps(series, {"train": 50.0, "validation": 10.0, "test": 10.0})[""] == 30


def test_the_command_line_asks_series_for_no_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = Project.create(tmp_path / "p", "p")
    with project:
        import_records(project.store, "loads", Series.KIND, [("train", "", Series.of("flat", np.full(40, 2.0)))])
    assert run(["check", str(tmp_path / "p")]) == 0
    told = capsys.readouterr().out
    assert "value of 'flat' is always 2." in told
    assert "split." not in told, "validation and test are parts of the series itself"
