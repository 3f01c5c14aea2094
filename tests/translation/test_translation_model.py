"""The task through the engine: it learns, writes freely, keeps to prefixes, copies what it does not know."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from translation_tools import config, dates, model_of
from workbench_plugins.tasks.translation.codec import TranslationCodec
from workbench_plugins.tasks.translation.params import PRESETS, TranslationParams
from workbench_plugins.tasks.translation.proposals import propose
from workbench_plugins.tasks.translation.task import TranslationModel
from workbench_plugins.tasks.translation.text import LONGEST_PIECE, parse_input

from workbench.api import TextPair, Translation, WorkbenchError, validate
from workbench.api.events import EpochMetrics
from workbench.engine.data import ListSource, encode_split
from workbench.engine.evaluate import evaluation_mode
from workbench.engine.predict import Predictor, load_bundle
from workbench.engine.tracing import trace_record
from workbench.engine.training import train
from workbench.nn.contract import DecodeOptions
from workbench.nn.text import END, UNKNOWN
from workbench.runs import RunFolder
from workbench.runs.journal import read_journal


def predictor(model) -> Predictor:
    return Predictor(model, config())


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("kind", ["words", "characters", "bpe", "unigram"])
def test_the_codec_is_the_same_after_json(kind: str, joint: bool) -> None:
    params = TranslationParams(vocabulary=kind, vocabulary_size=120, joint=joint)
    codec = TranslationModel(params).fit_codec(dates(count=80))
    again = TranslationCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert again.joint == joint
    assert again.to_json() == codec.to_json()
    for pair in dates("test", 10):
        first, second = codec.encode(pair), again.encode(pair)
        assert first["source"].tolist() == second["source"].tolist()
        assert first["source"][-1] == END
        assert first["target"].tolist() == second["target"].tolist()


def test_only_training_texts_make_the_vocabulary() -> None:
    codec = TranslationModel(TranslationParams(vocabulary="words")).fit_codec([TextPair("a b", "c d")])
    assert UNKNOWN in codec.encode(TextPair("a x", "c"))["source"]


def test_an_empty_side_is_refused_with_its_pair() -> None:
    model = TranslationModel(TranslationParams())
    with pytest.raises(WorkbenchError, match="Pair 2 has an empty source"):
        model.check([TextPair("a", "b"), TextPair(" ", "c")])
    with pytest.raises(WorkbenchError, match="Pair 1 has an empty target"):
        model.check([TextPair("a", "")])
    with pytest.raises(WorkbenchError, match="no pairs"):
        model.check([])


def test_options_that_cannot_go_together_are_refused() -> None:
    with pytest.raises(WorkbenchError):
        validate(TranslationParams, {"vocabulary": "words", "joint": True, "target_vocabulary": "characters"})
    with pytest.raises(WorkbenchError):
        validate(TranslationParams, {"vocabulary_size": 3})


def test_a_batch_equals_the_answers_one_by_one(catalogue) -> None:
    asker = predictor(model_of(catalogue))
    pairs = [TextPair(pair.source) for pair in dates("test", 6)]
    together = asker.predict(pairs, DecodeOptions(n_best=2))
    alone = [asker.predict([pair], DecodeOptions(n_best=2))[0] for pair in pairs]
    for a, b in zip(together, alone, strict=True):
        assert isinstance(a, Translation)
        assert isinstance(b, Translation)
        assert a.text == b.text
        assert a.score == pytest.approx(b.score, abs=1e-5)


def test_it_learns_chooses_by_what_it_writes_and_comes_back(catalogue, tmp_path) -> None:
    data = {"train": dates(count=1500), "validation": dates("validation", 60), "test": dates("test", 60)}
    training = {"max_epochs": 4, "learning_rate": 0.01, "batch_tokens": 1024}
    run = RunFolder.create(tmp_path, config(net={"hidden_size": 48}, **training))
    finished = train(run, data, catalogue)
    assert finished.reason == "completed", finished.error
    epochs = [event for event in read_journal(run.journal_path) if isinstance(event, EpochMetrics)]
    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    assert set(epochs[-1].metrics) == {"bleu", "chrf"}
    assert finished.metrics["bleu"] == max(event.metrics["bleu"] for event in epochs)
    asker = load_bundle(run.path, catalogue)
    report = asker.evaluate(data["test"])
    assert report.metrics["chrf"] > 60
    (answer,) = asker.predict([data["test"][0]], DecodeOptions(n_best=3))
    assert isinstance(answer, Translation)
    assert len(answer.n_best) == 3
    assert answer.n_best[0].text == answer.text
    assert answer.attention is not None
    rows = np.array(answer.attention)
    assert rows.shape == (len(answer.tokens) + 1, len(answer.source_tokens))
    assert rows.sum(1) == pytest.approx(1.0, abs=1e-3)


def test_an_answer_begins_as_it_is_told_to(catalogue) -> None:
    asker = predictor(model_of(catalogue))
    answers = asker.predict(dates("test", 3), DecodeOptions(extra={"prefix": "1999-"}))
    assert all(answer.text.startswith("1999-") for answer in answers)
    sampled = [asker.predict(dates("test", 2), DecodeOptions(extra={"temperature": 1.0, "seed": 5})) for _ in range(2)]
    assert [a.text for a in sampled[0]] == [a.text for a in sampled[1]]


def test_a_beginning_the_model_does_not_know_stands_as_it_was_written(catalogue) -> None:
    asker = predictor(model_of(catalogue))
    answers = asker.predict(dates("test", 3), DecodeOptions(n_best=2, extra={"prefix": "Ω漢"}))
    assert all(each.text.startswith("Ω漢") for answer in answers for each in (answer, *answer.n_best))


def test_a_beginning_of_a_whole_book_is_refused(catalogue) -> None:
    asker = predictor(model_of(catalogue))
    with pytest.raises(WorkbenchError, match="beginning of the answer") as caught:
        asker.predict(dates("test", 1), DecodeOptions(extra={"prefix": "1" * 100_000}))
    assert caught.value.fix


def test_an_empty_source_and_a_very_long_one_are_answered(catalogue) -> None:
    asker = predictor(model_of(catalogue, max_length=30))
    answers = asker.predict([TextPair(""), TextPair("9" * 5000)])
    assert all(len(answer.tokens) <= 30 for answer in answers)


def test_a_paste_of_a_hundred_thousand_characters_is_cut_where_sentences_end() -> None:
    sentences = "This is a sentence of some words, and one more. " * 2100
    found = parse_input(sentences)
    assert " ".join(record.source for record in found).split() == sentences.split()
    assert max(len(record.source) for record in found) <= LONGEST_PIECE
    without_end = parse_input("x" * 100_000)
    assert "".join(record.source for record in without_end) == "x" * 100_000
    assert [record.source for record in parse_input("One. Two.\n\n  Three.  \n")] == ["One. Two.", "Three."]
    assert parse_input(" \n ") == []


def test_an_unknown_word_is_copied_from_where_the_model_looked(catalogue, monkeypatch) -> None:
    pairs = [TextPair("drei vier", "three four"), TextPair("vier drei", "four three")] * 5
    model = model_of(catalogue, pairs, vocabulary="words", joint=False)
    head = model.head
    plain = head.log_probabilities

    def only_unknown(states):
        found = plain(states)
        found[..., END + 1 :] = -50.0
        found[..., UNKNOWN] = 0.0
        return found

    monkeypatch.setattr(head, "log_probabilities", only_unknown)
    (answer,) = predictor(model).predict([TextPair("Zebra")], DecodeOptions(extra={"beam": 1, "max_length": 1}))
    assert answer.text == "Zebra"


def test_the_way_the_answer_was_written_can_be_traced(catalogue) -> None:
    model = model_of(catalogue)
    pair = dates("test", 1)[0]
    trace = trace_record(model, pair, gradient=False)
    assert trace.steps == (*pair.source, "∎")
    assert trace.attention is not None
    assert trace.attention.shape == (len(trace.output_steps), len(trace.steps))


def test_training_loss_counts_symbols_and_the_end(catalogue) -> None:
    pairs = dates(count=4)
    model = model_of(catalogue, pairs)
    split = encode_split(ListSource({"x": pairs}), "x", model.codec)
    batch = split.batch(model.codec, np.arange(len(split)))
    with evaluation_mode(model), torch.no_grad():
        assert model.loss(batch).count == sum(len(pair.target) + 1 for pair in pairs)


def test_proposals_follow_the_size_of_the_data() -> None:
    def told(records: int, words: int) -> str:
        (_, sentence), *_ = propose({"split_records": {"train": records}, "split_steps": {"train": records * words}})
        return sentence

    assert "pieces of words" in told(30_000, 12)
    assert "by words" in told(3_000, 8)
    assert "character" in told(3_000, 2)
    assert propose({"split_records": {}, "split_steps": {}}) == []
    assert all(validate(TranslationParams, dict(preset.values)) for preset in PRESETS)


def test_the_command_line_shows_texts_and_other_answers_with_their_scores() -> None:
    from workbench.api import Alternative
    from workbench.cli.progress import summary
    from workbench.cli.use import _text_of

    others = (Alternative("zwei", ("zwei",), -0.1), Alternative("2", ("2",), -1.5))
    answer = Translation("zwei", ("zwei",), n_best=others)
    assert _text_of(TextPair("two"), answer) == "two\n  zwei\n  -0.100  zwei\n  -1.500  2"
    assert summary(answer.to_json()) == "zwei"


def test_the_demo_keeps_what_it_trained(tmp_path) -> None:
    from workbench.cli.main import run

    path = tmp_path / "p"
    assert run(["demo", "translate", "--headless", "--project", str(path), "--max-epochs", "1"]) == 0
    assert list((path / "runs").iterdir())


def test_vocabularies_of_very_many_pairs_are_made_of_an_even_sample() -> None:
    from workbench_plugins.tasks.translation import fitting

    pairs = [TextPair(f"word{i}", "x") for i in range(1000)]
    kept = fitting._sample(iter(pairs), 100)
    assert len(kept) == 100
    assert kept == fitting._sample(pairs, 100)
    assert fitting._sample(pairs) == pairs
    numbers = [int(pair.source[4:]) for pair in kept]
    assert 30 < sum(number >= 500 for number in numbers) < 70


def test_a_text_of_which_nothing_is_known_is_answered_all_the_same(catalogue) -> None:
    asker = predictor(model_of(catalogue, max_length=20))
    (answer,) = asker.predict([TextPair("日本語 ☃")], DecodeOptions(n_best=2))
    assert isinstance(answer, Translation)
    assert answer.source_tokens == ("日", "本", "語", " ", "☃", "∎")
    report = asker.evaluate([TextPair("日本語", "x")])
    assert report.metrics["unknown_source_share"] == 1.0
