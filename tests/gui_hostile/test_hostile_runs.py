"""Runs that die, are begun twice, or whose jobs answer after they were given up; panels of plugins that fail."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QLabel, QWidget

from workbench.api import Panel, Ref, WorkbenchError, events
from workbench.runs.exits import describe_exit
from workbench.runs.journal import JournalWriter
from workbench.shell.jobs import JobHandle, Workers
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.render import leave_model, write_story
from workbench.shell.session import Session
from workbench.shell.stages.train.tiles import Tile
from workbench.shell.widgets import Button, ErrorCard
from workbench.shell.window import MainWindow

TITLES = {"left": "Sidewards", "evaluate": "More figures", "explain": "More inside"}


class PaintsBadly(QWidget):
    """A plugin's widget that raises whenever it is painted."""

    def paintEvent(self, event: QPaintEvent) -> None:
        raise ZeroDivisionError("no canvas")


def make_bad_panel(_context: Any) -> QWidget:
    return PaintsBadly()


def make_good_panel(_context: Any) -> QWidget:
    return QLabel("here I am")


class WithPanels:
    """A catalogue with a few panels more."""

    def __init__(self, catalogue: Any, panels: tuple[Panel, ...]) -> None:
        self._catalogue, self._panels = catalogue, panels

    def panels(self) -> tuple[Panel, ...]:
        return self._panels

    def owner(self, contribution: Any) -> str:
        return "some-plugin" if contribution in self._panels else self._catalogue.owner(contribution)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogue, name)


def panel(area: Any, factory: str) -> Panel:
    return Panel(id=f"some.{area}", title=TITLES[area], area=area, factory=Ref(f"{__name__}:{factory}"))


@pytest.fixture
def panels(session: Session) -> Iterator[None]:
    kept = session.catalogue
    good = tuple(panel(area, "make_good_panel") for area in ("evaluate", "explain"))
    session.catalogue = WithPanels(kept, (panel("left", "make_bad_panel"), *good))  # type: ignore[assignment]
    yield
    session.catalogue = kept


def cards(window: MainWindow) -> list[ErrorCard]:
    layout = window.notices._layout  # what was put there just now is shown a little later
    shown = [layout.itemAt(i).widget() for i in range(layout.count())]
    return [card for card in shown if isinstance(card, ErrorCard)]


def test_a_panel_that_fails_while_painting_is_named_and_the_window_goes_on(
    panels: None, window: MainWindow, session: Session, qtbot: Any
) -> None:
    frame = window.docks["some.left"].findChild(PluginFrame)
    assert frame is not None
    window.grab()
    qtbot.waitUntil(lambda: frame.findChild(ErrorCard) is not None)
    assert frame.error is not None
    assert "some-plugin" in frame.error.what
    window.show_stage("model")
    assert not window.grab().isNull()
    assert any("no canvas" in problem.what for problem in session.problems.problems())


def test_panels_stand_in_evaluate_and_explain(panels: None, window: MainWindow) -> None:
    for name in ("evaluate", "explain"):
        window.show_stage(name)
        stage = window.pages.stage(name)
        assert stage is not None
        frames = stage.findChildren(PluginFrame)
        assert [frame.widget.text() for frame in frames if isinstance(frame.widget, QLabel)] == ["here I am"]


def test_train_pressed_twice_makes_one_run(window: MainWindow, session: Session, project: Path) -> None:
    window.train()
    window.train()
    window.train()
    assert len(session.runs()) == 1
    assert window.notices.count() == 1  # said once, however often it was pressed


