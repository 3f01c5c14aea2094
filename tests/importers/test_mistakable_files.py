"""Files that look like something else: what is proposed for them, and what is said where nothing is."""

from __future__ import annotations

import pytest

from workbench.api import WorkbenchError
from workbench.data.proposals import explain_unknown, propose
from workbench.host import load_plugins


@pytest.fixture(scope="module")
def catalogue():
    return load_plugins(safe_mode=True).catalogue


def write(folder, **files):
    paths = []
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return paths


def importers(catalogue, *paths):
    return [proposal.importer.id for proposal in propose(catalogue, list(paths))]


def test_tables_side_by_side_are_no_parallel_texts(tmp_path, catalogue):
    rows = "text,label\n" + "".join(f"number {i} is good,{'ab'[i % 2]}\n" for i in range(20))
    first, _ = write(tmp_path, data_one__csv=rows, data_two__csv=rows)
    assert importers(catalogue, first)[0] == "table-labelled"
    assert "parallel" not in importers(catalogue, first)


def test_chapters_side_by_side_are_no_parallel_texts(tmp_path, catalogue):
    first, _ = write(tmp_path, book_one__txt="Once upon a time\nthere was\n", book_two__txt="And then\nit ended\n")
    assert importers(catalogue, first) == ["text"]


@pytest.mark.parametrize(("source", "target"), [("de", "en"), ("eng", "fra"), ("src", "tgt"), ("pt-BR", "en")])
def test_texts_named_by_their_language_are_parallel(tmp_path, catalogue, source, target):
    names = [f"news.train.{source}", f"news.train.{target}"]
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_text("one line here\nand a second\n")
    assert importers(catalogue, *paths)[0] == "parallel"


@pytest.mark.parametrize(
    "name",
    ["table.csv", "table.tsv", "array.json", "lines.jsonl", "memory.tmx", "data.parquet", "messages.po"],
)
def test_a_broken_table_is_not_read_as_lines_of_text(tmp_path, catalogue, name):
    path = tmp_path / name
    path.write_text("this is nothing of the kind\n")
    assert "text" not in importers(catalogue, path)


def test_of_several_files_the_one_that_is_no_utf8_is_named(tmp_path, catalogue):
    fine, other = write(tmp_path, news__de="eins\nzwei\n", news__en=b"one\ntw\xff\n")
    error = explain_unknown(catalogue, [fine, other])
    assert isinstance(error, WorkbenchError)
    assert (error.file, error.line) == (str(other), 2)
    assert "not in UTF-8" in error.what


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("corpus.csv", "<!DOCTYPE html>\n<html><body>Please log in</body></html>\n", "web page"),
        ("corpus.txt", "\n<html>\n<body>Not found</body></html>\n", "web page"),
        ("corpus.tsv", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS"),
        ("corpus.parquet", "hello there\n", "not a Parquet file"),
    ],
)
def test_what_a_server_gave_in_place_of_the_data_is_told(tmp_path, catalogue, name, content, what):
    path = tmp_path / name
    path.write_text(content)
    assert importers(catalogue, path) == []
    error = explain_unknown(catalogue, [path])
    assert what in error.what
    assert error.file == str(path)
    assert error.fix


def test_a_broken_tree_is_no_line_of_text(tmp_path, catalogue):
    (path,) = write(tmp_path, trees__mrg="(3 (2 It) (4 (2 's\n(2 (2 a) (2 b))\n")
    first = propose(catalogue, [path])[0]
    assert first.importer.id == "bracketed"
    stream = first.importer.factory.resolve()(path, first.importer.params(**first.options))
    with pytest.raises(WorkbenchError) as caught:
        list(stream)
    assert caught.value.line == 1


def test_a_series_with_a_date_that_is_none_is_still_one_and_its_line_is_told(tmp_path, catalogue):
    days = [f"2024-02-{day:02},{day % 7}" for day in range(1, 31)]  # 30 February is none
    (path,) = write(tmp_path, sales__csv="date,value\n" + "\n".join(days) + "\n")
    first = propose(catalogue, [path])[0]
    assert first.importer.id == "series"
    with pytest.raises(WorkbenchError) as caught:
        list(first.importer.factory.resolve()(path, first.importer.params(**first.options)))
    assert caught.value.line == 31
    assert "2024-02-30" in caught.value.what
