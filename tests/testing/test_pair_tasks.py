"""The generated tasks that write: learned, answered by every method, traced, and refused where they must be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from workbench.api import TextPair, Translation, WorkbenchError, hookimpl
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.contract import DecodeOptions
from workbench.nn.protocols import Generates, KnowsWritten
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder
from workbench.testing.pair_model import PairModel
from workbench.testing.pair_tasks import (
    DescribedVector,
    PairParams,
    described_vectors,
    pair_metrics,
    pair_task,
    parse_pairs,
    parse_vectors,
    reversed_pairs,
    vector_task,
)


class Writing:
    requires_api = "1"

    @hookimpl
    def register_tasks(self, registry):
        for task in (pair_task(), vector_task()):
            registry.add(task)

    @hookimpl
    def register_metrics(self, registry):
        for metric in pair_metrics():
            registry.add(metric)


@pytest.fixture(scope="module")
def catalogue():
    plugins = load_plugins(extra=[("writing", Writing())])
    assert not [one for one in plugins.problems.problems() if one.plugin == "architectures-encoder-decoder"]
    return plugins.catalogue


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def learned(catalogue, folder: Path, task: str, records, epochs: int, task_params=None, **architecture):
    config = parse_config(
        {
            "task": {"id": task, "params": task_params or {}},
            "architecture": {
                "id": "encoder_decoder",
                "params": {"cell": "gru", "hidden_size": 32, "dropout": 0.0, **architecture},
            },
            "data": {"dataset": "generated"},
            "training": {
                "max_epochs": epochs,
                "patience": 0,
                "learning_rate": 0.01,
                "batch_tokens": 64,
                "device": "cpu",
                "threads": 1,
            },
        }
    )
    run = RunFolder.create(folder, config)
    finished = train(run, records, catalogue)
    assert finished.reason == "completed", finished.error
    return load_bundle(run.path, catalogue, device="cpu")


def splits(records):
    return {"train": records[:-60], "validation": records[-60:-30], "test": records[-30:]}


def test_pairs_change_symbols_order_and_length():
    (pair,) = reversed_pairs(1, 3)
    assert reversed_pairs(3, 3)[0] == pair
    assert TextPair("two three", "ke ke ku") in [
        TextPair(one.source, one.target) for one in reversed_pairs(3000, 1, shortest=2, longest=2)
    ]
    assert TextPair.from_json(json.loads(json.dumps(pair.to_json()))) == pair
    (vector,) = described_vectors(1)
    assert DescribedVector.from_json(json.loads(json.dumps(vector.to_json()))) == vector


def test_pairs_are_learned_written_and_traced(catalogue, tmp_path):
    records = splits(reversed_pairs(560, longest=3))
    predictor = learned(catalogue, tmp_path, "generated_pairs", records, 12)
    report = predictor.evaluate(records["test"])
    assert report.metrics["generated_exact"] >= 0.7
    record = records["test"][0]
    (answer,) = predictor.predict([record], DecodeOptions(n_best=3))
    assert isinstance(answer, Translation)
    assert len(answer.n_best) == 3
    assert answer.n_best[0].tokens == answer.tokens
    assert answer.source_tokens == tuple(record.source.split())
    assert len(answer.attention) == len(answer.token_log_probabilities) == len(answer.tokens) + 1
    assert sum(answer.token_log_probabilities) == pytest.approx(answer.log_probability, abs=1e-4)
    assert Translation.from_json(json.loads(json.dumps(answer.to_json()))) == answer
    assert answer.summary() == answer.text
    (greedy,) = predictor.predict([record], DecodeOptions(extra={"beam": 1}))
    assert greedy.score <= answer.score + 1e-6
    sampled = [
        predictor.predict(batch, DecodeOptions(extra={"temperature": 2.0, "seed": 5}))[-1].text
        for batch in ([record], [*records["test"][1:4], record])
    ]
    assert sampled[0] == sampled[1], "what is drawn does not depend on the batch"
    with pytest.raises(WorkbenchError, match="no option 'temperatur'") as refused:
        predictor.predict([record], DecodeOptions(extra={"beam": 2, "temperatur": 1}))
    assert "Did you mean temperature" in refused.value.fix
    assert "alpha, ban_unknown, beam" in refused.value.why
    trace = predictor.trace(record, gradient=True)
    assert trace.attention.shape == (len(trace.output_steps), len(trace.steps))
    assert {layer.over for layer in trace.layers} == {"steps", "outputs"}
    np.testing.assert_allclose(trace.attention, np.array(answer.attention), atol=1e-3)


@pytest.mark.parametrize("encoder", ["bidirectional", "none"])
def test_words_for_a_vector_are_learned(catalogue, tmp_path, encoder):
    records = splits(described_vectors(260))
    predictor = learned(catalogue, tmp_path, "generated_descriptions", records, 25, encoder=encoder)
    assert predictor.evaluate(records["test"]).metrics["generated_exact"] >= 0.8
    (answer,) = predictor.predict([DescribedVector((0.6, 1.0))])
    assert set(answer.tokens) == {"up"}


def test_everything_switched_on_still_trains(catalogue, tmp_path):
    records = splits(reversed_pairs(160))
    predictor = learned(
        catalogue,
        tmp_path,
        "generated_pairs",
        records,
        2,
        {"tied": True},
        layers=2,
        attention="additive",
        feeding="input",
        coverage=True,
        coverage_loss=0.5,
        teacher_forcing="inverse_sigmoid",
        forcing_end=0.2,
        dropout=0.2,
    )
    assert len(predictor.predict(records["test"])) == 30


def test_a_task_without_targets_is_refused_and_typed_input_is_read():
    task = PairModel(PairParams())
    assert isinstance(task, Generates)
    assert isinstance(task, KnowsWritten)
    with pytest.raises(WorkbenchError, match="no record has a target"):
        task.check([TextPair("one two")])
    task.check([TextPair("one", "ki")])
    assert parse_pairs("one two\n\nthree ") == [TextPair("one two"), TextPair("three")]
    assert parse_vectors("0.5, 1\n1 2") == [DescribedVector((0.5, 1.0)), DescribedVector((1.0, 2.0))]
    for wrong in ("1", "1 x"):
        with pytest.raises(WorkbenchError):
            parse_vectors(wrong)
