"""A series needs no split: the forecasting task cuts it by time. Other records do."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.cli.main import run


def months(path: Path, count: int) -> Path:
    rows = [f"{2000 + i // 12}-{i % 12 + 1:02d}-01,{10 + i % 12}\n" for i in range(count)]
    path.write_text("date,value\n" + "".join(rows), encoding="utf-8")
    return path


def test_a_series_is_trained_on_as_it_was_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = str(tmp_path / "project")
    assert run(["import", project, str(months(tmp_path / "sales.csv", 120))]) == 0
    assert "must be in a split" not in capsys.readouterr().out
    words = ["train", "--project", project, "--task", "forecasting", "--architecture", "gru", "--hidden-size", "4"]
    assert run([*words, "--lookback", "12", "--max-epochs", "1", "--threads", "1"]) == 0
    assert "completed" in capsys.readouterr().out


def test_texts_without_a_split_are_still_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = str(tmp_path / "project")
    notes = tmp_path / "notes.txt"
    notes.write_text("The cat sat on the mat.\n" * 20, encoding="utf-8")
    assert run(["import", project, str(notes)]) == 0
    assert "must be in a split" in capsys.readouterr().out
    assert run(["train", "--project", project, "--task", "language_modelling", "--architecture", "gru"]) == 1
    assert "nothing to train on" in capsys.readouterr().err


def test_a_dataset_is_not_written_under_the_ending_of_another_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = str(tmp_path / "project")
    assert run(["import", project, str(months(tmp_path / "sales.csv", 24))]) == 0
    wrong = tmp_path / "sales.conll"
    assert run(["export", project, str(wrong)]) == 1
    assert "cannot be written as .conll" in capsys.readouterr().err
    assert not wrong.exists()
    assert run(["export", project, str(tmp_path / "again.csv")]) == 0
