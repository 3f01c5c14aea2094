"""The benchmark's two sides are one model: their losses agree, whatever their speed."""

from __future__ import annotations

import pytest

from workbench.cli.benchmarks.translation_speed import LOSS_TOLERANCE, measure


@pytest.mark.realdata
def test_engine_and_plain_script_learn_the_same(catalogue, shared_data) -> None:
    shared_data("translation/multi30k")
    found = measure(catalogue, pairs=300, turns=2, steps=2, hidden_size=16, batch_tokens=512)
    assert found["largest_loss_difference"] < LOSS_TOLERANCE / 100
    assert len(found["losses"]["engine"]) == len(found["losses"]["plain"]) == 6
    assert found["ratio"] > 0
    assert "engine over plain" in found["table"]
