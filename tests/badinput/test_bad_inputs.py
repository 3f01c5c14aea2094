"""What is given to a trained model: nothing, too much, other encodings, strange characters, wrong places to write."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

from workbench.api import WorkbenchError


class Typed:
    """A standard input that is not a terminal."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_told(text: str, project: Path, recurra) -> None:
    assert "the text is empty" in recurra("predict", project, text).block()["what"]


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧 called", "é́́ n", "שלום Peter مرحبا", "हिन्दी", "a\u200bb", "\ufeffPeter", "\u202ePeter"], ids=ascii
)
def test_any_characters_are_answered(text: str, project: Path, recurra) -> None:
    told = recurra("predict", project, text, "--format", "jsonl")
    assert told.status == 0
    tokens = json.loads(told.out)["record"]["tokens"]
    assert "".join(tokens) == "".join(text.split())


def test_a_text_of_fifty_thousand_words_is_answered(project: Path, tmp_path: Path, recurra) -> None:
    (tmp_path / "long.txt").write_text(" ".join(f"Peter{i % 7}" for i in range(50_000)))
    told = recurra("predict", project, "--file", tmp_path / "long.txt", "--output", tmp_path / "out.jsonl")
    assert told.status == 0
    assert len(json.loads((tmp_path / "out.jsonl").read_text())["result"]["labels"]) == 50_000


FILES = {
    "empty": (b"", "empty", ""),
    "white space": (b"\n \n\t\n", "nothing to read", ""),
    "latin-1": (b"one\ntwo\nP\xe9ter\n", "not UTF-8", ":3"),
    "binary": (bytes(range(256)), "not a text file", ""),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_is_told_and_nothing_is_written(case, project, tmp_path: Path, recurra) -> None:
    content, what, where = FILES[case]
    (tmp_path / "in.txt").write_bytes(content)
    told = recurra("predict", project, "--file", tmp_path / "in.txt", "--output", tmp_path / "out.jsonl").block()
    assert what in told["what"]
    assert f"in.txt{where}" in told["where"]
    assert not (tmp_path / "out.jsonl").exists()


def test_standard_input_is_utf_8_or_refused(project: Path, monkeypatch, recurra) -> None:
    monkeypatch.setattr(sys, "stdin", Typed("\ufeffPéter called\r\n\r\nגם\n".encode()))
    told = recurra("predict", project, "--format", "jsonl")
    assert [json.loads(line)["record"]["tokens"][0] for line in told.out.splitlines()] == ["Péter", "גם"]
    monkeypatch.setattr(sys, "stdin", Typed(b"fine\nP\xe9ter\n"))
    told = recurra("predict", project).block()
    assert "byte 2 of this line is 0xe9" in told["what"]
    assert told["where"] == "standard input:2"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["hi", "--format", "nope"], "cannot be written as 'nope'"),
        (["hi", "--output", "no/such/folder.txt"], "cannot be written"),
        (["hi", "--output", "."], "cannot be written"),
        (["hi", "--file", "in.txt"], "not both"),
        (["--file", "missing.txt"], "no such file"),
        (["--file", "."], "a folder"),
        (["--file", "in.txt", "--output", "out.nope"], "cannot be written as .nope"),
    ],
)
def test_wrong_words_of_predict(words: list[str], what: str, project: Path, tmp_path, monkeypatch, recurra) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("Peter called\n")
    assert what in recurra("predict", project, *words).block()["what"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "project"]


@pytest.mark.parametrize(
    ("given", "what", "why"),
    [
        ("bogus=1", "no option 'bogus'", "The options of Tagging (entities, parts of speech) are: none;"),
        ("alternative=1", "no option 'alternative'", "alternatives"),
        ("alternatives=few", "alternatives cannot be 'few'", "a whole number"),
        ("n_best=0", "n_best cannot be '0'", "a whole number"),
    ],
)
def test_an_option_of_the_answers_that_is_not_there_is_refused(given, what, why, project: Path, recurra) -> None:
    told = recurra("predict", project, "Peter called", "--option", given)
    assert told.status == 1
    assert told.out == ""
    assert what in told.block()["what"]
    assert why in told.block()["why"]


