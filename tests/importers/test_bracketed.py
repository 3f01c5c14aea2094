"""Bracketed trees: read with file and line of every mistake, written back byte for byte where nothing was edited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from workbench_plugins.exporters.bracketed import EXPORTER
from workbench_plugins.importers.bracketed import IMPORTER

from workbench.api import LabelledTree, Sniff, WorkbenchError
from workbench.api.trees import parse_bracketed
from workbench.data import DatasetStore, ReplaceRecord
from workbench.data.exporting import export_dataset
from workbench.data.importing import import_file

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SST = b"(3 (2 It) (4 (2 's) (4 good)))\r\n(2 (2 A) (2 film))\r\n"
PENN = b"\n( (S\n    (NP (DT the) (NN cat))\n    (VP (VBD sat)) ))\n( (S (NP (PRP I))\n   (VP (VBP go))))\n\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DatasetStore]:
    with DatasetStore.create(tmp_path / "data.sqlite") as store:
        yield store


def sniff(content: bytes, name: str = "trees.txt") -> Sniff | None:
    found: Sniff | None = IMPORTER.sniff.resolve()(content[: 1 << 16], Path(name))
    return found


def imported(store: DatasetStore, path: Path, content: bytes, **options: object) -> list[LabelledTree]:
    path.write_bytes(content)
    proposal = sniff(content)
    import_file(store, IMPORTER, path, options={**(proposal.options if proposal else {}), **options})
    return [stored.record for stored in store.iterate(1) if isinstance(stored.record, LabelledTree)]


def exported(store: DatasetStore, path: Path) -> bytes:
    export_dataset(store, 1, EXPORTER, path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        SST,
        SST[:-2],
        b"\n\n" + SST + b"\n  \n",
        "\ufeff(2 (2 caf\u00e9) (2 noir))\n".encode(),
        PENN,
        PENN.rstrip(),
        b"(X   (a  b)\t( c))\n",
    ],
)
def test_unedited_trees_are_exported_byte_for_byte(store: DatasetStore, tmp_path: Path, content: bytes) -> None:
    imported(store, tmp_path / "in.txt", content)
    assert exported(store, tmp_path / "out.txt") == content


def test_the_trees_of_a_file(store: DatasetStore, tmp_path: Path) -> None:
    first, second = imported(store, tmp_path / "in.txt", SST)
    assert first == parse_bracketed("(3 (2 It) (4 (2 's) (4 good)))")
    assert second.tags == ("2", "2", "2")
    assert set(store.labels(1, "node")) == {"2", "3", "4"}


def test_trees_over_several_lines_lose_the_brackets_around_them_and_get_them_back(
    store: DatasetStore, tmp_path: Path
) -> None:
    cat, go = imported(store, tmp_path / "in.mrg", PENN)
    assert cat.tags[-1] == go.tags[-1] == "S"
    stored = list(store.iterate(1))
    store.apply(1, ReplaceRecord(stored[1].id, go.with_tag(0, "NN")))
    assert exported(store, tmp_path / "out.mrg") == PENN.replace(
        b"( (S (NP (PRP I))\n   (VP (VBP go))))", b"((S (NP (NN I)) (VP (VBP go))))"
    )


def test_an_edited_tree_keeps_its_line_end_and_the_others_their_bytes(store: DatasetStore, tmp_path: Path) -> None:
    first, _ = imported(store, tmp_path / "in.txt", SST)
    store.apply(1, ReplaceRecord(next(iter(store.iterate(1))).id, first.with_tag(0, "3")))
    assert exported(store, tmp_path / "out.txt") == SST.replace(b"(2 It)", b"(3 It)")
    store.undo(1)
    assert exported(store, tmp_path / "out.txt") == SST


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (SST + b"(2 (2 broken)\r\n", 3, "not closed"),
        (b"(2 a)\n\nword\n", 3, "an open bracket"),
        (b"(2 a)\n(2 b) (2 c)\n", 2, "something follows"),
        (b"(2 a)\n()\n", 2, "empty"),
    ],
)
def test_a_line_that_is_no_tree_is_named(
    store: DatasetStore, tmp_path: Path, content: bytes, line: int, says: str
) -> None:
    with pytest.raises(WorkbenchError, match=says) as caught:
        imported(store, tmp_path / "in.txt", content, layout="line")
    assert caught.value.line == line
    assert caught.value.file is not None
    assert caught.value.file.endswith("in.txt")
    assert not store.datasets(), "nothing of it stays"


def test_bad_lines_can_be_left_out_and_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"(2 a)\n(2 (2 b)\n(2 c)\n")
    stream = IMPORTER.factory.resolve()(path, IMPORTER.params(skip_bad=True))
    assert [item.line for item in stream] == [1, 3]
    (finding,) = stream.problems
    assert finding.line == 2


def test_a_file_whose_bracket_is_never_closed_is_refused_where_it_opens(tmp_path: Path) -> None:
    path = tmp_path / "in.mrg"
    path.write_bytes(b"(2 a)\n(S (NP\n" + b"(X y)\n" * 200_000)
    stream = IMPORTER.factory.resolve()(path, IMPORTER.params(layout="spread"))
    with pytest.raises(WorkbenchError, match="not closed") as caught:
        list(stream)
    assert caught.value.line == 2


def test_files_are_recognised_by_their_brackets() -> None:
    one, many = sniff(SST), sniff(PENN, "wsj_0001.mrg")
    assert one is not None
    assert many is not None
    assert one.options["layout"] == "line"
    assert many.options["layout"] == "spread"
    assert min(one.confidence, many.confidence) >= 0.9
    assert sniff(b"(some text in brackets) and more\n") is None
    assert sniff(b"Ada B-PER\n\n") is None
    assert sniff(b"\x00\x01(") is None


def test_a_word_that_brackets_cannot_hold_is_named(store: DatasetStore, tmp_path: Path) -> None:
    first, _ = imported(store, tmp_path / "in.txt", SST)
    bad = LabelledTree(("two words", *first.words[1:]), first.parents, first.tags)
    store.apply(1, ReplaceRecord(next(iter(store.iterate(1))).id, bad))
    with pytest.raises(WorkbenchError, match="Record 1 cannot be written"):
        exported(store, tmp_path / "out.txt")


@pytest.mark.parametrize("name", ["sentiment/sst_trees/dev.txt", "parsing/ptb_sample/dev.txt"])
def test_public_treebanks_come_out_as_they_went_in(store: DatasetStore, tmp_path: Path, name: str) -> None:
    source = SHARED / name
    if not source.is_file():
        pytest.skip("the public data are not here")
    content = source.read_bytes()
    trees = imported(store, tmp_path / "in.txt", content)
    assert len(trees) == len(content.splitlines())
    assert exported(store, tmp_path / "out.txt") == content
