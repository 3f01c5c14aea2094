"""Embedder, heads and decoding: legal sequences, true probabilities, nothing leaks from the padding."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from tagging_tools import SENTENCES, Tagger
from workbench_plugins.tasks.tagging.task import TaggingModel

from workbench.api import TaggedTokens, WorkbenchError
from workbench.api.schemes import illegal_positions, spans
from workbench.nn.contract import Batch, DecodeOptions


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("characters", ["none", "cnn", "lstm"])
def test_a_handful_of_sentences_is_learned_by_heart(head, characters):
    tagger = Tagger(head=head, characters=characters, input_dropout=0.1, output_dropout=0.1, unknown_replacement=0.1)
    tagger.train()
    results = tagger.predict(SENTENCES, DecodeOptions())
    assert [result.labels for result in results] == [record.layers["ner"] for record in SENTENCES]
    assert [(span.start, span.end, span.label) for span in results[0].spans] == [(0, 2, "PER"), (4, 6, "LOC")]
    assert results[0].layer == "ner"


def test_a_plain_layer_has_labels_and_no_spans():
    tagger = Tagger(layer="pos", head="softmax")
    tagger.train()
    result = tagger.predict(SENTENCES[:1], DecodeOptions(alternatives=2))[0]
    assert result.labels == SENTENCES[0].layers["pos"]
    assert result.spans == ()
    assert [token[0][0] for token in result.alternatives] == list(result.labels)


@pytest.mark.parametrize(
    "options", [{"head": "crf"}, {"head": "softmax"}, {"head": "softmax", "constrain_softmax": False}]
)
def test_an_untrained_model_still_answers_with_legal_labels_and_probabilities(options):
    tagger = Tagger(**options)
    for result in tagger.predict(SENTENCES, DecodeOptions(alternatives=3, n_best=4)):
        assert illegal_positions(result.labels) == []
        assert len(result.labels) == len(result.probabilities) == len(result.tokens)
        assert all(0 <= p <= 1 for p in result.probabilities)
        assert all(0 <= span.probability <= 1 for span in result.spans)
        assert result.n_best[0][0] == result.labels
        probabilities = [p for _, p in result.n_best]
        assert probabilities == sorted(probabilities, reverse=True)
        assert len({labels for labels, _ in result.n_best}) == len(result.n_best)


def legal_paths(tagger, length):
    head = tagger.head
    for path in itertools.product(range(len(tagger.codec.labels)), repeat=length):
        if not (head.allowed_start[path[0]] and head.allowed_end[path[-1]]):
            continue
        if all(head.allowed[a, b] for a, b in itertools.pairwise(path)):
            yield path


@pytest.mark.parametrize("log_space", [False, True])
def test_probabilities_of_a_crf_are_the_sums_over_all_sequences(log_space, monkeypatch):
    if log_space:
        import workbench.nn.chain as chain

        monkeypatch.setattr(chain, "_exponential_space", lambda *arguments: None)
    people = [TaggedTokens(("Ann", "Lee", "ran"), {"ner": ("B-PER", "I-PER", "O")})]
    tagger = Tagger(people, head="crf")
    tagger.train(people, steps=3)
    outputs, _, _ = tagger.run(people)
    transitions, start, end = tagger.head.crf.scores()
    weights = {}
    for path in legal_paths(tagger, 3):
        score = start[path[0]] + end[path[-1]] + sum(outputs[0, i, label] for i, label in enumerate(path))
        score = score + sum(transitions[a, b] for a, b in itertools.pairwise(path))
        weights[path] = float(score.detach().double().exp())
    total = sum(weights.values())
    shown = {path: tagger.codec.tags(path) for path in weights}
    result = tagger.predict(people, DecodeOptions(n_best=3, alternatives=3))[0]

    for i, (label, p) in enumerate(zip(result.labels, result.probabilities, strict=True)):
        expected = sum(w for path, w in weights.items() if shown[path][i] == label) / total
        assert p == pytest.approx(expected, abs=1e-5)
    for span in result.spans:
        wanted = (span.start, span.end, span.label)
        expected = sum(w for path, w in weights.items() if wanted in spans(shown[path])) / total
        assert span.probability == pytest.approx(expected, abs=1e-5)
    best = sorted(weights.items(), key=lambda item: -item[1])[:3]
    for (labels, p), (path, weight) in zip(result.n_best, best, strict=True):
        assert labels == shown[path]
        assert p == pytest.approx(weight / total, abs=1e-5)
    for token in result.alternatives:
        assert sum(p for _, p in token) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("characters", ["cnn", "lstm"])
def test_a_batch_answers_as_each_sentence_by_itself(head, characters):
    tagger = Tagger(head=head, characters=characters)
    tagger.train(steps=5)
    options = DecodeOptions(alternatives=2)
    together = tagger.predict(SENTENCES, options)
    for record, result in zip(SENTENCES, together, strict=True):
        alone = tagger.predict([record], options)[0]
        assert alone.labels == result.labels
        assert alone.probabilities == pytest.approx(result.probabilities, abs=1e-6)
        assert [s.probability for s in alone.spans] == pytest.approx([s.probability for s in result.spans], abs=1e-6)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_the_loss_of_a_batch_is_the_sum_of_the_losses(head):
    tagger = Tagger(head=head)
    tagger.modules.eval()
    together = tagger.loss(SENTENCES)
    alone = [tagger.loss([record]) for record in SENTENCES]
    assert together.count == sum(part.count for part in alone) == 19
    assert float(together.total.detach()) == pytest.approx(sum(float(part.total.detach()) for part in alone), rel=1e-5)


def test_without_probabilities_decoding_gives_the_same_labels():
    tagger = Tagger()
    tagger.train(steps=20)
    fast, full = (tagger.predict(SENTENCES, DecodeOptions(probabilities=p)) for p in (False, True))
    assert [result.labels for result in fast] == [result.labels for result in full]
    assert set(fast[0].probabilities) == {1.0}


def test_training_hides_words_but_never_the_padding():
    tagger = Tagger(word_dropout=0.9, unknown_replacement=50.0)
    words = tagger.batch(SENTENCES).fields["words"]
    torch.manual_seed(0)
    hidden = tagger.embedder._hide(words)
    assert ((words == 0) == (hidden == 0)).all()
    assert (hidden == 1).sum() > 10
    tagger.embedder.eval()
    torch.testing.assert_close(tagger.embedder(tagger.batch(SENTENCES)), tagger.embedder(tagger.batch(SENTENCES)))


def test_a_batch_rebuilt_by_other_hands_gives_the_same_vectors():
    tagger = Tagger()
    tagger.embedder.eval()
    batch = tagger.batch(SENTENCES)
    plain = Batch(batch.fields, batch.lengths, batch.units)
    torch.testing.assert_close(tagger.embedder(batch), tagger.embedder(plain))


def test_only_the_softmax_offers_targets_in_closed_form():
    batch = Tagger().batch(SENTENCES)
    assert Tagger(head="crf").head.regression_targets(batch) is None
    targets = Tagger(head="softmax").head.regression_targets(batch)
    assert targets.shape == (4, 7, len(Tagger().codec.labels))
    assert targets[0].sum(1).tolist() == [1.0] * 7


def test_output_probabilities_name_every_label():
    tagger = Tagger()
    outputs, encoded, batch = tagger.run(SENTENCES)
    found = tagger.task.output_probabilities(outputs, encoded, batch, tagger.head)
    assert found.shape == (4, 7, len(tagger.task.output_labels(tagger.codec)))
    assert found[0].sum(1) == pytest.approx([1.0] * 7, abs=1e-5)


def test_the_report_tells_scores_confusion_and_the_worst_first():
    tagger = Tagger()
    tagger.train(steps=40)
    results = tagger.predict(SENTENCES, DecodeOptions())
    new = TaggedTokens(("Zork", "met", "Paris"), {"ner": ("B-PER", "O", "O")})
    wrong = tagger.predict([new], DecodeOptions())[0]
    pairs = [(i, record, result, 0.1) for i, (record, result) in enumerate(zip(SENTENCES, results, strict=True))]
    report = tagger.task.report("test", [*pairs, (9, new, wrong, 3.0)])
    assert report.n_records == 5
    assert report.n_tokens == 22
    assert list(report.metrics)[:4] == ["entity_f1", "precision", "recall", "token_accuracy"]
    assert report.metrics["unknown_word_share"] == pytest.approx(1 / 22)
    assert sum(map(sum, report.confusion)) == 22
    assert report.confusion_labels[-1] == "O"
    assert [example["record_id"] for example in report.examples][:1] == [9]
    assert report.from_json(report.to_json()) == report


def test_the_report_of_a_model_composed_around_a_codec_knows_its_words():
    tagger = Tagger()
    results = tagger.predict(SENTENCES, DecodeOptions())
    task = TaggingModel(tagger.task.params)
    task.embedder(tagger.codec)
    new = TaggedTokens(("Zork",), {"ner": ("O",)})
    pairs = [(0, SENTENCES[0], results[0], 0.0), (1, new, tagger.predict([new], DecodeOptions())[0], 0.0)]
    assert task.report("test", pairs).metrics["unknown_word_share"] == pytest.approx(1 / 8)


def test_a_report_on_records_without_the_layer_says_so():
    tagger = Tagger()
    result = tagger.predict([SENTENCES[0]], DecodeOptions())[0]
    with pytest.raises(WorkbenchError, match="no layer 'ner'"):
        tagger.task.report("test", [(1, TaggedTokens(SENTENCES[0].tokens), result, 0.0)])
