"""Files that are not what they should be, dropped on the window: words each time, and nothing imported by mistake."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from workbench.shell.session import Session
from workbench.shell.stages.data.encoding_card import EncodingCard
from workbench.shell.stages.data.import_view import ImportView
from workbench.shell.stages.use.file_card import FileCard
from workbench.shell.tokens.sentence_editor import SentenceEditor
from workbench.shell.window import MainWindow

GERMAN = "Der O\nMüller B-PER\nwohnt O\nin O\nKöln B-LOC\n. O\n\n" * 20
ENGLISH = "Anna B-PER\nsleeps O\n\n" * 40


def drop(window: MainWindow, *paths: Path) -> bool:
    """Drop files on the middle of the window, as the system does; whether they were taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place, buttons, keys = QPointF(window.rect().center()), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(place.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, entering)
    dropped = QDropEvent(place, Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, dropped)
    return entering.isAccepted() and dropped.isAccepted()


@pytest.fixture
def look(window: MainWindow, session: Session, qtbot: Any) -> Callable[..., ImportView]:
    """Drop files, wait until the window has looked at them, and answer with the card it shows."""

    def dropped(*paths: Path) -> ImportView:
        assert drop(window, *paths)
        qtbot.waitUntil(lambda: not session._tasks)
        stage: Any = window.pages.stage("data")
        assert isinstance(stage.importing, ImportView)
        return stage.importing

    return dropped


