"""Every stage of these four, empty and filled, at the narrow width between two docks: nothing clipped or nameless."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.session import Session
from workbench.shell.stages.base import Stage
from workbench.shell.stages.data import DataStage
from workbench.shell.stages.data.bench import run as run_benchmark
from workbench.shell.stages.evaluate import EvaluateStage
from workbench.shell.stages.explain import ExplainStage
from workbench.shell.stages.use import UseStage
from workbench.shell.theme import Theme

WIDTH, HEIGHT = 776, 690


def look(qtbot: Any, stage: Stage) -> None:
    qtbot.addWidget(stage)
    stage.resize(WIDTH, HEIGHT)
    stage.show()
    qtbot.waitExposed(stage)
    stage.grab()
    assert stage.minimumSizeHint().width() <= WIDTH
    assert nameless(stage) == []
    assert shadowing(stage) == []
    assert clipped(stage) == []


@pytest.mark.parametrize("kind", [DataStage, UseStage, EvaluateStage, ExplainStage])
def test_empty(qtbot: Any, session: Session, kind: type[Stage]) -> None:
    look(qtbot, kind(session))


def test_data_filled(qtbot: Any, session: Session, open_project: Callable[..., Any]) -> None:
    open_project(300)
    stage = DataStage(session)
    look(qtbot, stage)
    stage.statistics_button.click()
    qtbot.waitUntil(lambda: stage.statistics.histogram is not None)
    look(qtbot, stage)


def test_use_filled(qtbot: Any, session: Session, worker: Any, fake_run: SimpleNamespace) -> None:
    from test_use_stage import answer_to

    worker.answers["predict"] = answer_to
    session.run = fake_run
    stage = UseStage(session)
    qtbot.addWidget(stage)
    stage.activated()
    qtbot.waitUntil(lambda: bool(stage.results.results))
    look(qtbot, stage)


def test_evaluate_filled(qtbot: Any, session: Session, fake_run: SimpleNamespace) -> None:
    from test_evaluate_stage import REPORT

    session.run = fake_run
    stage = EvaluateStage(session)
    stage.show_report(REPORT)
    look(qtbot, stage)
    stage.split.setCurrentIndex(stage.split.findData("test"))
    stage.evaluate()
    look(qtbot, stage)


def test_explain_filled(qtbot: Any, session: Session, fake_run: SimpleNamespace) -> None:
    from test_explain_stage import make_trace

    session.run = fake_run
    stage = ExplainStage(session)
    stage.show_trace(make_trace())
    look(qtbot, stage)


def test_the_benchmark_scrolls_edits_and_searches(qtbot: Any, theme: Theme) -> None:
    figures = run_benchmark(3000)
    assert figures["sentences"] == 3000
    assert figures["search_found"] > 0
    assert figures["scroll_worst_ms"] < 1000
