"""Tables of text: recognised with a reason, read with file and line of every mistake, written back byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from workbench_plugins.exporters.tables import EXPORTERS
from workbench_plugins.importers.tables import LABELLED, PAIRS, TEXTS

from workbench.api import Importer, LabelledText, Record, Sniff, Text, TextPair, WorkbenchError
from workbench.data import DatasetStore, ReplaceRecord
from workbench.data.exporting import export_dataset, export_splits
from workbench.data.importing import ImportReport, import_file, import_files
from workbench.data.proposals import propose
from workbench.host import load_plugins

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
TSV = b"a fine film\t1\nnot my cup\t0\nit works well\t1\nthis is dull\t0\n"
CSV = b'id,text,label\r\n1,"good, really",pos\r\n2,"he said ""no""",neg\r\n3,"two\r\nlines here",pos\r\n'
JSONL = b'{"id":1,"text":"one fine day","label":0}\n\n{"id":2,"text":"a bad day","label":1}\n'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DatasetStore]:
    with DatasetStore.create(tmp_path / "data.sqlite") as store:
        yield store


def sniff(importer: Importer, content: bytes, name: str) -> Sniff | None:
    found: Sniff | None = importer.sniff.resolve()(content[: 1 << 16], Path(name))
    return found


def imported(
    store: DatasetStore, importer: Importer, path: Path, content: bytes, **options: object
) -> tuple[ImportReport, list[Record]]:
    path.write_bytes(content)
    report = import_file(store, importer, path, options=options)
    return report, [stored.record for stored in store.iterate(report.dataset.id)]


def exported(store: DatasetStore, path: Path, identifier: str = "table-labelled") -> bytes:
    export_dataset(store, 1, next(one for one in EXPORTERS if one.id == identifier), path)
    return path.read_bytes()


# --- recognising


