"""The window: stages, actions and their keys, palette, docks, notices, help, closing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QTableWidget

from workbench.api import Ref, WorkbenchError
from workbench.shell.actions import ACTIONS, STAGES, conflicts, shortcuts
from workbench.shell.help_view import help_pages, help_text
from workbench.shell.palette import CommandPalette, fuzzy_score
from workbench.shell.render import write_story
from workbench.shell.session import Session
from workbench.shell.shortcut_editor import ShortcutEditor
from workbench.shell.stage_pages import StagePages
from workbench.shell.window import LeaveDialog, MainWindow
from workbench.shell.window_commands import HELP_PAGES


@pytest.fixture
def window(session: Session, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    monkeypatch.setattr(LeaveDialog, "ask", classmethod(lambda cls, parent: "leave"))
    made = MainWindow(session)
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    for dialog in list(made.dialogs.values()):
        dialog.close()
    made.close()
    made.deleteLater()


def test_the_window_opens_on_the_welcome_page_with_a_card_for_each_sample(window: MainWindow) -> None:
    assert window.pages.current == "welcome"
    cards = window.welcome.cards.count()
    assert cards == len([sample for sample in window.session.catalogue.samples() if sample.task])
    assert cards >= 1
    assert not window.top_bar.train.isEnabled()
    assert window.top_bar.train.toolTip() == "Choose a sample or open your data first."


def test_every_action_does_something_and_no_two_share_keys(window: MainWindow) -> None:
    assert not conflicts(shortcuts())
    for spec in ACTIONS:
        assert callable(getattr(window, spec.method)), spec.id
    stages = [spec.keys for spec in ACTIONS if spec.id.startswith("stage.") and spec.argument != "welcome"]
    assert stages == [f"Ctrl+{i}" for i in range(1, 7)]


def test_stages_say_their_state(window: MainWindow, project: Path, qtbot: Any) -> None:
    window.open_project(project)
    buttons = window.top_bar.stage_buttons
    assert [buttons[name].state for name, _ in STAGES][:3] == ["ready", "ready", "ready"]
    assert buttons["data"].isChecked()
    assert buttons["use"].state == "empty"
    assert window.top_bar.project_name.text() == "news"
    assert window.top_bar.train.isEnabled()


def test_keys_reach_their_actions(window: MainWindow, project: Path, qtbot: Any) -> None:
    window.open_project(project)
    window.activateWindow()
    window.actions_by_id["stage.model"].trigger()
    assert window.pages.current == "model"
    assert window.actions_by_id["run.train"].shortcut().toString() == "F5"
    qtbot.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.pages.current == "train")


def test_a_stage_that_fails_is_a_card_and_the_rest_goes_on(session: Session, qtbot: Any) -> None:
    from PySide6.QtWidgets import QWidget

    pages = StagePages(session, QWidget(), {"data": Ref("workbench.shell.nowhere:Stage")})
    qtbot.addWidget(pages)
    with qtbot.waitSignal(pages.problem) as caught:
        pages.show_stage("data")
    assert "data stage" in caught.args[0].what
    assert pages.state("data") == "problem"
    pages.show_stage("welcome")
    assert pages.current == "welcome"


def test_fuzzy_search_finds_by_a_few_letters() -> None:
    assert fuzzy_score("xyz", "Theme: dark") is None
    titles = [spec.title for spec in ACTIONS]
    ranked = sorted(titles, key=lambda title: -(fuzzy_score("thdark", title) or -99))
    assert ranked[0] == "Theme: dark"
    assert (fuzzy_score("train", "Train") or 0) > (fuzzy_score("train", "Go to Train") or 0)


def test_the_palette_runs_the_chosen_action(window: MainWindow, qtbot: Any) -> None:
    window.show_palette()
    palette = window.dialogs["palette"]
    assert isinstance(palette, CommandPalette)
    assert len(palette.titles()) == len(ACTIONS) - 1
    qtbot.keyClicks(palette.edit, "theme dark")
    assert palette.titles()[0] == "Theme: dark"
    qtbot.keyClick(palette.edit, Qt.Key.Key_Return)
    assert window.session.theme.name == "dark"
    assert window.session.settings is not None
    assert window.session.settings.get("shell.theme") == "dark"


def test_shortcuts_are_edited_kept_and_conflicts_told(window: MainWindow) -> None:
    window.show_shortcuts()
    editor = window.dialogs["shortcuts"]
    assert isinstance(editor, ShortcutEditor)
    assert editor.findChild(QTableWidget).rowCount() == len(ACTIONS)
    editor.set_keys("view.log", "Ctrl+L")
    assert window.actions_by_id["view.log"].shortcut().toString() == "Ctrl+L"
    assert window.own_shortcuts() == {"view.log": "Ctrl+L"}
    editor.set_keys("view.log", "F5")
    assert "Conflict: F5 is claimed by Train and Show the log" in editor.note.text()
    assert window.actions_by_id["run.train"].shortcut().isEmpty()
    editor.reset()
    assert window.actions_by_id["run.train"].shortcut().toString() == "F5"
    assert window.own_shortcuts() == {}


def test_f6_goes_round_the_panels(window: MainWindow, project: Path, qtbot: Any) -> None:
    window.open_project(project)
    window.show_stage("model")
    window.activateWindow()
    visited = []
    for _ in range(3):
        window.focus_next_dock()
        focused = QApplication.focusWidget()
        visited.append(next((n for n, d in window.docks.items() if focused and d.isAncestorOf(focused)), "stage"))
    assert sorted(visited) == ["dock.inspector", "dock.project", "stage"]


def test_notices_are_inline_and_errors_are_kept_in_problems(window: MainWindow) -> None:
    session = window.session
    before = window.bottom_panel.problems.count()
    for _ in range(3):
        session.notice.emit(WorkbenchError("The disk is full.", fix="Make room."))
    session.notice.emit("Written.")
    assert window.notices.count() == 2
    assert window.bottom_panel.problems.count() == before + 1
    assert window.bottom_bar.tabs["problems"].text() == f"Problems {before + 1}"


def test_problems_of_plugins_are_named_once(window: MainWindow, qtbot: Any) -> None:
    panel = window.bottom_panel.problems
    before = panel.count()
    for _ in range(4):
        window.session.problems.report("bad-plugin", "panel 'x'", ValueError("no"))
    qtbot.waitUntil(lambda: panel.count() == before + 1)
    card = [card for card, _ in panel._cards.values()][-1]
    qtbot.waitUntil(lambda: "4 times" in [card for card, _ in panel._cards.values()][-1].error.what)
    assert "bad-plugin" in card.error.what


def test_narrow_windows_hide_the_side_panels_and_give_them_back(window: MainWindow, project: Path) -> None:
    dock = window.docks["dock.inspector"]
    assert not dock.isVisible()  # nothing is open: it would be empty
    window.open_project(project)
    assert dock.isVisible()
    window.resize(1000, 700)
    assert not dock.isVisible()
    assert window.width() == 1000
    window.resize(1280, 800)
    assert dock.isVisible()


def test_side_panels_are_there_while_a_project_is(window: MainWindow, project: Path) -> None:
    docks = [window.docks["dock.project"], window.docks["dock.inspector"]]
    assert not any(dock.isVisible() for dock in docks)
    window.resize(1000, 700)
    window.open_project(project)
    assert not any(dock.isVisible() for dock in docks)
    window.resize(1280, 800)
    assert all(dock.isVisible() for dock in docks)
    window.close_project()
    assert window.pages.current == "welcome"
    assert not any(dock.isVisible() for dock in docks)


def test_layouts_are_kept_and_can_be_reset(
    window: MainWindow, session: Session, project: Path, qtbot: Any
) -> None:
    window.open_project(project)
    window.use_layout("learn")
    assert not window.docks["dock.project"].isVisible()
    window.save_layout()
    other = MainWindow(session)
    assert other.docks["dock.project"].isHidden()
    other.use_layout("reset")
    assert not other.docks["dock.project"].isHidden()
    other.close()
    other.deleteLater()
    names = [dock.objectName() for dock in window.docks.values()]
    assert len(set(names)) == 3


def test_help_is_shown_by_page(window: MainWindow) -> None:
    pages = help_pages()
    assert set(HELP_PAGES.values()) <= set(pages)
    for page in pages:
        assert help_text(page).strip()
    window.show_help()
    assert window.dialogs["help"].browser.toPlainText()  # type: ignore[attr-defined]


def test_the_inspector_writes_into_the_draft(window: MainWindow, project: Path) -> None:
    window.open_project(project)
    session, inspector = window.session, window.inspector
    inspector.show_section("training")
    assert inspector.form is not None
    inspector.form.field("max_epochs").setValue(9)  # type: ignore[attr-defined]
    assert session.config is not None
    assert session.config.training.max_epochs == 9
    session.set_draft(training={"max_epochs": 4})
    assert inspector.form.values()["max_epochs"] == 4


def test_the_size_is_asked_of_the_worker_and_shown_everywhere(
    window: MainWindow, project: Path, workers: list[Any], qtbot: Any
) -> None:
    session = window.session
    session.device = {"device": "CPU · 2 threads", "threads": 2}
    session.device_changed.emit()
    assert window.top_bar.device.text() == "CPU · 2 threads"
    window.open_project(project)
    qtbot.waitUntil(lambda: bool(workers) and workers[0].jobs[-1]["job"] == "describe")
    value = {"parameters": 388_412, "bytes": 31_000_000, "layers": []}
    workers[0].say(len(workers[0].jobs) - 1, kind="result", value=value)
    qtbot.waitUntil(lambda: "388,412 parameters · 31 MB" in window.inspector.size_label.text())
    assert "388,412 parameters" in window.bottom_bar.facts.text()


def test_architectures_that_do_not_fit_say_why(window: MainWindow, project: Path) -> None:
    window.open_project(project)
    window.show_stage("model")
    stage: Any = window.pages.stage("model")
    session = window.session
    stage.choices["gru"].chosen.emit("gru")
    assert session.config is not None
    assert session.config.architecture.id == "gru"
    assert stage.choices["gru"].button.isChecked()
    stage.choices["rnn"].set_reason("It cannot see the future.")
    assert not stage.choices["rnn"].button.isEnabled()
    assert stage.choices["rnn"].note.text() == "It cannot see the future."


def test_a_run_in_training_shows_everywhere(window: MainWindow, project: Path, qtbot: Any) -> None:
    window.open_project(project)
    window.train()
    session = window.session
    assert session.run is not None
    write_story(session.run, "completed", epochs=2, steps=12)
    qtbot.waitUntil(lambda: session.run_view.step is not None)
    assert window.pages.current == "train"
    assert window.top_bar.stage_buttons["train"].state == "running"
    assert window.top_bar.stop.isEnabled()
    assert not window.top_bar.train.isEnabled()
    stage: Any = window.pages.stage("train")
    qtbot.waitUntil(lambda: stage.curves.steps["loss"].size == 24)
    assert stage.tiles.loss_tile.figure.text() == f"{session.run_view.epoch.validation_loss:.3f}"  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: "train 0." in stage.loss.canvas.accessibleName() or stage.loss.canvas._lines != {})
    assert stage.pinned.subtitle.text() == "as of epoch 2"
    assert "epoch 2 of 30" in window.bottom_bar.activity.text()


def test_closing_while_training_says_so_and_lets_the_run_go_on(
    window: MainWindow, project: Path, workers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    window.open_project(project)
    window.train()
    monkeypatch.setattr(LeaveDialog, "ask", classmethod(lambda cls, parent: "stay"))
    assert not window.close()
    assert window.session.training
    monkeypatch.setattr(LeaveDialog, "ask", classmethod(lambda cls, parent: "leave"))
    run = window.session.run
    assert run is not None
    assert window.close()
    assert workers[0].closed
    assert not run.control_path.exists()


def test_a_run_trained_elsewhere_is_followed_again(session: Session, project: Path, qtbot: Any) -> None:
    from workbench.api.events import RunStarted
    from workbench.runs.journal import JournalWriter

    session.open_project(project)
    assert session.project is not None
    assert session.config is not None
    run = session.project.new_run(session.config)
    with run.lock(), JournalWriter(run.journal_path, run.id) as journal:
        journal.write(
            RunStarted, 0, pid=1, device="cpu", device_reason="", threads=1, parameters=1, steps_per_epoch=5,
            max_epochs=3,
        )  # fmt: skip
        session.set_run(run)
        assert session.training
        qtbot.waitUntil(lambda: session.run_view.started is not None)
        assert session.run_view.is_live
    qtbot.waitUntil(lambda: not session.training)
