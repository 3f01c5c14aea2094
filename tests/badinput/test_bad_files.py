"""Importing what is no data: each failure is one block with its place, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.data import DatasetStore

GOOD = "EU NNP B-ORG\nrejects VBZ O\nGerman JJ B-MISC\ncall NN O\n\nPeter NNP B-PER\nBlackburn NNP I-PER\n\n" * 30
LINES = GOOD.count("\n")

BROKEN = {
    "cut in a line": ("a.txt", (GOOD + "Peter N").encode(), f":{LINES + 1}", "2 columns where 3 were expected"),
    "cut in a character": ("a.txt", GOOD.encode() + b"caf\xc3", f":{LINES + 1}", "middle of a character"),
    "too few columns": ("a.txt", (GOOD + "a b\n\n" + GOOD).encode(), f":{LINES + 1}", "2 columns where 3 were"),
    "too many columns": ("a.txt", (GOOD + "a b c d\n\n" + GOOD).encode(), f":{LINES + 1}", "4 columns where 3 were"),
    "latin-1": ("a.txt", GOOD.replace("Peter", "Pétér").encode("latin-1"), ":6", "not in UTF-8"),
    "latin-1 late": ("a.txt", (GOOD * 50 + "Pétér NNP O\n").encode("latin-1"), f":{LINES * 50 + 1}", "not UTF-8"),
    "utf-16": ("a.txt", GOOD.encode("utf-16"), "a.txt", "UTF-16"),
    "utf-16 without mark": ("a.txt", GOOD.encode("utf-16-be"), "a.txt", "UTF-16"),
    "utf-32": ("a.txt", GOOD.encode("utf-32"), "a.txt", "UTF-32"),
    "zero byte": ("a.txt", GOOD.replace("call", "ca\0l", 1).encode(), "a.txt", "not a text file"),
    "zero byte late": ("a.txt", (GOOD * 50 + "x\0y NNP O\n\n").encode(), f":{LINES * 50 + 1}", "zero byte"),
    "empty": ("a.txt", b"", "a.txt", "empty"),
    "mark only": ("a.txt", b"\xef\xbb\xbf", "a.txt", "white space"),
    "white space": ("a.txt", b"\n\n  \n\t\n", "a.txt", "white space"),
    "picture": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "a.png", "not a text file"),
    "random bytes": ("a.txt", bytes((i * 73 + i // 7) % 255 + 1 for i in range(4000)), "a.txt", "not a text file"),
    "json cut short": ("a.jsonl", b'{"text": "ok", "spans": []}\n{"text": \n', ":2", "not JSON"),
    "json arrays": ("a.jsonl", b"[1, 2]\n3\n", ":1", "not a JSON object"),
    "json of other types": ("a.jsonl", b'{"text": 5, "spans": "x"}\n', ":1", "No text with spans"),
    "json too deep": ("a.jsonl", b"[" * 100_000 + b"\n", ":1", "not JSON"),
    "span outside": ("a.jsonl", b'{"text": "hello", "spans": [[3, 400, "X"]]}\n', ":1", "does not lie"),
    "half a character": ("a.jsonl", b'{"text": "a \\ud800 b", "spans": [[0, 1, "X"]]}\n', ":1", "half a character"),
    "header alone": ("a.csv", b"text,label\n", ":1", "a header in this file and no row"),
    "header of other names": ("a.csv", b"alpha,beta\n", ":1", "a header alone"),
    "quote unclosed": ("a.csv", b'text,label\n"good one,pos\nbad one,neg\n', ":2", "never closed"),
    "quote unclosed, other names": ("a.csv", b'alpha,beta\n"good one,pos\nbad one,neg\n', ":2", "never closed"),
    "quote unclosed, long": ("a.csv", b'text,label\n"good one,pos\n' + b"bad one,neg\n" * 9000, ":2", "never closed"),
    "labelled json cut short": ("a.jsonl", b'{"text": "so good", "label": "pos"}\n' * 5 + b'{"text": "so b', ":6",
                                "not a JSON object of texts"),
    "conllu of four columns": ("a.conllu", b"1\tA\ta\tNOUN\n", ":1", "4 tab-separated columns"),
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_file_is_told_with_its_place_and_leaves_nothing(case: str, tmp_path: Path, recurra) -> None:
    name, content, where, what = BROKEN[case]
    (tmp_path / name).write_bytes(content)
    told = recurra("import", tmp_path / "new", tmp_path / name).block()
    assert what in told["what"]
    assert told["where"].endswith(where)
    assert told["do"]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("case", ["too few columns", "latin-1 late", "zero byte late"])
def test_a_failed_import_leaves_a_project_as_it_was(case: str, tmp_path: Path, project: Path, recurra) -> None:
    name, content, _, _ = BROKEN[case]
    (tmp_path / name).write_bytes(content)
    recurra("import", project, tmp_path / name).block()
    with DatasetStore.open(project / "data.sqlite", read_only=True) as store:
        assert [(info.name, info.count) for info in store.datasets()] == [("news", 60)]


def test_an_empty_folder_stays_but_is_empty_again(tmp_path: Path, recurra) -> None:
    (tmp_path / "a.txt").write_bytes(b"\n")
    (tmp_path / "mine").mkdir()
    recurra("import", tmp_path / "mine", tmp_path / "a.txt").block()
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "offered"),
    [(GOOD.replace("Peter", "Pétér").encode("latin-1"), "latin-1"), (GOOD.encode("utf-16"), "utf-16")],
    ids=["latin-1", "utf-16"],
)
def test_the_encoding_offered_is_the_one_that_works(tmp_path: Path, recurra, content: bytes, offered: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    told = recurra("import", tmp_path / "p", tmp_path / "a.txt").block()
    assert f"--importer conll --option encoding={offered}" in told["do"]
    words = ["--importer", "conll", "--option", f"encoding={offered}"]
    assert recurra("import", tmp_path / "p", tmp_path / "a.txt", *words).status == 0
    with DatasetStore.open(tmp_path / "p" / "data.sqlite", read_only=True) as store:
        assert store.datasets()[0].count == 60


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_read_when_asked_for(tmp_path: Path, recurra, codec: str) -> None:
    (tmp_path / "a.txt").write_bytes(GOOD.encode(codec))
    words = ["--importer", "conll", "--option", "encoding=utf-16"]
    assert recurra("import", tmp_path / "p", tmp_path / "a.txt", *words).status == 0


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + GOOD.encode(), GOOD.replace("\n", "\r\n").encode(), GOOD.replace("\n", "\r").encode(),
     GOOD.replace("\n", "\r\n", 7).encode()],
    ids=["byte-order mark", "CRLF", "lone CR", "mixed ends"],
)  # fmt: skip
def test_marks_and_line_ends_are_no_content_and_come_back(tmp_path: Path, recurra, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert recurra("import", tmp_path / "p", tmp_path / "a.txt").status == 0
    with DatasetStore.open(tmp_path / "p" / "data.sqlite", read_only=True) as store:
        info = store.datasets()[0]
        first = next(iter(store.iterate(info.id)))
        assert info.count == 60
        assert first.record.tokens == ("EU", "rejects", "German", "call")
    assert recurra("export", tmp_path / "p", tmp_path / "out.conll").status == 0
    assert (tmp_path / "out.conll").read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [GOOD + "\n".join(f"w{i} NN O" for i in range(9000)) + "\n\n", GOOD + "x" * 10_000_000 + " NNP O\n\n"],
    ids=["a sentence of 100 kB", "a line of 10 MB"],
)
def test_enormous_records_are_only_records(tmp_path: Path, recurra, content: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    assert recurra("import", tmp_path / "p", tmp_path / "a.txt").status == 0
    with DatasetStore.open(tmp_path / "p" / "data.sqlite", read_only=True) as store:
        assert store.datasets()[0].count == 61


def test_labels_that_break_the_scheme_are_reported_and_kept(tmp_path: Path, recurra) -> None:
    (tmp_path / "a.txt").write_text(GOOD + "Mary NNP I-PER\nloves VBZ I-ORG\n\n")
    told = recurra("import", tmp_path / "p", tmp_path / "a.txt")
    assert told.status == 0
    assert f"line {LINES + 1}: I-PER after the beginning breaks the IOB2 scheme" in told.out
    assert recurra("export", tmp_path / "p", tmp_path / "out.conll").status == 0
    assert (tmp_path / "out.conll").read_bytes() == (tmp_path / "a.txt").read_bytes()


def test_bad_records_are_left_out_when_asked(tmp_path: Path, recurra) -> None:
    (tmp_path / "a.txt").write_text(GOOD + "a b\n\n" + GOOD)
    told = recurra("import", tmp_path / "p", tmp_path / "a.txt", "--skip-bad")
    assert told.status == 0
    assert f"line {LINES + 1}: Skipped" in told.out


@pytest.mark.parametrize(
    ("words", "what", "do"),
    [
        (["missing.txt"], "no such file", "Check the path"),
        (["hollow"], "no file in this folder", ""),
        (["a.txt", "--importer", "conl"], "no importer 'conl'", "Did you mean conll"),
        (["a.txt", "--option", "colums=token"], "no option conll.colums", "Did you mean columns"),
        (["a.txt", "--option", "encoding=utf-7"], "conll.encoding", "Change the value"),
        (["a.txt", "--option", "columns"], "key=value", ""),
        (["a.txt", "--option", "columns=a,b,c"], "0 times `token`", "exactly one column"),
        (["a.txt", "--split", "dev"], "no split 'dev'", "train, validation, test"),
    ],
)
def test_a_wrong_word_is_named(tmp_path: Path, monkeypatch, recurra, words: list[str], what: str, do: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(GOOD)
    (tmp_path / "hollow").mkdir()
    told = recurra("import", "p", *words).block()
    assert what in told["what"]
    assert do in told.get("do", "")
    assert not (tmp_path / "p").exists()


def test_a_name_that_is_taken_is_refused(tmp_path: Path, project: Path, recurra) -> None:
    (tmp_path / "a.txt").write_text(GOOD)
    told = recurra("import", project, tmp_path / "a.txt", "--name", "news").block()
    assert "already a dataset 'news'" in told["what"]


def test_a_cancelled_import_leaves_nothing(tmp_path: Path, monkeypatch, recurra) -> None:
    def interrupted(_path: Path) -> str:
        raise KeyboardInterrupt

    (tmp_path / "a.txt").write_text(GOOD)
    monkeypatch.setattr("workbench.data.importing.sha256_file", interrupted)
    told = recurra("import", tmp_path / "p", tmp_path / "a.txt")
    assert told.status == 130
    assert "Cancelled" in told.err
    assert not (tmp_path / "p").exists()


def test_json_lines_of_a_plugin_with_half_a_character_name_the_line(tmp_path: Path) -> None:
    """Any importer may yield such a text; the store says where."""
    from workbench.api import ImportedRecord, TaggedTokens, WorkbenchError
    from workbench.data.importing import import_records

    with DatasetStore.create(tmp_path / "data.sqlite") as store:
        broken = TaggedTokens((json.loads('"\\ud800"'),), {"ner": ("O",)})
        assert ImportedRecord(broken, 1).record is broken
        with pytest.raises(WorkbenchError, match="half a character"):
            import_records(store, "x", "tagged_tokens", [("train", "", broken)])
        assert store.datasets() == []


def test_one_file_can_be_divided_as_it_is_imported(tmp_path: Path, recurra) -> None:
    (tmp_path / "a.txt").write_text(GOOD)
    told = recurra("import", tmp_path / "p", tmp_path / "a.txt")
    assert "--split random" in told.out
    told = recurra("import", tmp_path / "q", tmp_path / "a.txt", "--split", "random")
    assert "48 train, 6 validation, 6 test" in told.out
    assert "cannot be split by document" in recurra(
        "import", tmp_path / "q", tmp_path / "a.txt", "--name", "b", "--split", "document"
    ).block()["what"]
    with DatasetStore.open(tmp_path / "q" / "data.sqlite", read_only=True) as store:
        assert [info.name for info in store.datasets()] == ["a"]
