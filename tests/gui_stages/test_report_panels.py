"""Panels of the Evaluate stage: given each report, away where it says nothing to them, framed if they fail."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from workbench.api import Panel, Ref, Report
from workbench.shell.session import Session
from workbench.shell.stages.evaluate import EvaluateStage

HERE = __name__


class Teller(QWidget):
    """Shows only what has details, and breaks on some."""

    def __init__(self, context: Any) -> None:
        super().__init__()
        self.seen: list[Report] = []

    def show_report(self, report: Report) -> bool:
        self.seen.append(report)
        if (report.details or {}).get("broken"):
            raise KeyError("errors")
        return bool(report.details)


def report(**details: Any) -> Report:
    return Report("test", 1, 1, {"mse": 1.0}, details=details or None)


@pytest.fixture
def stage(
    qtbot: Any,
    session: Session,
    open_project: Callable[..., Any],
    fake_run: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> EvaluateStage:
    panel = Panel(id="t", title="Told", area="evaluate", factory=Ref(f"{HERE}:Teller"), for_task="tagging")
    monkeypatch.setattr(Ref, "resolve", lambda _ref: Teller)
    monkeypatch.setattr(session.catalogue, "panels", lambda: (panel,))
    open_project(10)
    session.run = fake_run  # type: ignore[assignment]
    made = EvaluateStage(session)
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_panel_is_given_the_report_and_goes_where_it_says_nothing(stage: EvaluateStage) -> None:
    card = stage._panels[0]
    stage.show_report(report(errors=1))
    assert card.frame is not None
    assert isinstance(card.frame.widget, Teller)
    assert card.frame.widget.seen[-1].details == {"errors": 1}
    assert card.isVisibleTo(stage)
    stage.show_report(report())
    assert not card.isVisibleTo(stage)


def test_a_panel_made_for_another_task_is_not_asked(stage: EvaluateStage) -> None:
    card = stage._panels[0]
    stage.session.run.config.task.id = "forecasting"  # type: ignore[union-attr]
    stage.show_report(report(errors=1))
    assert card.frame is not None
    assert card.frame.widget.seen == []  # type: ignore[union-attr]


def test_a_panel_that_fails_leaves_the_stage_standing(qtbot: Any, stage: EvaluateStage) -> None:
    card = stage._panels[0]
    stage.show_report(report(broken=True))
    assert card.frame is not None
    qtbot.waitUntil(lambda: card.frame.error is not None)
    assert card.isVisibleTo(stage), "what happened is told in its place"
    assert stage.report is not None
