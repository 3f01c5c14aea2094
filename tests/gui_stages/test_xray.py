"""The gradient X-ray: from journalled events to curves and a sentence, live, and with other runs laid over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.api.events import GradientFlow, RunStarted
from workbench.runs.journal import JournalReader, JournalWriter
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.plots.gradient_flow import FlowHistory, half_life, lesson, percent, read_flow, visible
from workbench.shell.session import Session
from workbench.shell.stages.train import TrainStage


def fading(keeps: float, length: int = 31) -> tuple[float, ...]:
    return tuple(0.5 * keeps**distance for distance in range(length))


def journal(folder: Path, name: str, *keeps: float) -> SimpleNamespace:
    """A run whose journal says that so much of the gradient is kept at each step back, epoch by epoch."""
    path = folder / name
    path.mkdir(parents=True)
    with JournalWriter(path / "journal.jsonl", name) as writer:
        writer.write(
            RunStarted, 0, pid=1, device="cpu", device_reason="", threads=1, parameters=9, steps_per_epoch=10,
            max_epochs=5,
        )  # fmt: skip
        for epoch, one in enumerate(keeps, 1):
            writer.write(GradientFlow, 10 * epoch, epoch=epoch, norms=fading(one))
    config = SimpleNamespace(
        name=name, architecture=SimpleNamespace(id=name, params={}), task=SimpleNamespace(id="tagging", params={}),
        inputs=(),
    )  # fmt: skip
    return SimpleNamespace(id=name, path=path, journal_path=path / "journal.jsonl", config=config)


def test_a_journal_gives_its_profiles_epoch_by_epoch(tmp_path: Path) -> None:
    run = journal(tmp_path, "lstm", 0.5, 0.8, 0.9)
    history = read_flow(run.journal_path, "LSTM")
    assert history.epochs == [1, 2, 3]
    np.testing.assert_allclose(history.newest, fading(0.9))
    assert len(history.older(1)) == 1
    assert read_flow(tmp_path / "none" / "journal.jsonl").newest is None


def test_a_damaged_line_costs_only_itself(tmp_path: Path) -> None:
    run = journal(tmp_path, "lstm", 0.5)
    with run.journal_path.open("ab") as file:
        file.write(b'{"type":"gradient_flow","seq":9,"norms":[0.1\n')
    assert read_flow(run.journal_path).epochs == [1]


def test_a_resumed_run_forgets_what_never_counted(tmp_path: Path) -> None:
    history = FlowHistory()
    run = journal(tmp_path, "lstm", 0.5, 0.6, 0.7)
    history.add(JournalReader(run.journal_path).poll())
    history.add(
        [
            RunStarted(
                run_id="lstm", seq=9, step=20, time=0.0, pid=1, device="cpu", device_reason="", threads=1,
                parameters=9, steps_per_epoch=10, max_epochs=5, resumed_from_step=20,
            )
        ]
    )  # fmt: skip
    assert history.epochs == [1, 2]


def test_norms_end_where_they_are_no_numbers() -> None:
    history = FlowHistory()
    event = GradientFlow(run_id="r", seq=0, step=1, time=0.0, epoch=1, norms=(1.0, 0.5, float("nan"), 0.1))
    assert history.add([event])
    np.testing.assert_allclose(history.newest, (1.0, 0.5))


@pytest.mark.parametrize(
    ("keeps", "words"),
    [
        (0.84, "After 20 steps 3.1\u00a0% of the gradient is left; half of it is gone after 4 steps."),
        (0.5, "can hardly be learned"),
        (1.2, "explodes"),
        (1.02, "nothing is lost"),
    ],
)
def test_the_sentence_is_computed_from_the_profile(keeps: float, words: str) -> None:
    assert words in lesson(np.array(fading(keeps)))


def test_what_is_only_rounding_is_not_drawn() -> None:
    np.testing.assert_allclose(visible(np.array([1.0, 1e-3, 1e-13, 1e-2])), (1.0, 1e-3))
    assert len(visible(np.zeros(4))) == 1


def test_the_sentence_says_nothing_it_does_not_know() -> None:
    assert lesson(None) == ""
    assert lesson(np.array([1.0])) == ""
    assert lesson(np.zeros(9)) == ""
    assert lesson(np.array([1.0, 0.5]), "GRU").startswith("GRU: after 1 step 50\u00a0%")
    assert half_life(np.ones(9)) is None
    assert percent(1e-9) == "less than 0.001\u00a0%"


@pytest.fixture
def stage(qtbot: Any, session: Session, open_project: Callable[..., Any], tmp_path: Path) -> TrainStage:
    project = open_project(20)
    runs = [journal(tmp_path / "runs", "rnn", 0.5), journal(tmp_path / "runs", "lstm", 0.6, 0.9)]
    project.runs = lambda: runs
    made = TrainStage(session)
    qtbot.addWidget(made)
    made.resize(776, 690)
    made.show()
    session.run = runs[1]
    session.run_changed.emit()
    return made


def tell(session: Session, over: str = "steps") -> None:
    events = JournalReader(session.run.journal_path).poll()
    events = [replace(event, over=over) if isinstance(event, GradientFlow) else event for event in events]
    session.events.extend(events)
    session.events_arrived.emit(events)


def test_the_x_ray_is_live_newest_bold_and_older_faded(qtbot: Any, stage: TrainStage, session: Session) -> None:
    stage.show_upper(stage.xray)
    assert stage.xray.pages.currentWidget() is stage.xray.empty
    tell(session)
    qtbot.waitUntil(lambda: stage.xray.pages.currentWidget() is stage.xray.canvas)
    lines = stage.xray.canvas._lines
    assert lines["newest"].bold
    assert lines["older0"].faded
    np.testing.assert_allclose(lines["newest"].y, fading(0.9))
    assert "12\u00a0% of the gradient is left" in stage.xray.sentence.text()
    assert "lstm, epoch 2" in stage.xray.canvas.accessibleName()
    stage.xray.share_button.click()
    assert lines["newest"].y[0] == pytest.approx(1.0)


def test_other_runs_are_laid_over_and_taken_away(qtbot: Any, stage: TrainStage, session: Session) -> None:
    stage.show_upper(stage.xray)
    tell(session)
    card = stage.xray
    card.fill_menu()
    (action,) = card.menu.actions()
    assert action.isCheckable()
    action.trigger()
    qtbot.waitUntil(lambda: "rnn" in card.others)
    line = card.canvas._lines["other1"]
    np.testing.assert_allclose(line.y, fading(0.5))
    assert line.label is not None
    assert line.style is not None
    assert "rnn: after 20 steps" in card.sentence.text()
    qtbot.waitUntil(lambda: clipped(stage) == [])  # once the longer sentence is laid out
    assert nameless(stage) == []
    assert shadowing(stage) == []
    card.fill_menu()
    card.menu.actions()[0].trigger()
    assert card.others == {}
    assert len(card.canvas._lines["other1"].x) == 0
    assert "rnn" not in card.sentence.text()


def test_what_distance_means_is_said_of_trees_and_of_models_that_write(
    qtbot: Any, stage: TrainStage, session: Session
) -> None:
    stage.show_upper(stage.xray)
    assert lesson(np.array(fading(0.5, 4)), over="levels").startswith("3 levels below the root ")
    said = lesson(np.array(fading(0.5, 4)), "Attention", "source")
    assert said.startswith("Attention: 3 steps before the end of the source ")
    tell(session, over="levels")
    qtbot.waitUntil(lambda: stage.flow.over == "levels")
    stage.xray.redraw()
    assert "levels" in stage.xray.subtitle.text()
    assert stage.xray.canvas.x_label == "levels below the root"
    assert "below the root" in stage.xray.sentence.text()


def test_a_run_without_gradients_says_so(
    qtbot: Any, stage: TrainStage, session: Session, tmp_path: Path
) -> None:
    stage.show_upper(stage.xray)
    tell(session)
    with qtbot.waitSignal(session.notice) as heard:
        stage.xray.lay_over(journal(tmp_path / "runs", "old"))
    assert "no gradients" in heard.args[0].what
    assert stage.xray.others == {}


def test_another_run_begins_afresh(qtbot: Any, stage: TrainStage, session: Session) -> None:
    stage.show_upper(stage.xray)
    tell(session)
    qtbot.waitUntil(lambda: stage.xray.pages.currentWidget() is stage.xray.canvas)
    session.run, session.events = session.runs()[0], []
    session.run_changed.emit()
    assert stage.flow.newest is None
    qtbot.waitUntil(lambda: stage.xray.pages.currentWidget() is stage.xray.empty)
