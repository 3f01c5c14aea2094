"""The worker's backtest: models fitted on what came before each block of origins, told as it goes, cancelled within."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.api import Cancelled, Catalogue, Series
from workbench.api.events import FinishReason
from workbench.cli.backtesting import backtest_job, backtest_of, errors_before, refitting
from workbench.engine.controls import Ended
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.runs import RunFolder
from workbench.runs.config import parse_config

CONFIG = {
    "name": "wave",
    "task": {
        "id": "forecasting_free_run",
        "params": {"lookback": 16, "horizon": 4, "calendar": False, "validation": 24.0, "test": 24.0},
    },
    "architecture": {"id": "esn", "params": {"units": 20, "search_trials": 0}},
    "data": {"dataset": "waves"},
    "training": {"threads": 1, "seed": 1},
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_plugins().catalogue


@pytest.fixture(scope="module")
def series() -> Series:
    noise = np.random.default_rng(3).normal(0, 0.1, 140)
    return Series.of("wave", np.sin(np.arange(140) / 3.0) + noise)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue, series: Series) -> Path:
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), parse_config(CONFIG))
    ended = train(folder, {"train": [series]}, catalogue)
    assert ended.error is None
    return folder.path


def request(
    run: Path, series: Series, origins: list[int], refit: int, between: Callable[[Any], None] = lambda _live: None
) -> Any:
    blanked = [series.part(0, origin) for origin in origins]
    fields = {
        "run": str(run),
        "series": series.part(0, origins[-1]).to_json(),
        "inputs": [one.to_json() for one in blanked],
        "origins": origins,
        "refit": refit,
    }
    told: list[str] = []
    return SimpleNamespace(
        fields=fields,
        text=lambda name: fields[name],
        progress=lambda done, total, what: told.append(what),
        serve_between=between,
        told=told,
    )


def test_each_block_is_foretold_by_a_model_of_what_came_before_it(
    run: Path, catalogue: Catalogue, series: Series
) -> None:
    asked = request(run, series, [116, 120, 124, 128], 2)
    value = backtest_job(catalogue)(asked)
    assert value["fits"] == 2
    assert asked.told == ["fitting 1 of 2", "fitting 2 of 2"]
    fitted = refitting(load_bundle(run, catalogue, device="cpu"), catalogue)(series.part(0, 124))
    expected = fitted([series.part(0, 124), series.part(0, 128)])
    told = [np.array(one["mean"]) for one in value["results"]]
    assert len(told) == 4
    for found, wanted in zip(told[2:], expected, strict=True):
        assert found == pytest.approx(np.array(wanted.mean))


def test_a_cancel_ends_it_within_a_fit(run: Path, catalogue: Catalogue, series: Series) -> None:
    def stop(_live: object) -> None:
        raise Ended(FinishReason.STOPPED)

    with pytest.raises(Cancelled):
        backtest_job(catalogue)(request(run, series, [116, 120], 1, stop))


def test_a_backtest_begins_with_the_errors_of_the_validation_part(
    run: Path, catalogue: Catalogue, series: Series
) -> None:
    predictor = load_bundle(run, catalogue, device="cpu")
    scores = errors_before(predictor, series)
    assert scores.shape == (24 - 4 + 1, 4, 1)
    found = backtest_of(predictor, series)
    assert not np.isnan(found.lower).any(), "the first origin has intervals already"
    width = (found.upper - found.lower)[0, :, 0] / 2
    ranked = np.sort(scores, axis=0)
    assert width == pytest.approx(ranked[int(np.ceil(22 * 0.9)) - 1, :, 0])
