"""The Evaluate stage of a forecast: coverage and errors for each step ahead, drawn from what the report says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from workbench_plugins.tasks.forecasting.gui_by_step import ByStepPanel
from workbench_plugins.tasks.forecasting.params import ForecastingParams
from workbench_plugins.tasks.forecasting.report import build_report

from workbench.api import Forecast, Interval, Report, Series
from workbench.shell.audit import nameless
from workbench.shell.sdk import PanelContext
from workbench.shell.theme import Theme

HORIZON = 4


def table(values: np.ndarray[Any, Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values.tolist()))


def pairs(*, intervals: bool = True) -> list[tuple[int, Series, Forecast, float]]:
    """Ten windows whose error grows with the step: the interval of ±2 holds at the first two steps alone."""
    found = []
    for number in range(10):
        truth = np.arange(20.0 + HORIZON)[:, None]
        gold = Series.of("s", truth, static={"history": 20.0, "deviation of value": 2.0, "mase of value": 1.0})
        mean = truth[20:] + np.array([[0.5], [1.5], [2.5], [3.5]])
        bands = (Interval(0.9, table(mean - 2), table(mean + 2)), Interval(0.5, table(mean - 1), table(mean + 1)))
        forecast = Forecast(
            "s", ("value",), (), table(mean), intervals=bands if intervals else (), baselines={"naive": table(mean + 1)}
        )
        found.append((number + 1, gold, forecast, 0.0))
    return found


def report(split: str = "test", *, intervals: bool = True) -> Report:
    return build_report(split, pairs(intervals=intervals), ForecastingParams(lookback=12, horizon=HORIZON))


@pytest.fixture
def panel(qtbot: Any) -> ByStepPanel:
    made = ByStepPanel(PanelContext(theme=Theme("light"), notify=lambda _what: None))
    qtbot.addWidget(made)
    made.resize(900, 260)
    made.show()
    return made


def test_the_report_tells_errors_and_coverage_of_each_step() -> None:
    details = report().details
    assert details is not None
    assert details["coverage"] == {"0.5": [1.0, 0.0, 0.0, 0.0], "0.9": [1.0, 1.0, 0.0, 0.0]}
    assert details["errors"]["this model"] == pytest.approx([0.25, 0.75, 1.25, 1.75])
    assert details["errors"]["naive"] == pytest.approx([0.75, 1.25, 1.75, 2.25])
    assert Report.from_json(report().to_json()).details == details


def test_coverage_is_drawn_beside_what_is_promised(panel: ByStepPanel) -> None:
    assert panel.show_report(report())
    assert {"inside 0.9", "asked 0.9", "inside 0.5", "asked 0.5"} <= set(panel.coverage.line_names())
    line = panel.coverage._lines["inside 0.9"]
    assert line.y.tolist() == [100.0, 100.0, 0.0, 0.0]
    assert panel.coverage._lines["asked 0.9"].y.tolist() == [90.0, 90.0]
    assert "90 % intervals held 50.0 %, least at step 3 (0 %)" in panel.coverage_note.text()
    assert "better than every simple method at 4 of 4 steps" in panel.error_note.text()
    assert nameless(panel) == []


def test_on_validation_the_panel_says_where_the_widths_come_from(panel: ByStepPanel) -> None:
    panel.show_report(report("validation"))
    assert "taken from this very split" in panel.coverage_note.text()


def test_without_intervals_only_the_errors_are_drawn_and_without_details_nothing(panel: ByStepPanel) -> None:
    assert panel.show_report(report(intervals=False))
    assert not panel.coverage.isVisible()
    assert panel.errors.isVisible()
    assert panel.show_report(Report("test", 1, 1, {})) is False
