"""Forecasts in the Use stage: asked for by themselves, what-if followed, a backtest browsed, files read, exported."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage
from workbench_plugins.tasks.forecasting import gui_numbers as numbers
from workbench_plugins.tasks.forecasting.gui import ForecastView
from workbench_plugins.tasks.forecasting.gui_export import export_csv, export_picture
from workbench_plugins.tasks.forecasting.params import ForecastingParams
from workbench_plugins.tasks.forecasting.splitting import bounds

from workbench.api import Forecast, Interval, Record, Series, StoredRecord, WorkbenchError
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.sdk import PanelContext
from workbench.shell.theme import Theme

HORIZON, LOOKBACK = 6, 24


def a_series(steps: int = 120, name: str = "plant", offset: float = 0.0) -> Series:
    t = np.arange(steps)
    values = np.stack([offset + 10 + np.sin(t / 4), 5 + np.cos(t / 4)], axis=1)
    times = np.datetime64("2020-01-01T00", "ns") + t * np.timedelta64(3600, "s")
    return Series.of(name, values, ["load", "wind"], times=times, frequency="h")


class Model:
    """Stands where the worker is: the mean of the last three known values, again and again."""

    def __init__(self, *, hold: bool = False) -> None:
        self.hold = hold
        self.asked: list[list[Series]] = []
        self.waiting: list[Callable[[], None]] = []
        self.error: WorkbenchError | None = None

    def predict(
        self,
        on_result: Callable[[Mapping[str, Any]], object],
        on_error: Callable[[WorkbenchError], object],
        *,
        inputs: Sequence[Mapping[str, Any]],
    ) -> Any:
        series = [Series.from_json(one) for one in inputs]
        self.asked.append(series)

        def answer() -> None:
            if self.error is not None:
                on_error(self.error)
            else:
                results = [self.forecast(one).to_json() for one in series]
                on_result({"result_kind": "forecast", "results": results, "epoch": 1, "notice": ""})

        if self.hold:
            self.waiting.append(answer)
        else:
            # the answer of a worker never comes before its handle
            from PySide6.QtCore import QTimer

            QTimer.singleShot(0, answer)
        return SimpleNamespace(cancel=lambda: None)

    def forecast(self, series: Series) -> Forecast:
        known = np.flatnonzero(~np.isnan(series.values).all(axis=1))
        end = int(known[-1]) + 1
        past = series.values[:end]
        level = past[-3:].mean(axis=0)
        mean = tuple(tuple(level.tolist()) for _ in range(HORIZON))
        shift = [tuple(tuple(v + by for v in row) for row in mean) for by in (-0.5, 0.5, -1.0, 1.0)]
        return Forecast(
            name=series.name,
            channels=series.channels,
            times=tuple(series.part(0, end).times_after(HORIZON).tolist()),
            mean=mean,
            history=tuple(map(tuple, past.tolist())),
            history_times=tuple(series.times()[:end].tolist()),
            clock=series.clock,
            intervals=(Interval(0.9, shift[2], shift[3]), Interval(0.5, shift[0], shift[1])),
            baselines={"naive": tuple(tuple(past[-1].tolist()) for _ in range(HORIZON)), "seasonal naive": mean},
        )


class Desk:
    """A view in the Use stage over two series of data."""

    def __init__(self, qtbot: Any, model: Model | None = None, *, theme: Theme | None = None) -> None:
        self.model = model or Model()
        self.said: list[Any] = []
        self.files: dict[str, list[Record]] = {}
        self.data = [a_series(), a_series(90, "second", 7.0)]
        params = {"lookback": LOOKBACK, "horizon": HORIZON}
        config = SimpleNamespace(task=SimpleNamespace(id="forecasting", params=params), name="a run")
        self.run = SimpleNamespace(path=Path("run-1"), id="run-1", config=config)
        self.context = PanelContext(
            theme=theme or Theme("light"),
            notify=self.said.append,
            run=lambda: self.run,
            predict=self.model.predict,
            records=self.records,
            read=self.read,
            settings={"place": "use"},
        )
        self.view = ForecastView(self.context)
        assert self.view.page is not None
        self.page = self.view.page
        qtbot.addWidget(self.view)
        self.view.resize(760, 600)
        self.view.show()

    def records(self, start: int, count: int) -> tuple[list[StoredRecord], int]:
        found = [StoredRecord(i, i, "", "", one) for i, one in enumerate(self.data)]
        return found[start : start + count], len(found)

    def read(self, path: Path, kind: str, on_records: Any, on_error: Any) -> None:
        assert kind == Series.KIND
        if path.name in self.files:
            on_records(self.files[path.name])
        else:
            on_error(WorkbenchError("There is no such file.", file=path))


@pytest.fixture
def desk(qtbot: Any) -> Desk:
    made = Desk(qtbot)
    made.view.ask()
    qtbot.waitUntil(lambda: made.page.forecast is not None)
    return made


def test_the_first_series_of_the_data_is_forecast_unasked(desk: Desk) -> None:
    page = desk.page
    assert page.series == desk.data[0]
    for name in ("history", "last points", "forecast", "band 0", "band 1", "baseline seasonal naive", "now"):
        assert name in page.chart.plot.names(), name
    assert "baseline naive" not in page.chart.plot.names()
    assert page.table.numbers.rowCount() == HORIZON
    assert [page.channel.itemText(i) for i in range(page.channel.count())] == ["load", "wind"]
    assert "Forecast of load" in page.chart.plot.accessibleName()
    assert "90 %" in page.chart.plot.accessibleName()


def test_only_what_a_forecast_reads_is_sent(qtbot: Any) -> None:
    desk = Desk(qtbot)
    desk.data = [a_series(5000)]
    desk.view.ask()
    qtbot.waitUntil(lambda: desk.page.forecast is not None)
    assert desk.model.asked[0][0].size() == LOOKBACK + numbers.SPARE


def test_intervals_and_baselines_are_switched(qtbot: Any, desk: Desk) -> None:
    page = desk.page
    page.interval_button.click()
    assert page.chart.plot.names("band") == []
    page.baseline_buttons["naive"].click()
    assert "baseline naive" in page.chart.plot.names()
    page.baseline_buttons["seasonal naive"].click()
    assert "baseline seasonal naive" not in page.chart.plot.names()
    page.table_button.click()
    assert not page.table.isVisible()


def test_the_other_channel_and_the_other_series(qtbot: Any, desk: Desk) -> None:
    page = desk.page
    before = page.chart.plot.line("forecast")[1][-1]
    page.channel.setCurrentIndex(1)
    assert page.chart.plot.line("forecast")[1][-1] != before
    page.source.number.setValue(2)
    qtbot.waitUntil(lambda: page.forecast is not None and page.forecast.name == "second")
    assert page.series == desk.data[1]


def test_a_moved_point_moves_the_forecast_and_is_undone(qtbot: Any, desk: Desk) -> None:
    page = desk.page
    last = desk.data[0].size() - 1
    before = page.forecast
    page.chart.history_dragged.emit(last, 40.0)
    assert page.chart.plot.line("history")[1][last] == 40.0, "the picture follows at once"
    qtbot.waitUntil(lambda: page.forecast is not before)
    assert page.forecast is not None
    assert page.forecast.mean[0][0] == pytest.approx((40.0 + desk.data[0].values[-3:-1, 0].sum()) / 3)
    assert "before the change" in page.chart.plot.names()
    assert "1 point moved" in page.note.text()
    assert page.reset_button.isVisible()
    page.reset_button.click()
    assert page.forecast == before
    assert "before the change" not in page.chart.plot.names()
    assert desk.data[0] == a_series(), "the data themselves are never touched"


def test_while_one_question_is_out_the_next_waits(qtbot: Any) -> None:
    desk = Desk(qtbot, Model(hold=True))
    desk.view.ask()
    desk.model.waiting.pop()()
    last = desk.data[0].size() - 1
    for value in (11.0, 12.0, 13.0):
        desk.page.what_if(last, value)
    assert len(desk.model.asked) == 2
    desk.model.waiting.pop()()
    assert len(desk.model.asked) == 3
    assert desk.model.asked[-1][0].values[-1, 0] == 13.0


def test_points_are_chosen_and_moved_with_the_keyboard(qtbot: Any, desk: Desk) -> None:
    page, plot = desk.page, desk.page.chart.plot
    last = desk.data[0].size() - 1
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert page.chart.chosen == last
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert page.chart.chosen == last - 1
    qtbot.keyClick(plot, Qt.Key.Key_Up)
    assert page.chart.plot.line("history")[1][last - 1] > desk.data[0].values[last - 1, 0]
    for _ in range(LOOKBACK + 5):
        qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert page.chart.chosen == last + 1 - LOOKBACK, "no further back than the model reads"


def test_a_backtest_is_asked_at_once_and_browsed(qtbot: Any, desk: Desk) -> None:
    page = desk.page
    page.modes[1].click()
    qtbot.waitUntil(lambda: bool(page.backtest))
    params = ForecastingParams(lookback=LOOKBACK, horizon=HORIZON)
    _, test, _ = bounds(desk.data[0], params)
    origins = [origin for origin, _ in page.backtest]
    assert origins[0] >= test
    assert origins[-1] == desk.data[0].size() - HORIZON
    for series, origin in zip(desk.model.asked[-1], origins, strict=True):
        assert np.isnan(series.values[-HORIZON:]).all(), "nothing of what came is sent"
        assert series.times()[-HORIZON - 1] == desk.data[0].times()[origin - 1]
    assert page.slider.isVisible()
    page.slider.setValue(0)
    origin, forecast = page.backtest[0]
    assert forecast.actual is not None
    assert np.allclose(np.array(forecast.actual), desk.data[0].values[origin : origin + HORIZON])
    assert len(page.chart.plot.line("history")[0]) == origin
    assert "what came" in page.chart.plot.names()
    assert "seasonal naive" in page.note.text()
    assert "not refitted" in page.note.text()
    assert page.table.numbers.headerData(4, Qt.Orientation.Horizontal) == "Came"
    page.modes[0].click()
    assert not page.slider.isVisible()
    assert "what came" not in page.chart.plot.names()


def test_a_series_shorter_than_the_horizon_has_no_backtest(qtbot: Any, desk: Desk) -> None:
    page = desk.page
    page.show_series(a_series(5))
    qtbot.waitUntil(lambda: page.forecast is not None)
    page.modes[1].click()
    assert "too short" in page.note.text()
    assert page.backtest == []


def test_a_dropped_file_is_forecast_and_left_again(qtbot: Any, desk: Desk, tmp_path: Path) -> None:
    other = a_series(80, "other", 100.0)
    desk.files["other.csv"] = [other]
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "other.csv"))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    desk.page.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys))
    qtbot.waitUntil(lambda: desk.page.forecast is not None and desk.page.forecast.name == "other")
    assert "other.csv" in desk.page.source.subtitle.text()
    assert not desk.page.source.number.isVisible(), "there is one series in it"
    desk.page.source.data_button.click()
    qtbot.waitUntil(lambda: desk.page.forecast is not None and desk.page.forecast.name == "plant")


def test_a_file_that_cannot_be_read_leaves_the_forecast_and_says_so(desk: Desk) -> None:
    desk.page.source.open_file(Path("nowhere.csv"))
    assert "nowhere.csv was not read: There is no such file." in desk.page.note.text()
    assert desk.page.series == desk.data[0]


def test_data_that_are_gone_are_said_to_be(qtbot: Any) -> None:
    desk = Desk(qtbot)
    desk.data = []
    desk.view.ask()
    assert "gone" in desk.page.source.subtitle.text()
    assert desk.model.asked == []


def test_an_answer_that_fails_is_told_and_asked_again_later(qtbot: Any) -> None:
    desk = Desk(qtbot)
    desk.model.error = WorkbenchError("The series has no channel 'load'.", fix="Name it so.")
    desk.view.ask()
    qtbot.waitUntil(lambda: bool(desk.said))
    assert "no channel" in desk.page.note.text()
    desk.model.error = None
    desk.view.ask()
    qtbot.waitUntil(lambda: desk.page.forecast is not None)


def test_another_run_is_asked_anew(qtbot: Any, desk: Desk) -> None:
    asked = len(desk.model.asked)
    desk.view.ask()
    qtbot.waitUntil(lambda: len(desk.model.asked) == asked + 1)  # the same run after an epoch
    desk.run.path = Path("run-2")
    desk.view.ask()
    assert desk.page.forecast is None, "nothing of the other model's answer is left"
    qtbot.waitUntil(lambda: desk.page.forecast is not None)


def test_numbers_and_picture_are_written(qtbot: Any, desk: Desk, tmp_path: Path) -> None:
    page = desk.page
    export_csv(page, page._shown(), desk.said.append, str(tmp_path / "f.csv"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "f.csv").read_text())))
    assert len(rows) == 2 * HORIZON
    assert rows[0]["time"] == "2020-01-06"
    assert rows[0]["from"] == "2020-01-05 23:00"
    assert float(rows[0]["lower 90 % (conformal)"]) == pytest.approx(float(rows[0]["forecast"]) - 1)
    assert rows[0]["actual"] == ""
    export_picture(page, page.chart, "a run · mean absolute error", desk.context, str(tmp_path / "f.png"))
    image = QImage(str(tmp_path / "f.png"))
    assert image.width() == 2 * page.chart.width()
    assert image.height() > 2 * page.chart.height(), "what it shows is written below"


def test_a_file_that_cannot_be_written_is_told(desk: Desk, tmp_path: Path) -> None:
    export_csv(desk.page, desk.page._shown(), desk.said.append, str(tmp_path / "no" / "f.csv"))
    assert isinstance(desk.said[-1], WorkbenchError)


def test_in_a_small_place_it_is_a_chart_with_a_line_of_words(qtbot: Any) -> None:
    view = ForecastView(PanelContext(theme=Theme("dark"), notify=lambda _n: None, settings={"compact": True}))
    qtbot.addWidget(view)
    forecast = Model().forecast(a_series())
    view.show_result(forecast)
    assert view.page is None
    assert "plant · load, next 6 steps" in view.caption.text()
    assert "forecast" in view.chart.plot.names()
    view.show_result(forecast.to_json())
    view.show_result(None)
    assert view.chart.plot.names() == []


def test_a_forecast_without_times_intervals_or_history_is_drawn(qtbot: Any, desk: Desk) -> None:
    bare = Forecast("x", ("load",), (), ((1.0,), (2.0,)))
    desk.page.series = None
    desk.page.show_answer(bare)
    assert len(desk.page.chart.plot.line("forecast")[0]) == 2
    three = tuple(((value,), (value,)) for value in (0.0, 1.0, 3.0))
    quantiles = Forecast("x", ("load",), (1, 2), ((1.0,), (2.0,)), levels=(0.1, 0.5, 0.9), quantiles=three)
    desk.page.show_answer(quantiles)
    assert desk.page.chart.plot.names("band") == ["band 0"]
    assert numbers.Fan.of(quantiles, 0).bands[0][0] == "80 % (quantiles)"


def test_its_table_is_a_proper_model(qtmodeltester: Any, desk: Desk) -> None:
    qtmodeltester.check(desk.page.table.numbers)
    assert desk.page.table.numbers.text().splitlines()[0].split("\t")[:2] == ["Time", "Forecast"]


@pytest.mark.parametrize(("theme", "scale"), [("dark", 1.0), ("high_contrast", 1.0), ("light", 2.0)])
def test_nothing_is_clipped_or_nameless(qtbot: Any, qapp: Any, theme: str, scale: float) -> None:
    look = Theme(theme, scale=scale)
    look.apply(qapp)
    desk = Desk(qtbot, theme=look)
    desk.view.resize(760, 600 if scale == 1.0 else 900)
    desk.view.ask()
    qtbot.waitUntil(lambda: desk.page.forecast is not None)
    desk.page.modes[1].click()
    qtbot.waitUntil(lambda: bool(desk.page.backtest))
    assert clipped(desk.view) == []
    assert nameless(desk.view) == []
    assert shadowing(desk.view) == []


def test_known_future_covariates_are_sent_and_nothing_else_of_what_came() -> None:
    values = np.arange(60.0).reshape(20, 3)
    series = Series.of("s", values, ["y", "seen", "plan"], roles=["target", "past", "future"])
    params = ForecastingParams(lookback=4, horizon=3)
    sent = numbers.question(series, 10, params, ahead=3)
    assert sent.size() == 13
    assert np.isnan(sent.values[10:, :2]).all()
    assert np.array_equal(sent.values[10:, 2], values[10:13, 2])
    assert np.array_equal(sent.values[:10], values[:10])


def test_where_now_is_and_where_a_backtest_begins() -> None:
    values = np.arange(100.0)
    values[97:] = np.nan
    series = Series.of("s", values)
    params = ForecastingParams(lookback=10, horizon=5, validation=20.0, test=20.0)
    assert numbers.end_of(series, ()) == 97
    assert numbers.origins(series, params, 97) == list(range(80, 93))
    assert len(numbers.origins(series, params, 97, most=4)) == 4
    short = ForecastingParams(lookback=10, horizon=5, validation=20.0, test=5.0)
    assert numbers.origins(series, short, 97)[0] == 75, "too few origins in the test part: validation helps out"
    assert numbers.origins(Series.of("s", values[:4]), params, 4) == []


def test_errors_of_a_backtest_by_hand() -> None:
    forecast = Forecast("s", ("y",), (2, 3), ((1.0,), (2.0,)), baselines={"naive": ((0.0,), (0.0,))})
    came = numbers.with_actual(forecast, Series.of("s", [9.0, 9.0, 2.0, 4.0], ["y"]), 2)
    assert came.actual == ((2.0,), (4.0,))
    assert numbers.backtest_errors([came], 0) == {"model": 1.5, "naive": 3.0}
    assert math.isnan(numbers.mean_error(forecast, forecast.mean, 0))
    end = numbers.with_actual(forecast, Series.of("s", [9.0, 9.0, 2.0], ["y"]), 2)
    assert numbers.mean_error(end, end.mean, 0) == 1.0, "what did not come yet does not count"
    assert numbers.coverage([came], 0) is None


class Fitter:
    """Stands where the worker fits models for a backtest: jobs wait until the test answers them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.jobs: list[Mapping[str, Any]] = []
        self.callbacks: list[Any] = []
        self.cancelled = 0

    def submit(self, job: Mapping[str, Any], *callbacks: Any) -> Any:
        self.jobs.append(job)
        self.callbacks = list(callbacks)
        return SimpleNamespace(cancel=self._cancel)

    def _cancel(self) -> None:
        self.cancelled += 1

    def answer(self) -> None:
        results = [self.model.forecast(Series.from_json(one)).to_json() for one in self.jobs[-1]["inputs"]]
        self.callbacks[0]({"results": results, "fits": 5})


