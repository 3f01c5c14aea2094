"""A finished model: order, equality one by one, reports, traces, damage and versions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import toy

from workbench.api import TaggedTokens, Trace, WorkbenchError
from workbench.engine.predict import load_bundle
from workbench.engine.training import train


@pytest.fixture
def trained(make_run, records, catalogue):
    run = make_run(max_epochs=6, learning_rate=0.03)
    train(run, records, catalogue)
    return run


def test_predictions_keep_the_order_and_equal_those_one_by_one(trained, catalogue, records):
    predictor = load_bundle(trained.path, catalogue)
    together = predictor.predict(records["test"])
    assert [result.tokens for result in together] == [record.tokens for record in records["test"]]
    for record, result in zip(records["test"], together, strict=True):
        (alone,) = predictor.predict([record])
        assert alone.labels == result.labels
        assert alone.probabilities == pytest.approx(result.probabilities, abs=1e-5)


def test_a_stream_is_predicted_in_order_and_in_parts(trained, catalogue, records, monkeypatch):
    monkeypatch.setattr("workbench.engine.predict.CHUNK_RECORDS", 7)
    predictor = load_bundle(trained.path, catalogue)
    pairs = list(predictor.predict_stream(iter(records["test"])))
    assert [record.tokens for record, _ in pairs] == [record.tokens for record in records["test"]]
    assert [result.labels for _, result in pairs] == [r.labels for r in predictor.predict(records["test"])]


def test_the_bundle_has_the_best_weights_and_gives_the_metric_it_says(trained, catalogue, records):
    predictor = load_bundle(trained.model_folder, catalogue)
    report = predictor.evaluate(records["validation"], "validation")
    saved = json.loads((trained.model_folder / "metrics.json").read_text())["metrics"]
    assert report.metrics["toy_accuracy"] == pytest.approx(saved["toy_accuracy"])
    assert report.n_records == len(records["validation"])
    losses = [example["loss"] for example in report.examples]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 0


def test_a_trace_shows_every_step_and_survives_the_pipe(trained, catalogue):
    predictor = load_bundle(trained.path, catalogue)
    trace = predictor.trace(toy.letters("banana"), gradient=True)
    assert trace.steps == tuple("banana")
    assert trace.layers[0].states.shape == (6, 12)
    assert trace.outputs.shape == (6, 2)
    assert trace.gradient.shape == (6,)
    assert (trace.gradient > 0).all()
    description, arrays = trace.to_arrays()
    again = Trace.from_arrays(json.loads(json.dumps(description)), arrays)
    assert np.array_equal(again.layers[0].states, trace.layers[0].states)


def test_an_unlabelled_record_can_be_traced_with_its_gradient(trained, catalogue):
    predictor = load_bundle(trained.path, catalogue)
    assert predictor.trace(TaggedTokens(tuple("banana")), gradient=True).gradient.shape == (6,)


def test_an_empty_input_is_refused_in_words(trained, catalogue):
    predictor = load_bundle(trained.path, catalogue)
    with pytest.raises(WorkbenchError, match="nothing to read"):
        predictor.predict([toy.letters("")])


def test_no_model_a_damaged_one_and_a_newer_one_are_told_apart(trained, catalogue, tmp_path):
    with pytest.raises(WorkbenchError, match="no finished model"):
        load_bundle(tmp_path, catalogue)
    manifest = trained.model_folder / "manifest.json"
    values = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**values, "schema_version": 99}))
    with pytest.raises(WorkbenchError, match="newer version"):
        load_bundle(trained.path, catalogue)
    manifest.write_text(json.dumps(values))
    weights = trained.model_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(WorkbenchError, match="damaged"):
        load_bundle(trained.path, catalogue)


def test_a_gpu_that_is_gone_is_told_with_what_to_do(trained, catalogue):
    with pytest.raises(WorkbenchError, match="not there") as caught:
        load_bundle(trained.path, catalogue, device="cuda:99")
    assert "auto" in caught.value.fix


def test_a_device_nobody_knows_is_refused(trained, catalogue):
    with pytest.raises(WorkbenchError, match="no device called"):
        load_bundle(trained.path, catalogue, device="abacus")