def test_a_death_is_told_once_and_resumed_from_its_card(
    window: MainWindow, session: Session, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.notice.emit("Something else.")
    error = describe_exit(-9, "")
    monkeypatch.setattr(window, "_resumable", lambda: True)
    begun: list[str] = []
    monkeypatch.setattr(session, "resume_run", lambda: begun.append("resumed"))
    session.notice.emit(error)
    session.notice.emit(WorkbenchError(f"{error.what} {error.why}", fix=error.fix))  # a job it was answering
    (card,) = cards(window)
    next(button for button in card.findChildren(Button) if button.text() == "Resume the run").click()
    assert begun == ["resumed"]
    assert cards(window) == []


def test_a_job_given_up_may_still_answer(session: Session, notices: list[Any], qtbot: Any) -> None:
    workers = Workers(session.workers._start, session)
    heard: list[Any] = []
    handle = JobHandle(heard.append, heard.append, heard.append, workers)
    handle.cancel()
    gone: list[bool] = []
    handle.destroyed.connect(lambda: gone.append(True))
    workers._message.emit(handle, {"kind": "progress", "done": 1})
    qtbot.waitUntil(lambda: bool(gone))
    workers._message.emit(handle, {"kind": "cancelled"})
    qtbot.wait(20)  # pytest-qt fails the test for an exception in here
    assert heard == []
    workers.close()


def test_the_model_is_written_as_one_file_and_its_absence_told(
    window: MainWindow, session: Session, project: Path, qtbot: Any, tmp_path: Path
) -> None:
    window.export_model()
    assert window.notices.count() == 1
    assert session.project is not None
    assert session.config is not None
    run = session.project.new_run(session.config)
    write_story(run, "completed", epochs=1, steps=3)
    leave_model(run)
    window.write_model(run.model_folder, tmp_path / "model.zip")
    qtbot.waitUntil(lambda: bool(cards(window)))  # a folder without a manifest is no finished model
    assert not (tmp_path / "model.zip").exists()
    (run.model_folder / "manifest.json").write_text("{}")
    window.write_model(run.model_folder, tmp_path / "model.zip")
    qtbot.waitUntil((tmp_path / "model.zip").exists)


def test_the_panel_tells_what_became_of_a_run_that_ended_without_a_word(
    window: MainWindow, session: Session, project: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session.project is not None
    assert session.config is not None
    run = session.project.new_run(session.config)
    dock = window.project_panel
    with monkeypatch.context() as patch:
        patch.setattr(Session, "training_run", property(lambda _self: run))
        dock.refresh()
        dock._states[run.id] = run.state()
        dock._asked.add(run.id)
    write_story(run, "completed", epochs=1, steps=3)
    dock.refresh()
    qtbot.waitUntil(lambda: dock._states[run.id].status == "finished")


def test_a_run_without_validation_shows_no_figure_that_is_none(
    window: MainWindow, session: Session, project: Path, qtbot: Any
) -> None:
    assert session.project is not None
    assert session.config is not None
    run = session.project.new_run(session.config)
    with JournalWriter(run.journal_path, run.id) as journal:
        journal.write(
            events.EpochMetrics,
            5,
            epoch=1,
            train_loss=0.5,
            validation_loss=math.nan,
            metrics={},
            best=True,
            epochs_since_best=0,
            patience=4,
            seconds=1.0,
        )
    window.show_stage("train")
    session.set_run(run)
    qtbot.waitUntil(lambda: session.run_view.epoch is not None)
    stage = window.pages.stage("train")
    assert stage is not None
    tile = next(one for one in stage.findChildren(Tile) if "loss" in one.accessibleName())
    qtbot.waitUntil(lambda: "0.500" in tile.accessibleName())
    said = [label.text() for label in window.findChildren(QLabel)]
    assert not [text for text in said if "nan" in text.split()]
    assert session.run_view.best_text() == "epoch 1"


def test_how_a_run_failed_is_told_in_train_alone_when_it_is_in_view(
    window: MainWindow, session: Session, project: Path, qtbot: Any
) -> None:
    assert session.project is not None
    assert session.config is not None
    run = session.project.new_run(session.config)
    write_story(run, "diverged", epochs=2, steps=5)
    window.show_stage("train")
    session.set_run(run)
    qtbot.waitUntil(lambda: session.run_view.finished is not None)
    assert session.run_view.finished is not None
    error = WorkbenchError.from_dict(session.run_view.finished.error or {})
    stage: Any = window.pages.stage("train")
    qtbot.waitUntil(lambda: stage.says(error))
    session.notice.emit(error)
    assert cards(window) == []
    window.show_stage("data")
    session.notice.emit(error)
    assert [card.error.what for card in cards(window)] == [error.what]
