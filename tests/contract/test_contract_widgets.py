"""Every widget of every plugin is made from its context alone, is shown and painted, and raises nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from contract_subjects import contributions, loaded, name_of, records_for
from pytestqt.qtbot import QtBot

from workbench.api import InferenceView, Panel, RecordEditor, StoredRecord, Task
from workbench.host import ProblemList
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.sdk import EditorContext, PanelContext, current_theme


@pytest.fixture(autouse=True)
def own_exception_hook() -> Iterator[None]:
    before = sys.excepthook
    yield
    sys.excepthook = before


def shown(qtbot: QtBot, contribution: Any, context: Any) -> PluginFrame:
    problems = ProblemList()
    frame = PluginFrame(lambda: contribution.factory.resolve()(context), contribution, problems)
    qtbot.addWidget(frame)
    frame.resize(500, 300)
    frame.show()
    qtbot.waitExposed(frame)
    assert not frame.grab().isNull()
    assert [str(problem) for problem in problems.problems()] == []
    assert frame.widget is not None
    return frame


@pytest.mark.parametrize("contribution", contributions(Panel, InferenceView), ids=name_of)
def test_a_panel_or_view_without_a_run_is_shown(qtbot: QtBot, contribution: Any) -> None:
    frame = shown(qtbot, contribution, PanelContext(theme=current_theme(), notify=lambda message: None))
    frame.widget.resize(frame.widget.minimumSizeHint().expandedTo(frame.size()))
    if isinstance(contribution, InferenceView):
        assert callable(frame.widget.show_result)


@pytest.mark.parametrize("contribution", contributions(RecordEditor), ids=name_of)
def test_an_editor_shows_a_record_and_commits_nothing_by_itself(qtbot: QtBot, contribution: RecordEditor) -> None:
    committed: list[Any] = []
    tasks = [task for task in loaded().catalogue.tasks() if task.record == contribution.record]
    task: Task = tasks[0]
    context = EditorContext(
        theme=current_theme(), notify=lambda message: None, commit=lambda record, name: committed.append(record)
    )
    frame = shown(qtbot, contribution, context)
    record = records_for(task)["train"][0]
    frame.widget.show_stored(StoredRecord(1, 0, "train", "", record))
    assert not frame.grab().isNull()
    frame.widget.show_stored(None)
    assert frame.error is None
    assert committed == []
