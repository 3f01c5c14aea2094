"""Importing and exporting: byte-equal round trips, one transaction, and errors that name file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from workbench_plugins.exporters.conll import EXPORTER as TO_CONLL
from workbench_plugins.exporters.jsonl_spans import EXPORTER as TO_JSONL
from workbench_plugins.importers.conll import IMPORTER as CONLL
from workbench_plugins.importers.conllu import IMPORTER as CONLLU
from workbench_plugins.importers.jsonl_spans import IMPORTER as JSONL
from workbench_plugins.importers.text import IMPORTER as TEXT
from workbench_plugins.samples.uner import SAMPLE

from workbench.api import Cancelled, Exporter, Importer, TaggedTokens, WorkbenchError
from workbench.data import DatasetStore, InsertRecord, ReplaceRecord, SetSpan
from workbench.data.bench import measure_store
from workbench.data.exporting import export_dataset, export_splits
from workbench.data.importing import import_file, import_proposal, import_sample
from workbench.data.proposals import guess_split, propose

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
IOB1 = (
    "-DOCSTART- -X- O O\n\nU.N. NNP I-NP I-ORG\nofficial NN I-NP O\n\n\n"
    "Ekeus NNP I-NP I-PER\nand CC I-NP O\nBaghdad NNP I-NP I-LOC\nIraq NNP I-NP B-LOC\n\n"
    "-DOCSTART- -X- O O\n\n# # I-NP O\n1 CD I-NP O\n"
)
CONLLU_TEXT = (
    "# newdoc id = one\n# text = Do n't go.\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n"
    "1\tDo\tdo\tAUX\tVB\t_\t3\taux\t3:aux\t_\n2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_\n"
    "3\tgo\tgo\tVERB\tVB\tMood=Imp\t0\troot\t_\tSpaceAfter=No\n3.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_\n\n# text = Hi\n1\tHi\thi\tINTJ\tUH\t_\t0\troot\t_\t_\n\n"
)


class Importers:
    """As much of a catalogue as proposals need."""

    def __init__(self, *importers: Importer) -> None:
        self._importers = importers

    def importers(self) -> tuple[Importer, ...]:
        return self._importers


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DatasetStore]:
    with DatasetStore.create(tmp_path / "data.sqlite") as store:
        yield store


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def exported(store: DatasetStore, exporter: Exporter, path: Path, dataset: int = 1) -> bytes:
    export_dataset(store, dataset, exporter, path)
    return path.read_bytes()


def test_iob1_columns_become_iob2_with_documents(store: DatasetStore, tmp_path: Path) -> None:
    report = import_file(store, CONLL, write(tmp_path / "eng.train", IOB1), split="train")
    assert report.splits == {"train": 3}
    assert report.dataset.layers["ner"] == {"kind": "span", "source_scheme": "iob1"}
    assert report.dataset.layers["pos"] == {"kind": "label"}
    first, second, third = store.get(store.ids(1))
    assert second.record.layers["ner"] == ("B-PER", "O", "B-LOC", "B-LOC")
    assert third.record.tokens == ("#", "1")
    assert first.document == second.document != third.document


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\n# the end\n"])
@pytest.mark.parametrize(("importer", "text"), [(CONLL, IOB1), (CONLLU, CONLLU_TEXT)])
def test_an_unedited_file_is_exported_byte_for_byte(
    store: DatasetStore, tmp_path: Path, newline: str, bom: bytes, end: str, importer: Importer, text: str
) -> None:
    data = bom + (text.rstrip("\n") + end).replace("\n", newline).encode()
    if importer is CONLL and "#" in end:
        data = data.replace(b"# the end", b"# end = yes")
    import_file(store, importer, write(tmp_path / "file.txt", data))
    assert exported(store, TO_CONLL, tmp_path / "out") == data


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("importer", "name"),
    [
        (CONLL, "ner/conll2003/dev.txt"),
        (CONLL, "ner/conll2003/test.txt"),
        (CONLL, "ner/conll2003/train.txt"),
        (CONLL, "ner/uner_english_ewt/en_ewt-ud-dev.iob2"),
        (CONLL, "ner/uner_english_ewt/en_ewt-ud-test.iob2"),
        (CONLLU, "pos/ud_english_ewt/en_ewt-ud-dev.conllu"),
        (CONLLU, "pos/ud_english_ewt/en_ewt-ud-test.conllu"),
    ],
)
def test_public_files_are_exported_byte_for_byte(
    store: DatasetStore, tmp_path: Path, importer: Importer, name: str
) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not in ../shared/data")
    import_file(store, importer, path)
    assert exported(store, TO_CONLL, tmp_path / "out") == path.read_bytes()


def test_an_edit_changes_its_cells_alone(store: DatasetStore, tmp_path: Path) -> None:
    import_file(store, CONLL, write(tmp_path / "a.txt", IOB1))
    store.apply(1, SetSpan(1, "ner", 0, 2, "ORG"))
    expected = IOB1.replace("official NN I-NP O", "official NN I-NP I-ORG")
    assert exported(store, TO_CONLL, tmp_path / "out").decode() == expected
    store.undo(1)
    assert exported(store, TO_CONLL, tmp_path / "out").decode() == IOB1


def test_an_edited_text_keeps_the_columns_of_the_words_that_stay(store: DatasetStore, tmp_path: Path) -> None:
    text = "# text = Ann sings\n1\tAnn\tB-PER\tx1\tme\n2\tsings\tO\tx2\t-\n\n"
    path = write(tmp_path / "a.iob2", text)
    import_file(store, CONLL, path, options={"columns": ["_", "token", "ner", "_", "_"]})
    store.apply(1, ReplaceRecord(1, TaggedTokens(("Ann", "often", "sings"), {"ner": ("B-PER", "O", "O")})))
    assert exported(store, TO_CONLL, tmp_path / "out").decode() == (
        "# text = Ann often sings\n1\tAnn\tB-PER\tx1\tme\n2\toften\tO\t_\t_\n3\tsings\tO\tx2\t-\n\n"
    )


def test_conllu_keeps_ranges_and_renumbers_when_words_come(store: DatasetStore, tmp_path: Path) -> None:
    import_file(store, CONLLU, write(tmp_path / "a.conllu", CONLLU_TEXT))
    first, second = store.get(store.ids(1))
    assert first.record.tokens == ("Do", "n't", "go", ".")
    assert first.document == "one"
    store.apply(1, ReplaceRecord(2, TaggedTokens(("Oh", "hi"), {"upos": ("INTJ", "INTJ"), "xpos": ("UH", "UH")})))
    text = exported(store, TO_CONLL, tmp_path / "out").decode()
    assert text.startswith(CONLLU_TEXT.partition("# text = Hi")[0])
    assert "# text = Oh hi\n1\tOh\t_\tINTJ\tUH\t_\t_\t_\t_\t_\n2\thi\t" in text
    assert second.record.layers["upos"] == ("INTJ",)


def test_a_new_sentence_is_written_like_its_file(store: DatasetStore, tmp_path: Path) -> None:
    import_file(store, CONLL, write(tmp_path / "a.txt", IOB1))
    new = TaggedTokens(("Rome", "Paris"), {"pos": ("NNP", "NNP"), "chunk": ("O", "O"), "ner": ("B-LOC", "B-LOC")})
    store.apply(1, InsertRecord(new))
    assert exported(store, TO_CONLL, tmp_path / "out").decode() == (IOB1 + "\nRome NNP O I-LOC\nParis NNP O B-LOC\n\n")


def test_several_files_become_one_dataset_and_come_out_apart(store: DatasetStore, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    train = write(tmp_path / "in" / "train.txt", IOB1)
    dev = write(tmp_path / "in" / "dev.txt", IOB1.replace("\n", "\r\n"))
    write(tmp_path / "in" / "README.md", "# About\n\nSome words about it.\n")
    proposal = propose(Importers(TEXT, CONLL, JSONL, CONLLU), [tmp_path / "in"])[0]  # type: ignore[arg-type]
    assert proposal.importer is CONLL
    assert proposal.files == ((train, "train"), (dev, "validation"))
    assert "3 entity types" in proposal.reason
    report = import_proposal(store, proposal)
    assert report.dataset.name == "in"
    assert report.splits == {"train": 3, "validation": 3}
    export_dataset(store, 1, TO_CONLL, tmp_path / "out", "validation")
    assert (tmp_path / "out").read_bytes() == dev.read_bytes()
    written = export_splits(store, 1, TO_CONLL, tmp_path / "all")
    assert [item.records for item in written] == [3, 3]
    assert store.assign_splits(1, "random").record_ids
    store.assign_splits(1, "imported")
    assert store.split_counts(1) == {"train": 3, "validation": 3}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.txt", "train"),
        ("eng.train", "train"),
        ("eng.testa", "validation"),
        ("eng.testb", "test"),
        ("en_ewt-ud-dev.conllu", "validation"),
        ("valid.jsonl", "validation"),
        ("contest.txt", ""),
        ("trainer.txt", ""),
    ],
)
def test_splits_are_guessed_from_names(name: str, split: str) -> None:
    assert guess_split(Path(name)) == split


@pytest.mark.parametrize(
    ("data", "what", "line"),
    [
        (b"", "empty", None),
        (b"\x7fELF\0\0\1", "not a text file", None),
        (b"a O\nb O\n\nc O extra\n\n", "3 columns where 2", 4),
        (b"a O\nb B-X\n\ncaf\xe9 O\n", "not UTF-8", 4),
        (b"Just some words\n", "No columns", 1),
    ],
)
def test_bad_files_are_named_with_their_line_and_leave_nothing(
    store: DatasetStore, tmp_path: Path, data: bytes, what: str, line: int | None
) -> None:
    path = write(tmp_path / "bad.txt", data)
    options = {} if b"words" in data else {"columns": ["token", "ner"]}
    with pytest.raises(WorkbenchError, match=what) as caught:
        import_file(store, CONLL, path, options=options)
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert caught.value.fix
    assert store.datasets() == []


def test_another_encoding_is_read_when_it_is_chosen(store: DatasetStore, tmp_path: Path) -> None:
    data = "café B-X\n\nthé O\n".encode("latin-1")
    path = write(tmp_path / "l1.txt", data)
    import_file(store, CONLL, path, options={"encoding": "latin-1", "columns": ["token", "ner"]})
    assert store.get([1])[0].record.search_text() == "café"
    assert exported(store, TO_CONLL, tmp_path / "out") == data


def test_bad_sentences_are_skipped_when_asked(store: DatasetStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "a B-X\n\nb O extra\n\nc O\n")
    report = import_file(store, CONLL, path, options={"columns": ["token", "ner"]}, skip_bad=True)
    assert report.records == 2
    assert [problem.line for problem in report.problems] == [3]


def test_broken_labels_are_reported_and_left_alone(store: DatasetStore, tmp_path: Path) -> None:
    text = "a B-X\nb I-X\n\nc I-X\nd O\n\ne B-X\n\n"
    report = import_file(store, CONLL, write(tmp_path / "a.txt", text), options={"columns": ["token", "ner"]})
    assert [(finding.check, finding.line) for finding in report.problems] == [("scheme", 4)]
    assert store.get([2])[0].record.layers["ner"] == ("I-X", "O")
    assert exported(store, TO_CONLL, tmp_path / "out").decode() == text


def test_a_cancelled_import_leaves_nothing_and_reports_on_its_way(store: DatasetStore, tmp_path: Path) -> None:
    path = write(tmp_path / "big.txt", "word B-X\nother O\n\n" * 5000)
    seen: list[tuple[int, int, int]] = []
    with pytest.raises(Cancelled):
        import_file(
            store,
            CONLL,
            path,
            progress=lambda done, total, records: seen.append((done, total, records)),
            cancelled=lambda: len(seen) >= 2,
        )
    assert store.datasets() == []
    assert seen[0][2] == 1000
    assert all(0 < done <= total == path.stat().st_size for done, total, _ in seen)


def test_a_failed_export_leaves_the_old_file(store: DatasetStore, tmp_path: Path) -> None:
    import_file(store, CONLL, write(tmp_path / "a.txt", IOB1))
    old = write(tmp_path / "out", "precious")
    with pytest.raises(Cancelled):
        export_dataset(store, 1, TO_CONLL, old, cancelled=lambda: True)
    assert old.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir() if "tmp" in path.name) == []


def test_spans_of_json_lines_follow_tokens(store: DatasetStore, tmp_path: Path) -> None:
    text = (
        '{"text": "Ann lives in New York.", "id": 3, "spans": [[0, 3, "PER"], [13, 21, "LOC"]]}\n\n'
        '{"text":"Straßen","spans":[{"start":0,"end":3,"label":"X","by":"me"}]}'
    )
    report = import_file(store, JSONL, write(tmp_path / "a.jsonl", text))
    assert store.get([1])[0].record.layers["ner"] == ("B-PER", "O", "O", "B-LOC", "I-LOC", "O")
    assert [(finding.check, finding.line) for finding in report.problems] == [("misaligned", 3)]
    assert exported(store, TO_JSONL, tmp_path / "out").decode() == text
    store.apply(1, SetSpan(1, "ner", 0, 1, None))
    line = json.loads(exported(store, TO_JSONL, tmp_path / "out").decode().split("\n")[0])
    assert line == {"text": "Ann lives in New York.", "id": 3, "spans": [[13, 21, "LOC"]]}


def test_tokens_with_tags_are_read_in_their_scheme(store: DatasetStore, tmp_path: Path) -> None:
    text = '{"tokens": ["Ann", "Lee", "sang"], "tags": ["B-PER", "L-PER", "O"]}\n'
    report = import_file(store, JSONL, write(tmp_path / "a.jsonl", text))
    assert report.dataset.layers["ner"]["source_scheme"] == "bilou"
    assert store.get([1])[0].record.layers["ner"] == ("B-PER", "I-PER", "O")
    store.apply(1, SetSpan(1, "ner", 2, 3, "ACT"))
    assert json.loads(exported(store, TO_JSONL, tmp_path / "out"))["tags"] == ["B-PER", "L-PER", "U-ACT"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"text": "a", "spans": [[0, 9, "X"]]}', "does not lie"),
        ('{"text": "a", "spans": [[0, 1]]}', "not a span"),
        ('{"text": "a", "spans"', "not JSON"),
        ('{"tokens": ["a"], "tags": ["O", "O"]}', "1 tokens but 2 tags"),
        ('{"tokens": ["a"], "tags": [3]}', "numbers"),
    ],
)
def test_bad_json_lines_are_named(store: DatasetStore, tmp_path: Path, text: str, what: str) -> None:
    path = write(tmp_path / "a.jsonl", "\n" + text)
    with pytest.raises(WorkbenchError, match=what) as caught:
        import_file(store, JSONL, path)
    assert caught.value.line == 2


def test_tagged_sentences_of_columns_are_exported_as_spans(store: DatasetStore, tmp_path: Path) -> None:
    import_file(store, CONLL, write(tmp_path / "a.txt", IOB1))
    lines = [json.loads(line) for line in exported(store, TO_JSONL, tmp_path / "out").decode().splitlines()]
    assert lines[1]["spans"] == [[0, 5, "PER"], [10, 17, "LOC"], [18, 22, "LOC"]]


def test_text_is_read_by_line_or_paragraph(store: DatasetStore, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one\ntwo\n\nthree\n")
    lines = import_file(store, TEXT, path).dataset.id
    paragraphs = import_file(store, TEXT, path, options={"unit": "paragraph"}).dataset.id
    assert [stored.record.search_text() for stored in store.iterate(lines)] == ["one", "two", "three"]
    assert [stored.record.search_text() for stored in store.iterate(paragraphs)] == ["one\ntwo", "three"]


def test_the_sample_is_ready_to_train(store: DatasetStore) -> None:
    report = import_sample(store, SAMPLE)
    assert report.dataset.layers == {"ner": {"kind": "span", "source_scheme": "iob2"}}
    assert set(report.splits) == {"train", "validation"}
    assert store.labels(report.dataset.id, "ner") == ["LOC", "ORG", "PER"]
    assert report.splits["train"] > 1000


def test_the_store_is_measured(tmp_path: Path) -> None:
    found = measure_store(CONLL, 2000, tmp_path)
    assert found["sentences"] == 2000
    assert found["edit_median"] < 0.5
    assert found["import_rate"] > 500
