"""The whole way without a window: import, train, stop, resume, predict, evaluate, export, on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.cli.main import run
from workbench.runs import RunFolder, list_runs

NAMES = ("Ada", "Charles", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Hedy")
PLACES = ("London", "Paris", "Vienna", "Oslo", "Rome", "Bern")
SMALL = [
    "--word-embedding-size",
    "16",
    "--characters",
    "none",
    "--hidden-size",
    "16",
    "--device",
    "cpu",
    "--threads",
    "1",
]


def sentences(count: int, shift: int = 0) -> str:
    blocks = []
    for i in range(shift, shift + count):
        name, place = NAMES[i % len(NAMES)], PLACES[i % len(PLACES)]
        words = [(name, "B-PER"), ("went", "O"), ("to", "O"), (place, "B-LOC"), (".", "O")]
        blocks.append("\n".join(f"{word} {label}" for word, label in words))
    return "\n\n".join(blocks) + "\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a dataset in three splits."""
    folder = tmp_path_factory.mktemp("headless")
    for name, count in (("train", 240), ("dev", 40), ("test", 40)):
        (folder / f"{name}.txt").write_text(sentences(count, len(name)))
    files = [str(folder / f"{name}.txt") for name in ("train", "dev", "test")]
    assert run(["import", str(folder / "project"), *files, "--name", "travels"]) == 0
    return folder / "project"


@pytest.fixture(scope="module")
def trained(project: Path) -> RunFolder:
    """A finished run."""
    words = ["train", "--project", str(project), "--task", "tagging", "--architecture", "birnn", "--max-epochs", "6"]
    assert run([*words, *SMALL, "--learning-rate", "0.02", "--input", "Ada went to Rome ."]) == 0
    return list_runs(project / "runs")[-1]


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_training_learns_and_leaves_a_model(trained: RunFolder) -> None:
    state = trained.state()
    assert (state.status, state.reason) == ("finished", "completed")
    assert next(iter(state.best_metrics.values())) > 0.9
    assert (trained.model_folder / "manifest.json").is_file()
    assert trained.config.architecture.params["hidden_size"] == 16


def test_a_piped_training_tells_plain_lines(
    project: Path, trained: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", str(trained.config_path), "--max-epochs", "2"]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "epoch 1/2" in told
    assert "Ada" in told  # the pinned input, answered after each epoch
    assert "completed after" in told


def test_it_answers_typed_text(trained: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(trained.path), "Grace went to Oslo ."]) == 0
    told = capsys.readouterr().out
    assert "Grace → PER" in told
    assert "Oslo → LOC" in told