@pytest.fixture
def fitting(qtbot: Any) -> tuple[Desk, Fitter]:
    desk = Desk(qtbot)
    fitter = Fitter(desk.model)
    desk.page._context = replace(desk.context, submit=fitter.submit)
    desk.view.ask()
    qtbot.waitUntil(lambda: desk.page.forecast is not None)
    desk.page.modes[1].click()
    qtbot.waitUntil(lambda: bool(desk.page.backtest))
    return desk, fitter


def test_a_backtest_refits_every_so_many_origins(fitting: tuple[Desk, Fitter]) -> None:
    desk, fitter = fitting
    page = desk.page
    assert page.refit.isVisible()
    assert not page.refit.start.isEnabled(), "it was asked for as it is"
    page.refit.number.setValue(3)
    page.refit.start.click()
    job = fitter.jobs[-1]
    assert (job["job"], job["run"], job["refit"]) == ("backtest", "run-1", 3)
    assert len(job["inputs"]) == len(job["origins"])
    assert Series.from_json(job["series"]).size() == job["origins"][-1], "nothing beyond the last origin is sent"
    fitter.callbacks[2]({"what": "fitting 2 of 5"})
    assert "fitting 2 of 5" in page.note.text()
    assert page.refit.start.text() == "Cancel"
    fitter.answer()
    assert "what came before it: 5 fits" in page.note.text()
    assert page.slider.isVisible()
    page.refit.number.setValue(0)
    page.refit.start.click()
    assert "Asking for forecasts" in page.note.text(), "without refits the model itself is asked"


def test_a_backtest_with_refits_is_cancelled_and_begun_again(fitting: tuple[Desk, Fitter]) -> None:
    desk, fitter = fitting
    desk.page.refit.number.setValue(1)
    desk.page.refit.start.click()
    desk.page.refit.start.click()
    assert fitter.cancelled == 1
    assert "cancelled" in desk.page.note.text()
    desk.page.refit.start.click()
    fitter.callbacks[1](WorkbenchError("The series is too short to be fitted on."))
    assert "too short to be fitted" in desk.page.note.text()
    assert desk.page.refit.start.isEnabled(), "it can be tried again"
    assert desk.page.refit.start.text() == "Backtest again"
