"""The side-by-side measurements give a row for each setting, and a ratio of real times."""

from __future__ import annotations

import sys
import time

import pytest
import torch

from workbench.api import WorkbenchError
from workbench.nn.bench import OWN_CELLS, compare, measure_bidirectional, measure_crf, measure_recurrent


def test_the_ratio_says_how_many_times_faster_ours_is() -> None:
    def busy(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    found = compare(lambda: busy(0.001), lambda: busy(0.004), seconds=0.01)
    assert found["turns"] >= 9
    assert found["ratio"] > 1.5


def test_every_setting_has_a_row_and_the_thread_count_is_put_back() -> None:
    pytest.importorskip("torchcrf")
    before = torch.get_num_threads()
    crf = measure_crf((3,), (1,), batch=2, steps=4, seconds=0.0)
    assert [(row["what"], row["labels"]) for row in crf["rows"]] == [("loss and gradient", 3), ("decode", 3)]
    recurrent = measure_recurrent((1,), batches=(2,), hidden_sizes=(4,), steps=3, seconds=0.0)
    assert {row["cell"]: row["against"] for row in recurrent["rows"]} == {
        "rnn": "torch.nn.RNN",
        "gru": "torch.nn.GRU",
        "lstm": "torch.nn.LSTM",
        **{name: "loop" for name, _, _ in OWN_CELLS},
    }
    both = measure_bidirectional((1,), hidden_sizes=(4,), batch=3, longest=6, batches=2, seconds=0.0)
    assert [row["cell"] for row in both["rows"]] == ["lstm", "gru", "rnn"]
    assert 2 <= both["mean_length"] <= 6
    assert all(row["ratio"] > 0 for row in crf["rows"] + recurrent["rows"] + both["rows"])
    assert torch.get_num_threads() == before


def test_without_the_package_to_compare_with_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcrf", None)
    with pytest.raises(WorkbenchError, match="pytorch-crf"):
        measure_crf()