def test_it_answers_a_file_in_every_format(
    trained: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = tmp_path / "inputs.txt"
    inputs.write_text("Alan went to Bern .\n\nHedy went to Rome .\n")
    assert run(["predict", str(trained.path), "--file", str(inputs), "--output", str(tmp_path / "answers.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["record"]["tokens"][0] for line in lines] == ["Alan", "Hedy"]
    capsys.readouterr()
    assert run(["predict", str(trained.path), "--file", str(inputs), "--format", "jsonl"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == lines


def test_it_is_evaluated_and_the_report_kept(trained: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(trained.path), "--split", "test", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["n_records"] == 40
    assert json.loads((trained.evaluations / "test.json").read_text()) == report
    assert run(["evaluate", str(trained.path)]) == 0
    assert "LOC" in capsys.readouterr().out


def test_data_and_models_are_exported(project: Path, trained: RunFolder, tmp_path: Path) -> None:
    assert run(["export", str(project), str(tmp_path / "test.conll"), "--split", "test", "--exporter", "conll"]) == 0
    assert (tmp_path / "test.conll").read_text() == (project.parent / "test.txt").read_text()
    assert run(["export", str(trained.path), str(tmp_path / "model")]) == 0
    assert run(["predict", str(tmp_path / "model"), "Ada went to Rome ."]) == 0


def test_runs_are_listed(project: Path, trained: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", str(project), "--json"]) == 0
    listed = {item["id"]: item for item in json.loads(capsys.readouterr().out)}
    assert listed[trained.id]["status"] == "finished"
    assert run(["runs", str(project)]) == 0
    assert trained.id in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--architecture", "birnn"], "Which task?"),
        (["--task", "tagging", "--architecture", "birnn", "--hidden-size", "0"], "hidden_size"),
        (["--task", "tagging", "--architecture", "birnn", "--dataset", "nothing"], "nothing"),
        (["--task", "dancing", "--architecture", "birnn"], "dancing"),
    ],
)
def test_what_cannot_be_trained_is_said_before_a_run_is_made(
    project: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(list_runs(project / "runs"))
    assert run(["train", "--project", str(project), *words]) == 1
    assert told in capsys.readouterr().err
    assert len(list_runs(project / "runs")) == before


def test_a_failed_import_leaves_nothing_behind(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(sentences(20) + "\nAda B-PER\nwent\n")
    assert run(["import", str(project), str(bad), "--importer", "conll", "--name", "bad"]) == 1
    assert f"bad.txt:{20 * 6 + 2}" in capsys.readouterr().err
    assert (
        run(["train", "--project", str(project), "--task", "tagging", "--architecture", "gru", "--dataset", "bad"]) == 1
    )


def test_words_that_the_model_does_not_know_are_told_beside_the_answers(
    trained: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(trained.path), "Ada went to Rome ."]) == 0
    assert "does not know" not in capsys.readouterr().err
    assert run(["predict", str(trained.path), "Кот сидит там ."]) == 0
    told = capsys.readouterr()
    assert "Кот" in told.out
    assert "does not know most of this input: 3 of its 4 words" in " ".join(told.err.split())
    (tmp_path / "in.txt").write_text("Кот сидит там .\nAda went to Rome .\n", encoding="utf-8")
    assert run(["predict", str(trained.path), "--file", str(tmp_path / "in.txt")]) == 0
    assert "most of 1 of 2 inputs" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_ctrl_c_stops_and_keeps_the_best_and_resume_goes_on(project: Path) -> None:
    words = ["train", "--project", str(project), "--task", "tagging", "--architecture", "gru", "--max-epochs", "100000"]
    command = [sys.executable, "-m", "workbench.cli.main", *words, *SMALL, "--patience", "0"]
    before = {run_folder.id for run_folder in list_runs(project / "runs")}
    training = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    new = _until(lambda: next((r for r in list_runs(project / "runs") if r.id not in before), None))
    _until(lambda: new.state().best_epoch >= 2)
    os.kill(training.pid, signal.SIGINT)
    told, _ = training.communicate(timeout=60)
    assert training.returncode == 0, told
    assert "keeping the best" in told
    state = new.state()
    assert (state.status, state.reason, state.resumable) == ("finished", "stopped", True)
    assert (new.model_folder / "manifest.json").is_file()

    resumed = subprocess.Popen(
        [sys.executable, "-m", "workbench.cli.main", "resume", str(new.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    _until(lambda: new.state().alive and new.state().step > state.step)
    os.kill(resumed.pid, signal.SIGINT)
    time.sleep(0.01)  # two signals in one instant are one to the system
    os.kill(resumed.pid, signal.SIGINT)
    told, _ = resumed.communicate(timeout=60)
    # the second came before or after the run had stopped for the first
    assert (resumed.returncode, new.state().status) in [(130, "interrupted"), (0, "finished"), (130, "finished")], told


def test_a_demo_trains_without_a_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["demo", "tag", "--headless", "--project", str(tmp_path / "demo"), "--max-epochs", "1"]
    assert run(words) == 0
    told = capsys.readouterr().out
    assert "epoch 1/1" in told
    assert "John" in told
    assert run(["demo", "fly"]) == 1
    assert "There is no sample 'fly'" in capsys.readouterr().err


def _until(found, seconds: float = 60.0):  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value
