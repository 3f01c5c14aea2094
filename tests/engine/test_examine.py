"""The job ``examine``: a reservoir says what it forgets and remembers, under the inputs of its own task."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import toy
from workbench_plugins.architectures.esn import ESN

from workbench.api import Cancelled, WorkbenchError
from workbench.engine.examine import examine
from workbench.engine.jobs import make_handlers
from workbench.engine.predict import load_bundle
from workbench.engine.sources import ListSource
from workbench.engine.training import train
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder


@pytest.fixture
def catalogue() -> Any:
    return toy.ToyCatalogue(toy.TASK, ESN)


def trained(tmp_path, records, catalogue, **params):
    config = {
        "task": {"id": "toy"},
        "architecture": {"id": "esn", "params": {"units": 50, "readout": "gradient", **params}},
        "data": {"dataset": "letters"},
        "training": {"max_epochs": 1, "batch_tokens": 64, "threads": 1, "device": "cpu"},
    }
    run = RunFolder.create(tmp_path / "runs", parse_config(config))
    assert train(run, records, catalogue).error is None
    return run


def told(done: int, total: int, what: str) -> None:
    assert 0 <= done <= total
    assert what


def test_a_reservoir_tells_whether_it_forgets_and_what_it_remembers(tmp_path, records, catalogue):
    predictor = load_bundle(trained(tmp_path, records, catalogue, spectral_radius=0.8, leak=0.5).path, catalogue)
    found = examine(predictor, lambda: ListSource(records), told)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    echo, memory, eigenvalues = found["echo"], found["memory"], found["eigenvalues"]
    assert echo["converged"]
    assert echo["inputs"] == "task"
    assert echo["distances"][0] > echo["tolerance"] > echo["distances"][-1]
    assert "forgets" in echo["sentence"]
    assert len(memory["by_delay"]) == 50
    assert 0 < memory["total"] <= 50
    values = np.array(eigenvalues["real"]) + 1j * np.array(eigenvalues["imaginary"])
    # of the effective matrix 0.5 I + 0.5 W, W of radius 0.8: half way between 1 and each eigenvalue of W
    assert np.abs(2 * values - 1).max() == pytest.approx(0.8, abs=1e-5)
    assert len(values) == eigenvalues["of"] == 50
    assert found["without"] == ""


def test_one_that_does_not_forget_says_so(tmp_path, records, catalogue):
    run = trained(tmp_path, records, catalogue, spectral_radius=6.0, input_scaling=0.0, bias=0.0, reservoirs=2)
    found = examine(load_bundle(run.path, catalogue), lambda: ListSource(records), told)
    assert not found["echo"]["converged"]
    assert "does not forget" in found["echo"]["sentence"]
    assert found["reservoirs"] == 2


def test_without_its_records_noise_stands_in_and_that_is_told(tmp_path, records, catalogue):
    predictor = load_bundle(trained(tmp_path, records, catalogue).path, catalogue)

    def gone() -> ListSource:
        raise WorkbenchError("There is no dataset letters.")

    found = examine(predictor, gone, told)
    assert found["without"] == "There is no dataset letters."
    assert found["echo"]["inputs"] == "noise"
    assert examine(predictor, lambda: ListSource({}), told)["echo"]["inputs"] == "noise"


def test_it_ends_when_cancelled(tmp_path, records, catalogue):
    predictor = load_bundle(trained(tmp_path, records, catalogue).path, catalogue)

    def cancelled(done: int, total: int, what: str) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        examine(predictor, lambda: ListSource(records), cancelled)


def test_another_network_has_nothing_more_to_say(tmp_path, records, catalogue):
    run = trained(tmp_path, records, catalogue)
    predictor = load_bundle(run.path, catalogue)
    predictor.model.encoder = torch.nn.Identity()
    with pytest.raises(WorkbenchError, match="nothing more to say"):
        examine(predictor, lambda: ListSource(records), told)


def test_the_worker_answers_it(tmp_path, records, catalogue):
    run = trained(tmp_path, records, catalogue)

    @contextmanager
    def no_store(path):
        raise WorkbenchError("There is no project here.")
        yield

    class Request:
        def __init__(self) -> None:
            self.fields: dict[str, Any] = {}
            self.said: list[str] = []

        def text(self, name: str) -> str:
            return str(run.path)

        def progress(self, done: int, total: int, **values: Any) -> None:
            self.said.append(values["what"])

    request = Request()
    found = make_handlers(catalogue, no_store)["examine"](request)
    assert found["kind"] == "reservoir"
    assert found["epoch"] == 1
    assert found["without"] == "There is no project here."
    assert len(request.said) == 4