@pytest.mark.parametrize(
    ("content", "name", "importer", "reason"),
    [
        (TSV, "a.tsv", LABELLED, "2 columns, the second holds 2 different values: text and label"),
        (TSV, "a.txt", LABELLED, "Table with tabs"),
        (CSV, "a.csv", LABELLED, "“label” holds 2 different values"),
        (CSV.replace(b",", b";"), "a.csv", LABELLED, "Table with semicolons"),
        (JSONL, "a.jsonl", LABELLED, "JSON Lines, 3 columns"),
        (b"Run away!\tSauve qui peut !\nI am cold.\tJ'ai froid.\n", "fra.txt", PAIRS, "source and target"),
        (b'{"translation":{"en":"Hi","de":"Hallo"}}\n' * 3, "a.jsonl", PAIRS, "“translation.en”"),
        (b'{"text":"a plain text"}\n{"text":"and one more"}\n', "a.jsonl", TEXTS, "“text” holds running text"),
    ],
)
def test_a_table_is_recognised_with_a_reason(content: bytes, name: str, importer: Importer, reason: str) -> None:
    found = {one.id: sniff(one, content, name) for one in (LABELLED, PAIRS, TEXTS)}
    sure = max((one for one in found.values() if one is not None), key=lambda one: one.confidence)
    assert sure is found[importer.id]
    assert reason in sure.reason


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"Well, this is prose, and more.\nIt has commas, too.\n", "prose.txt"),
        (b"date,value\n2016-07-01 00:00:00,5.8\n2016-07-01 01:00:00,5.7\n", "series.csv"),
        (b"EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n\n", "ner.tsv"),
        (b"\x00\x01\x02binary", "a.csv"),
        (b"PAR1 but no more", "a.parquet"),
        (b"", "empty.csv"),
    ],
)
def test_what_is_no_table_of_text_is_left_to_others(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    for importer in (LABELLED, PAIRS, TEXTS):
        assert importer.sniff.resolve()(content, tmp_path / name) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_the_sentences_of_sst2_are_read_whole(store: DatasetStore) -> None:
    report = import_file(store, LABELLED, SHARED / "sentiment" / "sst2" / "test.tsv")
    assert report.records == 1821
    assert not report.problems


# --- reading


def test_cells_in_quotes_hold_commas_quotes_and_line_ends(store: DatasetStore, tmp_path: Path) -> None:
    _, records = imported(store, LABELLED, tmp_path / "in.csv", CSV)
    assert records == [
        LabelledText("good, really", "pos"),
        LabelledText('he said "no"', "neg"),
        LabelledText("two\r\nlines here", "pos"),
    ]


def test_quotes_that_do_not_close_belong_to_the_text_of_a_table_with_tabs(store: DatasetStore, tmp_path: Path) -> None:
    content = b'"a start without an end\tx\nan inch is 1" long\ty\nplain words\tx\nplain words\ty\n'
    _, records = imported(store, LABELLED, tmp_path / "in.tsv", content)
    assert records[0] == LabelledText('"a start without an end', "x")
    assert exported(store, tmp_path / "out.tsv") == content


def test_columns_and_header_can_be_named(store: DatasetStore, tmp_path: Path) -> None:
    content = b"u1,first words here,x,other words here\nu2,second words here,y,more words here\n"
    _, records = imported(store, LABELLED, tmp_path / "in.csv", content, header="no", text="4", label="3")
    assert records[0] == LabelledText("other words here", "x")


def test_pairs_and_texts_are_read(store: DatasetStore, tmp_path: Path) -> None:
    _, pairs = imported(store, PAIRS, tmp_path / "pairs.jsonl", b'{"translation":{"en":"Hi you","de":"Hallo du"}}\n')
    _, texts = imported(store, TEXTS, tmp_path / "texts.csv", b"text\none two\nthree four\n")
    assert pairs == [TextPair("Hi you", "Hallo du")]
    assert texts == [Text("one two"), Text("three four")]


def test_a_column_of_splits_is_followed(store: DatasetStore, tmp_path: Path) -> None:
    rows = b"".join(b'{"text":"some words","label":"x","split":"%s"}\n' % s for s in (b"train", b"dev", b"test"))
    report, _ = imported(store, LABELLED, tmp_path / "in.jsonl", rows)
    assert dict(report.splits) == {"train": 1, "validation": 1, "test": 1}


def test_other_encodings_and_marks_are_read(store: DatasetStore, tmp_path: Path) -> None:
    text = "text,label\ncafé noir,x\nthé vert,y\n"
    _, latin = imported(store, LABELLED, tmp_path / "l.csv", text.encode("latin-1"), encoding="latin-1")
    _, wide = imported(store, LABELLED, tmp_path / "w.csv", text.encode("utf-16"), encoding="utf-16")
    assert latin == wide == [LabelledText("café noir", "x"), LabelledText("thé vert", "y")]


def test_a_row_without_text_is_kept_and_reported(store: DatasetStore, tmp_path: Path) -> None:
    report, records = imported(store, LABELLED, tmp_path / "in.tsv", TSV + b"\t1\n")
    assert records[-1] == LabelledText("", "1")
    assert [(one.check, one.line) for one in report.problems] == [("empty", 5)]


# --- mistakes


@pytest.mark.parametrize(
    ("content", "name", "line", "what"),
    [
        (CSV + b"4,too few\r\n", "a.csv", 6, "2 cells, the others 3"),
        (b'text,label\nsome words,x\n"never closed,y\nmore words,x\n', "a.csv", 3, "never closed"),
        (b'text,label\n"closed" too early,x\nmore words,x\n', "a.csv", 2, "behind the closing quote"),
        (JSONL + b"{broken\n", "a.jsonl", 4, "not a JSON object"),
        (JSONL + b'{"text":["a","b"],"label":1}\n', "a.jsonl", 4, "a list stands where a text"),
        (TSV + b"caf\xe9 noir\t1\n", "a.tsv", 5, "not UTF-8"),
    ],
)
def test_a_bad_row_stops_the_import_with_its_line(
    store: DatasetStore, tmp_path: Path, content: bytes, name: str, line: int, what: str
) -> None:
    with pytest.raises(WorkbenchError) as raised:
        imported(store, LABELLED, tmp_path / name, content, **({"quotes": "yes"} if name == "a.csv" else {}))
    assert what in raised.value.what
    assert raised.value.line == line
    assert raised.value.file is not None
    assert not store.datasets()


def test_bad_rows_are_left_out_and_reported_when_asked(store: DatasetStore, tmp_path: Path) -> None:
    content = CSV + b'4,too few\r\n5,"x" y,pos\r\n6,the last one,neg\r\n'
    report, records = imported(store, LABELLED, tmp_path / "in.csv", content, skip_bad=True)
    assert records[-1] == LabelledText("the last one", "neg")
    assert [one.line for one in report.problems] == [6, 7]


def test_an_unknown_column_is_answered_with_those_there_are(store: DatasetStore, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="There is no column 'mood'") as raised:
        imported(store, LABELLED, tmp_path / "in.csv", CSV, label="mood")
    assert "id, text, label" in raised.value.why


def test_a_table_without_labels_asks_for_the_column(store: DatasetStore, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="No column is recognised as the label"):
        imported(store, LABELLED, tmp_path / "in.jsonl", b'{"text":"a plain text"}\n')


def test_prose_is_no_table(store: DatasetStore, tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="not a table"):
        imported(store, LABELLED, tmp_path / "in.txt", b"One line.\nAnother one.\n")


# --- writing


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (TSV, "a.tsv"),
        (TSV[:-1], "a.tsv"),
        (CSV, "a.csv"),
        (b"\xef\xbb\xbf" + CSV.replace(b",", b";"), "a.csv"),
        (b"\n" + CSV + b"\r\n\r\n", "a.csv"),
        (JSONL, "a.jsonl"),
        (JSONL + b"\n\n", "a.jsonl"),
    ],
)
def test_unedited_tables_are_exported_byte_for_byte(
    store: DatasetStore, tmp_path: Path, content: bytes, name: str
) -> None:
    imported(store, LABELLED, tmp_path / name, content)
    assert exported(store, tmp_path / ("out" + name)) == content


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (TSV, "a.tsv", TSV.replace(b"a fine film\t1", b"a film, fine\t0")),
        (CSV, "a.csv", CSV.replace(b'1,"good, really",pos', b'1,"a film, fine",0')),
        (JSONL, "a.jsonl", JSONL.replace(b'"one fine day","label":0', b'"a film, fine","label":0')),
    ],
)
def test_an_edited_row_keeps_its_other_cells(
    store: DatasetStore, tmp_path: Path, content: bytes, name: str, expected: bytes
) -> None:
    imported(store, LABELLED, tmp_path / name, content)
    first = next(iter(store.iterate(1)))
    store.apply(1, ReplaceRecord(first.id, LabelledText("a film, fine", "0")))
    assert exported(store, tmp_path / ("out" + name)) == expected


