"""Parallel files, translation memories and catalogues: in whole or not at all, and out again byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.api import TextPair, WorkbenchError
from workbench.data import DatasetStore, ReplaceRecord
from workbench.data.exporting import export_dataset
from workbench.data.importing import import_file
from workbench.data.proposals import propose

TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
<header srclang="en-GB" datatype="plaintext"/>
<body>
<tu tuid="1">
  <tuv xml:lang="en-GB"><seg>A <bpt i="1">&lt;b&gt;</bpt>big<ept i="1">&lt;/b&gt;</ept> house &amp; garden</seg></tuv>
  <tuv xml:lang="de"><seg>Ein großes Haus &amp; Garten</seg></tuv>
</tu>
<tu>
  <tuv xml:lang="en-GB"><seg>Yes.</seg></tuv><tuv xml:lang="de"><seg>Ja.</seg></tuv>
  <tuv xml:lang="fr"><seg>Oui.</seg></tuv>
</tu>
</body>
</tmx>
"""
PO = r"""# A catalogue
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"

#: main.c:1
msgid "Open \"%s\""
msgstr "„%s“ öffnen"

#, fuzzy
msgid "Close"
msgstr "Zu"

msgctxt "menu"
msgid ""
"Save\n"
"all"
msgstr ""
"Alles\n"
"sichern"

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d Dateien"

msgid "Later"
msgstr ""

#~ msgid "Gone"
#~ msgstr "Weg"
"""


@pytest.fixture
def store(tmp_path):
    opened = DatasetStore.create(tmp_path / "data.sqlite")
    yield opened
    opened.close()


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def pairs(tmp_path: Path, source: str, target: str) -> Path:
    write(tmp_path / "train.en", target)
    return write(tmp_path / "train.de", source)


def read(store: DatasetStore, catalogue: Any, importer: str, path: Path, **options: Any) -> list[TextPair]:
    report = import_file(store, catalogue.importer(importer), path, options=options)
    return [stored.record for stored in store.iterate(report.dataset.id)]


def test_the_other_file_is_found_and_either_side_may_be_the_source(store, catalogue, tmp_path) -> None:
    path = pairs(tmp_path, "eins\nzwei\n", "one\ntwo\n")
    assert read(store, catalogue, "parallel", path) == [TextPair("eins", "one"), TextPair("zwei", "two")]
    swapped = read(store, catalogue, "parallel", path, source="en", target="de")
    assert swapped == [TextPair("one", "eins"), TextPair("two", "zwei")]
    assert read(store, catalogue, "parallel", tmp_path / "train.en") == swapped


@pytest.mark.parametrize("names", [("a.de.txt", "a.en.txt"), ("news_de.txt", "news_en.txt"), ("x.src", "x.tgt")])
def test_languages_may_stand_elsewhere_in_the_name(store, catalogue, tmp_path, names) -> None:
    write(tmp_path / names[0], "eins\n")
    write(tmp_path / names[1], "one\n")
    assert read(store, catalogue, "parallel", tmp_path / names[0]) == [TextPair("eins", "one")]


def test_two_files_dropped_together_are_one_data_set(catalogue, tmp_path) -> None:
    path = pairs(tmp_path, "eins\n", "one\n")
    (best, *_) = propose(catalogue, [tmp_path / "train.en", path])
    assert best.importer.id == "parallel"
    assert best.files == ((path, "train"),)
    assert best.options == {"source": "de", "target": "en"}
    (alone, *_) = propose(catalogue, [tmp_path / "train.en"])
    assert alone.options == {"source": "en", "target": "de"}
    write(tmp_path / "train.fr", "un\n")
    (three, *_) = propose(catalogue, [tmp_path])
    assert three.importer.id == "parallel"
    assert "fr" in three.reason


def test_files_of_different_length_name_the_first_line_that_is_off(store, catalogue, tmp_path) -> None:
    path = pairs(tmp_path, "eins\nzwei\ndrei\n", "one\ntwo\n")
    with pytest.raises(WorkbenchError) as caught:
        read(store, catalogue, "parallel", path)
    assert caught.value.what == "train.de has 3 lines, train.en has 2."
    assert caught.value.line == 3
    assert store.datasets() == []
    path = pairs(tmp_path, "eins\n\nzwei\ndrei\n", "one\ntwo\nthree\n")
    with pytest.raises(WorkbenchError) as caught:
        read(store, catalogue, "parallel", path)
    assert caught.value.line == 2
    report = import_file(store, catalogue.importer("parallel"), path, skip_bad=True)
    assert report.records == 2
    assert [finding.line for finding in report.problems] == [2, 4]


def test_an_empty_side_stops_the_import_unless_it_is_left_out(store, catalogue, tmp_path) -> None:
    path = pairs(tmp_path, "eins\n\nzwei\n\n", "one\nx\ntwo\n\n")
    with pytest.raises(WorkbenchError) as caught:
        read(store, catalogue, "parallel", path)
    assert (caught.value.line, caught.value.what) == (2, "Line 2 of train.de is empty, that of train.en is not.")
    assert store.datasets() == []
    assert read(store, catalogue, "parallel", path, skip_bad=True) == [TextPair("eins", "one"), TextPair("zwei", "two")]


