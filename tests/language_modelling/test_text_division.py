"""One long file becomes three splits by position, and is proposed so."""

from __future__ import annotations

import pytest
from workbench_plugins.importers.text import IMPORTER
from workbench_plugins.importers.text.params import TextParams
from workbench_plugins.importers.text.reader import TextStream, sniff

from workbench.data import DatasetStore
from workbench.data.importing import import_files


def lines(count: int) -> list[str]:
    return [f"line {i:04d} of this text, naïve and plain" for i in range(count)]


def read(path, **options):
    return list(TextStream(path, TextParams.model_validate(options)))


def test_a_text_is_divided_in_order_and_nothing_is_lost(tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text("\n".join(lines(1000)) + "\n", encoding="utf-8")
    found = read(path, divide="90/5/5")
    assert [one.record.text for one in found] == lines(1000)
    splits = [one.split for one in found]
    assert splits == sorted(splits, key=["train", "validation", "test"].index)
    assert {split: splits.count(split) for split in set(splits)} == {"train": 900, "validation": 50, "test": 50}
    assert {one.split for one in read(path)} == {""}


@pytest.mark.parametrize(("encoding", "newline"), [("utf-8", "\r\n"), ("utf-16", "\n"), ("latin-1", "\n")])
def test_position_is_counted_in_the_files_own_bytes(tmp_path, encoding, newline):
    path = tmp_path / "novel.txt"
    path.write_bytes(newline.join(lines(200)).encode(encoding))
    splits = [one.split for one in read(path, divide="80/10/10", encoding=encoding)]
    assert {split: splits.count(split) for split in set(splits)} == pytest.approx(
        {"train": 160, "validation": 20, "test": 20}, abs=1
    )


def test_a_paragraph_is_never_cut_in_two(tmp_path):
    path = tmp_path / "play.txt"
    text = "\n\n".join(f"SPEAKER:\n{line}" for line in lines(40)) + "\n"
    path.write_text(text, encoding="utf-8")
    found = read(path, unit="paragraph", divide="90/5/5")
    assert len(found) == 40
    assert "\n\n".join(one.record.text for one in found) + "\n" == text
    assert "".join(one.raw for one in found) == text


def test_the_name_of_a_file_goes_before_its_division(tmp_path):
    store = DatasetStore.create(tmp_path / "data.sqlite")
    for name in ("train", "test"):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines(100)), encoding="utf-8")
    paths = [(tmp_path / "train.txt", "train"), (tmp_path / "test.txt", "test")]
    report = import_files(store, IMPORTER, paths, options={"divide": "90/5/5"})
    assert report.splits == {"train": 100, "test": 100}
    store.close()


def test_a_long_text_is_proposed_divided_and_a_play_by_its_speeches(tmp_path):
    path = tmp_path / "play.txt"
    path.write_text("\n\n".join(f"SPEAKER:\n{line}" for line in lines(1000)), encoding="utf-8")
    found = sniff(path.read_bytes()[: 1 << 16], path)
    assert found is not None
    assert dict(found.options) == {"unit": "paragraph", "divide": "90/5/5"}
    short = tmp_path / "notes.txt"
    short.write_text("one\ntwo\n", encoding="utf-8")
    found = sniff(short.read_bytes(), short)
    assert found is not None
    assert dict(found.options) == {}
