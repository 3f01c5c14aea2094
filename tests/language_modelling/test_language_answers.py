"""What a language model answers: next words, continuations reproducible by seed, surprise; and what it refuses."""

from __future__ import annotations

import json
import math

import pytest
import torch
from language_tools import plays, rhymes, trained
from workbench_plugins.tasks.language_modelling import reading
from workbench_plugins.tasks.language_modelling.result import LanguageModelResult

from workbench.api import Text, WorkbenchError
from workbench.nn.contract import DecodeOptions


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("words"), rhymes(120), units="words")[0]


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("characters"), plays(60), epochs=12, units="characters")[0]


def ask(predictor, text, **extra):
    options = DecodeOptions(n_best=extra.pop("n_best", 1), alternatives=extra.pop("alternatives", 0), extra=extra)
    (result,) = predictor.predict([Text(text)], options)
    assert isinstance(result, LanguageModelResult)
    return result


def test_the_cat_sat_on_the_mat(words):
    result = ask(words, "the cat sat on the")
    assert result.next[0][0] == "mat"
    assert result.next[0][1] > 0.5
    assert sum(chance for _, chance in result.next) <= 1 + 1e-6


def test_a_sentence_is_written_to_its_end(words):
    result = ask(words, "the cat sat", temperature=0)
    assert result.text == "the cat sat on the mat ."
    assert result.continuations[0].ended


def test_it_can_go_on_beyond_the_end_of_a_sentence(words):
    result = ask(words, "the cat sat", temperature=0, stop=False, length=14)
    assert len(result.continuations[0].tokens) == 14
    assert "\n" in result.text


def test_the_same_seed_writes_the_same_and_another_another(characters):
    first, again = (ask(characters, "ROMEO:", seed=5, temperature=1.5, length=40) for _ in range(2))
    other = ask(characters, "ROMEO:", seed=6, temperature=1.5, length=40)
    assert first.continuations == again.continuations
    assert first.continuations != other.continuations


def test_what_is_written_does_not_depend_on_what_is_asked_beside_it(words):
    texts = ["the dog", "a cat and a", "the bird sat in"]
    together = words.predict([Text(text) for text in texts], DecodeOptions(extra={"temperature": 1.2}))
    for text, result in zip(texts, together, strict=True):
        assert ask(words, text, temperature=1.2).text == result.text


def test_several_continuations_are_several(characters):
    result = ask(characters, "JULIET:", n_best=3, temperature=2.0, length=20)
    assert len({one.text for one in result.continuations}) == 3
    assert all(len(one.tokens) == 20 for one in result.continuations)


def test_top_k_of_one_is_greedy(words):
    assert ask(words, "the dog", top_k=1).text == ask(words, "the dog", method="greedy").text


def test_surprise_is_the_models_own_log_probability(words):
    plain, odd = ask(words, "the cat sat on the mat"), ask(words, "the cat sat on the dog", alternatives=2)
    assert plain.perplexity < odd.perplexity
    worst = min(range(len(odd.tokens)), key=lambda i: odd.log_probabilities[i])
    assert odd.tokens[worst] == "dog"
    assert odd.ranks[worst] > 1
    assert odd.expected[worst][0][0] == "mat"
    following = dict(ask(words, "the cat sat on the").next)
    assert following["mat"] == pytest.approx(math.exp(plain.log_probabilities[-1]), rel=1e-4)


def test_tokens_have_their_place_in_the_text(words):
    result = ask(words, "the cat  sat.")
    assert [result.prefix[a:b] for a, b in result.offsets] == list(result.tokens) == ["the", "cat", "sat", "."]


def test_an_unknown_word_is_named(words):
    result = ask(words, "the zyzzyva sat")
    assert result.unknown == ("zyzzyva",)
    assert "“zyzzyva”" in result.notice
    assert "<unk>" not in result.continuations[0].text


def test_a_long_paste_is_bounded_and_that_is_said(characters, monkeypatch):
    monkeypatch.setattr(reading, "MOST_READ", 500)
    result = ask(characters, "the cat sat on the mat.\n" * 5000)
    assert len(result.tokens) == 500
    assert "last 500 of 120,000 characters" in result.notice


def test_reading_in_pieces_is_reading_at_once(characters, monkeypatch):
    text = "ROMEO:\nthe cat sat on the mat .\n\nJULIET:\nthe dog"
    whole = ask(characters, text, length=0)
    monkeypatch.setattr(reading, "PIECE_STEPS", 7)
    parts = ask(characters, text, length=0)
    assert parts.log_probabilities == pytest.approx(whole.log_probabilities, abs=1e-4)
    assert parts.ranks == whole.ranks


def test_an_empty_beginning_is_refused_in_words(characters):
    assert characters.parse("  \n") == []
    assert characters.parse("ROMEO:\n") == [Text("ROMEO:")]


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", "warm"), ("top_p", 2), ("length", -1), ("seed", 0.5), ("top_k", -3)]
)
def test_an_option_that_cannot_be_is_named(words, name, value):
    with pytest.raises(WorkbenchError, match=name):
        ask(words, "the cat", **{name: value})


def test_a_result_survives_json_and_has_a_summary(words):
    result = ask(words, "the cat sat", alternatives=3, n_best=2)
    assert LanguageModelResult.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert "next: on" in result.summary()


def test_a_trace_names_what_is_read_and_foretold(characters):
    trace = characters.trace(Text("ROMEO:"), gradient=True)
    assert trace.steps[:3] == ("⏎", "R", "O")
    assert len(trace.steps) == len(trace.outputs)
    assert trace.output_labels[int(trace.outputs[2].argmax())] == "M"
