"""The gradient's way back while training: right by definition, told at every validation, cheap, and never harmful."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import toy
import toy_pairs
import toy_stream
import toy_trees
from conftest import toy_config
from test_resume import assert_same_end
from torch.nn import functional

from workbench.api import TaggedTokens
from workbench.api.events import EpochMetrics, GradientFlow
from workbench.engine import gradient_flow as module
from workbench.engine.compose import compose
from workbench.engine.data import ListSource, encode_split
from workbench.engine.gradient_flow import FlowProbe, gradient_flow
from workbench.engine.tracing import trace_record
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.recurrent import hidden_gradient_norms
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal


def sentences(count, shortest=2, longest=20, seed=0):
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        words = [f"w{i}" for i in generator.integers(0, 9, int(generator.integers(shortest, longest)))]
        found.append(TaggedTokens(tuple(words), {"ner": tuple("B-X" if w < "w4" else "O" for w in words)}))
    return found


def configuration(architecture="rnn", **training):
    return parse_config(
        {
            "task": {"id": "tagging", "params": {"layer": "ner", "head": "softmax"}},
            "architecture": {"id": architecture, "params": {"hidden_size": 8}},
            "data": {"dataset": "none"},
            "training": {"threads": 1, "device": "cpu", "batch_tokens": 128, **training},
        }
    )


def model_of(architecture="rnn"):
    catalogue = load_plugins(safe_mode=True).catalogue
    return compose(configuration(architecture), catalogue, records=sentences(20))


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "birnn"])
def test_a_profile_is_the_mean_by_distance_of_the_gradient_of_single_steps(architecture):
    model, records = model_of(architecture).eval(), sentences(4, seed=3)
    batch = model.codec.collate([model.codec.encode(record) for record in records])
    profile = gradient_flow(model, batch, records)
    by_distance: dict[int, list[float]] = {}
    for record in records:
        one = model.codec.collate([model.codec.encode(record)])
        last = record.size() - 1
        x = model.embedder(one)

        def loss(encoded, one=one, last=last):
            return functional.cross_entropy(model.head(encoded, one)[0, last], one.fields["labels"][0, last])

        if architecture == "birnn":
            with torch.enable_grad():
                encoded, recorded = model.encoder.forward_recorded(x.detach(), one.lengths)
                found = torch.autograd.grad(loss(encoded), list(recorded[0]))
            norms = [float(gradient.norm()) for gradient in found]
        else:
            norms = hidden_gradient_norms(model.encoder, x, one.lengths, loss)[0].tolist()
        for k, norm in enumerate(reversed(norms)):
            by_distance.setdefault(k, []).append(norm)
    expected = [float(np.mean(by_distance[k])) for k in sorted(by_distance)]
    np.testing.assert_allclose(profile, expected, rtol=1e-3, atol=1e-9)


def test_small_recurrent_weights_fade_as_their_power():
    model = model_of("rnn")
    layer = model.encoder.forwards[0]
    with torch.no_grad():
        for weights in layer.parameters():
            weights.mul_(0.01 if weights.ndim > 1 else 0.0)
        recurrent = next(w for name, w in layer.named_parameters() if "hh" in name and w.ndim == 2)
        recurrent.copy_(0.5 * torch.eye(8))
    records = sentences(3, 12, 13)
    batch = model.codec.collate([model.codec.encode(record) for record in records])
    profile = np.array(gradient_flow(model, batch, records))
    np.testing.assert_allclose(profile[1:] / profile[:-1], 0.5, rtol=0.02)


def test_longer_records_are_read_in_part():
    model, records = model_of("gru"), sentences(2, 30, 31)
    batch = model.codec.collate([model.codec.encode(record) for record in records])
    assert len(gradient_flow(model, batch, records, limit=10)) == 10


def test_it_is_told_at_every_validation_and_changes_nothing(tmp_path):
    catalogue = load_plugins(safe_mode=True).catalogue
    records = {"train": sentences(40, seed=1), "validation": sentences(10, seed=2)}
    runs = [RunFolder.create(tmp_path / name, configuration(max_epochs=3)) for name in ("with", "without")]
    train(runs[0], records, catalogue)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlowProbe, "measure", lambda self: ())
        train(runs[1], records, catalogue)
    events = read_journal(runs[0].journal_path)
    flows = [event for event in events if isinstance(event, GradientFlow)]
    assert [flow.epoch for flow in flows if flow.epoch] == [e.epoch for e in events if isinstance(e, EpochMetrics)]
    longest = max(record.size() for record in records["validation"])
    assert {len(flow.norms) for flow in flows} == {longest}
    assert all(norm > 0 for flow in flows for norm in flow.norms)
    assert not [event for event in read_journal(runs[1].journal_path) if isinstance(event, GradientFlow)]
    assert_same_end(*runs)


def test_it_is_told_once_before_the_first_validation(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.engine.loop.EARLY_SAMPLE_SECONDS", 0.0)
    run = RunFolder.create(tmp_path, configuration(max_epochs=2))
    train(run, {"train": sentences(60, seed=1)}, load_plugins(safe_mode=True).catalogue)
    events = [e for e in read_journal(run.journal_path) if isinstance(e, GradientFlow | EpochMetrics)]
    assert [type(event) for event in events] == [GradientFlow, EpochMetrics, GradientFlow, EpochMetrics, GradientFlow]
    assert events[0].step == 1


def test_a_stream_is_measured_in_rows():
    catalogue = load_plugins(safe_mode=True).catalogue
    architecture = catalogue.architecture("lstm")
    config = parse_config(
        {
            "task": {"id": "toy"},
            "architecture": {"id": "lstm", "params": {"hidden_size": 8}},
            "data": {"dataset": "none"},
        }
    )
    joined = toy.ToyCatalogue(toy_stream.TASK, architecture, (toy_stream.METRIC,))
    model = compose(config, joined, records=toy_stream.lines(5))
    split = encode_split(ListSource({"train": toy_stream.lines(100)}), "train", model.codec)
    assert len(FlowProbe(model, split).measure()) == module.MOST_STEPS


def test_of_a_tree_it_is_told_by_levels_below_the_root(make_run):
    records = {"train": toy_trees.trees(20, 1), "validation": toy_trees.trees(5, 2)}
    run = make_run(max_epochs=1)
    assert train(run, records, toy_trees.catalogue()).reason == "completed"
    (told,) = [event for event in read_journal(run.journal_path) if isinstance(event, GradientFlow)]
    assert told.over == "levels"
    catalogue, record = toy_trees.catalogue(), toy_trees.tree(["a", "b", "", "a", ""], [2, 2, 4, 4, -1])
    model = compose(toy_config(), catalogue, records=records["train"]).eval()
    split = encode_split(ListSource({"one": [record]}), "one", model.codec)
    norms = trace_record(model, record, gradient=True).gradient_through_time["upward"][0]
    expected = [norms[4], (norms[2] + norms[3]) / 2, (norms[0] + norms[1]) / 2]
    np.testing.assert_allclose(FlowProbe(model, split).measure(), expected, rtol=1e-5)


def test_of_a_model_that_writes_it_is_told_back_from_the_end_of_its_source(make_run):
    records = {"train": toy_pairs.words(30, 1), "validation": toy_pairs.words(12, 2)}
    run = make_run(max_epochs=1)
    assert train(run, records, toy_pairs.catalogue()).reason == "completed"
    (told,) = [event for event in read_journal(run.journal_path) if isinstance(event, GradientFlow)]
    assert told.over == "source"
    model = compose(toy_config(net_params={"dropout": 0.0}), toy_pairs.catalogue(), records=records["train"]).eval()
    split = encode_split(ListSource({"v": records["validation"][:3]}), "v", model.codec)
    by_distance: dict[int, list[float]] = {}
    for i in range(len(split)):
        batch = split.batch(model.codec, np.array([i]))
        inputs = model.embedder(batch)
        inputs.source = inputs.source.detach().requires_grad_(True)
        encoded = model.encoder(inputs, batch.lengths)
        loss = model.head.loss(model.head(encoded, batch), encoded, batch)
        (loss.total / int(inputs.target_lengths[0])).backward()
        for k, norm in enumerate(reversed(inputs.source.grad[0].norm(dim=1).tolist())):
            by_distance.setdefault(k, []).append(norm)
    expected = [float(np.mean(by_distance[k])) for k in range(len(by_distance))]
    np.testing.assert_allclose(FlowProbe(model, split).measure(), expected, rtol=1e-4, atol=1e-9)


def test_a_source_of_one_step_has_no_distance():
    model = compose(toy_config(), toy_pairs.catalogue(), records=toy_pairs.words(9, 1)).eval()
    split = encode_split(ListSource({"v": [toy_pairs.word("a")]}), "v", model.codec)
    assert FlowProbe(model, split).measure() == ()


def test_a_slow_measurement_looks_less_far_and_a_failing_one_ends_itself(monkeypatch, caplog):
    model = model_of("gru")
    split = encode_split(ListSource({"v": sentences(8, 60, 61)}), "v", model.codec)
    probe = FlowProbe(model, split)
    monkeypatch.setattr(module, "SECONDS", 0.0)
    found = [len(probe.measure()) for _ in range(4)]
    assert found == [60, 30, 16, 16]
    monkeypatch.setattr(type(model.head), "forward", lambda *_: (_ for _ in ()).throw(RuntimeError("not today")))
    assert probe.measure() == ()
    assert "could not be measured" in caplog.text
    caplog.clear()
    assert probe.measure() == ()
    assert not caplog.text
