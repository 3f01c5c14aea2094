"""Span schemes agree with conlleval and survive going to and fro."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from workbench.api.schemes import (
    Scheme,
    from_iob2,
    illegal_positions,
    is_legal,
    is_legal_sequence,
    overwrite_span,
    recognise,
    repair,
    spans,
    tags_of,
    to_iob2,
)

TAGS = st.sampled_from(["O", *[f"{letter}-{label}" for letter in "BIESLU" for label in ("A", "B")]])
IOB2_TAGS = st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"])
FULL = (Scheme.IOB1, Scheme.IOB2, Scheme.IOBES, Scheme.BILOU)


def conlleval_spans(tags: list[str]) -> list[tuple[int, int, str]]:
    """The chunk rules of conlleval, written out as in its published code (start_of_chunk, end_of_chunk)."""
    found, start, kind = [], 0, ""
    previous, previous_kind, inside = "O", "", False
    letters = {"L": "E", "U": "S"}
    for i, tag in enumerate([*tags, "O"]):
        letter, _, label = tag.partition("-")
        letter = letters.get(letter, letter)
        ends = (
            previous in ("E", "S")
            or (previous in ("B", "I") and letter in ("B", "S", "O"))
            or (previous != "O" and previous_kind != label)
        )
        starts = (
            letter in ("B", "S")
            or (letter in ("E", "I") and previous in ("E", "S", "O"))
            or (letter != "O" and previous_kind != label)
        )
        if inside and ends:
            found.append((start, i, kind))
            inside = False
        if starts and letter != "O":
            start, kind, inside = i, label, True
        previous, previous_kind = letter, label
    return found


@given(st.lists(TAGS, max_size=12))
def test_spans_are_those_of_conlleval(tags: list[str]) -> None:
    assert spans(tags) == conlleval_spans(tags)


@given(st.lists(IOB2_TAGS, max_size=12), st.sampled_from(FULL))
def test_a_legal_sequence_survives_every_scheme(tags: list[str], scheme: Scheme) -> None:
    legal = repair(tags)
    written = from_iob2(legal, scheme)
    assert spans(written) == spans(legal)
    assert to_iob2(written, scheme) == legal
    assert is_legal_sequence(written, scheme)


@given(st.lists(TAGS, max_size=12), st.sampled_from((Scheme.IOB1, Scheme.IOBES, Scheme.BILOU)))
def test_conversion_to_iob2_keeps_the_spans_of_any_tags(tags: list[str], scheme: Scheme) -> None:
    assert to_iob2(tags, scheme) == tags_of(spans(tags), len(tags))


@given(st.lists(TAGS, max_size=12), st.sampled_from(FULL))
def test_repair_makes_legal_and_keeps_the_spans(tags: list[str], scheme: Scheme) -> None:
    mended = repair(tags, scheme)
    assert illegal_positions(mended, scheme) == []
    assert spans(mended) == spans(tags)


@given(st.lists(TAGS, max_size=12), st.sampled_from(FULL))
def test_the_quick_check_agrees_with_the_positions(tags: list[str], scheme: Scheme) -> None:
    assert is_legal_sequence(tags, scheme) == (illegal_positions(tags, scheme) == [])


@given(st.lists(IOB2_TAGS, min_size=1, max_size=10), st.data())
def test_a_span_set_is_there_and_others_are_only_cut(tags: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(tags) - 1))
    end = data.draw(st.integers(start + 1, len(tags)))
    label = data.draw(st.sampled_from([None, "A", "B"]))
    changed = overwrite_span(tags, start, end, label)
    inside = [span for span in spans(changed) if span[0] < end and span[1] > start]
    assert inside == ([] if label is None else [(start, end, label)])
    before = {(i, kind) for a, b, kind in spans(tags) for i in range(a, b) if not start <= i < end}
    after = {(i, kind) for a, b, kind in spans(changed) for i in range(a, b) if not start <= i < end}
    assert before == after


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("I-PER I-PER O I-LOC B-LOC", Scheme.IOB1),
        ("B-PER I-PER O B-LOC", Scheme.IOB2),
        ("B-PER E-PER O S-LOC", Scheme.IOBES),
        ("B-PER L-PER O U-LOC", Scheme.BILOU),
        ("O O O", Scheme.IOB2),
        ("NN VB NN", Scheme.PLAIN),
        ("O O O PER PER O O", Scheme.IO),
    ],
)
def test_schemes_are_recognised(tags: str, scheme: Scheme) -> None:
    assert recognise([tags.split()]) is scheme


def test_what_may_follow_what() -> None:
    assert is_legal("B-A", "I-A")
    assert not is_legal("O", "I-A")
    assert not is_legal(None, "I-A")
    assert is_legal(None, "I-A", Scheme.IOB1)
    assert not is_legal("B-A", None, Scheme.IOBES)
    assert is_legal("S-A", None, Scheme.IOBES)


def test_a_span_outside_the_sentence_is_refused() -> None:
    with pytest.raises(ValueError, match="not a range"):
        overwrite_span(["O"], 0, 2, "A")
