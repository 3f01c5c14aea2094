"""Labels follow what a person does to a sentence."""

from __future__ import annotations

import pytest

from workbench.shell.tokens.labelling import LabelColours, breaks_of, realign, span_around, spans_of, with_span

WORDS = ("John", "Smith", "saw", "New", "York", "City", "today")
LABELS = ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "I-LOC", "O")


def test_a_span_inside_another_cuts_it_and_the_rest_begins_anew() -> None:
    assert with_span(LABELS, 4, 5, "ORG") == ("B-PER", "I-PER", "O", "B-LOC", "B-ORG", "B-LOC", "O")


def test_clearing_takes_labels_off_the_chosen_words_only() -> None:
    assert with_span(LABELS, 3, 4, "") == ("B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O")


def test_the_span_around_a_word_is_found() -> None:
    assert span_around(LABELS, 4) == (3, 6)
    assert span_around(LABELS, 2) == (2, 3)


def test_breaks_of_the_scheme_are_shown_where_they_are() -> None:
    assert breaks_of(("O", "I-PER", "I-LOC", "B-LOC", "I-LOC")) == {1, 2}
    assert [(s.start, s.end, s.label) for s in spans_of(("O", "I-PER", "I-LOC"))] == [(1, 2, "PER"), (2, 3, "LOC")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John Smith saw New York City again today", ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "I-LOC", "O", "O")),
        ("Smith saw New York City today", ("B-PER", "O", "B-LOC", "I-LOC", "I-LOC", "O")),
        ("Jon Smith saw New York City today", LABELS),
        ("John A. Smith saw New York City today", ("B-PER", "I-PER", "I-PER", "O", "B-LOC", "I-LOC", "I-LOC", "O")),
        ("John Smith saw York today", ("B-PER", "I-PER", "O", "B-LOC", "O")),
        ("John Smith saw NewYork City today", ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O")),
    ],
)
def test_labels_stay_with_their_words_when_the_text_is_edited(text: str, expected: tuple[str, ...]) -> None:
    words = text.split()
    moved = realign(WORDS, words, LABELS, is_span=True)
    assert moved == expected
    assert not breaks_of(moved)


def test_plain_labels_stay_and_new_words_have_none() -> None:
    assert realign(("a", "dog"), ("a", "big", "dog"), ("DET", "NOUN"), is_span=False) == ("DET", "", "NOUN")


def test_the_usual_types_keep_their_colours_whatever_else_there_is() -> None:
    few, many = LabelColours(["LOC", "PER"]), LabelColours(["ZZZ", "AAA", "PER", "LOC", "ORG"])
    assert few.index("PER") == many.index("PER")
    assert few.index("LOC") == many.index("LOC")
    assert len({many.index(name) for name in ("ZZZ", "AAA", "PER", "LOC", "ORG")}) == 5