@pytest.mark.parametrize(
    ("words", "what", "do"),
    [
        (["evaluate", "{p}", "--split", "nope"], "nothing to evaluate", "train, validation or test"),
        (["evaluate", "{p}/no"], "no run here", "recurra runs"),
        (["resume", "{p}/no"], "no run here", "recurra runs"),
        (["resume", "{p}"], "run is complete", "--max-epochs"),
        (["export", "{p}", "{p}/x.conll", "--dataset", "olds"], "no dataset 'olds'", "news"),
        (["export", "{p}", "{p}/no/such/x.conll", "--exporter", "conl"], "no fitting exporter 'conl'", "conll"),
        (["demo", "nope", "--headless"], "no sample 'nope'", "There are"),
        (["train", "--project", "{p}"], "Which task?", "--task"),
        (["train", "--project", "{p}", "--task", "taggin"], "no task 'taggin'", "Did you mean"),
        (["evalute", "{p}"], "neither a command", "recurra evaluate"),
    ],
)
def test_wrong_words_elsewhere(words: list[str], what: str, do: str, project: Path, recurra) -> None:
    told = recurra(*(word.replace("{p}", str(project)) for word in words)).block()
    assert what in told["what"]
    assert do in told["do"]


@pytest.mark.parametrize("name", ["../../escaped.txt", "/tmp/escaped.txt", "a/../../escaped.txt", "c:\\escaped.txt"])
def test_an_archive_cannot_write_outside_its_folder(name: str, run_path: Path, tmp_path: Path) -> None:
    from workbench_plugins.exporters.bundle.archive import unpack

    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr(name, "gotcha")
    with pytest.raises(WorkbenchError, match="not unpacked"):
        unpack(tmp_path / "model.zip", tmp_path / "deep" / "er" / "model")
    assert not list(tmp_path.rglob("escaped*"))
    assert not (tmp_path / "deep" / "er" / "model").exists()


def test_a_packed_model_says_how_to_use_it(project: Path, run_path: Path, recurra) -> None:
    assert recurra("export", run_path, project / "model.zip").status == 0
    assert "Unpack it" in recurra("predict", project / "model.zip", "Peter called").block()["do"]


def test_an_error_nobody_foresaw_is_still_one_block(project: Path, monkeypatch, recurra) -> None:
    def broken(_folder: Path) -> list[object]:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("workbench.runs.list_runs", broken)
    told = recurra("runs", project).block()
    assert "did not foresee" in told["what"]
    assert "ZeroDivisionError" in told["why"]
    assert "--debug" in told["do"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("👩‍👩‍👧 ran.", ["👩‍👩‍👧", "ran", "."]),
        ("👍🏽!", ["👍🏽", "!"]),
        ("cafe\u0301s don't", ["cafe\u0301s", "do", "n't"]),
        ("हिन्दी भाषा।", ["हिन्दी", "भाषा", "।"]),
        ("שָׁלוֹם, עולם", ["שָׁלוֹם", ",", "עולם"]),
    ],
    ids=["family", "skin", "accent", "vowel signs", "points"],
)
def test_a_character_of_several_code_points_is_not_cut(text: str, tokens: list[str]) -> None:
    from workbench_plugins.tasks.tagging.text import tokenise

    assert tokenise(text) == tokens


def test_a_file_of_columns_is_read_as_such_whatever_its_ending(project: Path, tmp_path: Path, recurra) -> None:
    (tmp_path / "in.txt").write_text("EU NNP B-ORG\nrejects VBZ O\n\nPeter NNP B-PER\ncalls VBZ O\n\n" * 5)
    told = recurra("predict", project, "--file", tmp_path / "in.txt", "--format", "jsonl")
    assert json.loads(told.out.splitlines()[0])["record"]["tokens"] == ["EU", "rejects"]


def test_lines_that_cannot_be_read_are_left_out_when_asked_and_told(project: Path, tmp_path, recurra) -> None:
    lines = ['{"tokens": ["Peter"], "tags": ["B-PER"]}', '{"tokens": ["EU", "call"], "tags": ["O"]}', '{"tokens": ']
    (tmp_path / "in.jsonl").write_text("\n".join([*lines[:1] * 3, *lines[1:], lines[0]]) + "\n")
    words = ["predict", project, "--file", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl"]
    told = recurra(*words).block()
    assert told["where"].endswith("in.jsonl:5")
    assert not (tmp_path / "out.jsonl").exists()
    told = recurra(*words, "--skip-bad")
    assert told.status == 0
    assert "line 4: Skipped: This line cannot be imported: 2 tokens but 1 tags." in " ".join(told.err.split())
    assert "line 5: Skipped" in told.err
    assert "4 answers" in told.out
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4
    assert "for a file" in recurra("predict", project, "Peter", "--skip-bad").block()["what"]


def test_a_file_of_bad_lines_alone_says_so(project: Path, tmp_path, recurra) -> None:
    (tmp_path / "in.jsonl").write_text('{"tokens": ["EU", "call"], "tags": ["O"]}\n' * 3)
    told = recurra("predict", project, "--file", tmp_path / "in.jsonl", "--skip-bad").block()
    assert told["why"].startswith("Every record was left out. Skipped: ")
    assert told["where"].endswith("in.jsonl:1")
