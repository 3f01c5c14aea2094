"""Labels that only the test split has: they are told before a run by the check, and after it beside the figures."""

from __future__ import annotations

from pathlib import Path

TRAIN = (
    *("--task", "classification", "--architecture", "birnn", "--max-epochs", "1"),
    *("--device", "cpu", "--threads", "1", "--hidden-size", "8"),
)


def test_a_label_of_the_test_split_alone_is_named_by_check_and_evaluate(tmp_path: Path, recurra) -> None:
    rows = "".join(f"{'good' if i % 2 else 'bad'} film {i}\t{'pos' if i % 2 else 'neg'}\n" for i in range(40))
    files = []
    for split, text in {"train": rows, "dev": rows[:200], "test": "weird film\tneutral\ngood one\tpos\n"}.items():
        files.append(tmp_path / f"films.{split}.tsv")
        files[-1].write_text(text if text.endswith("\n") else text[: text.rfind("\n") + 1])
    project = tmp_path / "films"
    assert recurra("import", project, *files).status == 0
    assert "not in train: neutral" in recurra("check", project).out
    assert recurra("train", "--project", project, *TRAIN).status == 0
    told = recurra("evaluate", project, "--split", "test")
    assert told.status == 0
    assert "Note: 1 text" in told.out
    assert "neutral" in told.out
