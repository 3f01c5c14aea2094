"""The Use stage of a forecast: fan chart and table, what-if on the last points, a backtest to browse, export.

The page asks the model itself: for a series of the data it learned from, or for a file dropped on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget
from workbench_plugins.tasks.forecasting import gui_numbers as numbers
from workbench_plugins.tasks.forecasting.gui_chart import FanChart
from workbench_plugins.tasks.forecasting.gui_export import export_csv, export_picture
from workbench_plugins.tasks.forecasting.gui_refit import RefitChoice
from workbench_plugins.tasks.forecasting.gui_source import SeriesSource
from workbench_plugins.tasks.forecasting.gui_table import ForecastTable

from workbench.api import Cancelled, Forecast, Series, WorkbenchError
from workbench.shell.sdk import Button, Card, FlowLayout, Muted, PanelContext, time_text

MOVABLE = 48
"""Last points of the history that can be moved, at most; and no more than are read for one forecast."""
_BASELINES = ("seasonal naive",)
"""The simple methods drawn at first."""


class ForecastPage(QWidget):
    """Source above, chart and table in the middle, what-if or backtest below."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self.setAcceptDrops(True)
        self._run: object = None
        self.series: Series | None = None
        self._moved: dict[tuple[int, int], float] = {}
        """What-if: (step, channel) → another value."""
        self.forecast: Forecast | None = None
        self._plain: Forecast | None = None
        """The answer without what-if."""
        self._handle: Any = None
        self._again = False
        self.backtest: list[tuple[int, Forecast]] = []
        self.fits = 0
        """Models fitted for the backtest shown; 0 where the model stayed as it is."""
        self._backtest_handle: Any = None
        self._build()

    # --- parts ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        context = self._context
        self.source = SeriesSource(context)
        self.source.chosen.connect(self.show_series)
        self.source.told.connect(self._tell)
        self.channel = self.source.channel
        self.channel.currentIndexChanged.connect(lambda _i: self._draw(refit=True))

        self.chart = FanChart(context.theme)
        self.chart.history_dragged.connect(self.what_if)
        self.table = ForecastTable(context.theme)
        self.toggles = QWidget()
        self._flow = FlowLayout(self.toggles, spacing=4)
        policy = self.toggles.sizePolicy()
        policy.setHeightForWidth(True)
        self.toggles.setSizePolicy(policy)
        self.interval_button = self._toggle("Intervals", True)
        self.baseline_buttons: dict[str, Button] = {}
        self.table_button = self._toggle("Table", True)

        self.answer = Card("Forecast")
        self.modes = [
            Button("Forecast", tip="What comes after the last known value", on_click=lambda: self.show_backtest(False)),
            Button("Backtest", tip="Forecasts from earlier origins, beside what came", on_click=self._start_backtest),
        ]
        self.answer.header.addStretch(1)
        for button in self.modes:
            button.setCheckable(True)
            self.answer.header.addWidget(button)
        self.modes[0].setChecked(True)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self.chart, 1)
        middle.addWidget(self.table)
        self.note = Muted("")
        self.reset_button = Button("Undo what-if", on_click=self.reset, tip="Back to what was measured")
        self.refit = RefitChoice()
        self.refit.start.clicked.connect(self._change_refit)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Origin of the backtest")
        self.slider.setToolTip("Arrow keys go from origin to origin")
        self.slider.setMinimumHeight(24)
        self.slider.valueChanged.connect(lambda _i: self._show_origin())
        picture, table = self.export_picture, self.export_csv
        self.picture_button = Button("Picture…", kind="quiet", on_click=picture, tip="Save the chart as PNG")
        self.csv_button = Button("CSV…", kind="quiet", on_click=table, tip="Save the numbers as CSV")
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.note, 1)
        for widget in (self.reset_button, self.picture_button, self.csv_button):
            below.addWidget(widget)
        self.answer.body.addWidget(self.toggles)
        self.answer.body.addLayout(middle, 1)
        self.answer.body.addWidget(self.slider)
        self.answer.body.addWidget(self.refit)
        self.answer.body.addLayout(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.source)
        layout.addWidget(self.answer, 1)
        self.slider.hide()
        self.refit.hide()
        self.reset_button.hide()

    def _tell(self, text: str) -> None:
        self.note.setText(text)

    def _toggle(self, text: str, on: bool) -> Button:
        button = Button(text, kind="quiet", on_click=self._draw)
        button.setCheckable(True)
        button.setChecked(on)
        self._flow.addWidget(button)
        return button

    # --- where the series comes from -----------------------------------------------------------------------------

    def ask(self) -> None:
        """Follow the selected run, and ask its model (again)."""
        run = self._context.run()
        path = getattr(run, "path", None)
        if path != self._run:
            self._run = path
            self.source.use_data()
        elif self.series is None:
            self.source.use_data()
        else:
            self._question()

    def _forget(self) -> None:
        """Another model or another series: nothing of the former answers holds."""
        for handle in (self._handle, self._backtest_handle):
            if handle is not None:
                handle.cancel()
        self._handle = self._backtest_handle = None
        self._again = False
        self._moved.clear()
        self.backtest = []
        self.refit.busy(False)
        self.forecast = self._plain = None
        self.chart.show_forecast(None)
        self.table.show_forecast(None)
        self.show_backtest(False)

    def show_series(self, series: Series | None) -> None:
        """Forecast another series."""
        self._forget()
        self.series = series
        if series is not None:
            self._question()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.source.open_file(paths[0])

    # --- asking --------------------------------------------------------------------------------------------------

    def _params(self) -> Any:
        run = self._context.run()
        return numbers.params_of(run.config) if run is not None else None

    def _changed_series(self) -> Series | None:
        """The series with what the person moved."""
        if self.series is None or not self._moved:
            return self.series
        values = self.series.values.copy()
        for place, value in self._moved.items():
            values[place] = value
        return self.series.with_values(values)

    def _question(self) -> None:
        """One question at a time; what changed meanwhile is asked once the answer is there."""
        series, params = self._changed_series(), self._params()
        if series is None or params is None:
            return
        if self._handle is not None:
            self._again = True
            return
        end = numbers.end_of(series, params.targets)
        asked = numbers.question(series, end, params, ahead=params.horizon)
        plain = not self._moved
        self._handle = self._context.predict(
            lambda value: self._answered(value, plain), self._failed, inputs=[asked.to_json()]
        )

    def _answered(self, value: Mapping[str, Any], plain: bool) -> None:
        self._handle = None
        results = value.get("results") or ()
        if results:
            self.show_answer(Forecast.from_json(results[0]), plain=plain)
            said = [str(value.get("notice") or ""), self.forecast.notice if self.forecast is not None else ""]
            self.answer.set_title("Forecast", " · ".join(filter(None, said)))
        if self._again:
            self._again = False
            self._question()

    def show_answer(self, forecast: Forecast, *, plain: bool = True) -> None:
        """An answer of the model for the series shown."""
        self.forecast = forecast
        if plain:
            self._plain = forecast
        self.source.offer_channels(list(forecast.channels))
        self._offer_baselines(forecast)
        self._draw()

    def _offer_baselines(self, forecast: Forecast) -> None:
        for name in forecast.baselines:
            if name not in self.baseline_buttons:
                button = self._toggle(name.capitalize(), name in _BASELINES)
                button.setToolTip(f"What the simple method “{name}” says")
                self.baseline_buttons[name] = button
        for name, button in self.baseline_buttons.items():
            button.setVisible(name in forecast.baselines)

    def _failed(self, error: WorkbenchError) -> None:
        self._handle = self._backtest_handle = None
        self.refit.busy(False)
        if not self.backtest:
            self.refit.forget()
        if isinstance(error, Cancelled):
            return
        self.note.setText(" ".join(part for part in (f"{error.what}", error.why, error.fix) if part))
        self._context.notify(error)

    # --- what is drawn -------------------------------------------------------------------------------------------

    @property
    def in_backtest(self) -> bool:
        return self.modes[1].isChecked()

    def _draw(self, refit: bool = False) -> None:
        forecast, origin = self.forecast, -1
        if self.in_backtest and self.backtest:
            origin, forecast = self.backtest[self.slider.value()]
        self.table.setVisible(self.table_button.isChecked())
        channel = max(0, self.channel.currentIndex())
        if forecast is None or channel >= len(forecast.channels):
            return
        if refit:
            self.chart.refit()
        series, history = self._changed_series(), None
        name = forecast.channels[channel]
        if series is not None and name in series.channels:
            end = origin if origin >= 0 else numbers.end_of(series, forecast.channels)
            history = series.times()[:end].astype(np.float64), series.values[:end, series.index(name)]
        params = self._params()
        reach = min(MOVABLE, params.lookback if params is not None else MOVABLE)
        self.chart.movable = 0 if self.in_backtest or history is None else reach
        self.chart.show_forecast(
            forecast,
            channel,
            history=history,
            baselines=[name for name, button in self.baseline_buttons.items() if button.isChecked()],
            intervals=self.interval_button.isChecked(),
            before=self._plain if self._moved and not self.in_backtest else None,
        )
        self.table.show_forecast(forecast, channel)
        self.table.setFixedWidth(min(self.table.wanted_width(), max(160, self.width() // 2)))
        self._say()

    def _say(self) -> None:
        """The line below the chart."""
        self.reset_button.setVisible(bool(self._moved) and not self.in_backtest)
        channel = max(0, self.channel.currentIndex())
        if not self.in_backtest:
            many = len(self._moved)
            text = "What if: drag one of the last points (or ← → and ↑ ↓), and the forecast follows."
            if many:
                text = f"What if: {many} point{'s' if many > 1 else ''} moved; dotted is the forecast without that."
            self.note.setText(text)
            return
        if not self.backtest:
            return
        origin, forecast = self.backtest[self.slider.value()]
        here = numbers.mean_error(forecast, forecast.mean, channel)
        every = numbers.backtest_errors([one for _, one in self.backtest], channel)
        rest = ", ".join(f"{name} {value:.4g}" for name, value in every.items() if name != "model")
        text = f"From {self._when(origin)}: mean absolute error {here:.4g}. "
        text += f"All {len(self.backtest)} origins: {every['model']:.4g}" + (f" ({rest})" if rest else "")
        inside = numbers.coverage([one for _, one in self.backtest], channel)
        if inside is not None:
            text += f"; {inside[1]:.0%} of what came lay in the interval of {inside[0]}"
        told = "The model is not refitted."
        if self.fits:
            told = f"Each by a model fitted on what came before it: {self.fits:,} fit{'s' if self.fits > 1 else ''}."
        self.note.setText(f"{text}. {told}")

    def _when(self, origin: int) -> str:
        assert self.series is not None
        return time_text(int(self.series.times()[max(0, origin - 1)]), self.series.clock)

    # --- what-if -------------------------------------------------------------------------------------------------

    def what_if(self, step: int, value: float) -> None:
        """Another value at one of the last steps of the channel shown: the forecast follows."""
        series, forecast = self.series, self.forecast
        if series is None or forecast is None or self.in_backtest:
            return
        name = forecast.channels[max(0, self.channel.currentIndex())]
        if name not in series.channels:
            return
        self._moved[step, series.index(name)] = value
        self._draw()
        self._question()

    def reset(self) -> None:
        """Forget what was moved."""
        self._moved.clear()
        self.chart.choose(-1)
        self.forecast = self._plain
        self._draw()
        self._question()

    # --- backtest ------------------------------------------------------------------------------------------------

    def show_backtest(self, on: bool) -> None:
        """Browse the backtest, or go back to the forecast."""
        self.modes[0].setChecked(not on)
        self.modes[1].setChecked(on)
        self.slider.setVisible(on and bool(self.backtest))
        self.refit.setVisible(on)
        self.chart.choose(-1)
        self._draw(refit=True)

    def _start_backtest(self) -> None:
        """Ask for forecasts from earlier origins, all at once."""
        self.show_backtest(True)
        series, params = self.series, self._params()
        if series is None or params is None or self.backtest or self._backtest_handle is not None:
            return
        found = numbers.origins(series, params, numbers.end_of(series, params.targets))
        if not found:
            self.note.setText("The series is too short for a backtest: what came is shorter than one horizon.")
            return
        self.note.setText(f"Asking for forecasts from {len(found)} origins…")
        asked = [numbers.question(series, origin, params, ahead=params.horizon).to_json() for origin in found]
        every, run = self.refit.every, self._context.run()
        self.refit.asked()

        def answered(value: Mapping[str, Any]) -> None:
            self._backtest_handle = None
            self.refit.busy(False)
            self.fits = int(value.get("fits") or 0)
            results = [Forecast.from_json(one) for one in value.get("results") or ()]
            self.backtest = [
                (origin, numbers.with_actual(result, series, origin))
                for origin, result in zip(found, results, strict=False)
            ]
            self.slider.setRange(0, max(0, len(self.backtest) - 1))
            self.slider.setValue(len(self.backtest) - 1)
            self.slider.setVisible(self.in_backtest and bool(self.backtest))
            if self.backtest:
                self._offer_baselines(self.backtest[-1][1])
            self._draw(refit=True)

        if not every or run is None:
            self._backtest_handle = self._context.predict(answered, self._failed, inputs=asked)
            return
        self.refit.busy(True)
        whole = series.part(0, found[-1]).to_json()
        job = {"job": "backtest", "run": str(run.path), "series": whole, "inputs": asked}
        self._backtest_handle = self._context.submit(
            {**job, "origins": found, "refit": every}, answered, self._failed, self._fitting
        )

    def _fitting(self, message: Mapping[str, Any]) -> None:
        what = str(message.get("what", ""))
        if what:
            self.note.setText(f"A backtest with refits: {what}…")

    def _change_refit(self) -> None:
        """Begin the backtest again with other refits, or stop the one under way."""
        if self._backtest_handle is not None:
            self._backtest_handle.cancel()
            self._backtest_handle = None
            self.refit.busy(False)
            self.refit.forget()
            self.note.setText("The backtest was cancelled.")
            return
        self.backtest = []
        self.slider.hide()
        self._start_backtest()

    def _show_origin(self) -> None:
        if self.in_backtest and self.backtest:
            self._draw(refit=True)

    # --- export --------------------------------------------------------------------------------------------------

    def _shown(self) -> list[Forecast]:
        """What an export holds: the backtest as a whole, or the forecast."""
        if self.in_backtest and self.backtest:
            times = self.series.times() if self.series is not None else None
            return [
                replace(one, history_times=(int(times[origin - 1]),)) if times is not None else one
                for origin, one in self.backtest
            ]
        return [self.forecast] if self.forecast is not None else []

    def export_csv(self) -> None:
        export_csv(self, self._shown(), self._context.notify)

    def export_picture(self) -> None:
        run = self._context.run()
        shown = self._shown()
        facts = [getattr(getattr(run, "config", None), "name", "") or getattr(run, "id", ""), self.note.text()]
        if shown:
            export_picture(self, self.chart, " · ".join(str(one) for one in facts if one), self._context)