def test_a_tab_cannot_be_written_where_there_are_no_quotes(store: DatasetStore, tmp_path: Path) -> None:
    imported(store, LABELLED, tmp_path / "in.tsv", TSV)
    first = next(iter(store.iterate(1)))
    store.apply(1, ReplaceRecord(first.id, LabelledText("a\ttab", "0")))
    with pytest.raises(WorkbenchError, match="Record 1 cannot be written"):
        exported(store, tmp_path / "out.tsv")
    assert b"a\ttab" not in exported(store, tmp_path / "out.jsonl", "table-labelled-jsonl")


def test_a_table_can_be_exported_in_another_form(store: DatasetStore, tmp_path: Path) -> None:
    imported(store, LABELLED, tmp_path / "in.csv", CSV)
    objects = exported(store, tmp_path / "out.jsonl", "table-labelled-jsonl").decode().splitlines()
    assert json.loads(objects[1]) == {"text": 'he said "no"', "label": "neg"}
    tabs = exported(store, tmp_path / "out.tsv", "table-labelled-tsv")
    assert tabs.startswith(b"text\tlabel\ngood, really\tpos\n")


def test_each_split_is_exported_under_the_name_it_came_with(store: DatasetStore, tmp_path: Path) -> None:
    files = [(tmp_path / f"{name}.tsv", name) for name in ("train", "test")]
    for path, name in files:
        path.write_bytes(TSV.replace(b"film", name.encode()))
    import_files(store, LABELLED, files)
    exporter = next(one for one in EXPORTERS if one.id == "table-labelled")
    export_splits(store, 1, exporter, tmp_path / "out")
    for path, _ in files:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


