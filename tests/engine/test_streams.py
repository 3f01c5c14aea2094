"""One running stream: cut into rows and chunks in order, the state carried, saved and restored; read whole at last."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
import torch
import toy
import toy_stream
from conftest import toy_config
from hypothesis import given
from hypothesis import strategies as st
from test_resume import Killed, assert_same_end, killer

from workbench.api.events import EpochMetrics
from workbench.engine.compose import compose
from workbench.engine.data import ListSource, StoreSource, StreamSplit, encode_split
from workbench.engine.evaluate import Metrics, evaluate_split, evaluation_mode, validate_split
from workbench.engine.predict import load_bundle
from workbench.engine.streams import Carried, StreamBatches, reading_plan
from workbench.engine.training import train
from workbench.runs.journal import read_journal


@pytest.fixture
def catalogue():
    return toy_stream.catalogue()


@pytest.fixture
def records():
    return {"train": toy_stream.lines(60, 1), "validation": toy_stream.lines(25, 2), "test": toy_stream.lines(20, 3)}


@pytest.fixture(params=["gru", "lstm"])
def model(request, catalogue, records):
    config = toy_config(net_params={"dropout": 0.0, "cell": request.param})
    return compose(config, catalogue, records=records["train"])


def stream_of(records, codec, **options):
    return encode_split(ListSource({"train": records}), "train", codec, **options)


def symbols(records):
    """What the stream must be: a line end, then every text with its line end."""
    return [0, *(toy_stream.SYMBOLS.index(c) for record in records for c in record.text + "\n")]


@given(st.integers(1, 400), st.integers(1, 12), st.integers(1, 100), st.integers(1, 6))
def test_rows_hold_the_stream_in_order_and_every_epoch_has_as_many_chunks(steps, chunk, budget, epoch):
    batches = StreamBatches(steps, chunk, budget, seed=7)
    plan = batches.epoch(epoch)
    assert len(plan) == len(batches.epoch(epoch + 1))
    rows = len(plan[0])
    assert rows == max(1, min(budget // chunk, steps // chunk))
    read = np.zeros(steps, dtype=int)
    for row in range(rows):
        spans = [tuple(plan[i][row]) for i in range(len(plan))]
        assert all(0 < stop - start <= chunk for start, stop in spans)
        assert all(before[1] == after[0] for before, after in pairwise(spans))
        for start, stop in spans:
            read[start:stop] += 1
    assert read.max() == 1
    assert (read == 0).sum() < rows


def test_nothing_is_left_out_for_good_and_epochs_are_a_function_of_the_seed():
    batches = StreamBatches(steps=103, chunk=10, budget=70, seed=3)
    left_out, begins = [], set()
    for epoch in range(1, 60):
        plan = batches.epoch(epoch)
        read = {int(t) for i in range(len(plan)) for start, stop in plan[i] for t in range(start, stop)}
        left_out.append(frozenset(range(103)) - read)
        begins |= {int(start) for i in range(len(plan)) for start, _ in plan[i]}
        assert np.array_equal(plan[1], StreamBatches(103, 10, 70, 3).epoch(epoch)[1])
    assert not frozenset.intersection(*left_out)
    assert len(begins) > 50


@given(st.integers(1, 300), st.integers(1, 8), st.integers(1, 50))
def test_a_measured_stream_is_read_whole(steps, rows, chunk):
    plan, rest = reading_plan(steps, rows, chunk)
    pieces = [plan[i] for i in range(len(plan))] + ([] if rest is None else [rest])
    read = sorted(t for spans in pieces for start, stop in spans.tolist() for t in range(start, stop))
    assert read == list(range(steps))
    assert rest is None or rest[0, 1] - rest[0, 0] < rows


def test_the_stream_joins_the_records_after_its_start(model, records):
    split = stream_of(records["train"], model.codec)
    assert isinstance(split, StreamSplit)
    assert split.stream.tolist() == symbols(records["train"])
    assert len(split) == len(records["train"])
    assert split.steps == len(split.stream) - 1
    batch = split.batch(model.codec, np.array([[4, 9]]))
    assert batch.fields["inputs"].tolist() == [split.stream[4:9].tolist()]
    assert batch.fields["targets"].tolist() == [split.stream[5:10].tolist()]


def test_a_cached_stream_is_the_same_stream(model, records, tmp_path):
    source = StoreSource(toy.ToyStore(records, "one"), "letters")
    for _ in range(2):
        split = encode_split(source, "train", model.codec, cache=tmp_path)
        assert isinstance(split, StreamSplit)
        assert split.stream.tolist() == symbols(records["train"])
        assert split.ids.tolist() == list(range(60))
        assert split.empty == 0


def test_chunks_with_carried_state_answer_as_the_whole(model, records):
    split = stream_of(records["test"], model.codec)
    with evaluation_mode(model):
        whole, encoded = model(split.batch(model.codec, np.array([[0, split.steps]])))
        carried, parts = Carried(), []
        for start in range(0, split.steps, 7):
            batch = split.batch(model.codec, np.array([[start, min(start + 7, split.steps)]]))
            outputs, encoded = model(batch, carried.state)
            carried.keep(encoded)
            parts.append(outputs)
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5)


@pytest.mark.parametrize("budget", [1, 11, 4096])
def test_evaluation_reads_one_stream_from_end_to_end(model, records, budget):
    split = stream_of(records["test"], model.codec)
    with evaluation_mode(model):
        batch = split.batch(model.codec, np.array([[0, split.steps]]))
        outputs, _ = model(batch)
        expected = model.head.each(outputs, batch)[0]
    report = evaluate_split(model, split, budget=budget)
    found = torch.tensor([example["loss"] for example in report.examples])
    assert report.n_records == len(records["test"])
    assert torch.allclose(found, expected, atol=1e-5)
    assert report.metrics["toy_perplexity"] == pytest.approx(float(expected.mean().exp()), rel=1e-5)


def test_validation_counts_every_position_and_tells_the_losses_to_the_metric(model, records, catalogue):
    split = stream_of(records["validation"], model.codec)
    metrics = Metrics.of(("toy_perplexity",), catalogue)
    found = validate_split(model, split, metrics, budget=64)
    assert metrics.states[0].count == split.steps
    assert found.metrics["toy_perplexity"] == pytest.approx(np.exp(found.loss), rel=1e-5)
    assert found.headline == -found.metrics["toy_perplexity"]
    whole = evaluate_split(model, split, budget=64).metrics["toy_perplexity"]
    assert found.metrics["toy_perplexity"] == pytest.approx(whole, rel=0.02)


def test_a_language_is_learned_and_its_model_comes_back(make_run, records, catalogue):
    run = make_run(max_epochs=8, learning_rate=0.03)
    finished = train(run, records, catalogue)
    assert finished.reason == "completed", finished.error
    losses = [e.train_loss for e in read_journal(run.journal_path) if isinstance(e, EpochMetrics)]
    assert losses[-1] < 0.8 * losses[0]
    predictor = load_bundle(run.path, catalogue)
    report = predictor.evaluate(records["validation"], "validation")
    assert report.metrics["toy_perplexity"] == pytest.approx(finished.metrics["toy_perplexity"], rel=0.05)
    inputs = toy_stream.lines(5, 9)
    results = predictor.predict(inputs)
    assert ["".join(result.tokens) for result in results] == [record.text + "\n" for record in inputs]
    assert len(predictor.trace(inputs[0]).steps) == len(inputs[0].text) + 1


@pytest.mark.parametrize(
    ("cell", "kill_at", "options"),
    [
        ("gru", 1, {}),
        ("lstm", 5, {}),
        ("gru", 12, {"accumulate": 2, "validate_every": 3}),
        ("lstm", 7, {"accumulate": 2}),
    ],
)
def test_a_stream_that_was_killed_in_an_epoch_ends_bit_equal(make_run, records, catalogue, cell, kill_at, options):
    options = {"net_params": {"cell": cell}, "max_epochs": 3, **options}
    reference, run = make_run(**options), make_run(checkpoint_every=1e-9, **options)
    train(reference, records, catalogue)
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(kill_at))
    torch.manual_seed(99)
    train(run, records, catalogue, resume=True)
    assert_same_end(run, reference)


def test_the_carried_state_is_what_the_next_chunk_begins_with(make_run, records, catalogue):
    """Without it the resume above would still be bit-equal if nothing were carried at all."""
    seen = []

    class Watched(toy.ToyEncoder):
        def forward(self, x, lengths, state=None):
            encoded = super().forward(x, lengths, state)
            if self.training and torch.is_grad_enabled():
                seen.append((state, encoded.state))
            return encoded

    config_catalogue = toy_stream.catalogue()
    original = config_catalogue.architecture("toynet").factory.resolve()
    assert original is toy.ToyEncoder
    toy.ToyEncoder, kept = Watched, toy.ToyEncoder
    try:
        train(make_run(max_epochs=2), records, config_catalogue)
    finally:
        toy.ToyEncoder = kept
    assert len(seen) > 4
    # what is tried before the run is carried nowhere
    fresh = [now for (now, _), (then, _) in pairwise(seen) if now is None and then is not None]
    assert len(fresh) == 2, "each epoch begins without a memory, and only each epoch"
    for (_, left), (state, _) in pairwise(seen):
        if state is not None:
            assert torch.equal(state, left)
            assert not state.requires_grad


def test_structures_of_states_come_back_as_they_were():
    carried = Carried()
    carried.state = ((torch.ones(2, 3), [torch.zeros(1), None]), {"a": torch.arange(4.0), "n": 3})
    structure, tensors = carried.save()
    again = Carried()
    again.restore(structure, tensors, torch.device("cpu"))
    (first, (second, none)), rest = again.state
    assert isinstance(again.state[0][1], list)
    assert torch.equal(first, torch.ones(2, 3))
    assert torch.equal(second, torch.zeros(1))
    assert none is None
    assert torch.equal(rest["a"], torch.arange(4.0))
    assert rest["n"] == 3


def test_a_stream_of_a_million_symbols_is_ready_at_once():
    codec = toy_stream.LanguageCodec(35)
    encoded = [{"symbols": np.zeros(25, dtype=np.int64), "_id": np.array([0]), "_length": np.array([25])}] * 40_000
    from workbench.engine.data import _stream
    from workbench.engine.splits import Split

    ids = np.zeros(len(encoded), dtype=np.int64)
    started = time.process_time()
    split = _stream(codec, Split("train", ids, ids, encoded, ListSource({})))
    plan = split.batches(20 * 35, 7).epoch(1)
    assert len(split.stream) == 1_000_000
    assert time.process_time() - started < 0.5
    assert len(plan[0]) == 20
    started = time.process_time()
    for i in range(200):
        split.batch(codec, plan[i])
    assert (time.process_time() - started) / 200 < 0.002


def test_diverging_in_a_stream_is_caught_within_a_step(make_run, records, catalogue, monkeypatch):
    steps = []
    each = toy_stream.LanguageHead.each

    def exploding(self, outputs, batch):
        return each(self, outputs, batch) * (torch.nan if len(steps) >= 4 else 1.0)

    monkeypatch.setattr(toy_stream.LanguageHead, "each", exploding)
    finished = train(make_run(max_epochs=3), records, catalogue, service=lambda live: live and steps.append(1))
    assert finished.reason == "diverged"
    assert finished.step == 4