def test_what_cannot_be_found_is_said(store, catalogue, tmp_path) -> None:
    alone = write(tmp_path / "alone.de", "eins\n")
    with pytest.raises(WorkbenchError, match=r"other half of alone\.de"):
        read(store, catalogue, "parallel", alone)
    path = pairs(tmp_path, "eins\n", "one\n")
    with pytest.raises(WorkbenchError, match=r"no file train\.xx"):
        read(store, catalogue, "parallel", path, source="de", target="xx")
    write(tmp_path / "train.fr", "un\n")
    with pytest.raises(WorkbenchError, match="several counterparts"):
        read(store, catalogue, "parallel", path)


def test_another_encoding_is_named_with_its_line(store, catalogue, tmp_path) -> None:
    path = pairs(tmp_path, "eins\nzwei\n", "one\ntwo\n")
    (tmp_path / "train.en").write_bytes("one\ntwö\n".encode("latin-1"))
    with pytest.raises(WorkbenchError) as caught:
        read(store, catalogue, "parallel", path)
    assert caught.value.line == 2
    assert read(store, catalogue, "parallel", path, encoding="latin-1")[1] == TextPair("zwei", "twö")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "newline"])
def test_both_sides_come_out_as_they_went_in(store, catalogue, tmp_path, newline, end) -> None:
    source = newline.join(["eins ", "", "\tzwei", "drei"]) + (newline if end else "")
    target = newline.join(["one", "", "two", "three "]) + (newline if end else "")
    path = pairs(tmp_path, source, "\ufeff" + target)
    report = import_file(store, catalogue.importer("parallel"), path)
    out, other = tmp_path / "out.de", tmp_path / "out.en"
    export_dataset(store, report.dataset.id, catalogue.exporter("parallel"), out)
    assert out.read_bytes().decode() == source
    assert other.read_bytes().decode() == "\ufeff" + target
    second = store.get(store.ids(report.dataset.id))[1]
    store.apply(report.dataset.id, ReplaceRecord(second.id, TextPair("\tzwei", "TWO"), "x"))
    export_dataset(store, report.dataset.id, catalogue.exporter("parallel"), out)
    assert other.read_bytes().decode() == "\ufeff" + target.replace("two", "TWO")
    assert out.read_bytes().decode() == source
    assert not list(tmp_path.glob(".*tmp"))


def test_a_translation_memory_becomes_pairs(store, catalogue, tmp_path) -> None:
    path = write(tmp_path / "m.tmx", TMX)
    (best, *_) = propose(catalogue, [path])
    assert best.importer.id == "tmx"
    assert read(store, catalogue, "tmx", path) == [
        TextPair("A big house & garden", "Ein großes Haus & Garten"),
        TextPair("Yes.", "Ja."),
    ]
    assert read(store, catalogue, "tmx", path, source="de", target="en")[1] == TextPair("Ja.", "Yes.")
    with pytest.raises(WorkbenchError) as caught:
        read(store, catalogue, "tmx", path, source="fr", target="en")
    assert caught.value.line == 6
    assert read(store, catalogue, "tmx", path, source="fr", target="en", skip_bad=True) == [TextPair("Oui.", "Yes.")]


def test_a_memory_comes_out_as_it_went_in_and_with_what_was_changed(store, catalogue, tmp_path) -> None:
    path = write(tmp_path / "m.tmx", TMX)
    report = import_file(store, catalogue.importer("tmx"), path)
    out = tmp_path / "out.tmx"
    export_dataset(store, report.dataset.id, catalogue.exporter("tmx"), out)
    assert out.read_text(encoding="utf-8") == TMX
    second = store.get(store.ids(report.dataset.id))[1]
    store.apply(report.dataset.id, ReplaceRecord(second.id, TextPair("Yes.", "Jawohl <1> & 2"), "x"))
    export_dataset(store, report.dataset.id, catalogue.exporter("tmx"), out)
    assert out.read_text(encoding="utf-8") == TMX.replace("<seg>Ja.", "<seg>Jawohl &lt;1&gt; &amp; 2")
    assert read(store, catalogue, "tmx", out)[1].target == "Jawohl <1> & 2"


