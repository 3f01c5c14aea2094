"""Answers follow typing, one question at a time, and come anew while the model learns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from workbench.api import LabelledSpan, TokenLabels, WorkbenchError
from workbench.api.events import EpochMetrics
from workbench.shell.session import Session
from workbench.shell.stages.use import UseStage
from workbench.testing.fakes import FakeWorker


def answer_to(job: dict[str, Any]) -> dict[str, Any]:
    """The first word of each text is a person."""
    results = []
    for text in job["texts"]:
        tokens = tuple(text.split())
        labels = ("B-PER", *["O"] * (len(tokens) - 1))
        alternatives = tuple(((label, 0.9), ("B-LOC", 0.1)) for label in labels)
        n_best = ((labels, 0.8), (("O",) * len(tokens), 0.1))[: job["options"]["n_best"]]
        spans = (LabelledSpan(0, 1, "PER", 0.9),)
        result = TokenLabels(tokens, labels, (0.9,) * len(tokens), spans, alternatives, n_best)
        results.append(result.to_json())
    return {"result_kind": "token_labels", "results": results, "epoch": 3}


@pytest.fixture
def stage(qtbot: Any, session: Session) -> UseStage:
    made = UseStage(session)
    qtbot.addWidget(made)
    made.resize(800, 690)
    made.show()
    return made


def choose_run(session: Session, run: SimpleNamespace | None) -> None:
    session.run = run
    session.run_changed.emit()


def test_without_a_model_it_says_what_to_do(qtbot: Any, stage: UseStage, session: Session) -> None:
    assert stage.state() == "empty"
    with qtbot.waitSignal(session.stage_requested) as asked:
        stage.empty.button.click()
    assert asked.args == ["train"]


def test_the_pinned_input_is_answered_at_once(
    qtbot: Any, stage: UseStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace
) -> None:
    worker.answers["predict"] = answer_to
    choose_run(session, fake_run)
    qtbot.waitUntil(lambda: bool(stage.results.results))
    assert stage.results.views[0].flow.summary() == "[John: PER] lives in London"
    assert stage.status.text() == "epoch 3"
    assert stage.state() == "ready"
    assert worker.jobs[-1]["live"] is False


def test_what_to_know_of_the_answers_stands_above_them_until_it_is_no_longer_so(
    qtbot: Any, stage: UseStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace
) -> None:
    strange = "The model does not know most of this input: 3 of its 4 words are not in its vocabulary."
    worker.answers["predict"] = lambda job: {**answer_to(job), "notice": "" if "John" in job["texts"][0] else strange}
    choose_run(session, fake_run)
    qtbot.waitUntil(lambda: bool(stage.results.results))
    assert not stage.notice.isVisible()
    stage.input.setPlainText("Grzegorz mieszka w Londynie")
    qtbot.waitUntil(lambda: stage.notice.isVisible())
    assert stage.notice.text() == strange
    stage.input.clear()
    qtbot.waitUntil(lambda: not stage.notice.isVisible())
    stage.input.setPlainText("Grzegorz")
    qtbot.waitUntil(lambda: stage.notice.isVisible())
    choose_run(session, None)
    assert not stage.notice.isVisible()


def test_typing_asks_after_a_pause_and_questions_do_not_pile_up(
    qtbot: Any, stage: UseStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace
) -> None:
    choose_run(session, fake_run)
    qtbot.waitUntil(lambda: len(worker.held) == 1)
    for text in ("Ada", "Ada wrote", "Ada wrote it"):
        stage.input.setPlainText(text)
        stage.ask()
    assert len(worker.held) == 1
    worker.answers["predict"] = answer_to
    worker.answer(worker.held[0], {"result_kind": "token_labels", "results": [], "epoch": 1})
    qtbot.waitUntil(lambda: bool(stage.results.results))
    asked = [job["texts"] for job in worker.jobs if job["job"] == "predict"]
    assert asked == [["John lives in London"], ["Ada wrote it"]]


def test_a_word_shows_its_alternatives_and_other_readings(
    qtbot: Any, stage: UseStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace
) -> None:
    worker.answers["predict"] = answer_to
    choose_run(session, fake_run)
    stage.readings.setValue(2)
    qtbot.waitUntil(lambda: bool(stage.results.results) and stage.results.views[0].reading.count() == 2)
    view = stage.results.views[0]
    qtbot.keyClick(view.flow, Qt.Key.Key_Right)
    assert view.bars.values == (("B-PER", 0.9), ("B-LOC", 0.1))
    assert "John" in view.caption.text()
    assert "B-LOC" in view.flow.tooltip(0)
    view.reading.setCurrentIndex(1)
    assert view.flow.summary() == "John lives in London"


def test_while_it_learns_each_epoch_brings_a_new_answer(
    qtbot: Any,
    stage: UseStage,
    session: Session,
    worker: FakeWorker,
    fake_run: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker.answers["predict"] = answer_to
    monkeypatch.setattr(type(session), "training_run", property(lambda self: fake_run))
    choose_run(session, fake_run)
    qtbot.waitUntil(lambda: bool(stage.results.results))
    before = len(worker.jobs)
    epoch = EpochMetrics(
        run_id="r", seq=1, step=10, time=0.0, epoch=1, train_loss=1.0, validation_loss=1.0, metrics={}, best=True,
        epochs_since_best=0, patience=5, seconds=1.0,
    )  # fmt: skip
    session.events_arrived.emit([epoch])
    qtbot.waitUntil(lambda: len(worker.jobs) == before + 1 and "learning" in stage.status.text())
    assert worker.jobs[-1]["live"] is True


def test_a_failing_model_is_told_and_can_be_asked_again(
    qtbot: Any, stage: UseStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace
) -> None:
    def fail(_job: dict[str, Any]) -> None:
        raise WorkbenchError("The model cannot be read.", fix="Train it again.")

    worker.answers["predict"] = fail
    choose_run(session, fake_run)
    qtbot.waitUntil(lambda: stage.state() == "problem")
    worker.answers["predict"] = answer_to
    stage.ask()
    qtbot.waitUntil(lambda: stage.state() == "ready" and bool(stage.results.results))


def test_several_lines_are_several_answers_and_are_exported(
    qtbot: Any, stage: UseStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace, tmp_path: Path
) -> None:
    worker.answers["predict"] = answer_to
    choose_run(session, fake_run)
    stage.input.setPlainText("Ada wrote\n\nGrace found it")
    qtbot.waitUntil(lambda: len(stage.results.results) == 2)
    path = tmp_path / "answers.jsonl"
    stage.ask_export_path = lambda _parent: str(path)
    stage.export()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["tokens"][0] for line in lines] == ["Ada", "Grace"]


def test_a_file_shows_progress_and_can_be_cancelled(
    qtbot: Any, stage: UseStage, session: Session, worker: FakeWorker, fake_run: SimpleNamespace, tmp_path: Path
) -> None:
    worker.answers["predict"] = answer_to
    choose_run(session, fake_run)
    card = stage.file_card
    (tmp_path / "in.txt").write_text("Ada wrote it\n")
    card.start(tmp_path / "in.txt", tmp_path / "out.jsonl")
    qtbot.waitUntil(lambda: any(job["job"] == "predict_file" for job in worker.jobs))
    worker.progress(worker.held[-1], done=50, total=200)
    qtbot.waitUntil(lambda: "25 %" in card.status.text())
    card.cancel()
    assert "nothing was written" in card.status.text()
    worker.answers["predict_file"] = lambda job: {"records": 1234, "output": job["output"]}
    card.start(tmp_path / "in.txt", tmp_path / "out.jsonl")
    qtbot.waitUntil(lambda: "1,234 records" in card.status.text())


def test_another_run_drops_the_old_answers(
    qtbot: Any,
    stage: UseStage,
    session: Session,
    worker: FakeWorker,
    fake_run: SimpleNamespace,
    open_project: Callable[..., Any],
) -> None:
    worker.answers["predict"] = answer_to
    choose_run(session, fake_run)
    qtbot.waitUntil(lambda: bool(stage.results.results))
    choose_run(session, None)
    assert stage.results.results == []
    assert stage.state() == "empty"


def test_an_interrupted_run_answers_from_its_best_checkpoint_and_says_so(
    stage: UseStage, session: Session, fake_run: SimpleNamespace
) -> None:
    (fake_run.path / "model").rmdir()
    session.run = fake_run
    session.run_changed.emit()
    assert stage.state() == "empty"
    best = fake_run.path / "checkpoints" / "best"
    best.mkdir(parents=True)
    (best / "state.json").write_text("{}", encoding="utf-8")
    (best.parent / "start.json").write_text("{}", encoding="utf-8")
    session.run_changed.emit()
    assert stage.state() != "empty"
    assert "interrupted: its best checkpoint answers" in stage.input_card.subtitle.text()


@pytest.mark.parametrize(("record", "offered"), [("tagged_tokens", True), ("labelled_tree", False)])
def test_several_readings_are_offered_where_there_can_be_some(
    stage: UseStage,
    session: Session,
    fake_run: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    record: str,
    offered: bool,
) -> None:
    task = SimpleNamespace(id="labels", title="Labels", record=record, result="token_labels", parse_input=None)
    monkeypatch.setattr(session.catalogue, "task", lambda _id: task)
    choose_run(session, fake_run)
    assert stage.readings.isVisibleTo(stage) == offered
