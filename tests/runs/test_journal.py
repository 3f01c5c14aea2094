"""The journal loses no line and tells no half of one."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from workbench.api import WorkbenchError
from workbench.api.events import EpochMetrics, Phase, RunFinished, RunStarted, StepMetrics
from workbench.runs import JournalReader, JournalWriter, read_journal, without_superseded

STARTED = {
    "pid": 1,
    "device": "cpu",
    "device_reason": "the only one",
    "threads": 1,
    "parameters": 10,
    "steps_per_epoch": 4,
    "max_epochs": 3,
}


def step(writer: JournalWriter, number: int, loss: float = 1.0) -> None:
    writer.write(StepMetrics, number, epoch=1, loss=loss, learning_rate=0.1, gradient_norm=2.0, tokens_per_second=3.0)


def epoch(writer: JournalWriter, number: int, at: int, f1: float, best: bool = True) -> None:
    writer.write(
        EpochMetrics,
        at,
        epoch=number,
        train_loss=0.5,
        validation_loss=0.6,
        metrics={"f1": f1},
        best=best,
        epochs_since_best=0,
        patience=5,
        seconds=1.0,
    )


def test_events_come_back_as_written_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r1") as writer:
        written = [
            writer.write(RunStarted, 0, **STARTED),
            writer.write(Phase, 0, name="vocabulary «Wörter»", done=3, total=9),
        ]
        step(writer, 1)
    events = read_journal(path)
    assert events[:2] == written
    assert [event.seq for event in events] == [0, 1, 2]
    assert {event.run_id for event in events} == {"r1"}


def test_a_reader_is_told_each_event_once_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    reader = JournalReader(path)
    assert reader.poll() == []
    with JournalWriter(path, "r") as writer:
        for number in range(3):
            step(writer, number)
            assert [event.step for event in reader.poll()] == [number]
    assert reader.poll() == []


def test_a_torn_line_is_left_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        step(writer, 1)
        step(writer, 2)
    content = path.read_bytes()
    reader = JournalReader(path)
    path.write_bytes(content[:-7])
    assert [event.step for event in reader.poll()] == [1]
    path.write_bytes(content)
    assert [event.step for event in reader.poll()] == [2]
    assert reader.gaps == []
    assert reader.damaged == 0


@pytest.mark.parametrize("kept", [0, 1, 10, -1, -5])
def test_a_writer_mends_a_line_cut_at_any_byte_and_goes_on_counting(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        for number in range(3):
            step(writer, number)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + (lines[2][:kept] if kept else b""))
    whole = 3 if kept == -1 else 2  # only its newline was missing: the event itself is saved
    with JournalWriter(path, "r") as writer:
        assert writer.next_seq == whole
        step(writer, 99)
    reader = JournalReader(path)
    assert [event.seq for event in reader.poll()] == list(range(whole + 1))
    assert (reader.gaps, reader.damaged) == ([], 0)


def test_a_follower_reads_on_over_a_mended_tail(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        step(writer, 1)
    with path.open("ab") as file:
        file.write(b'{"type":"step","run_id":"r","se')
    reader = JournalReader(path)
    assert len(reader.poll()) == 1
    with JournalWriter(path, "r") as writer:
        step(writer, 2)
    assert [event.seq for event in reader.poll()] == [1]


def test_zeros_a_power_failure_left_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        step(writer, 1)
    with path.open("ab") as file:
        file.write(b"\0" * 512)
    with JournalWriter(path, "r") as writer:
        step(writer, 2)
    assert [event.seq for event in read_journal(path)] == [0, 1]
    assert b"\0" not in path.read_bytes()


def test_a_missing_line_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        for number in range(5):
            step(writer, number)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:1], b"not json\n", *lines[3:]]))
    reader = JournalReader(path)
    assert [event.seq for event in reader.poll()] == [0, 3, 4]
    assert reader.gaps == [(1, 3)]
    assert reader.damaged == 1


def test_events_of_a_newer_version_are_passed_over_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        step(writer, 1)
    with path.open("a") as file:
        file.write(json.dumps({"type": "from_the_future", "run_id": "r", "seq": 1, "step": 1, "time": 0.0}) + "\n")
    with JournalWriter(path, "r") as writer:
        step(writer, 2)
    reader = JournalReader(path)
    assert [event.seq for event in reader.poll()] == [0, 2]
    assert reader.gaps == []


def test_a_diverged_loss_is_valid_json_and_comes_back_as_nan(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        step(writer, 1, loss=math.nan)
        step(writer, 2, loss=math.inf)
        epoch(writer, 1, 2, f1=math.nan)
        writer.write(Phase, 2, name="NaN")

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    first, second, third, fourth = read_journal(path)
    assert isinstance(first, StepMetrics)
    assert isinstance(second, StepMetrics)
    assert isinstance(third, EpochMetrics)
    assert isinstance(fourth, Phase)
    assert math.isnan(first.loss)
    assert second.loss == math.inf
    assert math.isnan(third.metrics["f1"])
    assert fourth.name == "NaN"


def test_after_a_resume_a_step_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path, "r") as writer:
        writer.write(RunStarted, 0, **STARTED)
        for number in (1, 2, 3, 4):
            step(writer, number, loss=1.0)
    with JournalWriter(path, "r") as writer:
        writer.write(RunStarted, 2, resumed_from_step=2, **STARTED)
        for number in (3, 4, 5):
            step(writer, number, loss=2.0)
    events = without_superseded(read_journal(path))
    curve = [(event.step, event.loss) for event in events if isinstance(event, StepMetrics)]
    assert curve == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]


def test_a_full_disk_is_said_in_words_and_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    writer = JournalWriter(path, "r")
    step(writer, 1)
    real = os.write
    monkeypatch.setattr("workbench.runs.journal.os.write", lambda fd, data: real(fd, data[:10]))
    with pytest.raises(WorkbenchError, match="disk is full"):
        step(writer, 2)
    monkeypatch.undo()
    step(writer, 3)
    writer.close()
    assert [(event.seq, event.step) for event in read_journal(path)] == [(0, 1), (1, 3)]
    with pytest.raises(WorkbenchError, match="closed"):
        writer.write(RunFinished, 3, reason="completed", seconds=1.0)