# --- Parquet


def test_parquet_is_read_and_written_with_its_other_columns(store: DatasetStore, tmp_path: Path) -> None:
    frame = pl.DataFrame({"idx": [1, 2, 3], "sentence": ["so good", "so bad", "so so"], "label": [1, 0, 1]})
    frame.write_parquet(tmp_path / "in.parquet")
    content = (tmp_path / "in.parquet").read_bytes()
    found = LABELLED.sniff.resolve()(content, tmp_path / "in.parquet")
    assert found.options == {"text": "sentence", "label": "label"}
    _, records = imported(store, LABELLED, tmp_path / "in.parquet", content)
    assert records[:2] == [LabelledText("so good", "1"), LabelledText("so bad", "0")]
    first = next(iter(store.iterate(1)))
    store.apply(1, ReplaceRecord(first.id, LabelledText("not so good", "0")))
    exported(store, tmp_path / "out.parquet", "table-labelled-parquet")
    changed = frame.with_columns(
        sentence=pl.Series(["not so good", "so bad", "so so"]), label=pl.Series([0, 0, 1])
    )
    assert pl.read_parquet(tmp_path / "out.parquet").equals(changed)


def test_a_cut_parquet_file_is_refused_in_words(store: DatasetStore, tmp_path: Path) -> None:
    pl.DataFrame({"text": ["some words"] * 50, "label": ["x"] * 50}).write_parquet(tmp_path / "in.parquet")
    content = (tmp_path / "in.parquet").read_bytes()
    with pytest.raises(WorkbenchError, match="Parquet file cannot be read"):
        imported(store, LABELLED, tmp_path / "in.parquet", content[:-20])


def test_broken_json_of_labelled_texts_is_told_by_the_importer_of_texts(tmp_path: Path) -> None:
    catalogue = load_plugins().catalogue
    (tmp_path / "a.jsonl").write_text('{"text": "so good", "label": "pos"}\n' * 5 + '{"text": "so b\n')
    assert propose(catalogue, [tmp_path / "a.jsonl"])[0].importer.id == "table-labelled"
    spans = '{"text": "so good", "spans": [[0, 2, "X"]]}\n'
    (tmp_path / "b.jsonl").write_text(spans * 5 + '{"text": "so b\n')
    assert propose(catalogue, [tmp_path / "b.jsonl"])[0].importer.id == "jsonl-spans"


def test_a_table_by_name_alone_does_not_outdo_an_importer_that_knows_it(tmp_path: Path) -> None:
    catalogue = load_plugins().catalogue
    (tmp_path / "a.csv").write_text("date,value\n" + "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 29)))
    found = propose(catalogue, [tmp_path / "a.csv"])
    assert found[0].importer.record == "series"
    assert all(one.confidence > 0.2 for one in found)


def test_one_line_of_running_text_is_not_taken_for_a_header(tmp_path: Path) -> None:
    line = b"It was, all in all, a fine film to see\n"
    assert LABELLED.sniff.resolve()(line, Path("a.csv")) is None, "a classifier reads it as a text"
