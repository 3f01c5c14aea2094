"""The worker answers jobs in lines of JSON, between training steps too, and outlives whoever started it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import threading
import time

import numpy as np
import pytest
import toy

from workbench.api.events import RunFinished
from workbench.engine.jobs import make_handlers
from workbench.engine.server import Server
from workbench.engine.training import train
from workbench.nn.text.unknown import Unknown
from workbench.runs.journal import read_journal


class Client:
    """The shell's side, in this process: pipes to a server that runs in a thread."""

    def __init__(self, handlers):
        read_jobs, write_jobs = os.pipe()
        read_answers, write_answers = os.pipe()
        self.jobs = os.fdopen(write_jobs, "wb")
        self.answers = os.fdopen(read_answers, "rb")
        self.messages = queue.Queue()
        server = Server(os.fdopen(read_jobs, "rb"), os.fdopen(write_answers, "wb"), handlers)
        self._out = server
        self.server = threading.Thread(target=self._serve, args=(server,), daemon=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.server.start()
        self.reader.start()

    def _serve(self, server):
        server.run(lambda: {"device": "CPU", "threads": 1})
        server._stdin.close()
        if server._stdout is not None:
            server._stdout.close()

    def _read(self):
        with contextlib.suppress(OSError, ValueError):
            for line in self.answers:
                self.messages.put(json.loads(line))

    def send(self, **message):
        self.jobs.write(json.dumps(message).encode() + b"\n")
        self.jobs.flush()

    def until(self, **wanted):
        """The next message with these values; others are passed over."""
        while True:
            message = self.messages.get(timeout=60)
            if all(message.get(key) == value for key, value in wanted.items()):
                return message

    def close(self):
        with contextlib.suppress(OSError):
            self.jobs.close()
        self.server.join(60)
        self.reader.join(60)
        self.answers.close()
        assert not self.server.is_alive()


@pytest.fixture
def handlers(records, catalogue):
    @contextlib.contextmanager
    def open_store(project):
        yield toy.ToyStore(records)

    return make_handlers(catalogue, open_store)


@pytest.fixture
def client(handlers):
    client = Client(handlers)
    assert client.until(kind="ready")["device"] == "CPU"
    yield client
    client.close()


def test_ping_and_devices(client):
    client.send(id="1", job="ping")
    client.until(id="1", kind="accepted")
    assert client.until(id="1", kind="result")["value"] == {"pid": os.getpid()}
    client.send(id="2", job="devices")
    devices = client.until(id="2", kind="result")["value"]
    assert [device["chosen"] for device in devices].count(True) == 1
    assert all(device["title"] and device["reason"] for device in devices)


def test_an_unknown_job_and_a_line_that_is_no_job_do_not_stop_the_worker(client):
    client.jobs.write(b"this is not JSON\n\n[1]\n")
    client.send(id="1", job="dance")
    assert "does not know" in client.until(id="1", kind="error")["error"]["what"]
    client.send(id="2", job="predict", run="nowhere", texts=["a"])
    assert "no finished model" in client.until(id="2", kind="error")["error"]["what"]
    client.send(id="3", job="predict")
    assert "'run'" in client.until(id="3", kind="error")["error"]["what"]


def test_a_training_is_asked_live_and_ends_with_its_result(client, make_run):
    run = make_run(max_epochs=200, patience=0)
    client.send(id="t", job="train", run=str(run.path), project=str(run.path.parent.parent))
    client.until(id="t", kind="accepted")
    deadline = time.monotonic() + 60
    while not (run.checkpoints / "best").exists() and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    client.send(id="1", job="ping")
    client.send(id="2", job="predict", run=str(run.path), texts=["hello"], live=True)
    client.send(id="3", job="trace", run=str(run.path), text="hello", live=True)
    client.send(id="4", job="predict_file", run=str(run.path), input="x", output="y")
    client.send(id="5", job="cancel", target="4")
    client.send(id="6", job="cancel", target="t")
    assert client.until(id="1", kind="result")
    answer = client.until(id="2", kind="result")["value"]
    assert answer["result_kind"] == "token_labels"
    assert answer["results"][0]["tokens"] == list("hello")
    assert answer["epoch"] >= 1
    traced = client.until(id="3", kind="result")["value"]
    with np.load(traced["arrays"]) as arrays:
        assert arrays["layer0.states"].shape == (5, 12)
    os.unlink(traced["arrays"])
    assert client.until(id="t", kind="cancelled")["value"]["reason"] == "stopped"
    assert (run.model_folder / "manifest.json").is_file()


def test_a_question_that_comes_before_the_model_is_answered_while_it_learns(client, make_run):
    run = make_run(max_epochs=2000, patience=0)
    client.send(id="t", job="train", run=str(run.path), project=str(run.path.parent.parent))
    client.send(id="1", job="predict", run=str(run.path), texts=["hello"], live=True)
    answer = client.until(id="1", kind="result")["value"]
    assert answer["results"][0]["tokens"] == list("hello")
    assert not (run.model_folder / "manifest.json").exists(), "it was answered before the training ended"
    client.send(id="2", job="cancel", target="t")
    client.until(id="t", kind="cancelled")


def test_a_worker_whose_shell_is_gone_finishes_its_run_and_then_ends(handlers, make_run):
    run = make_run(max_epochs=5)
    client = Client(handlers)
    client.until(kind="ready")
    client.send(id="t", job="train", run=str(run.path))
    client.until(id="t", kind="accepted")
    client.close()
    finished = read_journal(run.journal_path)[-1]
    assert isinstance(finished, RunFinished)
    assert finished.reason == "completed"


def test_answers_nobody_reads_disturb_nothing(handlers, make_run):
    class Broken(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError

    run = make_run(max_epochs=2)
    jobs = io.BytesIO(json.dumps({"id": "t", "job": "train", "run": str(run.path)}).encode() + b"\n")
    Server(jobs, Broken(), handlers).run(dict)
    assert read_journal(run.journal_path)[-1].reason == "completed"


def test_describe_evaluate_predict_and_trace(client, make_run, records, catalogue, tmp_path):
    run = make_run(max_epochs=2)
    train(run, records, catalogue)
    client.send(id="1", job="describe", config=run.config.model_dump(mode="json"), project=str(tmp_path))
    described = client.until(id="1", kind="result")["value"]
    assert described["parameters"] == sum(layer["parameters"] for layer in described["layers"])
    assert described["notes"] == []
    assert described["bytes"] > 16 * described["parameters"]
    client.send(id="2", job="evaluate", run=str(run.path), project=str(tmp_path), split="test")
    assert client.until(id="2", kind="progress")["total"] == 30
    report = client.until(id="2", kind="result")["value"]
    assert report["n_records"] == 30
    assert json.loads((run.evaluations / "test.json").read_text())["metrics"] == report["metrics"]
    inputs = [record.to_json() for record in records["test"][:3]]
    client.send(id="3", job="predict", run=str(run.path), inputs=inputs, options={"alternatives": 2})
    results = client.until(id="3", kind="result")["value"]["results"]
    assert [result["tokens"] for result in results] == [data["tokens"] for data in inputs]
    client.send(id="4", job="trace", run=str(run.path), record=inputs[0], gradient=True)
    traced = client.until(id="4", kind="result")["value"]
    assert traced["description"]["steps"] == inputs[0]["tokens"]
    os.unlink(traced["arrays"])


def test_inputs_that_the_vocabulary_does_not_know_are_told_with_the_answers(
    client, make_run, records, catalogue, tmp_path, monkeypatch
):
    run = make_run(max_epochs=1)
    train(run, records, catalogue)
    strange = {"x", "y"}
    monkeypatch.setattr(
        toy.ToyCodec,
        "unknown",
        lambda self, record: Unknown(tuple(t for t in record.tokens if t in strange), len(record.tokens), "characters"),
        raising=False,
    )
    client.send(id="1", job="predict", run=str(run.path), texts=["abc", "xay"])
    notice = client.until(id="1", kind="result")["value"]["notice"]
    assert "most of 1 of 2 inputs; of one of them 2 of its 3 characters are not in its vocabulary (“x”, “y”)" in notice
    client.send(id="2", job="predict", run=str(run.path), texts=["abc", "abx"])
    assert client.until(id="2", kind="result")["value"]["notice"] == ""
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("xyx\nabc\n")
    client.send(id="3", job="predict_file", run=str(run.path), input=str(source), output=str(target))
    assert "most of 1 of 2 inputs" in client.until(id="3", kind="result")["value"]["notice"]


def test_a_file_is_predicted_line_by_line_with_progress(client, make_run, records, catalogue, tmp_path):
    run = make_run(max_epochs=1)
    train(run, records, catalogue)
    source, target = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join("abc" for _ in range(200)) + "\n\n")
    client.send(id="1", job="predict_file", run=str(run.path), input=str(source), output=str(target))
    assert client.until(id="1", kind="progress")["total"] == source.stat().st_size
    assert client.until(id="1", kind="result")["value"] == {
        "records": 200,
        "output": str(target),
        "notice": "",
    }
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert lines[0]["record"]["tokens"] == ["a", "b", "c"]
    assert len(lines[0]["result"]["labels"]) == 3
    client.send(id="2", job="predict_file", run=str(run.path), input=str(source), output=str(tmp_path / "out.xyz"))
    assert ".jsonl" in client.until(id="2", kind="error")["error"]["fix"]
    source.write_bytes(b"abc\n\xff\xfe\n")
    client.send(id="3", job="predict_file", run=str(run.path), input=str(source), output=str(target))
    error = client.until(id="3", kind="error")["error"]
    assert error["file"] == str(source)
    assert len(target.read_text().splitlines()) == 200  # the file of before is untouched
