"""Traces of trees, of models that write, of one answer a record, of values: real states, honest gradients."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import toy
import toy_pairs
import toy_stream
import toy_trees
import toy_windows
from conftest import toy_config
from test_resume import Killed, assert_same_end, killer
from torch.nn import functional

from workbench.api import TaggedTokens, Text, Trace
from workbench.engine.compose import compose
from workbench.engine.data import ListSource, encode_split
from workbench.engine.evaluate import evaluate_split, evaluation_mode
from workbench.engine.tracing import trace_record
from workbench.engine.training import train


def model_of(module, records, **task_params):
    config = toy_config(task_params=task_params, net_params={"dropout": 0.0})
    return compose(config, module.catalogue(), records=records).eval()


def whole_after_the_pipe(trace):
    description, arrays = trace.to_arrays()
    again = Trace.from_arrays(json.loads(json.dumps(description)), arrays)
    for name in ("outputs", "attention", "gradient", "gradient_steps", "parents"):
        np.testing.assert_array_equal(getattr(again, name), getattr(trace, name))
    assert (again.steps, again.output_steps, again.predicted) == (trace.steps, trace.output_steps, trace.predicted)


# --- trees


@pytest.fixture
def tree_records():
    return {"train": toy_trees.trees(60, 1), "validation": toy_trees.trees(15, 2), "test": toy_trees.trees(10, 3)}


def test_a_tree_is_traced_node_by_node(tree_records):
    model, record = model_of(toy_trees, tree_records["train"]), tree_records["test"][0]
    trace = trace_record(model, record, gradient=True)
    n = record.size()
    assert len(trace.steps) == n
    assert trace.parents.tolist() == list(record.parents)
    assert trace.layers[0].states.shape[0] == n
    assert trace.outputs.shape == (n, 2)
    assert len(trace.predicted) == n
    assert trace.gradient_steps.tolist() == [n - 1]
    assert "root" in trace.gradient_note
    assert "gold" in trace.gradient_note
    whole_after_the_pipe(trace)


def test_the_gradient_of_a_node_is_that_of_the_root_s_loss_by_its_state(tree_records):
    model = model_of(toy_trees, tree_records["train"])
    record = toy_trees.tree(["a", "b", "", "a", ""], [2, 2, 4, 4, -1])
    trace = trace_record(model, record, gradient=True)
    x = model.embedder.table(torch.tensor([1, 2, 0, 1, 0])).detach()
    net = model.encoder
    leaves = [net.compose([], x[i : i + 1]).detach().requires_grad_() for i in (0, 1, 3)]
    inner = net.compose(leaves[:2])
    inner.retain_grad()
    root = net.compose([inner, leaves[2]])
    root.retain_grad()
    functional.cross_entropy(model.head.linear(root), torch.tensor([1])).backward()
    expected = [float(h.grad.norm()) for h in (leaves[0], leaves[1], inner, leaves[2], root)]
    np.testing.assert_allclose(trace.gradient_through_time["upward"][0], expected, rtol=1e-4)


def test_a_tree_too_large_for_its_states_gets_the_gradient_of_its_words(tree_records, monkeypatch):
    monkeypatch.setattr("workbench.engine.trace_gradient.TREE_NODES", 1)
    model, record = model_of(toy_trees, tree_records["train"]), tree_records["test"][0]
    trace = trace_record(model, record, gradient=True)
    assert list(trace.gradient_through_time) == ["input"]
    assert "word of each node" in trace.gradient_note


def test_trees_learn_resume_and_come_back(make_run, tree_records):
    catalogue = toy_trees.catalogue()
    options = {"max_epochs": 3, "learning_rate": 0.03, "net_params": {"dropout": 0.0}}
    reference, run = make_run(**options), make_run(checkpoint_every=1e-9, **options)
    finished = train(reference, tree_records, catalogue)
    assert finished.reason == "completed", finished.error
    with pytest.raises(Killed):
        train(run, tree_records, catalogue, service=killer(5))
    train(run, tree_records, catalogue, resume=True)
    assert_same_end(run, reference)


def test_losses_of_trees_row_by_row_equal_those_alone(tree_records):
    model = model_of(toy_trees, tree_records["train"])
    split = encode_split(ListSource({"test": tree_records["test"]}), "test", model.codec)
    report = evaluate_split(model, split, budget=1000)
    with evaluation_mode(model):
        for example in report.examples:
            loss = model.loss(split.batch(model.codec, np.array([example["record_id"]])))
            assert example["loss"] == pytest.approx(float(loss.total) / loss.count, abs=1e-5)


# --- models that write


def test_a_decoder_is_traced_along_what_it_wrote_itself():
    model = model_of(toy_pairs, toy_pairs.words(5))
    record = toy_pairs.word("banana")
    trace = trace_record(model, record, gradient=True)
    (result,) = model.task.generate(model.parts, model.codec.collate([model.codec.encode(record)]), [record], None)
    written = result.tokens
    assert trace.output_steps[: len(written)] == written
    assert len(trace.output_steps) == len(written) + 1
    encoder, decoder = trace.layers
    assert (encoder.over, decoder.over) == ("steps", "outputs")
    assert decoder.states.shape[0] == len(trace.output_steps)
    assert trace.attention.shape == (len(trace.output_steps), 6)
    np.testing.assert_allclose(trace.attention.sum(1), 1.0, atol=1e-5)
    # led along its own answer, each step's most probable symbol is the one it wrote
    assert tuple(trace.output_labels[i] for i in trace.outputs.argmax(-1))[: len(written)] == written
    assert trace.gradient_through_time["input"].shape == (len(trace.output_steps), 6)
    assert trace.gradient_steps.tolist() == list(range(len(trace.output_steps)))
    assert "source" in trace.gradient_note
    whole_after_the_pipe(trace)


def test_the_gradient_of_a_written_symbol_is_by_each_source_word():
    model = model_of(toy_pairs, toy_pairs.words(5))
    record = toy_pairs.word("fig")
    trace = trace_record(model, record, gradient=True)
    symbols = [toy_pairs.SYMBOLS.index(c) for c in "fig"]
    source = model.embedder.table(torch.tensor([symbols])).detach().requires_grad_()
    memory = model.encoder.read(source, torch.tensor([3]))
    state, symbol = model.encoder.decoder.start(memory), toy_pairs.START
    for step in range(len(trace.output_steps)):
        given = model.embedder.embed_targets(torch.tensor([symbol]))
        output, state, _ = model.encoder.decoder.step(given, state, memory)
        scores = model.head.log_probabilities(output)
        symbol = int(scores.argmax(-1))
        (found,) = torch.autograd.grad(-scores[0, symbol], source, retain_graph=True)
        np.testing.assert_allclose(trace.gradient_through_time["input"][step], found[0].norm(dim=1), rtol=1e-3)


def test_without_a_target_the_encoder_is_traced_and_the_rest_is_said():
    model = model_of(toy_pairs, toy_pairs.words(5))
    trace = trace_record(model, TaggedTokens(tuple("banana")), gradient=True)
    assert [layer.over for layer in trace.layers] == ["steps"]
    assert trace.outputs is None
    assert "cannot be given back" in trace.gradient_note
    whole_after_the_pipe(trace)


def test_a_task_that_knows_what_was_written_needs_no_target(monkeypatch):
    def written(self, encoding, result, codec):
        symbols = [toy_pairs.SYMBOLS.index(token) for token in result.tokens]
        return {**encoding, "target": np.array([*symbols, toy_pairs.END])}

    with_target = trace_record(model_of(toy_pairs, toy_pairs.words(5)), toy_pairs.word("banana"), gradient=True)
    monkeypatch.setattr(toy_pairs.WordTask, "written", written, raising=False)
    trace = trace_record(model_of(toy_pairs, toy_pairs.words(5)), TaggedTokens(tuple("banana")), gradient=True)
    assert trace.output_steps == with_target.output_steps
    np.testing.assert_allclose(trace.outputs, with_target.outputs, atol=1e-6)
    np.testing.assert_allclose(trace.attention, with_target.attention, atol=1e-6)
    np.testing.assert_allclose(trace.gradient, with_target.gradient, rtol=1e-4)


# --- one answer, values, streams


def test_values_are_traced_over_the_window_that_would_be_forecast():
    model = model_of(toy_windows, toy_windows.waves(3))
    trace = trace_record(model, toy_windows.waves(1)[0], gradient=True)
    assert len(trace.steps) == toy_windows.WINDOW
    assert trace.layers[0].states.shape[0] == toy_windows.WINDOW
    assert trace.outputs.shape == (1, 1)
    assert trace.output_labels == ()
    assert trace.predicted == ()
    assert trace.gradient.shape == (toy_windows.WINDOW,)
    assert trace.gradient_steps.tolist() == [toy_windows.WINDOW - 1]
    assert "no gold value" in trace.gradient_note
    assert "one answer" in trace.gradient_note
    whole_after_the_pipe(trace)


def test_a_language_model_is_traced_symbol_by_symbol():
    model = model_of(toy_stream, toy_stream.lines(5))
    trace = trace_record(model, Text("abcd"), gradient=True)
    assert trace.steps == ("a", "b", "c", "d", "\n")
    assert trace.outputs.shape == (5, len(toy_stream.SYMBOLS))
    assert trace.gradient_through_time["input"].shape == (5, 5)
    assert (np.triu(trace.gradient_through_time["input"], 1) == 0).all(), "nothing comes back from the future"


def test_tracing_changes_no_random_state_and_no_mode():
    for module, record in (
        (toy_trees, toy_trees.trees(1)[0]),
        (toy_pairs, toy_pairs.word("kiwi")),
        (toy_windows, toy_windows.waves(1)[0]),
        (toy_stream, Text("abc")),
        (toy, toy.letters("abc")),
    ):
        source = {toy_trees: toy_trees.trees(3), toy_pairs: toy_pairs.words(3), toy_windows: toy_windows.waves(1)}
        records = source.get(module) or (toy_stream.lines(3) if module is toy_stream else toy.texts(20))
        config = toy_config(net_params={"dropout": 0.5})
        catalogue = toy.ToyCatalogue() if module is toy else module.catalogue()
        model = compose(config, catalogue, records=records).train()
        before = torch.get_rng_state()
        trace_record(model, record, gradient=True)
        assert torch.equal(torch.get_rng_state(), before)
        assert all(part.training for part in model.modules())
        assert all(parameter.grad is None for parameter in model.parameters())
