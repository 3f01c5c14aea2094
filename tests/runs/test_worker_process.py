"""The worker process: jobs end exactly once, also when the process dies."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.api import WorkbenchError
from workbench.runs.exits import describe_exit
from workbench.runs.worker import WorkerProcess, worker_environment

FAKE = [sys.executable, str(Path(__file__).with_name("fake_worker.py"))]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(command=FAKE, log_path=tmp_path / "worker.log").start()
    yield process
    process.close(grace=0.2)


def test_it_says_when_it_is_warm_and_answers(tmp_path: Path) -> None:
    ready: list[Any] = []
    worker = WorkerProcess(command=FAKE, log_path=tmp_path / "logs" / "worker.log", on_ready=ready.append).start()
    try:
        assert worker.wait_ready(20)
        assert worker.ping() == {"pid": worker.pid}
        assert [message["device"] for message in ready] == ["cpu"]
    finally:
        worker.close()
    assert not worker.alive
    assert not psutil.pid_exists(worker.pid or -1)


def test_a_job_tells_its_progress_and_ends_with_its_result(worker: WorkerProcess) -> None:
    messages: list[Any] = []
    assert worker.submit({"job": "echo", "text": "Größe → 5"}, messages.append).wait(20) == "Größe → 5"
    assert [message["kind"] for message in messages] == ["accepted", "progress", "result"]


def test_an_error_arrives_in_its_words(worker: WorkerProcess) -> None:
    with pytest.raises(WorkbenchError, match=r"No such thing\. It is a test\."):
        worker.submit({"job": "fail"}).wait(20)


def test_what_is_not_json_does_not_disturb(worker: WorkerProcess, caplog: pytest.LogCaptureFixture) -> None:
    assert worker.submit({"job": "noise"}).wait(20) is None
    assert "not JSON" in caplog.text


def test_a_callback_that_raises_does_not_end_the_conversation(worker: WorkerProcess) -> None:
    def broken(_: Any) -> None:
        raise RuntimeError("mine")

    assert worker.submit({"job": "echo", "text": "a"}, broken).wait(20) == "a"
    assert worker.submit({"job": "echo", "text": "b"}).wait(20) == "b"


def test_a_job_can_be_cancelled(worker: WorkerProcess) -> None:
    handle = worker.submit({"job": "sleep forever"})
    handle.cancel()
    with pytest.raises(WorkbenchError, match="cancelled"):
        handle.wait(20)


@pytest.mark.parametrize(("how", "words"), [("kill", "memory runs out"), ("exit", "the last words")])
def test_when_it_dies_every_pending_job_ends_and_says_why(tmp_path: Path, how: str, words: str) -> None:
    ends: list[tuple[int, str]] = []
    exited = threading.Event()

    def on_exit(returncode: int, tail: str) -> None:
        ends.append((returncode, tail))
        exited.set()

    worker = WorkerProcess(command=FAKE, log_path=tmp_path / "worker.log", on_exit=on_exit).start()
    waiting = worker.submit({"job": "never answered"})
    dying = worker.submit({"job": "die", "how": how})
    for handle in (waiting, dying):
        with pytest.raises(WorkbenchError, match=words):
            handle.wait(20)
        assert handle.last is not None
        assert handle.last["worker_died"]
    assert exited.wait(20)
    assert ends[0][0] == (-9 if how == "kill" else 3)
    assert "the last words" in ends[0][1]
    with pytest.raises(WorkbenchError, match="not running"):
        worker.submit({"job": "ping"})
    worker.close()


def test_a_command_that_does_not_exist_is_said_in_words() -> None:
    with pytest.raises(WorkbenchError, match="cannot be started"):
        WorkerProcess(command=["/no/such/interpreter"]).start()


def test_what_a_person_set_for_the_worker_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert worker_environment({})["OMP_NUM_THREADS"] == "5"
    assert worker_environment({"OMP_NUM_THREADS": "2"})["OMP_NUM_THREADS"] == "2"
    assert worker_environment({})["CUBLAS_WORKSPACE_CONFIG"] == ":4096:2"


@pytest.mark.parametrize(("status", "words"), [(-11, "crashed"), (-15, "asked it to end"), (1, "ValueError: x")])
def test_an_exit_is_explained(status: int, words: str) -> None:
    assert words in str(describe_exit(status, "Traceback …\nValueError: x\n\n"))
