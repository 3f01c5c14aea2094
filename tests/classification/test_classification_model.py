"""A text classifier: its vocabulary and labels, pooling without padding, calibration, and what it learns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from classification_tools import TEXTS, batch_of, composed, drawn, fitted, learned
from torch.nn import functional
from workbench_plugins.tasks.classification.codec import NO_LABEL, ClassificationCodec, fold_of
from workbench_plugins.tasks.classification.head import ClassificationHead
from workbench_plugins.tasks.classification.params import ClassificationParams
from workbench_plugins.tasks.classification.task import ClassificationModel
from workbench_plugins.tasks.classification.text import parse_input

from workbench.api import ClassProbabilities, LabelledText, WorkbenchError
from workbench.engine.evaluate import evaluation_mode
from workbench.nn.contract import Batch, DecodeOptions

POOLINGS = ("last", "mean", "max", "mean_max", "attention")


# --- texts and labels as numbers


def test_labels_are_sorted_and_what_training_has_not_seen_has_no_number() -> None:
    _, codec = fitted()
    assert codec.labels == ("bad", "good")
    assert codec.counts == (2, 3)
    assert codec.encode(LabelledText("fine", "good"))["label"].tolist() == [1]
    assert codec.encode(LabelledText("fine", "strange"))["label"].tolist() == [NO_LABEL]
    assert codec.encode(LabelledText("fine"))["label"].tolist() == [NO_LABEL]


def test_the_vocabulary_survives_json() -> None:
    _, codec = fitted()
    again = ClassificationCodec.from_json(json.loads(json.dumps(codec.to_json())))
    for text in TEXTS:
        assert np.array_equal(again.encode(text)["tokens"], codec.encode(text)["tokens"])
    assert again.labels == codec.labels


def test_a_vocabulary_of_another_version_is_refused() -> None:
    with pytest.raises(WorkbenchError, match="version 99"):
        ClassificationCodec.from_json({**fitted()[1].to_json(), "version": 99})


def test_of_a_long_text_the_beginning_and_the_end_are_read() -> None:
    _, codec = fitted(maximum_length=6)
    record = LabelledText("one two three four five six seven eight nine ten")
    assert codec.tokens(record.text) == ("one", "two", "three", "four", "nine", "ten")
    assert codec.length(record) == len(codec.encode(record)["tokens"]) == 6


def test_a_hundred_thousand_characters_are_read_in_bounds() -> None:
    _, codec = fitted()
    assert codec.length(LabelledText("fine film " * 10_000)) == 400


def test_text_is_cut_as_the_training_texts_came() -> None:
    task = ClassificationModel(ClassificationParams())
    texts = [LabelledText("it is n't good .", "bad"), LabelledText("a film , and a good one .", "good")] * 5
    codec = task.fit_codec(texts)
    assert codec.cut_already
    assert codec.tokens("A film, and it isn't good.") == ("A", "film", ",", "and", "it", "is", "n't", "good", ".")
    assert not fitted()[1].cut_already


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe", "unigram"])
def test_every_kind_of_symbol_names_its_steps(tokens: str) -> None:
    task, codec = fitted(tokens=tokens, maximum_symbols=200)
    for text in TEXTS:
        assert len(task.steps(text)) == codec.length(text) == len(codec.encode(text)["tokens"])


def test_each_line_typed_is_a_text() -> None:
    assert parse_input("one text\n\n  another  \n") == [LabelledText("one text"), LabelledText("another")]


def test_data_without_two_labels_are_refused() -> None:
    task = ClassificationModel(ClassificationParams())
    with pytest.raises(WorkbenchError, match="No training text has a label"):
        task.check([LabelledText("a"), LabelledText("b")])
    with pytest.raises(WorkbenchError, match="every training text is labelled 'x'"):
        task.check([LabelledText("a", "x"), LabelledText("b", "x")])
    with pytest.raises(WorkbenchError, match="There are no texts"):
        task.check([])


# --- the head


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_batch_answers_as_its_texts_one_by_one(pooling: str) -> None:
    model = composed("birnn", pooling=pooling)
    with torch.no_grad():
        together, _ = model(batch_of(model, TEXTS))
        single = torch.cat([model(batch_of(model, (text,)))[0] for text in TEXTS])
    assert torch.allclose(together, single, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_answer_so_far_ends_with_the_answer(pooling: str) -> None:
    model = composed("lstm", pooling=pooling)
    batch = batch_of(model, TEXTS[:1])
    with torch.no_grad():
        outputs, encoded = model(batch)
        assert isinstance(model.head, ClassificationHead)
        so_far = model.head.so_far(encoded)
    assert torch.allclose(so_far[0, -1], model.head.scaled(outputs).softmax(1)[0], atol=1e-6)


def test_texts_without_a_label_add_nothing_to_the_loss() -> None:
    model = composed()
    with torch.no_grad():
        batch = batch_of(model, (*TEXTS, LabelledText("no label here")))
        outputs, encoded = model(batch)
        loss = model.head.loss(outputs, encoded, batch)
        labels = batch.fields["labels"][:5]
    assert loss.count == 5
    assert float(loss.total) == pytest.approx(float(functional.cross_entropy(outputs[:5], labels, reduction="sum")))


def test_balanced_weights_let_every_label_count_as_much() -> None:
    head = ClassificationHead(ClassificationParams(class_weights="balanced"), fitted()[1], 4)
    assert (head.weights * torch.tensor([2.0, 3.0])).tolist() == pytest.approx([2.5, 2.5])


def test_the_temperature_makes_overconfident_scores_right_and_changes_no_answer() -> None:
    head = ClassificationHead(ClassificationParams(), fitted()[1], 4)
    draw = torch.Generator().manual_seed(5)
    honest = torch.randn(40_000, 2, generator=draw)
    labels = torch.multinomial(honest.softmax(1), 1, generator=draw).squeeze(1)
    assert head.calibrate(honest * 3.0, labels) == pytest.approx(3.0, abs=0.25)
    assert torch.equal(head.scaled(honest).argmax(1), honest.argmax(1))


def test_where_every_answer_is_right_the_temperature_leaves_a_doubt() -> None:
    head = ClassificationHead(ClassificationParams(), fitted()[1], 4)
    labels = torch.tensor([0, 1] * 50)
    scores = torch.nn.functional.one_hot(labels, 2).float()
    head.calibrate(scores, labels)
    assert 0.97 < float(head.scaled(scores).softmax(1).amax()) < 0.995


def test_a_readout_solved_in_closed_form_has_one_hot_targets() -> None:
    head = ClassificationHead(ClassificationParams(pooling="mean"), fitted()[1], 4)
    batch = Batch({"labels": torch.tensor([1, NO_LABEL])}, torch.tensor([1, 1]), 2)
    targets = head.regression_targets(batch)
    assert targets is not None
    assert targets[0].tolist() == [0.0, 1.0]
    assert bool(targets[1].isnan().all())
    assert ClassificationHead(ClassificationParams(pooling="attention"), fitted()[1], 4).readout() is None


# --- learning, and saying why


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> object:
    return learned(tmp_path_factory.mktemp("run"))


def test_it_learns_and_its_report_says_so(predictor) -> None:
    report = predictor.evaluate(drawn(80, 9))
    assert report.metrics["class_accuracy"] > 0.9
    assert report.n_records == 80
    assert set(report.confusion_labels) == {"good", "bad"}
    assert 0.0 <= report.metrics["calibration_error"] < 0.3
    assert report.protocol["temperature"] != 1.0


def test_labels_seen_only_in_test_count_as_wrong_and_are_named(predictor) -> None:
    report = predictor.evaluate([*drawn(10, 9), LabelledText("a great film", "splendid")])
    assert report.protocol["unknown_labels"] == {"splendid": 1}
    assert "splendid" in report.protocol["note"]
    assert report.n_records == 11
    assert report.metrics["class_accuracy"] <= 10 / 11
    assert np.isfinite(report.metrics["nll"])


def test_a_split_without_labels_cannot_be_evaluated(predictor) -> None:
    with pytest.raises(WorkbenchError, match="No text of the split"):
        predictor.evaluate([LabelledText("a great film")])


def test_an_answer_names_the_word_it_rests_on(predictor) -> None:
    (result,) = predictor.predict([LabelledText("the film was great here")], DecodeOptions(extra={"explain": True}))
    assert isinstance(result, ClassProbabilities)
    assert result.label == "good"
    assert result.tokens == ("the", "film", "was", "great", "here")
    for values in result.saliency.values():
        assert max(range(5), key=values.__getitem__) == 3
    assert set(result.saliency) == {"integrated gradients", "left out"}
    again = ClassProbabilities.from_json(json.loads(json.dumps(result.to_json())))
    assert again.tokens == result.tokens
    assert again.saliency == result.saliency


def test_without_being_asked_an_answer_is_not_explained(predictor) -> None:
    (result,) = predictor.predict([LabelledText("the film was great here")])
    assert result.saliency == {}
    assert "saliency" not in result.to_json()


def test_integrated_gradients_add_up_to_the_change_of_the_log_odds(predictor) -> None:
    model = predictor.model
    text = LabelledText("many people in the town saw an awful film")
    (result,) = predictor.predict([text], DecodeOptions(extra={"explain": True}))
    batch = model.codec.collate([model.codec.encode(text)])
    empty = Batch({**batch.fields, "tokens": torch.ones_like(batch.fields["tokens"])}, batch.lengths, batch.units)
    with evaluation_mode(model):
        whole, nothing = (model.head.scaled(model(one)[0])[0] for one in (batch, empty))
    label = model.codec.labels.index(result.label)
    change = (whole[label] - whole[1 - label]) - (nothing[label] - nothing[1 - label])
    assert sum(result.saliency["integrated gradients"]) == pytest.approx(float(change), rel=0.05, abs=0.05)


def test_an_echo_state_network_solves_its_readout_and_explains_itself(tmp_path: Path) -> None:
    found = learned(tmp_path, "esn", pooling="mean")
    assert found.evaluate(drawn(80, 9)).metrics["class_accuracy"] > 0.8
    (result,) = found.predict([LabelledText("the film was great here")], DecodeOptions(extra={"explain": True}))
    assert "left out" in result.saliency


def test_a_trace_shows_how_the_answer_builds_up(predictor) -> None:
    trace = predictor.trace(LabelledText("the film was great here"))
    assert trace.steps == ("the", "film", "was", "great", "here")
    assert trace.output_labels == ("bad", "good")
    assert trace.outputs is not None
    assert trace.outputs.shape == (5, 2)
    assert trace.outputs[-1, 1] > 0.5


# --- label counts


def test_label_counts_are_logarithms_of_ratios_and_leave_a_text_s_own_fifth_out() -> None:
    words = (("fine", "good"), ("dull", "bad"))
    texts = [LabelledText(f"{word} {i}", label) for i in range(40) for word, label in words]
    task = ClassificationModel(ClassificationParams(label_counts=True))
    codec = task.fit_codec(texts)
    embedder = task.embedder(codec)
    good, fine = codec.labels.index("good"), codec.tokeniser.id_of("fine")
    own = codec.tokeniser.id_of("7")  # stands in two texts, one of each label
    assert embedder.ratios is not None
    assert float(embedder.ratios[-1, fine, good]) == pytest.approx(np.log((41 / 42) / (1 / 42)), rel=1e-5)
    fold = fold_of("fine 7")
    if fold == fold_of("dull 7"):
        assert embedder.ratios[fold, own].tolist() == pytest.approx([0.0, 0.0], abs=0.2)
    else:  # only the other text's count is left
        assert float(embedder.ratios[fold, own, good]) < 0
    batch = codec.collate([codec.encode(LabelledText("fine 7", "good"))])
    embedder.train()
    assert torch.equal(embedder(batch)[0, 0, -2:], embedder.ratios[fold, fine])
    embedder.eval()
    assert torch.equal(embedder(batch)[0, 0, -2:], embedder.ratios[-1, fine])
    again = task.embedder(ClassificationCodec.from_json(json.loads(json.dumps(codec.to_json()))))
    assert torch.equal(again.ratios, embedder.ratios)


def test_too_many_labels_and_symbols_are_not_counted_together() -> None:
    texts = [LabelledText(f"word{i}", f"label{i}") for i in range(1200)]
    with pytest.raises(WorkbenchError, match="too many to be counted together"):
        ClassificationModel(ClassificationParams(label_counts=True)).fit_codec(texts)