def test_a_long_memory_is_read_piece_by_piece(store, catalogue, tmp_path) -> None:
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>text {i} ä</seg></tuv><tuv xml:lang="de"><seg>Text {i}</seg></tuv></tu>\n'
        for i in range(3000)
    )
    text = f'<tmx version="1.4"><header/><body>\n{units}</body></tmx>'
    path = write(tmp_path / "long.tmx", text)
    report = import_file(store, catalogue.importer("tmx"), path)
    assert report.records == 3000
    export_dataset(store, report.dataset.id, catalogue.exporter("tmx"), tmp_path / "out.tmx")
    assert (tmp_path / "out.tmx").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        (TMX.replace("</tuv>\n</tu>", "</tu>", 1), "Not well-formed XML", 8),
        (TMX[:-30], "Not well-formed XML", None),
        ('<?xml version="1.0"?>\n<html></html>', "not a translation memory", 2),
        ('<!DOCTYPE tmx [\n<!ENTITY a "aaa">\n]>\n<tmx/>', "declares the entity 'a'", 2),
        ('<!DOCTYPE tmx [\n<!ENTITY a SYSTEM "file:///etc/passwd">\n]>\n<tmx>&a;</tmx>', "declares the entity", 2),
        ('<!DOCTYPE tmx [\n<!ENTITY % a SYSTEM "http://x/y">\n%a;\n]>\n<tmx/>', "entity", 2),
    ],
)
def test_a_memory_that_is_broken_or_reaches_outside_is_refused(store, catalogue, tmp_path, text, what, line) -> None:
    path = write(tmp_path / "bad.tmx", text)
    with pytest.raises(WorkbenchError, match=what) as caught:
        read(store, catalogue, "tmx", path)
    assert caught.value.line is not None
    assert line is None or caught.value.line == line
    assert store.datasets() == []


def test_a_catalogue_becomes_pairs(store, catalogue, tmp_path) -> None:
    path = write(tmp_path / "de.po", PO)
    (best, *_) = propose(catalogue, [path])
    assert best.importer.id == "po"
    assert read(store, catalogue, "po", path) == [
        TextPair('Open "%s"', "„%s“ öffnen"),
        TextPair("Save\nall", "Alles\nsichern"),
        TextPair("%d file", "%d Datei"),
        TextPair("%d files", "%d Dateien"),
    ]
    assert len(read(store, catalogue, "po", path, fuzzy=True, untranslated=True)) == 6


def test_a_catalogue_comes_out_as_it_went_in_and_with_what_was_changed(store, catalogue, tmp_path) -> None:
    report = import_file(store, catalogue.importer("po"), write(tmp_path / "de.po", PO))
    out = tmp_path / "out.po"
    export_dataset(store, report.dataset.id, catalogue.exporter("po"), out)
    assert out.read_text(encoding="utf-8") == PO
    first, second, *_ = store.get(store.ids(report.dataset.id))
    store.apply(report.dataset.id, ReplaceRecord(first.id, TextPair('Open "%s"', '"%s" auf\\'), "x"))
    store.apply(report.dataset.id, ReplaceRecord(second.id, TextPair("Save\nall", "Alles"), "x"))
    export_dataset(store, report.dataset.id, catalogue.exporter("po"), out)
    changed = PO.replace('"„%s“ öffnen"', r'"\"%s\" auf\\"')
    changed = changed.replace('msgstr ""\n"Alles\\n"\n"sichern"', 'msgstr "Alles"')
    changed = changed.replace('msgid ""\n"Save\\n"\n"all"', 'msgid "Save\\nall"')
    assert out.read_text(encoding="utf-8") == changed
    again = read(store, catalogue, "po", out)
    assert again[:2] == [TextPair('Open "%s"', '"%s" auf\\'), TextPair("Save\nall", "Alles")]


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ('msgid "a\nmsgstr "b"\n', "not closed", 1),
        ('msgid "a"\nmsgid "b"\nmsgstr "c"\n', "msgid twice", 2),
        ('msgid "a"\n\nmsgid "b"\nmsgstr "c"\n', "msgid twice", 3),
        ('"a"\n', "without a keyword", 1),
        ('msgid "a"\nmsgstr "b"\nnonsense\n', "none of a catalogue", 3),
        ('msgid "a"\nmsgstr "b"\n\nmsgid "c"\n', "no msgstr", 4),
    ],
)
def test_a_broken_catalogue_is_refused_with_its_line(store, catalogue, tmp_path, text, what, line) -> None:
    with pytest.raises(WorkbenchError, match=what) as caught:
        read(store, catalogue, "po", write(tmp_path / "bad.po", text))
    assert caught.value.line == line
    assert store.datasets() == []


def test_pairs_from_elsewhere_can_be_written_in_each_format(store, catalogue, tmp_path) -> None:
    path = pairs(tmp_path, "eins & <zwei>\n", 'one "two"\n')
    report = import_file(store, catalogue.importer("parallel"), path)
    for kind, name in (("tmx", "new.tmx"), ("po", "new.po"), ("parallel", "new.src")):
        out = tmp_path / name
        export_dataset(store, report.dataset.id, catalogue.exporter(kind), out)
        assert read(store, catalogue, kind, out) == [TextPair("eins & <zwei>", 'one "two"')]


@pytest.mark.realdata
def test_multi30k_is_read_whole(catalogue, shared_data) -> None:
    folder = shared_data("translation/multi30k")
    importer = catalogue.importer("parallel")
    options = importer.params(source="de", target="fr")
    stream = importer.factory.resolve()(folder / "val.de", options)
    records = list(stream)
    assert len(records) == 1014
    assert records[0].record.target == "Un groupe d'hommes chargent du coton dans un camion"
