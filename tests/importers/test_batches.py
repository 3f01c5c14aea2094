"""Sentences read and written many at a time are the same as those read one by one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench_plugins.importers.conll.params import ConllParams
from workbench_plugins.importers.conll.reader import ConllStream
from workbench_plugins.importers.conllu.params import ConlluParams
from workbench_plugins.importers.conllu.reader import ConlluStream

from workbench.api import ImportedRecord, TaggedTokens, WorkbenchError
from workbench.api.batches import BREAK, BatchedStream, SentenceBatch, SpanColumns
from workbench.api.schemes import Scheme, is_legal_sequence, to_iob2
from workbench.data import DatasetStore
from workbench.data.bulk import derive
from workbench.data.rows import LabelIndex, digest_of, encode_body, fold, problem_of

TAGS = st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y", "E-X", "S-Y", "L-X", "X", "", 'I-é\\"%'])
WORDS = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), max_size=6)
SENTENCES = st.lists(st.lists(st.tuples(WORDS, TAGS, TAGS), min_size=1, max_size=6), min_size=1, max_size=6)
LINES = st.sampled_from(
    ["a O", "b B-X", "I I-X", "c\tO", "d O ", " e O", "f  O", "g O X", "-DOCSTART- O", "# no", "# O", "# newdoc id = 7",
     "", "", "", " ", "\t", "\xa0", "h \xa0", "i O\xa0", "j"]
)  # fmt: skip


def flat(columns: list[list[str]]) -> list[str]:
    return [cell for i, column in enumerate(columns) for cell in ([BREAK, *column] if i else column)]


def batch_of(sentences: list[list[tuple[str, str, str]]]) -> SentenceBatch:
    tokens, ner, pos = (flat([[cells[i] for cells in sentence] for sentence in sentences]) for i in range(3))
    n = len(sentences)
    return SentenceBatch(tokens, {"ner": ner, 'p%"s': pos}, [*map(len, sentences)], [*range(n)], [""] * n, [""] * n)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=SENTENCES)
def test_rows_of_many_are_the_rows_of_each(tmp_path_factory: pytest.TempPathFactory, sentences) -> None:  # type: ignore[no-untyped-def]
    batch = batch_of(sentences)
    layers = {"ner": {"kind": "span"}, 'p%"s': {"kind": "label"}}
    with DatasetStore.create(tmp_path_factory.mktemp("rows") / "data.sqlite") as store:
        number = store.create_dataset("a", "tagged_tokens").id
        with store.connections.writing() as connection:
            index = LabelIndex(connection, number)
            for (problem, body, digest, labels, search), imported in zip(
                zip(*derive(batch, layers, index), strict=True), batch, strict=True
            ):
                record = imported.record
                assert (problem, body) == (problem_of(record, layers), encode_body(record))
                assert (digest, search) == (digest_of(body), fold(record.search_text()))
                assert sorted(labels.split()) == sorted(index.text(record.labels()).split())


@given(sentences=st.lists(st.lists(TAGS, min_size=1), min_size=1), scheme=st.sampled_from(list(Scheme)))
def test_a_column_is_judged_and_turned_like_its_sentences(sentences: list[list[str]], scheme: Scheme) -> None:
    columns = SpanColumns(scheme)
    assert columns.is_legal(flat(sentences)) == all(is_legal_sequence(tags, scheme) for tags in sentences)
    assert columns.to_iob2(flat(sentences)) == flat([list(to_iob2(tags, scheme)) for tags in sentences])
    if scheme not in (Scheme.IOB2, Scheme.PLAIN):
        assert all(is_legal_sequence(to_iob2(tags, scheme)) for tags in sentences)


def read(stream: ConllStream | ConlluStream, *, carefully: bool) -> tuple[list[ImportedRecord], object]:
    """All records, or what stopped them, and what was reported."""
    if carefully:
        stream._at_once = lambda blocks: None  # type: ignore[method-assign]
    found: list[ImportedRecord] = []
    try:
        found = list(stream)
    except WorkbenchError as error:
        return [], (error.what, error.line)
    return found, (stream.format["tail"], sorted(map(str, stream.problems)))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(LINES, min_size=1, max_size=40),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    separator=st.sampled_from(["space", "tab", "whitespace"]),
    skip_bad=st.booleans(),
    ending=st.booleans(),
)
def test_a_file_read_at_once_is_the_file_read_line_by_line(
    tmp_path: Path, lines: list[str], newline: str, separator: str, skip_bad: bool, ending: bool
) -> None:
    path = tmp_path / "file.txt"
    text = newline.join(["Ann O", "", *lines]) + newline * ending
    path.write_bytes((text.replace(" ", "\t") if separator == "tab" else text).encode())
    options = ConllParams(columns=("token", "ner"), separator=separator, scheme="iob2", skip_bad=skip_bad)  # type: ignore[arg-type]
    quick = read(ConllStream(path, options), carefully=False)
    assert quick == read(ConllStream(path, options), carefully=True)
    if quick[0] and not skip_bad:
        raws = "".join(record.raw for record in quick[0])
        assert (raws + quick[1][0]).encode() == path.read_bytes()  # type: ignore[index]


def conllu(number: str, *, width: int = 10) -> str:
    return "\t".join([number, *"abcdefghi"][:width])


UNITS = st.sampled_from(
    [conllu("1"), f"{conllu('1')}\n{conllu('2')}", f"{conllu('1-2')}\n{conllu('1')}\n{conllu('2')}\n{conllu('2.1')}",
     conllu("2"), conllu("1", width=9), conllu("x"), conllu("1-2"), "# a comment", "# newdoc id = 3", "# newdoc", "",
     f"# text\n{conllu('1')}", f"{conllu('1')}\n# inside\n{conllu('2')}", " ", "\t" * 9, conllu("1") + " "]
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    units=st.lists(UNITS, min_size=1, max_size=20),
    newline=st.sampled_from(["\n", "\r\n"]),
    gap=st.sampled_from(["\n\n", "\n\n", "\n", "\n\n\n"]),
    skip_bad=st.booleans(),
)
def test_a_treebank_read_at_once_is_the_treebank_read_line_by_line(
    tmp_path: Path, units: list[str], newline: str, gap: str, skip_bad: bool
) -> None:
    path = tmp_path / "file.conllu"
    path.write_bytes((f"{conllu('1')}\n\n" + gap.join(units) + gap).replace("\n", newline).encode())
    options = ConlluParams(skip_bad=skip_bad)
    quick = read(ConlluStream(path, options), carefully=False)
    assert quick == read(ConlluStream(path, options), carefully=True)


def test_well_formed_sentences_come_as_columns(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("-DOCSTART- O\n\n" + "Ann B-X\nLee I-X\n\n\nsang O\n\n" * 700 + "# O\n\n", encoding="utf-8")
    stream = ConllStream(path, ConllParams(columns=("token", "ner")))
    assert isinstance(stream, BatchedStream)
    batches = list(stream.batches(1000))
    assert all(isinstance(batch, SentenceBatch) for batch in batches)
    assert [len(batch) for batch in batches] == [1000, 401]
    last = list(batches[-1])[-1]
    assert (last.record, last.line) == (TaggedTokens(("#",), {"ner": ("O",)}), 2 + 700 * 6 + 1)
    assert "".join(record.raw for batch in batches for record in batch) == io.StringIO(path.read_text()).read()


def test_one_odd_line_slows_only_the_sentences_around_it(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("Ann O\n\n" * 700 + "Lee  O\n\n" + "Ann O\n\n" * 299, encoding="utf-8")
    stream = ConllStream(path, ConllParams(columns=("token", "ner"), separator="space", skip_bad=True))
    batches = list(stream.batches(1000))
    assert sum(len(batch) for batch in batches if isinstance(batch, SentenceBatch)) == 950
    assert [problem.line for problem in stream.problems] == [1401]
