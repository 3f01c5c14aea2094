"""What a vocabulary does not know is told in words, where it is most of an input."""

from __future__ import annotations

import pytest

from workbench.nn.text import KINDS, Tokeniser
from workbench.nn.text.unknown import Unknown, notice

TEXTS = ["the cat sat on the mat", "a dog ate the fish", "the fish sat on a dog"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learned_from_is_known_and_another_script_is_not(kind) -> None:
    tokeniser = Tokeniser.fit(kind, TEXTS, size=60)
    assert tokeniser.unknown(TEXTS[0]).symbols == ()
    strange = tokeniser.unknown("Привет мир")
    assert strange.mostly
    assert strange.kind == kind
    assert set("".join(strange.symbols)) <= set("Привет мир")


@pytest.mark.parametrize("kind", KINDS)
def test_the_share_is_that_of_the_ids_the_network_reads(kind) -> None:
    tokeniser = Tokeniser.fit(kind, TEXTS, size=60)
    for text in ("the Ж cat", "ЖЖ", "", "a dog ate the cat", " \n"):
        found = tokeniser.unknown(text)
        assert found.share == pytest.approx(tokeniser.unknown_rate([text]))
        assert found.total == len(tokeniser.encode(text))


def test_the_notice_says_what_why_and_what_to_do() -> None:
    said = notice(Unknown(("le", "chat", "le"), 4), 1, 1)
    assert said.startswith("The model does not know most of this input: 3 of its 4 words are not in its vocabulary")
    assert "(“le”, “chat”)" in said
    assert "training texts" in said
    assert "Ask in the language" in said


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Unknown(("a",), 1), "the word is not in"),
        (Unknown(("a", "b"), 2, "characters"), "none of its characters is in"),
        (Unknown(("a",), 2, "bpe"), "1 of its 2 pieces of words is not in"),
        (Unknown(("x" * 100_000,), 1), "…”"),
        (Unknown(tuple("abcdefgh"), 8), "“d”, …)"),
    ],
)
def test_it_counts_as_people_do(found, words) -> None:
    said = notice(found, 1, 1)
    assert words in said
    assert len(said) < 500


def test_of_several_inputs_it_says_how_many() -> None:
    assert "most of 2 of 7 inputs; of one of them none of its words is" in notice(Unknown(("a", "b"), 2), 2, 7)


def test_what_is_mostly_known_is_not_spoken_of() -> None:
    assert notice(None, 0, 5) == ""
    assert not Unknown(("a",), 3).mostly
    assert not Unknown((), 0).mostly
    assert Unknown(("a",), 2).mostly
