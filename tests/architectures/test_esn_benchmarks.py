"""The benchmarks of reservoirs say how they measured; here on a small scale."""

from __future__ import annotations

import json

import pytest

from workbench.api import WorkbenchError
from workbench.cli import benchmarks
from workbench.cli.benchmarks import esn_quality, esn_speed


@pytest.mark.parametrize("name", ["mackey_glass", "narma10", "lorenz"])
def test_a_row_of_quality_tells_how_it_was_measured(name, monkeypatch):
    for constant, value in (("MACKEY_GLASS_TRAIN", 800), ("NARMA_TRAIN", 600), ("NARMA_TEST", 300)):
        monkeypatch.setattr(esn_quality, constant, value)
    for constant, value in (("LORENZ_TRAIN", 800), ("LORENZ_RUNS", 3), ("LORENZ_STEPS", 60), ("RUNS", 10)):
        monkeypatch.setattr(esn_quality, constant, value)
    row = benchmarks.run("quality", name, seconds=0.3, seeds=(101, 102))
    assert json.loads(json.dumps(row)) == row
    assert row["benchmark"] == name
    assert set(row["measures"]["by_seed"]) == {"101", "102"}
    assert row["validation"]["trials"] >= 1
    assert row["cpu_seconds"] >= row["search_cpu_seconds"] > 0
    assert set(row["config"]) == {"spectral_radius", "leak", "input_scaling", "bias", "ridge"}
    assert "target: must" in row["table"]
    with pytest.raises(WorkbenchError, match="no variant"):
        benchmarks.run("quality", name, variant="magic")
    with pytest.raises(WorkbenchError, match="no option"):
        benchmarks.run("quality", name, wings=2)


def test_speed_is_compared_at_equal_weights(monkeypatch):
    pytest.importorskip("reservoirpy")
    for constant, value in (("UNITS", 60), ("STEPS", 150), ("SERIES", 3), ("SERIES_STEPS", 20)):
        monkeypatch.setattr(esn_speed, constant, value)
    for constant, value in (("LARGE_UNITS", 50), ("LARGE_STEPS", 300), ("WASHOUT", 20)):
        monkeypatch.setattr(esn_speed, constant, value)
    found = benchmarks.run("speed", "esn", threads=1, seconds=0.01)
    assert {row["what"] for row in found["rows"]} == {"run", "fit", "16 series"}
    assert all(row["largest difference"] < 1e-5 for row in found["rows"])
    assert found["large_fit_seconds"] < 5.0
