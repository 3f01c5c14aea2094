"""Gettext catalogues: every plural form is a pair, the header's charset counts, fuzzy messages are told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workbench_plugins.importers.po.plurals import form_of, plural_forms

from workbench.api import TextPair, WorkbenchError
from workbench.data import DatasetStore, DeleteRecords, ReplaceRecord
from workbench.data.exporting import export_dataset
from workbench.data.importing import ImportReport, import_file
from workbench.data.proposals import propose

RUSSIAN = "nplurals=3; plural=n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2;"
ARABIC = "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5;"


def po(body: str, plural: str = RUSSIAN, charset: str = "UTF-8") -> str:
    rule = f'"Plural-Forms: {plural}\\n"\n' if plural else ""
    return f'# head\nmsgid ""\nmsgstr ""\n"Content-Type: text/plain; charset={charset}\\n"\n{rule}\n{body}'


FILES = r"""#. before
msgid "Open"
msgstr "Открыть"

#: a.c:3
#, c-format
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d файл"
msgstr[1] "%d файла"
msgstr[2] ""
"%d "
"файлов"

msgid "Close"
msgstr "Закрыть"
"""


@pytest.fixture
def store(tmp_path):
    opened = DatasetStore.create(tmp_path / "data.sqlite")
    yield opened
    opened.close()


class Catalogued:
    """Imports and exports catalogues in one store."""

    def __init__(self, store: DatasetStore, catalogue: Any, folder: Path) -> None:
        self.store, self.catalogue, self.folder = store, catalogue, folder

    def read(self, text: str | bytes, **options: Any) -> ImportReport:
        path = self.folder / "in.po"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return import_file(self.store, self.catalogue.importer("po"), path, options=options)

    def pairs(self, report: ImportReport) -> list[tuple[str, str]]:
        return [(s.record.source, s.record.target) for s in self.store.iterate(report.dataset.id)]

    def stored(self, report: ImportReport) -> list[Any]:
        return self.store.get(self.store.ids(report.dataset.id))

    def change(self, report: ImportReport, number: int, source: str, target: str) -> None:
        changed = ReplaceRecord(self.stored(report)[number].id, TextPair(source, target), "x")
        self.store.apply(report.dataset.id, changed)

    def written(self, report: ImportReport) -> bytes:
        out = self.folder / "out.po"
        export_dataset(self.store, report.dataset.id, self.catalogue.exporter("po"), out)
        return out.read_bytes()


@pytest.fixture
def po_files(store, catalogue, tmp_path) -> Catalogued:
    return Catalogued(store, catalogue, tmp_path)


def test_every_plural_form_is_a_pair_and_that_of_one_goes_with_the_singular(po_files) -> None:
    report = po_files.read(po(FILES))
    assert po_files.pairs(report)[1:4] == [
        ("%d file", "%d файл"),
        ("%d files", "%d файла"),
        ("%d files", "%d файлов"),
    ]
    assert len(po_files.pairs(po_files.read(po(FILES), plurals=False))) == 3


def test_the_rule_says_which_form_is_that_of_one(po_files) -> None:
    forms = "".join(f'msgstr[{i}] "f{i}"\n' for i in range(6))
    message = f'msgid "one"\nmsgid_plural "many"\n{forms}'
    found = po_files.pairs(po_files.read(po(message, ARABIC)))
    assert [source for source, _ in found] == ["many", "one", "many", "many", "many", "many"]
    single = 'msgid "a file"\nmsgid_plural "%d files"\nmsgstr[0] "%d ファイル"\n'
    japanese = po_files.read(po(single, "nplurals=1; plural=0;"))
    assert po_files.pairs(japanese) == [("%d files", "%d ファイル")]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("n != 1", [1, 0, 1, 1]),
        ("n>1", [0, 0, 1, 1]),
        (RUSSIAN.partition("plural=")[2].rstrip(";"), [2, 0, 1, 2]),
        ("!(n%10==1) || n+2*3-1 < 4/2", [1, 0, 1, 1]),
    ],
)
def test_rules_are_worked_out_as_c_does(rule, expected) -> None:
    assert [form_of(rule, n) for n in (0, 1, 2, 5)] == expected


def test_rules_agree_with_pythons_gettext() -> None:
    import gettext

    for rule in (RUSSIAN, ARABIC, "nplurals=4; plural=n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3;"):
        expression = rule.partition("plural=")[2].rstrip(";")
        reference = gettext.c2py(expression)  # type: ignore[attr-defined]
        assert [form_of(expression, n) for n in range(300)] == [reference(n) for n in range(300)]


@pytest.mark.parametrize(
    "rule", ["__import__('os')", "n ** 9", "(n", "n n", "", "n/0", "n ? 1", "(" * 500 + "n" + ")" * 500, "9" * 30]
)
def test_what_is_no_rule_is_refused(rule) -> None:
    with pytest.raises(ValueError, match="rule"):
        form_of(rule, 1)


def test_a_template_and_a_header_without_the_line_have_no_rule() -> None:
    assert plural_forms("Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\n") is None
    assert plural_forms("Language: de\n") is None
    assert plural_forms("Plural-Forms: nplurals=2; plural=(n != 1);\n") == (2, 0)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_plural_forms_come_out_as_they_went_in(po_files, newline) -> None:
    text = po(FILES).replace("\n", newline).encode()
    assert po_files.written(po_files.read(text)) == text
    assert po_files.written(po_files.read(text, plurals=False)) == text


def test_a_changed_form_is_written_in_its_place(po_files) -> None:
    report = po_files.read(po(FILES))
    po_files.change(report, 3, "%d files", "%d документов")
    expected = po(FILES).replace('msgstr[2] ""\n"%d "\n"файлов"', 'msgstr[2] "%d документов"')
    assert po_files.written(report).decode() == expected
    po_files.change(report, 2, "%d documents", "%d файла")
    expected = expected.replace("%d files", "%d documents")
    assert po_files.written(report).decode() == expected
    po_files.change(report, 3, "%d papers", "%d документов")
    with pytest.raises(WorkbenchError, match="different sources"):
        po_files.written(report)


def test_a_removed_form_keeps_its_text_until_the_whole_message_is_removed(po_files) -> None:
    report = po_files.read(po(FILES))
    ids = [stored.id for stored in po_files.stored(report)]
    po_files.store.apply(report.dataset.id, DeleteRecords((ids[1], ids[3])))
    assert po_files.written(report).decode() == po(FILES)
    po_files.store.apply(report.dataset.id, DeleteRecords((ids[2],)))
    message = FILES[FILES.index("#: a.c") : FILES.index('msgid "Close"')]
    assert po_files.written(report).decode() == po(FILES.replace(message, ""))


def test_the_header_stays_when_its_first_message_is_removed(po_files) -> None:
    text = po('msgid "a"\nmsgstr "à"\n\nmsgid "b"\nmsgstr "ß"\n', charset="ISO-8859-1")
    report = po_files.read(text.encode("latin-1"))
    po_files.store.apply(report.dataset.id, DeleteRecords((po_files.stored(report)[0].id,)))
    written = po_files.written(report)
    assert b"charset=ISO-8859-1" in written
    assert po_files.pairs(po_files.read(written)) == [("b", "ß")]


@pytest.mark.parametrize(
    ("charset", "word"), [("ISO-8859-15", "Œuvre €"), ("windows-1251", "Слово"), ("EUC-JP", "言葉"), ("utf8", "ß")]
)
def test_the_charset_of_the_header_counts_both_ways(po_files, tmp_path, charset, word) -> None:
    data = po(f'msgid "word"\nmsgstr "{word}"\n', charset=charset).encode(charset)
    report = po_files.read(data)
    assert po_files.pairs(report) == [("word", word)]
    (best, *_) = propose(po_files.catalogue, [tmp_path / "in.po"])
    assert best.importer.id == "po"
    assert po_files.written(report) == data


def test_the_encoding_may_be_said_where_the_header_is_wrong(po_files) -> None:
    data = po('msgid "a"\nmsgstr "ä"\n').encode("latin-1")
    with pytest.raises(WorkbenchError, match="not UTF-8") as caught:
        po_files.read(data)
    assert caught.value.line == 8
    assert po_files.pairs(po_files.read(data, encoding="latin-1")) == [("a", "ä")]
    placeholder = po('msgid "a"\nmsgstr "ä"\n', charset="CHARSET")
    assert po_files.pairs(po_files.read(placeholder)) == [("a", "ä")]
    wrong = po('msgid "a"\nmsgstr "ä"\n', charset="ISO-8859-1")
    assert po_files.pairs(po_files.read("\ufeff" + wrong)) == [("a", "ä")]  # the byte-order mark is certain


@pytest.mark.parametrize("charset", ["nonsense", "rot13", "idna", "unicode_escape", "utf-7", "cp037"])
def test_a_charset_that_is_none_is_refused_with_its_line(po_files, charset) -> None:
    with pytest.raises(WorkbenchError, match=f"not known: {charset}") as caught:
        po_files.read(po('msgid "a"\nmsgstr "b"\n', charset=charset))
    assert caught.value.line == 4
    assert po_files.store.datasets() == []


def test_an_edit_that_the_charset_lacks_is_said_in_words(po_files) -> None:
    report = po_files.read(po('msgid "a"\nmsgstr "b"\n', charset="ISO-8859-1"))
    po_files.change(report, 0, "a", "Слово")
    with pytest.raises(WorkbenchError, match="cannot be written in iso8859-1"):
        po_files.written(report)


def test_fuzzy_messages_are_told_of_whether_they_are_taken_or_not(po_files) -> None:
    text = po('msgid "a"\nmsgstr "A"\n\n#, fuzzy, c-format\n#| msgid "x"\nmsgid "b"\nmsgstr "B"\n\n'
              '#, no-fuzzy-here\nmsgid "c"\nmsgstr "C"\n')  # fmt: skip
    left = po_files.read(text)
    assert [source for source, _ in po_files.pairs(left)] == ["a", "c"]
    (finding,) = left.problems
    assert (finding.severity, finding.line) == ("info", 12)
    assert "left out" in finding.message
    assert po_files.written(left).decode() == text
    taken = po_files.read(text, fuzzy=True)
    assert [source for source, _ in po_files.pairs(taken)] == ["a", "b", "c"]
    assert "taken" in taken.problems[0].message


def test_a_catalogue_with_nothing_confirmed_says_which_options_help(po_files) -> None:
    text = po('#, fuzzy\nmsgid "a"\nmsgstr "A"\n\nmsgid "b"\nmsgstr ""\n')
    with pytest.raises(WorkbenchError, match="No message") as caught:
        po_files.read(text)
    assert "1 have none, 1 are marked fuzzy" in caught.value.why
    assert len(po_files.pairs(po_files.read(text, fuzzy=True, untranslated=True))) == 2


def test_a_header_marked_fuzzy_is_no_message(po_files) -> None:
    text = "#, fuzzy\n" + po('msgid "a"\nmsgstr "A"\n').removeprefix("# head\n")
    report = po_files.read(text)
    assert report.problems == ()
    assert po_files.written(report).decode() == text


@pytest.mark.parametrize(
    ("body", "plural", "what", "line"),
    [
        ('msgid "a"\nmsgid_plural "b"\nmsgstr[0] "A"\n', RUSSIAN, "has 1 plural forms, the header says 3", 7),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr[1] "A"\nmsgstr[0] "B"\n', "", r"numbered \[1, 0\]", 6),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr "A"\n', RUSSIAN, "msgstr without a number", 7),
        ('msgid "a"\nmsgstr[0] "A"\n', RUSSIAN, "no msgid_plural", 7),
        ('msgid "a"\nmsgstr "A"\n', "nplurals=2; plural=n ** 1;", "Plural-Forms of this catalogue", 2),
        ('msgid "a"\nmsgstr "A"\n', "nplurals=2; plural=n + 4;", "form 5 for the number 1, and there are 2", 2),
        ('msgid "a"\nmsgstr "A"\n', "plural=n;", "no number of forms", 2),
    ],
)
def test_forms_that_do_not_fit_are_refused_with_their_line(po_files, body, plural, what, line) -> None:
    with pytest.raises(WorkbenchError, match=what) as caught:
        po_files.read(po(body, plural))
    assert caught.value.line == line
    assert po_files.store.datasets() == []


def test_bad_messages_can_be_left_out_with_a_report(po_files) -> None:
    text = po('msgid "a"\nmsgid_plural "b"\nmsgstr[0] "A"\n\nmsgid "c"\nmsgstr "C"\n')
    report = po_files.read(text, skip_bad=True)
    assert po_files.pairs(report) == [("c", "C")]
    assert [finding.line for finding in report.problems] == [7]
