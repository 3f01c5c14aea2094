"""Series come from tables of every layout; what is odd stops the import, with its line, or is mended and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workbench_plugins.exporters.series.writer import write
from workbench_plugins.importers.series.params import SeriesImportParams
from workbench_plugins.importers.series.reader import SeriesStream, sniff

from workbench.api import Series, StoredRecord, WorkbenchError

HOURS = "date,load,wind\n2020-01-01 00:00:00,1.5,7\n2020-01-01 01:00:00,2.5,8\n2020-01-01 02:00:00,3.5,9\n"


def read(path: Path, text: str, **options: Any) -> tuple[list[Series], SeriesStream]:
    path.write_text(text, encoding="utf-8", newline="")
    sniffed = sniff(path.read_bytes()[:65536], path)
    assert sniffed is not None
    stream = SeriesStream(path, SeriesImportParams(**{**sniffed.options, **options}))
    found = []
    for item in stream:
        assert isinstance(item.record, Series)
        found.append(item.record)
    return found, stream


def test_a_wide_table_is_one_series_of_several_channels(tmp_path: Path) -> None:
    (series,), stream = read(tmp_path / "power.csv", HOURS)
    assert (series.name, series.channels, series.clock, series.frequency) == (
        "power", ("load", "wind"), "datetime", "h",
    )  # fmt: skip
    assert series.values.tolist() == [[1.5, 7.0], [2.5, 8.0], [3.5, 9.0]]
    assert not stream.problems


def test_roles_are_given_by_name(tmp_path: Path) -> None:
    (series,), _ = read(tmp_path / "power.csv", HOURS, past=("wind",))
    assert series.roles == ("target", "past")


@pytest.mark.parametrize(
    ("times", "frequency"),
    [
        (("2020-01", "2020-02", "2020-03", "2020-04"), "MS"),
        (("2020-01-31 23:00", "2020-02-01 00:00", "2020-02-01 01:00", "2020-02-01 02:00"), "h"),
        (("31.12.2019", "01.01.2020", "02.01.2020", "03.01.2020"), "D"),
        (("12/30/2019", "12/31/2019", "1/1/2020", "1/2/2020"), "D"),
        (("2020-01-01T00:00:00Z", "2020-01-01T00:15:00Z", "2020-01-01T00:30:00Z", "2020-01-01T00:45:00Z"), "15min"),
    ],
)
def test_times_are_read_as_people_write_them(times: tuple[str, ...], frequency: str, tmp_path: Path) -> None:
    text = "when,value\n" + "".join(f"{time},{i}\n" for i, time in enumerate(times))
    (series,), _ = read(tmp_path / "x.csv", text)
    assert (series.clock, series.frequency, series.size()) == ("datetime", frequency, 4)
    assert (np.diff(series.times()) > 0).all()


def test_year_month_day_and_hour_in_columns_of_their_own(tmp_path: Path) -> None:
    rows = [f"{i + 1},2010,1,1,{i},{'NA' if i == 1 else i},NW\n" for i in range(4)]
    text = "No,year,month,day,hour,pm,wind\n" + "".join(rows)
    (series,), stream = read(tmp_path / "air.csv", text)
    assert series.channels == ("pm",)
    assert series.frequency == "h"
    assert series.missing() == 1
    assert any("wind" in problem.message for problem in stream.problems)


def test_a_long_table_is_a_series_for_each_name(tmp_path: Path) -> None:
    rows = [f"{name},2020-01-0{day},{day * factor}" for name, factor in (("a", 1), ("b", 10)) for day in (1, 2, 3)]
    found, _ = read(tmp_path / "long.csv", "unique_id,ds,y\n" + "\n".join(rows) + "\n")
    assert [(one.name, one.values[:, 0].tolist()) for one in found] == [("a", [1, 2, 3]), ("b", [10, 20, 30])]


def test_a_series_a_row_is_continued_by_the_file_beside_it(tmp_path: Path) -> None:
    header = ",".join(f'"V{i}"' for i in range(1, 34))
    (tmp_path / "Hourly-test.csv").write_text('"V1","V2"\n"H1","7"\n"H2","8"\n', encoding="utf-8")
    rows = ""
    for name, count in (("H1", 32), ("H2", 30)):
        rows += f'"{name}",' + ",".join(f'"{i}"' for i in range(count)) + "," * (32 - count) + "\n"
    found, _ = read(tmp_path / "Hourly-train.csv", header + "\n" + rows)
    assert [one.size() for one in found] == [33, 31]
    assert found[1].values[-1, 0] == 8.0
    assert found[0].frequency == "h"


def test_numbers_without_a_time(tmp_path: Path) -> None:
    (series,), _ = read(tmp_path / "n.csv", "1.5\n2.5\n3.5\n")
    assert (series.clock, series.size(), series.channels) == ("none", 3, ("column 1",))


BAD = {
    "text": (HOURS.replace("2.5", "abc"), r"'abc' in column 'load' \(column 2\)", 3),
    "infinity": (HOURS.replace("2.5", "inf"), "no finite number", 3),
    "doubled time": (HOURS + "2020-01-01 02:00:00,9,9\n", "stands on lines 4 and 5", 5),
    "unsorted": (HOURS + "2019-12-31 23:00:00,9,9\n", "go back", 5),
    "a cell too many": (HOURS + "2020-01-01 03:00:00,1,2,3\n", "has 4 columns where 3", 5),
}


@pytest.mark.parametrize(("text", "message", "line"), BAD.values(), ids=BAD.keys())
def test_what_is_odd_stops_the_import_at_its_line(text: str, message: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=message) as caught:
        read(tmp_path / "bad.csv", text)
    assert caught.value.line == line
    assert caught.value.fix


@pytest.mark.parametrize(("text", "message", "line"), BAD.values(), ids=BAD.keys())
def test_going_on_past_it_reports_what_was_mended(text: str, message: str, line: int, tmp_path: Path) -> None:
    (series,), stream = read(tmp_path / "bad.csv", text, skip_bad=True)
    assert (np.diff(series.times()) > 0).all()
    assert np.isfinite(series.values[~np.isnan(series.values)]).all()
    assert any(problem.line == line for problem in stream.problems)


def test_a_bad_time_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="'soon' in column 'date' is no time") as caught:
        read(tmp_path / "bad.csv", HOURS + "soon,1,2\n", time="date")
    assert caught.value.line == 5


def test_lines_whose_time_is_none_are_left_out_when_asked(tmp_path: Path) -> None:
    rows = [(f"2024-02-{day:02}", day) for day in range(1, 32)]  # 30 and 31 February are none
    text = "date,a,b\n" + "".join(f"{date},{day},{-day}\n" for date, day in rows)
    (series,), stream = read(tmp_path / "month.csv", text + "2024-03-01,32,-32\n", skip_bad=True)
    assert series.values[:, 0].tolist() == [*range(1, 30), 32]
    assert series.values[:, 1].tolist() == [*range(-1, -30, -1), -32]
    assert [problem.line for problem in stream.problems if "left out" in problem.message] == [31, 32]


def test_a_series_without_a_single_time_is_no_series(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-{day:02},a,{day}\n" for day in range(1, 20))
    found, stream = read(tmp_path / "long.csv", f"date,series,value\n{rows}x,b,7\n", skip_bad=True)
    assert [series.name for series in found] == ["a"]
    assert any(problem.line == 21 for problem in stream.problems)


def test_a_part_of_a_date_that_is_no_number_is_named_with_its_line(tmp_path: Path) -> None:
    text = "year,month,day,value\n2020,1,1,5\n2020,1,x,6\n2020,1,3,7\n2020,1,4,7\n2020,1,5,7\n"
    with pytest.raises(WorkbenchError, match="'2020-1-x' in column 'year' is no time") as caught:
        read(tmp_path / "parts.csv", text)
    assert caught.value.line == 3


@pytest.mark.parametrize("date", ["1500-01-01", "9999-12-31"])
def test_a_date_that_nanoseconds_do_not_reach_is_refused_and_does_not_wrap_round(date: str, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=f"'{date}' in column 'date' is too far away") as caught:
        read(tmp_path / "far.csv", f"date,value\n2020-01-01,1\n{date},2\n2020-01-03,3\n")
    assert caught.value.line == 3
    assert "1678 to 2261" in str(caught.value.why)
    with pytest.raises(WorkbenchError, match="too far away"):
        read(tmp_path / "old.csv", "date,value\n1500-01-01,1\n1500-01-02,2\n1500-01-03,3\n")


def test_the_first_and_last_whole_years_are_read(tmp_path: Path) -> None:
    (series,), _ = read(tmp_path / "long.csv", "date,value\n1678-01-01,1\n1970-01-01,2\n2261-12-31,3\n", gaps="keep")
    days = series.times().view("datetime64[ns]").astype("datetime64[D]").astype(str).tolist()
    assert days == ["1678-01-01", "1970-01-01", "2261-12-31"]


def test_gaps_become_missing_steps_and_are_told(tmp_path: Path) -> None:
    text = HOURS + "2020-01-01 05:00:00,6,6\n"
    (series,), stream = read(tmp_path / "gap.csv", text)
    assert series.size() == 6
    assert series.missing() == 4
    assert any("2 steps of 'gap' are not in the file" in problem.message for problem in stream.problems)
    (kept,), _ = read(tmp_path / "gap.csv", text, gaps="keep")
    assert kept.size() == 4


def test_a_constant_column_and_irregular_times_are_told(tmp_path: Path) -> None:
    text = "date,a\n2020-01-01,5\n2020-01-02 07:00,5\n2020-01-09 09:11,5\n2020-02-01,5\n"
    _, stream = read(tmp_path / "odd.csv", text)
    told = " ".join(problem.message for problem in stream.problems)
    assert "always 5" in told
    assert "irregular" in told


@pytest.mark.parametrize(
    "text",
    [
        HOURS,
        '"Month","Passengers"\r\n"1949-01",112\r\n"1949-02",118\r\n"1949-03",132',
        "date;x\n2020-01-01;1,5\n2020-01-02;2,25\n2020-01-03;3,5\n",
        "date,x\n2020-01-01,58.0\n2020-01-02,62.6\n2020-01-03,NA\n2020-01-05,70.0\n",
        "unique_id,ds,y\na,2020-01-01,1\na,2020-01-02,2\nb,2020-01-01,3\nb,2020-01-02,4\n",
    ],
)
def test_a_series_is_written_as_the_file_had_it(text: str, tmp_path: Path) -> None:
    found, stream = read(tmp_path / "in.csv", text)
    records = [StoredRecord(i, i, "", "", one) for i, one in enumerate(found)]
    write(iter(records), {"sources": [stream.format]}, {}, tmp_path / "out.csv", {})
    assert (tmp_path / "out.csv").read_bytes() == text.encode()


def test_parquet(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "p.parquet"
    polars.DataFrame({"date": ["2020-01-01", "2020-01-02", "2020-01-03"], "x": [1.0, 2.0, 3.5]}).write_parquet(path)
    sniffed = sniff(path.read_bytes()[:65536], path)
    assert sniffed is not None
    (item,) = SeriesStream(path, SeriesImportParams(**sniffed.options))
    assert isinstance(item.record, Series)
    assert item.record.values[:, 0].tolist() == [1.0, 2.0, 3.5]
    assert item.record.clock == "datetime"


@pytest.mark.parametrize("text", ["text,label\ngood film,pos\nbad film,neg\n", "one sentence\nand another\n", ""])
def test_texts_are_left_to_others(text: str, tmp_path: Path) -> None:
    assert sniff(text.encode(), tmp_path / "x.csv") is None
