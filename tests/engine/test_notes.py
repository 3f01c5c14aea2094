"""What is said before a training: options that do nothing for this task, and networks that take minutes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.api import Series
from workbench.api.events import Warning as WarningEvent
from workbench.engine.compose import compose
from workbench.engine.data import ListSource
from workbench.engine.notes import BY_STEPS, NO_WASHOUT, foresee
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.reservoir import size, weights
from workbench.nn.reservoir.size import forewarning, seconds_needed
from workbench.nn.reservoir.weights import ReservoirOptions
from workbench.runs.config import RunConfig, parse_config
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal
from workbench.testing import dataset


@pytest.fixture(scope="module")
def catalogue() -> Any:
    return load_plugins().catalogue


def configuration(task: dict[str, Any], **params: Any) -> RunConfig:
    return parse_config(
        {
            "task": task,
            "architecture": {"id": "esn", "params": {"units": 20, **params}},
            "data": {"dataset": "generated"},
            "training": {"max_epochs": 1, "device": "cpu", "threads": 1},
        }
    )


FORECASTING = {"id": "forecasting", "params": {"lookback": 24, "horizon": 4, "calendar": False}}
TAGGING = {"id": "tagging", "params": {"layer": "ner", "head": "softmax"}}


def records_of(catalogue: Any, task: str) -> dict[str, Any]:
    if task == "forecasting":
        return {"train": [Series.of("wave", np.sin(np.arange(400) / 3))]}
    return dict(dataset(catalogue.task(task).record, train=20, validation=5))


@pytest.mark.parametrize(
    ("task", "params", "said"),
    [
        ({"id": "classification"}, {"washout": 3}, [NO_WASHOUT]),
        ({"id": "classification"}, {}, []),
        ({"id": "classification"}, {"washout": 3, "readout": "gradient"}, []),
        ({"id": "classification", "params": {"pooling": "attention"}}, {"washout": 3}, [BY_STEPS]),
        (TAGGING, {"washout": 3}, []),
        (FORECASTING, {"washout": 3}, [NO_WASHOUT]),
    ],
    ids=["one answer", "default", "by steps anyway", "no closed form", "an answer a step", "windows"],
)
def test_a_washout_without_an_effect_is_said(catalogue, task, params, said) -> None:
    config = configuration(task, **params)
    records = records_of(catalogue, task["id"])
    model = compose(config, catalogue, records=records["train"])
    assert foresee(model, ListSource(records), config.data, config.training)[1] == said


def test_the_run_says_so_too(catalogue, tmp_path) -> None:
    run = RunFolder.create(tmp_path, configuration({"id": "classification"}, washout=3))
    assert train(run, dataset("labelled_text", train=20, validation=5), catalogue).reason == "completed"
    told = [event.what for event in read_journal(run.journal_path) if isinstance(event, WarningEvent)]
    assert NO_WASHOUT in told


def test_reservoirs_that_take_minutes_are_announced_with_their_time(catalogue, monkeypatch, tmp_path) -> None:
    usual = forewarning(ReservoirOptions(units=2000, density=0.02), 2, 4000, steps=100_000, ridges=7, solve=True)
    assert usual == "", "the largest preset"
    options = ReservoirOptions(units=20_000)
    told = forewarning(options, 1, 20_000, steps=10_000, ridges=7, solve=True)
    assert "20,000 units" in told
    assert "minutes" in told
    drawing, several = seconds_needed(options, 1, 20_000, steps=10_000, ridges=7)
    assert several > 2 * seconds_needed(options, 1, 20_000, steps=10_000, ridges=1)[1]
    assert drawing > 30

    config = configuration({"id": "classification"})
    records = records_of(catalogue, "classification")
    model = compose(config, catalogue, records=records["train"])
    monkeypatch.setattr(size, "LONG_SECONDS", 0.0)
    notes = foresee(model, ListSource(records), config.data, config.training)[1]
    assert [note for note in notes if "20 units" in note]
    run = RunFolder.create(tmp_path, config)
    train(run, records, catalogue)
    told = [event.what for event in read_journal(run.journal_path) if isinstance(event, WarningEvent)]
    assert any("takes long" in what for what in told)


def test_a_large_reservoir_is_described_without_its_spectral_radius(catalogue, monkeypatch) -> None:
    exact = weights.spectral_radius(weights._unscaled(2500, 0.02, (1, 2))[0])
    assert weights._unscaled(2500, 0.02, (1, 2), True)[1] == pytest.approx(exact, rel=0.06)

    def slow(matrix: Any) -> float:
        raise AssertionError("computed where only sizes are asked for")

    monkeypatch.setattr(weights, "spectral_radius", slow)
    config = configuration({"id": "classification"}, units=2500, density=0.01)
    records = records_of(catalogue, "classification")["train"]
    assert compose(config, catalogue, records=records, drawn=False).encoder.units == 2500
    with pytest.raises(AssertionError):
        compose(config, catalogue, records=records)
