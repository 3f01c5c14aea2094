"""Text to ids and back: spaces and punctuation right, offsets true, the same after writing and reading."""

from __future__ import annotations

import itertools
import json
import random
import sys
from subprocess import run

import pytest

from workbench.api import WorkbenchError
from workbench.nn.text import KINDS, UNKNOWN, Tokeniser, normalise

TEXTS = [
    "Tom's dog (a big one) barks, doesn't it?",
    "J'ai vu l'hiver : où est-ce ? Ici !",
    "Am 3. März 2021 kostet es 3,50 Euro.",
    'She said: "Hello, world!" and left...',
    "orange-red shoes / blue ones",
]


def _all(kind: str, **options: object) -> Tokeniser:
    return Tokeniser.fit(kind, TEXTS, size=0 if kind in ("words", "characters") else 150, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_decoding_gives_the_text_back(kind, text):
    tokeniser = _all(kind)
    ids = tokeniser.encode(text)
    assert ids.dtype == "int64"
    assert UNKNOWN not in ids
    assert tokeniser.decode([2, *ids, 3, 0]) == text


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_point_at_the_tokens(kind):
    tokeniser = _all(kind)
    for text in [*TEXTS, "☃ Schnee  fällt", "", "   "]:
        tokens, offsets, ids = tokeniser.tokens(text), tokeniser.offsets(text), tokeniser.encode(text)
        assert len(tokens) == len(offsets) == len(ids)
        assert [normalise(text)[start:end] for start, end in offsets] == tokens
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(offsets))


@pytest.mark.parametrize("kind", KINDS)
def test_written_as_json_and_read_again_it_cuts_alike(kind):
    tokeniser = _all(kind)
    again = Tokeniser.from_json(json.loads(json.dumps(tokeniser.to_json())))
    assert again.hash == tokeniser.hash
    assert again.symbols == tokeniser.symbols
    assert again.counts == tokeniser.counts
    for text in TEXTS:
        assert again.encode(text).tolist() == tokeniser.encode(text).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_many_at_once_equal_one_by_one(kind):
    tokeniser = _all(kind)
    texts = [*TEXTS, "an unknown ☃", ""]
    assert [ids.tolist() for ids in tokeniser.encode_many(texts)] == [tokeniser.encode(t).tolist() for t in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_texts_does_not_matter(kind):
    shuffled = TEXTS.copy()
    random.Random(1).shuffle(shuffled)
    assert Tokeniser.fit(kind, shuffled, size=90).hash == Tokeniser.fit(kind, iter(TEXTS), size=90).hash


def test_a_size_keeps_the_most_frequent_and_the_special_ones():
    tokeniser = Tokeniser.fit("words", ["a a a b b c"], size=6)
    assert tokeniser.symbols == ("<pad>", "<unk>", "<s>", "</s>", "a", "b")
    assert tokeniser.counts == (0, 1, 0, 0, 3, 2)
    assert tokeniser.encode("c a").tolist() == [1, 4]
    assert tokeniser.unknown_rate(["a b c d"]) == 0.5
    assert Tokeniser.fit("words", ["a a b"], min_count=2).symbols[4:] == ("a",)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_subwords_keep_to_their_size_and_know_every_letter_they_saw(kind):
    tokeniser = Tokeniser.fit(kind, TEXTS, size=120)
    assert len(tokeniser) <= 120
    assert tokeniser.unknown_rate(TEXTS) == 0.0
    assert UNKNOWN in tokeniser.encode("☃")


def test_an_accent_of_two_characters_is_the_one_that_was_learned():
    tokeniser = Tokeniser.fit("words", ["été"])
    assert tokeniser.encode("e\u0301te\u0301").tolist() == [4]


@pytest.mark.parametrize("kind", KINDS)
def test_lower_case(kind):
    tokeniser = _all(kind, lowercase=True)
    assert tokeniser.decode(tokeniser.encode("TOM'S DOG")) == "tom's dog"
    assert "".join(tokeniser.tokens("TOM")) == "TOM"


def test_tokenised_text_is_cut_at_spaces_alone():
    tokeniser = Tokeniser.fit("words", ["it does n't matter <unk> N"], split="spaces")
    assert tokeniser.tokens("does n't <unk>") == ["does", "n't", "<unk>"]
    assert tokeniser.encode("<unk> <s> </s>").tolist() == [1, 1, 1]
    assert tokeniser.decode(tokeniser.encode("does n't")) == "does n't"


@pytest.mark.parametrize("kind", KINDS)
def test_special_names_in_a_text_are_only_text(kind):
    tokeniser = _all(kind)
    assert not {0, 2, 3} & set(tokeniser.encode("<s> </s> <pad>").tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_characters_without_a_space(kind):
    tokeniser = _all(kind)
    assert len(tokeniser.offsets("dog" * 33_000)) >= 1


def test_nothing_to_learn_from_is_said():
    with pytest.raises(WorkbenchError, match="no text"):
        Tokeniser.fit("words", ["", "  "])
    with pytest.raises(WorkbenchError, match="no room"):
        Tokeniser.fit("words", ["a"], size=4)


def test_it_needs_no_torch():
    code = "import sys, workbench.nn.text as t; t.Tokeniser.fit('bpe', ['a b']); assert 'torch' not in sys.modules"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
