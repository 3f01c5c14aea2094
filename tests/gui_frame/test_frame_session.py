"""The session: drafts, jobs to the right worker, background work without late callbacks, runs followed from disk."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from workbench.api import Cancelled, WorkbenchError, compatibility
from workbench.runs.folder import RunFolder
from workbench.shell.render import write_story
from workbench.shell.session import Session


def test_opening_a_project_selects_its_data_and_proposes_a_model(session: Session, project: Path, qtbot: Any) -> None:
    with qtbot.waitSignals([session.project_changed, session.dataset_changed, session.draft_changed]):
        session.open_project(project)
    assert session.dataset is not None
    assert session.dataset.count == 40
    assert session.task is not None
    assert session.architecture is not None
    assert compatibility(session.task, session.architecture)
    assert session.settings is not None
    assert session.settings.recent_projects == (project,)


def test_a_draft_keeps_what_was_not_changed(session: Session, project: Path) -> None:
    session.open_project(project)
    session.set_draft(architecture="gru", training={"seed": 3})
    session.set_draft(architecture_params={"hidden_size": 17})
    assert session.config is not None
    assert session.config.architecture.id == "gru"
    assert session.config.architecture.params["hidden_size"] == 17
    assert session.config.training.seed == 3
    session.set_draft(architecture="lstm")
    assert "hidden_size" not in session.config.architecture.params


def test_a_wrong_draft_is_refused_in_words(session: Session, project: Path) -> None:
    session.open_project(project)
    with pytest.raises(WorkbenchError, match="max_epochs"):
        session.set_draft(training={"max_epochs": 0})


def test_answers_come_to_their_callbacks_and_cancelled_jobs_stay_silent(
    session: Session, workers: list[Any], qtbot: Any
) -> None:
    heard: list[Any] = []
    session.submit({"job": "ping"}, heard.append)
    silent = session.submit({"job": "devices"}, heard.append)
    silent.cancel()
    worker = workers[0]
    worker.say(1, kind="result", value="late")
    threading.Thread(target=lambda: worker.say(0, kind="result", value={"pid": 1})).start()
    qtbot.waitUntil(lambda: heard == [{"pid": 1}])
    assert worker.cancelled == [1]


def test_an_error_nobody_asked_for_becomes_a_notice(session: Session, workers: list[Any], qtbot: Any) -> None:
    session.submit({"job": "devices"})
    with qtbot.waitSignal(session.notice) as caught:
        workers[0].say(0, kind="error", error=WorkbenchError("No.", fix="Yes.").to_dict())
    assert caught.args[0].fix == "Yes."


def test_a_dead_worker_fails_its_jobs_and_the_next_job_gets_a_new_one(
    session: Session, workers: list[Any], qtbot: Any
) -> None:
    failed: list[WorkbenchError] = []
    session.submit({"job": "devices"}, None, failed.append)
    workers[0].on_notice({"kind": "died", "what": "It was killed."})
    qtbot.waitUntil(lambda: len(failed) == 1)
    session.submit({"job": "devices"})
    assert len(workers) == 2


def test_background_work_tells_progress_and_its_result_in_the_gui_thread(session: Session, qtbot: Any) -> None:
    seen: list[Any] = []

    def work(progress: Any, _cancelled: Any) -> int:
        progress("counting", 41, 120)
        return 7

    session.run_in_background(
        work,
        lambda value: seen.append((value, threading.current_thread() is threading.main_thread())),
        on_progress=lambda *progress: seen.append(progress),
        title="Counting",
    )
    assert session.busy is not None
    qtbot.waitUntil(lambda: session.busy is None)
    assert seen == [("counting", 41, 120), (7, True)]


def test_background_work_is_cancelled_and_its_mistakes_are_told(session: Session, qtbot: Any) -> None:
    errors: list[WorkbenchError] = []

    def until_cancelled(_progress: Any, cancelled: Any) -> None:
        while not cancelled():
            threading.Event().wait(0.005)
        raise Cancelled

    handle = session.run_in_background(until_cancelled, None, errors.append)
    handle.cancel()
    qtbot.waitUntil(lambda: len(errors) == 1)
    assert isinstance(errors[0], Cancelled)

    def broken(_progress: Any, _cancelled: Any) -> None:
        raise ZeroDivisionError("by zero")

    session.run_in_background(broken, None, errors.append, title="Dividing")
    qtbot.waitUntil(lambda: len(errors) == 2)
    assert "Dividing failed" in errors[1].what
    assert "ZeroDivisionError" in errors[1].details


def test_no_callback_after_close(session: Session, qtbot: Any) -> None:
    gate, heard = threading.Event(), []
    session.run_in_background(lambda _p, _c: gate.wait(5), heard.append)
    task = session._tasks[0]
    gate.set()
    session.close_project()
    assert task.join(5)
    qtbot.wait(30)
    assert heard == []


def test_a_finished_run_is_told_whole(session: Session, project: Path, qtbot: Any) -> None:
    run = make_run(session, project)
    write_story(run, "completed", epochs=2, steps=10)
    session.set_run(run)
    qtbot.waitUntil(lambda: session.run_view.finished is not None)
    assert not session.training
    assert session.run_view.state_text() == "finished"
    assert len(session.events) == session.events[-1].seq + 1


def test_training_hands_the_run_to_the_worker_and_follows_its_journal(
    session: Session, project: Path, workers: list[Any], qtbot: Any
) -> None:
    session.open_project(project)
    run = session.start_training()
    assert run is not None
    assert session.training
    job = workers[0].jobs[0]
    assert (job["job"], job["run"]) == ("train", str(run.path))
    write_story(run, "stopped", epochs=1, steps=5)
    qtbot.waitUntil(lambda: session.run_view.step is not None)
    session.stop()
    assert "stop" in run.control_path.read_text()
    answers: list[Any] = []
    session.submit({"job": "evaluate", "run": str(run.path)}, answers.append)
    session.submit({"job": "predict", "run": str(run.path), "live": True}, answers.append)
    assert [job["job"] for job in workers[1].jobs] == ["evaluate"]
    assert workers[0].jobs[-1]["job"] == "predict"


def test_nothing_to_train_is_said(session: Session, qtbot: Any) -> None:
    with qtbot.waitSignal(session.notice) as caught:
        assert session.start_training() is None
    assert "nothing to train" in caught.args[0].what


def make_run(session: Session, project: Path) -> RunFolder:
    session.open_project(project)
    assert session.project is not None
    assert session.config is not None
    return session.project.new_run(session.config)
