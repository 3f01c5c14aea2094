"""Perplexity exactly, whatever the batches; regularisation stays out of the loss that is shown; data checks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from language_tools import plays, rhymes, trained
from workbench_plugins.tasks.language_modelling.codec import fit_codec
from workbench_plugins.tasks.language_modelling.doctor import check_texts
from workbench_plugins.tasks.language_modelling.embedder import LanguageEmbedder
from workbench_plugins.tasks.language_modelling.head import LanguageHead, cutoffs
from workbench_plugins.tasks.language_modelling.params import LanguageModellingParams
from workbench_plugins.tasks.language_modelling.proposals import propose
from workbench_plugins.tasks.language_modelling.report import build_report
from workbench_plugins.tasks.language_modelling.scoring import Perplexity

from workbench.api import StoredRecord, Text
from workbench.nn.contract import Encoded


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def params(**values):
    return LanguageModellingParams.model_validate(values)


def test_perplexity_is_taken_once_over_all_symbols():
    metric = Perplexity()
    metric.update_loss(10.0, 2)
    metric.update_loss(1.0, 20)
    assert metric.compute()["perplexity"] == pytest.approx(math.exp(11 / 22))
    metric.reset()
    assert metric.compute() == {}


@pytest.mark.parametrize("units", ["words", "characters", "bpe"])
def test_a_report_equals_reading_the_stream_symbol_by_symbol(tmp_path, units):
    predictor, _ = trained(tmp_path, plays(30), epochs=1, units=units, vocabulary_size=100)
    records = plays(9)
    report = predictor.evaluate(records)
    model, codec = predictor.model, predictor.model.codec
    stream = np.concatenate([codec.stream_start()["symbols"], *(codec.encode(record)["symbols"] for record in records)])
    with torch.no_grad():
        state, total = None, 0.0
        for symbol, following in zip(stream[:-1].tolist(), stream[1:].tolist(), strict=True):
            output, state = model.encoder.step(model.embedder.embed_targets(torch.tensor([symbol])), state)
            total -= float(model.head.log_probabilities(output)[0, following])
    count = len(stream) - 1
    assert report.n_tokens == count
    assert report.n_records == len(records)
    assert report.metrics["nats_per_symbol"] == pytest.approx(total / count, rel=1e-4)
    assert report.metrics["perplexity"] == pytest.approx(math.exp(total / count), rel=1e-3)
    assert ("bits_per_character" in report.metrics) == (units != "words")


def test_the_characters_of_pieces_are_those_of_the_text():
    records = rhymes(20)
    codec = fit_codec(records, params(units="bpe", vocabulary_size=100))
    ids = np.concatenate([codec.encode(record)["symbols"] for record in records]).astype(np.int64)
    report = build_report("test", [(ids, np.ones(len(ids), np.float32))], codec)
    characters = sum(len(record.text) + 1 for record in records)
    assert report.metrics["bits_per_character"] == pytest.approx(len(ids) / math.log(2) / characters)


def test_bands_hold_every_symbol_once_and_lines_are_kept_worst_first():
    records = [*rhymes(12), Text("the mat sat on the cat .")]
    codec = fit_codec(records, params(units="words"))
    ids = np.concatenate([codec.encode(record)["symbols"] for record in records]).astype(np.int64)
    losses = np.arange(len(ids), dtype=np.float32) / len(ids)
    halves = [(ids[:17], losses[:17]), (ids[17:], losses[17:])]
    report = build_report("test", halves, codec)
    bands = [row for row in report.table if not row["label"].startswith("“")]
    assert sum(row["support"] for row in bands) == len(ids) == report.n_tokens
    assert sum(row["share"] for row in bands) == pytest.approx(1)
    assert report.n_records == 13
    assert report.examples[0]["gold"]["text"] == "the mat sat on the cat ."
    assert [one["loss"] for one in report.examples] == sorted((one["loss"] for one in report.examples), reverse=True)


def test_penalties_reach_the_gradient_and_not_the_loss_that_is_shown():
    records = rhymes(8)
    chosen = params(units="words", embedding_size=8, activation_penalty=2.0, slowness_penalty=1.0, tied=False)
    codec = fit_codec(records, chosen)
    head = LanguageHead(chosen, 8, len(codec)).train()
    batch = codec.collate([codec.encode(records[0])])
    states = torch.randn(1, int(batch.lengths[0]), 8)
    encoded = Encoded(states, batch.lengths, states[:, -1])
    outputs = head(encoded, batch)
    expected = 2.0 * states.square().mean() + (states[:, 1:] - states[:, :-1]).square().mean()
    assert encoded.penalty is not None
    assert float(encoded.penalty.detach()) == pytest.approx(float(expected) * int(batch.lengths[0]), rel=1e-5)
    shown = head.loss(outputs, encoded, batch)
    assert float(shown.total.detach()) == pytest.approx(
        float(head.symbol_losses(outputs, encoded, batch).sum()), rel=1e-5
    )


def test_whole_words_are_silenced_wherever_they_stand():
    chosen = params(units="words", embedding_size=16, embedding_dropout=0.5, input_dropout=0.0)
    torch.manual_seed(3)
    embedder = LanguageEmbedder(chosen, 40).train()
    tokens = torch.arange(40).repeat(1, 2)
    x = embedder(type("B", (), {"fields": {"symbols": tokens}})())
    silent = (x[0] == 0).all(-1)
    assert torch.equal(silent[:40], silent[40:])
    assert 8 <= int(silent[:40].sum()) <= 32


def test_tied_weights_are_one_parameter(tmp_path):
    predictor, _ = trained(tmp_path, rhymes(12), epochs=1, units="words", tied=True)
    names = [name for name, _ in predictor.model.named_parameters()]
    assert "embedder.table.weight" in names
    assert not any(name.startswith("head") and name.endswith("scores.weight") for name in names)


def test_clusters_of_the_adaptive_softmax_follow_the_vocabulary():
    assert cutoffs(10_002) == (2000, 6000)
    assert cutoffs(200_000) == (20_000, 60_000)


def test_the_doctor_finds_wrong_encodings_long_lines_and_leaks():
    line = "the cat sat on the mat and slept"
    records = [
        StoredRecord(1, 0, "train", "", Text(line)),
        StoredRecord(2, 1, "train", "", Text("caf\u00c3\u00a9 and \ufffd")),
        StoredRecord(3, 2, "train", "", Text("x" * 20_000)),
        StoredRecord(4, 3, "test", "", Text(line.upper())),
        StoredRecord(5, 4, "test", "", Text("Yes, my lord.")),
        StoredRecord(6, 5, "train", "", Text("bell\x07")),
    ]
    found = {finding.record_ids: finding for finding in check_texts(records)}
    assert set(found) == {(2,), (3,), (4,), (6,)}
    assert "encoding" in found[2,].message
    assert "10,000" in found[3,].message
    assert "perplexity" in found[4,].fix
    assert list(check_texts([StoredRecord(1, 0, "train", "", Text("naïve café, Ünïcödé"))])) == []


def test_proposals_say_what_would_be_learned_from_a_text():
    small = propose({"split_steps": {"train": 100_000}})
    assert small[0][0]["units"] == "characters"
    large = propose({"split_steps": {"": 50_000_000}})
    assert [values["units"] for values, _ in large] == ["words", "bpe", "characters"]
    for values, sentence in (*small, *large):
        assert LanguageModellingParams.model_validate(values)
        assert sentence.endswith(".")
    assert propose({"split_steps": {}}) == []
