"""How series are mended and how forecasts are looked at. Only the shell imports this module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget
from workbench_plugins.tasks.forecasting.gui_chart import FanChart
from workbench_plugins.tasks.forecasting.gui_editor import SeriesEditor
from workbench_plugins.tasks.forecasting.gui_page import ForecastPage

from workbench.api import Forecast
from workbench.shell.sdk import Muted, PanelContext

__all__ = ["ForecastView", "SeriesEditor"]


class ForecastView(QWidget):
    """One forecast; in the Use stage a page with all there is to ask."""

    asks_itself = True

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        self._page: ForecastPage | None = None
        self.chart: FanChart
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        if context.settings.get("place") == "use" and not context.settings.get("compact"):
            self._page = ForecastPage(context)
            self.chart = self._page.chart
            layout.addWidget(self._page)
        else:
            self.chart = FanChart(context.theme, compact=True)
            self.caption = Muted("", wrap=False)
            layout.setSpacing(0)
            layout.addWidget(self.caption)
            layout.addWidget(self.chart)

    @property
    def page(self) -> ForecastPage | None:
        """What fills the Use stage; None in a small place."""
        return self._page

    def show_result(self, result: Forecast | Mapping[str, Any] | None, *, muted: bool = False) -> None:
        """Show an answer that somebody else asked for."""
        forecast = Forecast.from_json(result) if isinstance(result, Mapping) else result
        if self._page is not None:
            if forecast is not None:
                self._page.show_answer(forecast)
            return
        self.chart.show_forecast(forecast, 0)
        if forecast is not None:
            what = f"{forecast.name or 'series'} · {forecast.channels[0]}"
            self.caption.setText(f"{what}, next {forecast.horizon:,} steps")

    def ask(self) -> None:
        """The model has changed, or the stage is seen: answer anew."""
        if self._page is not None:
            self._page.ask()
