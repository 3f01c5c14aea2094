"""A series in the Data stage: its points and gaps are mended through the store, and undo takes everything back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from workbench_plugins.tasks.forecasting.gui import SeriesEditor

from workbench.api import Record, Series, StoredRecord
from workbench.shell.audit import nameless, shadowing
from workbench.shell.sdk import EditorContext
from workbench.shell.theme import Theme

HOUR = np.timedelta64(3600, "s")


def a_series(steps: int = 400, channels: int = 2) -> Series:
    """Hours with a gap of five in the first channel, and a covariate."""
    t = np.arange(steps)
    values = np.stack([10 * (c + 1) + np.sin(t / 4 + c) for c in range(channels)], axis=1)
    values[100:105, 0] = np.nan
    names = ["load", "wind", "price"][:channels]
    roles = ["target", "past", "target"][:channels]
    times = np.datetime64("2020-01-01T00", "ns") + t * HOUR
    return Series.of("plant", values, names, times=times, frequency="h", roles=roles)


class Desk:
    """An editor whose commits are kept."""

    def __init__(self, qtbot: Any, *, read_only: bool = False, draft: Any = None) -> None:
        self.commits: list[tuple[Series, str]] = []
        self.said: list[Any] = []
        context = EditorContext(
            theme=Theme("light"),
            notify=self.said.append,
            commit=self.commit,
            read_only=read_only,
            draft=lambda: draft,
        )
        self.editor = SeriesEditor(context)
        qtbot.addWidget(self.editor)
        self.editor.resize(760, 420)
        self.editor.show()

    def commit(self, record: Record, name: str) -> None:
        assert isinstance(record, Series)
        self.commits.append((record, name))

    def show(self, series: Series) -> None:
        self.editor.show_stored(StoredRecord(1, 0, "", "", series))

    @property
    def last(self) -> Series:
        return self.commits[-1][0]


@pytest.fixture
def desk(qtbot: Any) -> Desk:
    made = Desk(qtbot)
    made.show(a_series())
    return made


def test_the_targets_are_shown_and_other_channels_can_be(desk: Desk) -> None:
    lanes = desk.editor.lanes
    assert lanes.shown() == (0,)
    desk.editor.show_channel(1, True)
    assert lanes.shown() == (0, 1)
    desk.editor.show_channel(0, False)
    desk.editor.show_channel(1, False)
    assert lanes.shown() == (1,), "one channel always stays"
    assert "5 missing" in desk.editor.facts.text()


def test_a_typed_value_is_one_edit_and_the_rest_stays(desk: Desk) -> None:
    before = a_series()
    desk.editor.lanes.move_cursor(7)
    desk.editor.value.setText("42.5")
    desk.editor.type_value()
    record, name = desk.commits[-1]
    assert record.values[7, 0] == 42.5
    changed = ~((record.values == before.values) | (np.isnan(record.values) & np.isnan(before.values)))
    assert changed.sum() == 1
    assert name == "set load at 2020-01-01 07:00"
    assert desk.editor.value.text() == "42.5"


@pytest.mark.parametrize("typed", ["x", "inf", "1e999"])
def test_what_is_no_number_changes_nothing_and_says_so(desk: Desk, typed: str) -> None:
    desk.editor.lanes.move_cursor(3)
    desk.editor.value.setText(typed)
    desk.editor.type_value()
    assert not desk.commits
    assert "is not a number" in desk.said[-1]


def test_a_gap_is_found_and_filled_by_a_straight_line(qtbot: Any, desk: Desk) -> None:
    before = a_series().values
    qtbot.keyClick(desk.editor.lanes.plots()[0], Qt.Key.Key_G)
    assert desk.editor.lanes.selection() == (100, 105)
    qtbot.keyClick(desk.editor.lanes.plots()[0], Qt.Key.Key_F)
    record, name = desk.commits[-1]
    wanted = np.interp(np.arange(100, 105), [99, 105], [before[99, 0], before[105, 0]])
    assert np.allclose(record.values[100:105, 0], wanted)
    assert name == "fill 5 values of load"
    assert not record.missing()
    assert not desk.editor.fill_button.isEnabled()


def test_a_single_step_within_a_gap_fills_the_whole_of_it(desk: Desk) -> None:
    desk.editor.lanes.move_cursor(102)
    assert desk.editor.value.placeholderText() == "missing"
    desk.editor.fill()
    assert not np.isnan(desk.last.values[:, 0]).any()


def test_chosen_steps_are_marked_missing_with_the_keyboard(qtbot: Any, desk: Desk) -> None:
    plot = desk.editor.lanes.plots()[0]
    desk.editor.lanes.move_cursor(10)
    for _ in range(3):
        qtbot.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert desk.editor.lanes.selection() == (10, 14)
    qtbot.keyClick(plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert desk.editor.lanes.selection() == (10, 13)
    qtbot.keyClick(plot, Qt.Key.Key_Delete)
    record, name = desk.commits[-1]
    assert np.isnan(record.values[10:13, 0]).all()
    assert not np.isnan(record.values[13, 0])
    assert name == "mark 3 values of load as missing"


def test_a_point_is_dragged_to_another_value(qtbot: Any, desk: Desk) -> None:
    lanes = desk.editor.lanes
    lanes.show_steps(20, 30)
    plot = lanes.plots()[0]
    plot.redraw()
    x, y = plot.line("values")
    place = plot.box.mapViewToScene(QPointF(float(x[25]), float(y[25])))
    assert plot.point_at(place) == ("values", 25)
    lanes.dragged.emit(25, 0, 14.0)
    assert not desk.commits, "nothing is stored while the point is held"
    assert plot.line("values")[1][25] == 14.0
    lanes.dropped.emit(25, 0, 15.0)
    assert desk.last.values[25, 0] == 15.0
    assert desk.commits[-1][1] == "drag load at 2020-01-02 01:00"


def test_presses_of_up_in_a_row_are_one_edit(qtbot: Any, desk: Desk) -> None:
    plot = desk.editor.lanes.plots()[0]
    desk.editor.lanes.move_cursor(50)
    before = float(a_series().values[50, 0])
    for _ in range(3):
        qtbot.keyClick(plot, Qt.Key.Key_Up)
    assert not desk.commits
    qtbot.waitUntil(lambda: len(desk.commits) == 1)
    assert desk.last.values[50, 0] > before


def test_a_nudge_is_stored_before_another_point_is_chosen(qtbot: Any, desk: Desk) -> None:
    plot = desk.editor.lanes.plots()[0]
    desk.editor.lanes.move_cursor(50)
    qtbot.keyClick(plot, Qt.Key.Key_Down)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert len(desk.commits) == 1
    assert desk.last.values[50, 0] < a_series().values[50, 0]


def test_read_only_data_cannot_be_changed(qtbot: Any) -> None:
    desk = Desk(qtbot, read_only=True)
    desk.show(a_series())
    desk.editor.lanes.move_cursor(5)
    desk.editor.mark_missing()
    desk.editor.fill()
    qtbot.keyClick(desk.editor.lanes.plots()[0], Qt.Key.Key_Up)
    assert not desk.commits
    assert not desk.editor.lanes.plots()[0].grips
    assert not desk.editor.value.isVisible()


def test_where_the_draft_divides_the_series_is_drawn(qtbot: Any) -> None:
    params = {"lookback": 24, "horizon": 12, "validation": 100.0, "test": 50.0}
    config = SimpleNamespace(task=SimpleNamespace(id="forecasting", params=params))
    desk = Desk(qtbot, draft=config)
    series = a_series()
    desk.show(series)
    plot = desk.editor.lanes.plots()[0]
    assert plot.names("rule") == ["rule 0", "rule 1"]
    config.task.params = {**params, "split": "records"}
    desk.show(series)
    assert plot.names("rule") == []


def test_a_channel_without_a_value_cannot_be_filled(qtbot: Any) -> None:
    desk = Desk(qtbot)
    desk.show(Series.of("empty", np.full(10, np.nan)))
    desk.editor.fill()
    assert not desk.commits
    assert "no value at all" in desk.said[-1]


def test_a_series_without_a_step_is_shown_as_nothing_to_do(qtbot: Any) -> None:
    desk = Desk(qtbot)
    desk.show(Series.of("none", np.empty((0, 1))))
    assert not desk.editor.value.isEnabled()
    desk.editor.go_to_gap()
    assert not desk.commits


def test_a_changed_record_keeps_the_zoom(desk: Desk) -> None:
    lanes = desk.editor.lanes
    lanes.show_steps(200, 210)
    view = lanes.plots()[0].x_range()
    desk.editor.show_stored(StoredRecord(1, 0, "", "", a_series().with_value(205, 0, 3.0)), keep_cursor=True)
    assert lanes.plots()[0].x_range() == view


def test_every_control_has_a_name_and_none_hides_a_method_of_qt(desk: Desk) -> None:
    desk.editor.show_channel(1, True)
    assert nameless(desk.editor) == []
    assert shadowing(desk.editor) == []


def test_a_hundred_thousand_points_are_drawn_as_few(qtbot: Any) -> None:
    desk = Desk(qtbot)
    values = np.cumsum(np.random.default_rng(0).normal(size=100_000))
    desk.show(Series.of("long", values))
    plot = desk.editor.lanes.plots()[0]
    plot.redraw()
    assert plot.drawn_points("values") <= 2 * max(200, plot.box.width())
    spent = []
    for _ in range(7):
        begun = time.process_time()
        plot.zoom(0.9)
        plot.redraw()
        spent.append(time.process_time() - begun)
    assert sorted(spent)[3] < 0.05, "a zoom step must fit into a frame or two"


@pytest.fixture
def stage_of(qtbot: Any, tmp_path: Any) -> Iterator[Callable[[Series], Any]]:
    """The real dataset editor over a real store with one series."""
    from workbench.data import DatasetStore
    from workbench.data.importing import import_records
    from workbench.host import load_plugins
    from workbench.shell.session import Session
    from workbench.shell.stages.data.dataset_editor import DatasetEditor

    plugins = load_plugins(gui=True)
    session = Session(catalogue=plugins.catalogue, problems=plugins.problems)

    def make(series: Series) -> Any:
        store = DatasetStore.create(tmp_path / "data.sqlite")
        import_records(store, "series", Series.KIND, [("", "", series)])
        session._use_project(
            SimpleNamespace(
                path=tmp_path, store=store, name="t", runs=list, close=lambda **_: store.close(keep_backup=False)
            )
        )
        editor = DatasetEditor(session)
        qtbot.addWidget(editor)
        editor.resize(760, 600)
        editor.show_dataset(session.dataset)
        editor.show()
        qtbot.waitUntil(lambda: editor.frame.widget.series is not None)
        return editor, session

    yield make
    session.close()


def test_edits_go_through_the_store_and_undo_takes_them_back(stage_of: Callable[[Series], Any]) -> None:
    series = a_series()
    editor, session = stage_of(series)
    widget = editor.frame.widget
    widget.go_to_gap()
    widget.fill()
    stored = editor.model.record(0)
    assert stored.record.missing() == 0
    assert session.undo_name() == "fill 5 values of load"
    session.undo()
    assert editor.model.record(0).record == series
    assert widget.series.missing() == 5
    session.redo()
    assert widget.series.missing() == 0
