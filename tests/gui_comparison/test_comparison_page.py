"""The comparison page: every family in words, what was measured of it, and measuring in a worker of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QHelpEvent
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from workbench.host import LoadedPlugins, ProblemList, load_plugins
from workbench.project.measured import keep_measured, load_measured, measured_path
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.comparison import ACTION, compare_button
from workbench.shell.comparison.page import ComparisonDialog
from workbench.shell.comparison.rows import WORDS, families, measured
from workbench.shell.comparison.table import COLUMNS, SPAN, SPEED
from workbench.shell.session import Session
from workbench.shell.theme import Theme
from workbench.testing.fakes import FakeWorker

TASKS = [{"id": "adding", "title": "Adding", "what": "add", "measure": "error"}]


def row(name: str, adding: int, speed: float, span: int | None = 60, day: str = "2026-11-20") -> dict[str, Any]:
    return {
        "id": name,
        "title": name.upper(),
        "architecture": name,
        "date": f"{day}T10:00:00+00:00",
        "budget": 4.0,
        "parameters": 8000,
        "solved": {"adding": adding},
        "steps_per_second": speed,
        "memory_span": span,
    }


def result(*rows: dict[str, Any]) -> dict[str, Any]:
    left_out = [{"id": "birnn", "title": "Bidirectional RNN", "reason": "It would see what it has to tell."}]
    return {
        "schema_version": 1,
        "benchmark": "memory",
        "weights": 8000,
        "ladder": [3, 1000],
        "tasks": TASKS,
        "rows": list(rows),
        "left_out": left_out,
    }


@pytest.fixture(scope="module")
def plugins() -> LoadedPlugins:
    return load_plugins()


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def session(qtbot: QtBot, plugins: LoadedPlugins, worker: FakeWorker) -> Iterator[Session]:
    made = Session(
        catalogue=plugins.catalogue,
        problems=ProblemList(),
        theme=Theme("light"),
        start_worker=lambda on_notice: worker,
    )
    yield made
    made.close(wait=False)


@pytest.fixture
def dialog(qtbot: QtBot, session: Session, tmp_path: Path) -> ComparisonDialog:
    return shown(qtbot, session, tmp_path)


def shown(qtbot: QtBot, session: Session, folder: Path) -> ComparisonDialog:
    made = ComparisonDialog(session, folder=folder)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def column(dialog: ComparisonDialog, number: int) -> list[str]:
    model = dialog.page.table.families
    return [str(model.data(model.index(i, number))) for i in range(model.rowCount())]


def test_every_family_is_there_in_words(dialog: ComparisonDialog, plugins: LoadedPlugins) -> None:
    assert sorted(column(dialog, 0)) == sorted(one.title for one in plugins.catalogue.architectures())
    for number in range(1, 1 + len(WORDS)):
        assert all(column(dialog, number)), COLUMNS[number]
    assert set(column(dialog, SPEED)) == {"–"}
    assert dialog.page.pages.currentIndex() == 0
    assert "Not measured" in dialog.page.empty.title.text()


def test_the_table_is_a_proper_model_and_is_sorted_by_its_headings(
    dialog: ComparisonDialog, session: Session, qtmodeltester: ModelTester
) -> None:
    page = dialog.page
    page.result = result(row("gru", 200, 500.0, 200), row("lstm", 90, 900.0, 60))
    page.refresh()
    qtmodeltester.check(page.table.families)
    page.table.sortByColumn(SPEED, Qt.SortOrder.DescendingOrder)
    assert column(dialog, 0)[:2] == ["LSTM", "GRU"]
    assert column(dialog, SPEED)[:3] == ["900", "500", "–"]
    page.table.sortByColumn(SPAN, Qt.SortOrder.AscendingOrder)
    assert column(dialog, 0)[:2] == ["LSTM", "GRU"]
    assert column(dialog, SPAN)[-1] == "–", "what was not measured comes last in either order"
    page.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert column(dialog, 0) == sorted(column(dialog, 0), key=str.casefold)


def test_what_was_measured_earlier_is_shown_with_its_day(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    keep_measured("memory", result(row("gru", 200, 512_345.0)), tmp_path)
    page = shown(qtbot, session, tmp_path).page
    assert page.pages.currentIndex() == 1
    assert "2026-11-20" in page.note.text()
    assert "Bidirectional RNN is left out: it would see what it has to tell." in page.note.text()
    assert page.plot.accessibleDescription() == "GRU: adding 200."
    model = page.table.families
    at = next(i for i, one in enumerate(model.families) if one.id == "gru")
    assert model.data(model.index(at, SPEED)) == "512,345"
    assert model.data(model.index(at, SPEED), Qt.ItemDataRole.ToolTipRole) == "Measured on 2026-11-20"
    at = next(i for i, one in enumerate(model.families) if one.id == "birnn")
    assert "has to tell" in model.data(model.index(at, SPAN), Qt.ItemDataRole.ToolTipRole)


def test_measuring_runs_in_a_worker_of_its_own_and_is_kept(
    dialog: ComparisonDialog, worker: FakeWorker, qtbot: QtBot, tmp_path: Path
) -> None:
    page = dialog.page
    page.budget.setCurrentIndex(1)
    page.measure_button.click()
    assert page.measuring
    (job,) = worker.jobs
    assert (job["job"], job["budget"]) == ("benchmark_memory", 20.0)
    assert page.cancel_button.isVisible()
    assert not page.measure_button.isVisible()
    (held,) = worker.held
    worker.progress(held, done=1, total=2, what="GRU: Adding", so_far=result(row("gru", 200, 5.0)))
    qtbot.waitUntil(lambda: "GRU: Adding" in page.status.text())
    assert page.bar.maximum() == 2
    assert page.pages.currentIndex() == 1, "what is measured is shown as it comes"
    worker.answer(held, result(row("gru", 200, 5.0), row("lstm", 90, 9.0)))
    qtbot.waitUntil(lambda: not page.measuring)
    kept = load_measured("memory", tmp_path)
    assert kept is not None
    assert [one["id"] for one in kept["rows"]] == ["gru", "lstm"]
    assert page.measure_button.isVisible()
    assert not worker.alive, "its worker is let go"


def test_cancelling_keeps_what_was_measured_whole(
    dialog: ComparisonDialog, worker: FakeWorker, qtbot: QtBot, tmp_path: Path
) -> None:
    page = dialog.page
    page.measure()
    worker.progress(worker.held[0], done=1, total=2, what="LSTM: Adding", so_far=result(row("gru", 200, 5.0)))
    qtbot.waitUntil(lambda: "LSTM" in page.status.text())
    page.cancel_button.click()
    assert not page.measuring
    kept = load_measured("memory", tmp_path)
    assert kept is not None
    assert [one["id"] for one in kept["rows"]] == ["gru"]


def test_closing_the_window_stops_the_measurement(dialog: ComparisonDialog, worker: FakeWorker) -> None:
    dialog.page.measure()
    dialog.close()
    assert not dialog.page.measuring
    assert worker.held == ()


def test_a_worker_that_dies_is_told_on_the_page(dialog: ComparisonDialog, worker: FakeWorker, qtbot: QtBot) -> None:
    dialog.page.measure()
    worker.die()
    qtbot.waitUntil(lambda: not dialog.page.measuring)
    assert dialog.page.problem.count() == 1


def test_a_later_measurement_leaves_the_rows_of_others(tmp_path: Path) -> None:
    keep_measured("memory", result(row("gru", 200, 5.0), row("lstm", 90, 9.0)), tmp_path)
    whole = keep_measured("memory", result(row("lstm", 135, 8.0, None, "2026-11-23")), tmp_path)
    by_id = {one["id"]: one for one in whole["rows"]}
    assert by_id["gru"]["solved"] == {"adding": 200}
    assert by_id["lstm"]["solved"] == {"adding": 135}
    assert by_id["lstm"]["memory_span"] == 60, "what was not measured again stays"
    assert load_measured("memory", tmp_path) == whole


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"schema_version": 99, "rows": []}', '{"schema_version": 1}'])
def test_a_damaged_file_counts_as_nothing_measured(text: str, tmp_path: Path) -> None:
    path = measured_path("memory", tmp_path)
    path.write_text(text)
    assert load_measured("memory", tmp_path) is None
    assert path.read_text() == text


def test_marks_say_what_they_are_under_the_mouse(
    qtbot: QtBot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_measured("memory", result(row("gru", 1000, 5.0), row("lstm", 0, 5.0)), tmp_path)
    plot = shown(qtbot, session, tmp_path).page.plot
    plot.grab()
    told: list[str] = []
    monkeypatch.setattr("workbench.shell.comparison.plot.QToolTip.showText", lambda at, text, widget: told.append(text))
    for spot, _text in plot._spots:
        where = spot.center().toPoint()
        plot.event(QHelpEvent(QHelpEvent.Type.ToolTip, where, plot.mapToGlobal(where)))
    assert told == ["GRU, adding: 1,000 steps or more", "LSTM, adding: not solved at any length"]


@pytest.mark.parametrize("theme", ["light", "dark", "high_contrast"])
def test_nothing_is_clipped_or_nameless(qtbot: QtBot, session: Session, tmp_path: Path, theme: str) -> None:
    session.theme.set(theme)
    keep_measured("memory", result(row("gru", 200, 5.0)), tmp_path)
    dialog = shown(qtbot, session, tmp_path)
    dialog.resize(1000, 680)
    dialog.grab()
    assert nameless(dialog) == []
    assert shadowing(dialog) == []
    assert clipped(dialog) == []


def test_the_keyboard_reaches_all_of_it(dialog: ComparisonDialog, qtbot: QtBot) -> None:
    dialog.activateWindow()
    dialog.page.table.setFocus()
    reached = set()
    for _ in range(12):
        focus = dialog.focusWidget()
        reached.add(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert {dialog.page.table, dialog.page.budget, dialog.page.measure_button} <= reached


def test_a_row_of_a_network_measured_in_two_forms_is_the_plain_one(plugins: LoadedPlugins) -> None:
    values = result(row("rnn", 27, 5.0), row("rnn-irnn", 200, 6.0))
    found = {one.id: one for one in families(plugins.catalogue.architectures(), values)}
    assert found["rnn"].speed == 5.0
    assert [bar.title for bar in measured(values).bars] == ["RNN", "RNN-IRNN"]
    assert measured(json.loads(json.dumps(values))).longest == 1000


def test_the_button_is_the_windows_action(qtbot: QtBot, session: Session) -> None:
    from workbench.shell.window import MainWindow

    window = MainWindow(session)
    qtbot.addWidget(window)
    button = compare_button(session)
    button.setParent(window)
    window.actions_by_id[ACTION].trigger()
    first = window.dialogs["comparison"]
    assert isinstance(first, ComparisonDialog)
    button.click()
    qtbot.waitUntil(lambda: window.dialogs.get("comparison") is not first)
    window.dialogs["comparison"].close()
