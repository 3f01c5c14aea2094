"""Every task with every architecture that fits it: trains, predicts, is saved, loaded, resumed and traced."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contract_subjects import all_pairs, loaded, name_of, pairs, records_for, small_sizes
from safetensors.numpy import load_file

from workbench.api import Architecture, Task, Trace, compatibility
from workbench.api.events import EpochMetrics, RunFinished, StepMetrics
from workbench.engine.predict import Predictor, load_bundle
from workbench.engine.training import train
from workbench.runs.config import RunConfig, parse_config
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal

EPOCHS = 3
BATCHES = 6
"""About so many in an epoch."""
TOLERANCE = 1e-4

of_each_pair = pytest.mark.parametrize(("task", "architecture"), pairs(), ids=name_of)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def configuration(task: Task, architecture: Architecture, **training: Any) -> RunConfig:
    records = records_for(task)["train"]
    steps = sum(record.size() for record in records)
    return parse_config(
        {
            "task": {"id": task.id, "params": small_sizes(task.params)},
            "architecture": {"id": architecture.id, "params": small_sizes(architecture.params, size=16)},
            "data": {"dataset": "generated"},
            "training": {
                "max_epochs": EPOCHS,
                "patience": 0,
                "learning_rate": 0.02,
                "batch_tokens": max(2, steps // BATCHES),
                "device": "cpu",
                "threads": 1,
                "checkpoint_every": 0,
                **training,
            },
        }
    )


def trained(folder: Path, config: RunConfig, task: Task, **options: Any) -> tuple[RunFolder, RunFinished]:
    run = RunFolder.create(folder, config)
    return run, train(run, records_for(task), loaded().catalogue, **options)


@of_each_pair
def test_it_learns_is_kept_and_comes_back(task: Task, architecture: Architecture, tmp_path: Path) -> None:
    run, finished = trained(tmp_path, configuration(task, architecture), task)
    assert finished.reason == "completed", finished.error
    events = read_journal(run.journal_path)
    losses = [event.train_loss for event in events if isinstance(event, EpochMetrics)]
    assert losses
    assert all(math.isfinite(loss) for loss in losses)
    if architecture.fitting == "gradient":
        assert len(losses) == EPOCHS
        assert losses[-1] < losses[0]
        assert all(math.isfinite(event.gradient_norm) for event in events if isinstance(event, StepMetrics))

    predictor = load_bundle(run.path, loaded().catalogue, device="cpu")
    _check_predictions(predictor, task)
    _check_trace(predictor, task)
    report = predictor.evaluate(records_for(task)["test"])
    assert set(task.metrics) & set(report.metrics), "the report shows the metric that chose the best checkpoint"
    json.dumps(report.to_json())
    for exporter in loaded().catalogue.exporters():
        if exporter.of == "model":
            written = tmp_path / f"model{exporter.suffix}"
            exporter.factory.resolve()(run.model_folder, written)
            assert written.stat().st_size > 0


def _check_predictions(predictor: Predictor, task: Task) -> None:
    records = records_for(task)["test"]
    results = predictor.predict(records)
    assert len(results) == len(records)
    assert {result.KIND for result in results} == {task.result}
    for record, result in zip(records, results, strict=True):
        (alone,) = predictor.predict([record])
        assert alike(alone.to_json(), result.to_json()), "a record is answered alike alone and in a batch"
        assert result.summary()
        again = type(result).from_json(json.loads(json.dumps(result.to_json())))
        assert again == result


def alike(first: Any, second: Any) -> bool:
    """Whether two answers as JSON say the same, numbers within a tolerance."""
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(alike(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(alike, first, second))
    if isinstance(first, float):
        return math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(first == second)


def _check_trace(predictor: Predictor, task: Task) -> None:
    record = records_for(task)["test"][0]
    trace = predictor.trace(record, gradient=True)
    steps, written = len(trace.steps), len(trace.output_steps)
    assert steps
    assert trace.layers
    for layer in trace.layers:
        assert np.isfinite(layer.states).all()
        if layer.over == "outputs":
            assert len(layer.states) == written
    if trace.outputs is not None:
        if trace.output_labels:
            assert trace.outputs.shape[1] == len(trace.output_labels)
            np.testing.assert_allclose(trace.outputs.sum(-1), 1.0, atol=1e-4)
        assert np.isfinite(trace.outputs).all()
        if written:
            assert len(trace.outputs) == written
    if trace.attention is not None:
        assert trace.attention.shape[0] == written
        np.testing.assert_allclose(trace.attention.sum(-1), 1.0, atol=1e-4)
    if trace.parents is not None:
        assert len(trace.parents) == steps
        assert (trace.parents == -1).sum() == 1
    if trace.gradient is None:
        assert trace.gradient_note.endswith("."), "why there is no gradient is said in a sentence"
    else:
        assert trace.gradient.shape == (steps,)
        assert np.isfinite(trace.gradient).all()
    again = Trace.from_arrays(*trace.to_arrays())
    assert again.steps == trace.steps
    assert [layer.name for layer in again.layers] == [layer.name for layer in trace.layers]


@of_each_pair
def test_an_interrupted_run_ends_as_if_it_had_not_been(task: Task, architecture: Architecture, tmp_path: Path) -> None:
    config = configuration(task, architecture, max_epochs=2)
    whole, _ = trained(tmp_path / "whole", config, task)
    cut = RunFolder.create(tmp_path / "cut", config)
    if architecture.fitting == "gradient":
        with pytest.raises(KeyboardInterrupt):
            train(cut, records_for(task), loaded().catalogue, service=_interrupt_after(cut, BATCHES + 2))
        assert not cut.model_folder.exists()
    resumed = train(cut, records_for(task), loaded().catalogue, resume=True)
    assert resumed.reason == "completed", resumed.error
    first, second = (load_file(run.model_folder / _weights(run)) for run in (whole, cut))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(("task", "architecture"), all_pairs(), ids=name_of)
def test_every_pair_is_answered_and_a_refusal_says_why_in_a_sentence(task: Task, architecture: Architecture) -> None:
    answer = compatibility(task, architecture)
    assert bool(answer) == (answer.reason == "")
    if not answer:
        assert answer.reason[0].isupper()
        assert answer.reason.endswith(".")
        assert len(answer.reason.split()) >= 6, "long enough to teach something"


def test_every_task_and_every_architecture_has_a_partner() -> None:
    fitting = pairs()
    for task in {task.id for task, _ in all_pairs()}:
        assert any(one.id == task for one, _ in fitting), task
    for architecture in {one.id for _, one in all_pairs()}:
        assert any(one.id == architecture for _, one in fitting), architecture


def _weights(run: RunFolder) -> str:
    (name,) = (path.name for path in run.model_folder.glob("*.safetensors"))
    return name


def _interrupt_after(run: RunFolder, steps: int) -> Callable[[Any], None]:
    """Ctrl-C once there is a checkpoint and ``steps`` calls have passed in training."""
    calls = 0

    def service(live: Any) -> None:
        nonlocal calls
        calls += live is not None
        if calls > steps:
            raise KeyboardInterrupt

    return service