def binary(path: Path) -> Path:
    path.write_bytes(bytes(range(256)) * 20)
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def folder_of_pictures(path: Path) -> Path:
    binary(folder(path) / "cat.png")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (binary, "not a text file"),
        (empty, "The file is empty"),
        (folder, "no file in this folder"),
        (folder_of_pictures, "not a text file"),
        (lambda path: path, "no such file"),
    ],
)
def test_what_cannot_be_imported_is_told_in_words(
    look: Callable[..., ImportView], tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    view = look(make(tmp_path / "thing"))
    assert view.error_card is not None
    assert words in view.error_card.error.what
    assert view.error_card.error.fix
    assert "--importer" not in view.error_card.error.fix
    assert not view.start_button.isEnabled()


def test_files_may_be_dropped_on_any_stage(
    window: MainWindow, look: Callable[..., ImportView], tmp_path: Path
) -> None:
    window.show_stage("train")
    (tmp_path / "names.conll").write_text(ENGLISH)
    assert look(tmp_path / "names.conll").start_button.isEnabled()
    assert window.pages.current == "data"


def test_what_was_dropped_before_is_not_imported_in_place_of_what_is_not_there(
    look: Callable[..., ImportView], session: Session, tmp_path: Path
) -> None:
    (tmp_path / "names.conll").write_text(ENGLISH)
    assert look(tmp_path / "names.conll").start_button.isEnabled()
    view = look(tmp_path / "gone.conll")
    assert not view.start_button.isEnabled()
    view.start()
    assert view.proposal is None
    assert not session._tasks


def test_an_encoding_is_offered_shown_chosen_and_used(
    look: Callable[..., ImportView], session: Session, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "german.conll").write_bytes(GERMAN.encode("latin-1"))
    view = look(tmp_path / "german.conll")
    card = view.error_card
    assert isinstance(card, EncodingCard)
    assert not view.start_button.isEnabled()
    assert "Müller" in card.preview.text()
    card.encoding.setCurrentIndex(card.encoding.findData("koi8-r"))
    assert "Müller" not in card.preview.text()
    card.encoding.setCurrentIndex(card.encoding.findData("latin-1"))
    card.read_button.click()
    qtbot.waitUntil(view.start_button.isEnabled)
    view.start()
    qtbot.waitUntil(lambda: session.dataset is not None)
    assert session.project is not None
    assert session.dataset is not None
    first = next(iter(session.project.store.iterate(session.dataset.id))).record
    assert "Müller" in first.tokens  # type: ignore[attr-defined]


def test_a_broken_line_is_named_and_nothing_is_imported(
    look: Callable[..., ImportView], session: Session, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "names.conll").write_text(ENGLISH + "one B-PER two three\n\n" + ENGLISH)
    view = look(tmp_path / "names.conll")
    view.start()
    qtbot.waitUntil(lambda: view.error_card is not None)
    assert view.error_card is not None
    assert view.error_card.error.where == f"{tmp_path / 'names.conll'}:121"
    assert session.dataset is None
    view._retry_without_bad()
    qtbot.waitUntil(lambda: session.dataset is not None)


def test_a_file_deleted_before_its_import_is_told(
    look: Callable[..., ImportView], session: Session, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "names.conll").write_text(ENGLISH)
    view = look(tmp_path / "names.conll")
    (tmp_path / "names.conll").unlink()
    view.start()
    qtbot.waitUntil(lambda: view.error_card is not None)
    assert session.dataset is None


def test_a_project_closed_while_importing_can_import_again(
    look: Callable[..., ImportView], window: MainWindow, session: Session, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "names.conll").write_text(ENGLISH * 50)
    view = look(tmp_path / "names.conll")
    assert session.project is not None
    path = session.project.path
    view.start()
    window.close_project()
    window.open_project(path)
    view = look(tmp_path / "names.conll")
    view.start()
    qtbot.waitUntil(lambda: session.dataset is not None)


def test_a_sentence_of_eight_thousand_words_is_shown_and_labelled(
    look: Callable[..., ImportView], window: MainWindow, session: Session, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "long.conll").write_text("\n".join(f"word{i} {'B-LOC' if i == 3 else 'O'}" for i in range(8000)))
    view = look(tmp_path / "long.conll")
    view.start()
    qtbot.waitUntil(lambda: session.dataset is not None)
    stage: Any = window.pages.stage("data")
    assert stage.head.subtitle.text().startswith("1 tagged sentence ")
    editor = window.findChild(SentenceEditor)
    assert editor is not None
    window.grab()
    begun = time.monotonic()
    QTest.keyClick(editor.tokens, Qt.Key.Key_1)
    window.grab()
    assert time.monotonic() - begun < 2.0
    assert stage.editor._fresh_current().record.layers["ner"][0] == "B-LOC"


def test_a_batch_whose_file_vanished_is_told(session: Session, qtbot: Any, tmp_path: Path) -> None:
    session.run = SimpleNamespace(path=tmp_path, id="run", config=SimpleNamespace())  # type: ignore[assignment]
    card = FileCard(session)
    qtbot.addWidget(card)
    card.start(tmp_path / "none" / "a.txt", tmp_path / "b.jsonl")
    qtbot.waitUntil(lambda: not card._looking)
    assert card.status.text() == "Nothing was written."
    assert not (tmp_path / "b.jsonl").exists()
    session.run = None


@pytest.mark.parametrize("make", [binary, empty, folder])
def test_a_drop_that_can_be_nothing_leaves_no_project_behind(
    look: Callable[..., ImportView],
    window: MainWindow,
    session: Session,
    qtbot: Any,
    tmp_path: Path,
    make: Callable[[Path], Path],
) -> None:
    told: list[Any] = []
    session.notice.connect(told.append)
    look(make(tmp_path / "bad"))
    qtbot.waitUntil(lambda: session.project is None)
    projects = tmp_path / "projects"
    assert not projects.exists() or not list(projects.iterdir())
    assert window.pages.current == "welcome"
    assert [error.what for error in told], "why is told where the window goes"
    assert session.recent_projects() == ()


def test_a_project_somebody_made_stays_when_a_drop_fails(
    look: Callable[..., ImportView], window: MainWindow, session: Session, tmp_path: Path
) -> None:
    assert window.create_project(tmp_path / "mine")
    view = look(binary(tmp_path / "bad"))
    assert view.error_card is not None
    assert session.project is not None
    assert (tmp_path / "mine" / "project.toml").is_file()


def test_a_project_made_for_a_drop_stays_once_something_is_in_it(
    look: Callable[..., ImportView], session: Session, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "names.conll").write_text(ENGLISH)
    view = look(tmp_path / "names.conll")
    view.start()
    qtbot.waitUntil(lambda: session.dataset is not None)
    look(binary(tmp_path / "bad"))
    assert session.project is not None
    assert len(session.project.store.datasets()) == 1


def test_a_project_made_for_a_drop_with_a_file_of_somebody_else_stays(
    look: Callable[..., ImportView], session: Session, tmp_path: Path
) -> None:
    (tmp_path / "names.conll").write_text(ENGLISH)
    look(tmp_path / "names.conll")
    assert session.project is not None
    note = session.project.path / "note.txt"
    note.write_text("mine")
    look(binary(tmp_path / "bad"))
    assert note.read_text() == "mine"
