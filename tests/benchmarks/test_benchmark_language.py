"""The benchmarks of language models run as described, here on small made data."""

from __future__ import annotations

import json
import random

import pytest

from workbench.cli import benchmarks

WORDS = [f"word{i}" for i in range(300)]


@pytest.fixture
def data(tmp_path):
    """The files of both benchmarks: lines of random words, and speeches of two lines."""
    choose = random.Random(3)
    folder = tmp_path / "language_modelling" / "ptb"
    folder.mkdir(parents=True)
    for name, count in (("train", 150), ("valid", 20), ("test", 20)):
        lines = [" " + " ".join(choose.choices(WORDS, k=12)) + " " for _ in range(count)]
        (folder / f"ptb.{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder = tmp_path / "language_modelling" / "tiny_shakespeare"
    folder.mkdir(parents=True)
    speeches = [f"FIRST:\nspeak {choose.choice('abc') * 9}, speak." for _ in range(200)]
    (folder / "input.txt").write_text("\n\n".join(speeches) + "\n", encoding="utf-8")
    return tmp_path


def small(**task):
    return {
        "task": {"params": {"embedding_size": 8, **task}},
        "architecture": {"params": {"hidden_size": 8}},
        "training": {"max_epochs": 1},
    }


def test_a_perplexity_is_met_from_below(data):
    row = benchmarks.run("quality", "ptb", data=data, overrides=small())
    assert json.loads(json.dumps(row)) == row
    assert row["value"] == row["measures"]["perplexity"]
    assert row["met"] is (row["value"] <= row["must"])
    assert row["value"] > 150
    assert row["sizes"]["test_tokens"] == 20 * 13
    assert "test perplexity" in row["table"]
    assert "%" not in row["table"].splitlines()[0]


def test_one_file_is_divided_and_measured_in_nats(data):
    row = benchmarks.run("quality", "tiny_shakespeare", data=data, overrides=small())
    assert row["sizes"]["records"] == {"train": 180, "validation": 10, "test": 10}
    assert row["value"] == row["measures"]["nats_per_character"]
    assert 0 < row["value"] < 5


def test_both_sides_of_the_speed_benchmark_learn_the_same(data):
    row = benchmarks.run("speed", "language_model", data=data, turns=1, steps=1, hidden_size=16)
    assert row["same_loss_curve"] is True
    assert row["largest_loss_difference"] < 1e-4
    assert set(row["words_per_second"]) == {"engine, full", "plain, full", "engine, adaptive", "plain, adaptive"}
    assert row["ratio"] == min(row["ratio_full"], row["ratio_adaptive"]) > 0
    assert "adaptive over full" in row["table"]
