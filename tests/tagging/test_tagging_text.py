"""Typed text becomes tokens as the training corpora have them; and what is proposed for a data set."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbench_plugins.tasks.tagging.params import PRESETS, TaggingParams
from workbench_plugins.tasks.tagging.proposals import propose
from workbench_plugins.tasks.tagging.text import parse_input, tokenise

from workbench.api import validate


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Peter Blackburn lives in Brussels.", "Peter Blackburn lives in Brussels ."),
        ("He doesn't, can't and won't.", "He does n't , ca n't and wo n't ."),
        ("It's John's; they're I'm we'll I'd you've.", "It 's John 's ; they 're I 'm we 'll I 'd you 've ."),
        ("I cannot go.", "I can not go ."),
        ('"Hello," she said (twice)!', '" Hello , " she said ( twice ) !'),
        ("In 1996 it cost $1,000.50 at 12:30.", "In 1996 it cost $ 1,000.50 at 12:30 ."),
        ("Mr. Smith of the U.S. met Dr. No.", "Mr. Smith of the U.S. met Dr. No ."),
        ("AT&T and twenty-one state-of-the-art things", "AT&T and twenty-one state-of-the-art things"),
        (
            "Write to me@example.org or see https://example.org/a?b=c.",
            "Write to me@example.org or see https://example.org/a?b=c .",
        ),
        ("Great!!! ***** really?!", "Great !!! ***** really ?!"),
        ("So... what -- now?", "So ... what -- now ?"),
        ("J. R. R. Tolkien wrote it.", "J. R. R. Tolkien wrote it ."),
        ("Zürich liegt in der Schweiz.", "Zürich liegt in der Schweiz ."),
        ("", ""),
    ],
)
def test_tokens(text, tokens):
    assert " ".join(tokenise(text)) == tokens


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_tokens_put_together_are_the_text_without_its_spaces(text):
    assert "".join(tokenise(text)) == "".join(text.split())
    assert all(record.tokens and all(record.tokens) for record in parse_input(text))


def test_a_line_is_cut_into_sentences_and_lines_stay_apart():
    records = parse_input('Anna left. She said "No." Then Mr. Bean came.\n\nEU rejects German call\n')
    assert [" ".join(record.tokens) for record in records] == [
        "Anna left .",
        'She said " No . "',
        "Then Mr. Bean came .",
        "EU rejects German call",
    ]
    assert all(not record.layers for record in records)


def test_nothing_typed_is_no_sentence():
    assert parse_input(" \n\t\n") == []


CONLL = {
    "split_records": {"train": 14041, "test": 3453},
    "split_steps": {"train": 10, "test": 6},
    "labels": {
        "pos": {"train": {"NN": 6, "VB": 4}, "test": {"NN": 6}},
        "chunk": {"train": {"NP": 5, "VP": 2}, "test": {"NP": 3}},
        "ner": {"train": {"PER": 2, "LOC": 1}},
    },
}


def test_the_entity_layer_is_proposed_first():
    proposals = propose(CONLL)
    assert [values["layer"] for values, _ in proposals] == ["ner", "chunk", "pos"]
    assert proposals[0] == ({"head": "crf", "layer": "ner"}, "Find LOC and PER in sentences (layer ner).")
    assert proposals[2][0]["head"] == "softmax"
    for values, _ in proposals:
        assert isinstance(validate(TaggingParams, values), TaggingParams)
    assert propose({"labels": {}}) == []


def test_a_small_data_set_is_proposed_a_small_model():
    values, _ = propose({**CONLL, "split_records": {"train": 500}})[0]
    assert values["word_embedding_size"] < TaggingParams().word_embedding_size


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.title)
def test_presets_are_valid(preset):
    assert isinstance(validate(TaggingParams, dict(preset.values)), TaggingParams)
