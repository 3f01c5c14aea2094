"""Projects that are none, too new, damaged, or not to be written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from workbench.project import Project
from workbench.shell.session import Session
from workbench.shell.tokens.sentence_editor import SentenceEditor
from workbench.shell.widgets import Button, ErrorCard
from workbench.shell.window import MainWindow


def cards(window: MainWindow) -> list[ErrorCard]:
    layout = window.notices._layout  # what was put there just now is shown a little later
    shown = [layout.itemAt(i).widget() for i in range(layout.count())]
    return [card for card in shown if isinstance(card, ErrorCard)]


def damage(store: Path) -> None:
    content = bytearray(store.read_bytes())
    content[:400] = b"\xff" * 400
    store.write_bytes(content)


def test_no_project_and_a_newer_one_leave_the_open_one_alone(
    window: MainWindow, session: Session, project: Path, tmp_path: Path
) -> None:
    window.open_project(tmp_path)
    newer = tmp_path / "newer"
    with Project.create(newer, "newer"):
        pass
    file = newer / "project.toml"
    file.write_text(file.read_text().replace("schema_version = 1", "schema_version = 99"))
    window.open_project(newer)
    said = [card.error.what for card in cards(window)]
    assert any("not a project" in one for one in said)
    assert any("newer version" in one for one in said), said
    assert session.project is not None
    assert session.project.path == project


def test_damaged_data_are_restored_with_a_click(window: MainWindow, session: Session, project: Path) -> None:
    window.close_project()
    store = project / "data.sqlite"
    damage(store)
    window.open_project(project)
    assert session.project is None
    (card,) = cards(window)
    button = next(one for one in card.findChildren(Button) if one.text() == "Restore last good data")
    button.click()
    assert session.dataset is not None
    assert session.dataset.count == 30
    assert list(project.glob("data.sqlite.damaged-*"))
    assert cards(window) == []


def test_without_a_backup_nothing_is_offered(window: MainWindow, project: Path) -> None:
    window.close_project()
    (project / "data.sqlite.backup").unlink()
    damage(project / "data.sqlite")
    window.open_project(project)
    (card,) = cards(window)
    assert not any(button.text() == "Restore last good data" for button in card.findChildren(Button))


def test_a_read_only_project_refuses_edits_and_training_in_words(
    window: MainWindow, session: Session, project: Path, qtbot: Any
) -> None:
    window.close_project()
    session._use_project(Project.open(project, read_only=True))
    window.show_stage("data")
    stage: Any = window.pages.stage("data")
    assert stage.saved.text() == "read-only"
    assert not stage.import_button.isEnabled()
    editor = window.findChild(SentenceEditor)
    assert editor is not None
    before = stage.editor._fresh_current().record
    QTest.keyClick(editor.tokens, Qt.Key.Key_1)
    QTest.keyClick(editor.tokens, Qt.Key.Key_F2)
    assert stage.editor._fresh_current().record == before
    assert not session.undo_name()
    window.train()
    assert session.runs() == []
    assert any("reading only" in card.error.what for card in cards(window))


def test_a_newly_opened_project_begins_without_the_old_ones_complaints(
    window: MainWindow, project: Path, tmp_path: Path
) -> None:
    window.open_project(tmp_path)
    assert cards(window)
    window.open_project(project)
    assert cards(window) == []
    assert window.bottom_panel.problems.count() > 0
