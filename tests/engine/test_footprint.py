"""Memory is foreseen and refused in words before training; what a one-step record makes of a network is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import toy
import toy_pairs
import toy_stream
import toy_trees
import toy_windows
from conftest import toy_config

from workbench.api import TaggedTokens, WorkbenchError
from workbench.api.events import Warning as WarningEvent
from workbench.engine import footprint
from workbench.engine.compose import compose
from workbench.engine.data import ListSource, encode_split
from workbench.engine.footprint import (
    Load,
    available_bytes,
    heaviest_loads,
    kept_bytes,
    load_of,
    measure_costs,
    refuse_too_large,
)
from workbench.engine.notes import ONE_STEP, foresee
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.runs.config import DataSection, TrainingParams, parse_config
from workbench.runs.journal import read_journal


def model_and_split(module, records, **net):
    catalogue = toy.ToyCatalogue() if module is toy else module.catalogue()
    model = compose(toy_config(net_params=net), catalogue, records=records)
    return model, encode_split(ListSource({"train": records}), "train", model.codec)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_what_a_large_batch_keeps_is_foreseen_from_a_small_one(cell):
    model, split = model_and_split(toy, toy.texts(200, 1, 5, 20), cell=cell, hidden_size=32)
    costs = measure_costs(model, split)
    batch = split.batch(model.codec, np.arange(100))
    assert costs.of(load_of(model, batch)) == pytest.approx(kept_bytes(model, batch), rel=0.25)


def test_what_a_model_that_writes_keeps_grows_with_both_lengths():
    model, split = model_and_split(toy_pairs, toy_pairs.words(60, 1), hidden_size=32)
    costs = measure_costs(model, split)
    assert costs.product > 0
    long = toy_pairs.word("ae" * 60 + "bcd" * 10)
    batch = model.codec.collate([model.codec.encode(long)] * 3)
    load = load_of(model, batch)
    assert (load.records, load.steps, load.written) == (3, 150, 121)
    assert costs.of(load) == pytest.approx(kept_bytes(model, batch), rel=0.5)


def test_the_plugins_are_foreseen_within_a_third():
    records = [TaggedTokens(("a", "b", "c") * n, {"ner": ("B-X", "O", "O") * n}) for n in range(2, 25)]
    for architecture in ("lstm", "gru", "rnn", "birnn"):
        config = parse_config(
            {
                "task": {"id": "tagging", "params": {"layer": "ner", "head": "softmax"}},
                "architecture": {"id": architecture, "params": {"hidden_size": 48, "layers": 2}},
                "data": {"dataset": "none"},
            }
        )
        model = compose(config, load_plugins(safe_mode=True).catalogue, records=records)
        split = encode_split(ListSource({"train": records}), "train", model.codec)
        batch = split.batch(model.codec, np.arange(10, 23))
        found = measure_costs(model, split).of(load_of(model, batch))
        assert found == pytest.approx(kept_bytes(model, batch), rel=0.33), architecture


def test_counting_what_is_kept_changes_nothing():
    model, split = model_and_split(toy, toy.texts(20, 1), dropout=0.5)
    model.eval()
    before = torch.get_rng_state(), {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert kept_bytes(model, split.batch(model.codec, np.arange(4))) > 0
    assert torch.equal(torch.get_rng_state(), before[0])
    assert all(torch.equal(tensor, before[1][name]) for name, tensor in model.state_dict().items())
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_heaviest_batch_is_the_longest_record_or_a_full_budget():
    model, split = model_and_split(toy, [toy.letters("ab" * 20), *toy.texts(50, 1)])
    assert heaviest_loads(model, split, 16) == [Load(1, 40)]
    assert heaviest_loads(model, split, 100) == [Load(1, 100)]
    model, split = model_and_split(toy_stream, toy_stream.lines(50))
    (load,) = heaviest_loads(model, split, 64)
    assert (load.records, load.steps) == (8, 8)
    model, split = model_and_split(toy_pairs, [*toy_pairs.words(9), toy_pairs.word("aeiou" * 30)])
    assert max(load.written for load in heaviest_loads(model, split, 32)) >= 150


def test_a_training_that_does_not_fit_is_refused_with_the_estimate(make_run, records, catalogue, monkeypatch):
    monkeypatch.setattr(footprint, "available_bytes", lambda device: 2**20)
    finished = train(make_run(batch_tokens=100_000, net_params={"hidden_size": 64}), records, catalogue)
    assert finished.reason == "failed"
    assert finished.step == 0
    assert "MiB" in finished.error["what"]
    assert "1 MiB are free" in finished.error["what"]
    assert "batch_tokens" in finished.error["fix"]


def test_a_source_longer_than_memory_allows_is_refused_by_its_length(monkeypatch):
    records = [*toy_pairs.words(20), toy_pairs.word("ab" * 2000)]
    model, split = model_and_split(toy_pairs, records)
    refuse_too_large(model, split, TrainingParams())
    monkeypatch.setattr(footprint, "available_bytes", lambda device: 50 * 2**20)
    with pytest.raises(WorkbenchError, match="memory") as caught:
        refuse_too_large(model, split, TrainingParams())
    assert "4,000 steps" in caught.value.why
    assert "2,001 to write" in caught.value.why
    assert "longest records" in caught.value.fix


def test_weights_alone_may_be_too_much(monkeypatch):
    model, split = model_and_split(toy, toy.texts(20, 1), hidden_size=200)
    monkeypatch.setattr(footprint, "available_bytes", lambda device: 2**20)
    with pytest.raises(WorkbenchError) as caught:
        refuse_too_large(model, split, TrainingParams(batch_tokens=8))
    assert "weights" in caught.value.why
    assert caught.value.fix == "Choose a smaller network."


def test_this_machine_has_memory():
    assert available_bytes(torch.device("cpu")) > 50 * 2**20


@pytest.mark.parametrize(
    ("module", "records"),
    [
        (toy, toy.texts(40)),
        (toy_stream, toy_stream.lines(40)),
        (toy_windows, toy_windows.waves(3)),
        (toy_pairs, toy_pairs.words(20)),
        (toy_trees, toy_trees.trees(10)),
    ],
    ids=["records", "stream", "windows", "pairs", "trees"],
)
def test_every_kind_is_foreseen_before_it_is_trained(module, records, monkeypatch):
    model, split = model_and_split(module, records)
    section = DataSection(dataset="toy")
    needed, notes = foresee(model, ListSource({"train": records}), section, TrainingParams())
    assert needed > 16 * sum(p.numel() for p in model.parameters())
    assert notes == []
    refuse_too_large(model, split, TrainingParams())
    monkeypatch.setattr("workbench.engine.notes.available_bytes", lambda device: 1000)
    _, notes = foresee(model, ListSource({"train": records}), section, TrainingParams())
    assert "memory" in notes[0]


def test_lengths_are_read_once_and_remembered(tmp_path):
    model, _ = model_and_split(toy, toy.texts(300, 1))
    source = toy.HashedSource({"train": toy.texts(300, 1)}, "one")
    section = DataSection(dataset="toy")
    first = foresee(model, source, section, TrainingParams(), tmp_path)
    read = []
    source.iterate = lambda split, own=source.iterate: (read.append(pair) or pair for pair in own(split))
    assert foresee(model, source, section, TrainingParams(), tmp_path) == first
    assert len(read) == 200, "the sample alone"


def test_records_of_one_step_are_said_to_make_a_feed_forward_network(make_run, catalogue):
    records = {"train": toy.texts(30, 1, 1, 1), "validation": toy.texts(5, 2, 1, 1)}
    run = make_run(max_epochs=1)
    train(run, records, catalogue)
    warnings = [event.what for event in read_journal(run.journal_path) if isinstance(event, WarningEvent)]
    assert warnings == [ONE_STEP]
    model, _ = model_and_split(toy, records["train"])
    _, notes = foresee(model, ListSource(records), DataSection(dataset="toy"), TrainingParams())
    assert notes == [ONE_STEP]
    before = {name: part.clone() for name, part in model.encoder.named_parameters() if "weight_hh" in name}
    loss = model.loss(model.codec.collate([model.codec.encode(record) for record in records["train"]]))
    loss.total.backward()
    for name, part in model.encoder.named_parameters():
        if name in before:
            assert not part.grad.abs().sum(), "they are indeed never used"
