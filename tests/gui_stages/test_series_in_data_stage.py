"""Series in the Data stage: counted in steps, cut in time by the dialog, checked and mended."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from workbench_plugins.tasks.forecasting.cutting import SeriesCut
from workbench_plugins.tasks.forecasting.params import ForecastingParams

from workbench.api import DoctorCheck, IOShape, Ref, Series, Task
from workbench.data import DatasetStore
from workbench.data.importing import import_records
from workbench.shell.session import Session
from workbench.shell.stages.data import DataStage
from workbench.shell.stages.data.divide_dialog import DivideDialog, Division, TimeChoice

FORECASTING = "workbench_plugins.tasks.forecasting"


def months(count: int = 144, name: str = "passengers") -> Series:
    times = np.datetime64("1949-01", "M") + np.arange(count)
    values = 100 + np.arange(count) + 10 * np.sin(np.arange(count) / 2)
    return Series.of(name, values, times=times, frequency="MS")


def task() -> Task:
    return Task(
        id="forecasting",
        title="Forecasting",
        params=ForecastingParams,
        record="series",
        result="forecast",
        shape=IOShape.MANY_TO_ONE,
        factory=Ref(f"{FORECASTING}.task:DirectForecasting"),
        time_cut=Ref(f"{FORECASTING}.cutting:SeriesCut"),
    )


@pytest.fixture
def stage(qtbot: Any, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataStage:
    check = DoctorCheck(
        id="series",
        title="series",
        record="series",
        factory=Ref(f"{FORECASTING}.checks:check_series_data"),
        with_draft=True,
    )
    monkeypatch.setattr(session.catalogue, "task", lambda _id: task())
    monkeypatch.setattr(session.catalogue, "tasks", lambda: (task(),))
    monkeypatch.setattr(session.catalogue, "doctor_checks", lambda: (check,))
    store = DatasetStore.create(tmp_path / "data.sqlite")
    import_records(store, "airline", Series.KIND, [("train", "", months())])
    made = DataStage(session)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    project = SimpleNamespace(
        path=tmp_path, store=store, name="test", runs_folder=tmp_path / "runs", runs=list, close=lambda: store.close()
    )
    session._use_project(project)
    session.set_draft(task="forecasting", task_params={"lookback": 24, "horizon": 12})
    return made


def test_the_split_bar_counts_steps_of_series_cut_in_time(qtbot: Any, stage: DataStage, session: Session) -> None:
    qtbot.waitUntil(lambda: stage.splits.summary() == "train 100 steps · validation 22 · test 22")
    session.set_draft(task_params={"validation": 24.0, "test": 12.0})
    qtbot.waitUntil(lambda: stage.splits.summary() == "train 108 steps · validation 24 · test 12")
    assert "cut in time" in stage.splits.toolTip()
    session.set_draft(task_params={"split": "records"})
    assert stage.splits.summary() == "train 1", "whole records are counted as records"


def test_dividing_in_time_changes_the_options_of_the_task(qtbot: Any, stage: DataStage, session: Session) -> None:
    asked: list[TimeChoice] = []

    def ask(_parent: object, time: TimeChoice | None) -> Division:
        assert time is not None
        asked.append(time)
        return Division("time", (0.0, 36.0, 24.0), 7)

    stage.ask_division = ask
    stage.divide()
    assert session.config is not None
    params = session.config.task.params
    assert (params["split"], params["validation"], params["test"], params["lookback"]) == ("time", 36.0, 24.0, 24)
    qtbot.waitUntil(lambda: stage.splits.summary() == "train 84 steps · validation 36 · test 24")
    assert asked[0].record == months()


def test_dividing_records_keeps_series_whole(qtbot: Any, stage: DataStage, session: Session) -> None:
    stage.ask_division = lambda _parent, _time: Division("random", (1.0, 0.0, 0.0), 7)
    stage.divide()
    assert session.config is not None
    assert session.config.task.params["split"] == "records"
    qtbot.waitUntil(lambda: stage.splits.summary() == "train 1")


def choice(count: int = 1, **options: Any) -> TimeChoice:
    return TimeChoice(SeriesCut(), months(), options, count)


def test_the_dialog_shows_the_present_cut_in_steps_and_what_another_one_does(qtbot: Any) -> None:
    dialog = DivideDialog(None, choice(validation=24.0, test=24.0))
    qtbot.addWidget(dialog)
    assert [box.value() for box in dialog.lengths] == [24, 24]
    assert dialog.problem.text() == "training 96 steps, validation 24 from 1957-01-01, test 24 from 1959-01-01."
    dialog.lengths[1].setValue(12)
    assert "test 12 from 1960-01-01" in dialog.problem.text()
    assert dialog.division() == Division("time", (0.0, 24.0, 12.0), 7)
    assert dialog.method.count() == 1, "one series cannot be dealt out"
    dialog.lengths[0].setValue(140)
    assert "Nothing is left" in dialog.problem.text()
    assert not dialog.buttons.buttons()[0].isEnabled()


def test_several_series_are_cut_by_shares_or_dealt_out_whole(qtbot: Any) -> None:
    dialog = DivideDialog(None, choice(12))
    qtbot.addWidget(dialog)
    assert not dialog.in_steps
    dialog.lengths[0].setValue(10.0)
    dialog.lengths[1].setValue(25.0)
    assert dialog.division().fractions == (0.0, 0.1, 0.25)
    dialog.unit.setCurrentIndex(0)
    assert [box.value() for box in dialog.lengths] == [14, 36]
    dialog.method.setCurrentIndex(dialog.method.findData("random"))
    assert not dialog.form.isRowVisible(dialog.lengths[0])
    assert dialog.division() == Division("random", (0.8, 0.1, 0.1), 7)


def test_findings_of_series_are_mended_in_one_step_and_splits_are_not_asked_for(
    qtbot: Any, stage: DataStage, session: Session
) -> None:
    from workbench.data import ReplaceRecord

    assert session.project is not None
    assert session.dataset is not None
    store = session.project.store
    number = int(store.ids(session.dataset.id)[0])
    kept = np.delete(np.arange(144), [50, 51])
    whole = months()
    gappy = Series.of("passengers", whole.values[kept], times=whole.times()[kept], clock="datetime", frequency="MS")
    store.apply(session.dataset.id, ReplaceRecord(number, gappy))
    session.refresh_dataset()
    stage.check_button.click()
    cards: dict[str, Any] = {}

    def found(check: str) -> bool:
        cards.update({card.finding.check: card for card in stage.check.cards})
        return check in {card.finding.check for card in stage.check.cards}

    qtbot.waitUntil(lambda: found("series-steps"))
    assert "splits" not in cards, "validation and test are parts of the series itself"
    cards["series-steps"].fix_button.click()
    qtbot.waitUntil(lambda: found("series-missing"))
    assert store.get([number])[0].record.size() == 144
    cards["series-missing"].fix_button.click()
    qtbot.waitUntil(lambda: "times and values are as they should be" in stage.check.outcome.text())
    assert stage.undo_button.toolTip() == "Undo: Fill the gaps"
    session.set_draft(task_params={"horizon": 130})
    qtbot.waitUntil(lambda: found("series-short"))
    assert cards["series-short"].fix_button is None


def test_the_list_says_that_a_series_is_cut_in_time_and_where(qtbot: Any, stage: DataStage, session: Session) -> None:
    from PySide6.QtCore import Qt

    from workbench.shell.stages.data.records_model import SPLIT

    qtbot.waitUntil(lambda: stage.editor.model.rowCount() == 1)
    cell = stage.editor.model.index(0, SPLIT)
    assert cell.data() == "cut in time"
    assert cell.data(Qt.ItemDataRole.ToolTipRole) == "Steps in each split: train 100 · validation 22 · test 22"
    session.set_draft(task_params={"validation": 24.0, "test": 12.0})
    assert "train 108 · validation 24 · test 12" in cell.data(Qt.ItemDataRole.ToolTipRole)
    session.set_draft(task_params={"split": "records"})
    assert cell.data() == "train"
