"""The benchmarks run as described: on small made data here, on the public data where they are."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from workbench.api import WorkbenchError
from workbench.cli import benchmarks
from workbench.cli.benchmarks import common, quality
from workbench.cli.benchmarks.common import data_files, table
from workbench.runs.config import parse_config
from workbench.testing.datasets import dataset

SMALL = {
    "architecture": {"params": {"hidden_size": 24}},
    "task": {"params": {"word_embedding_size": 24, "character_features": 16}},
    "training": {"max_epochs": 6, "batch_tokens": 200, "learning_rate": 0.02, "average_weights": 0.0},
}


@pytest.fixture
def data(tmp_path):
    """The files of the CoNLL-2003 benchmark, with generated sentences."""
    folder = tmp_path / "ner" / "conll2003"
    folder.mkdir(parents=True)
    splits = dataset("tagged_tokens", train=120, validation=30, test=30)
    for name, split in (("train", "train"), ("dev", "validation"), ("test", "test")):
        lines = ["-DOCSTART- -X- O O", ""]
        for record in splits[split]:
            for token, pos, tag in zip(record.tokens, record.layers["upos"], record.layers["ner"], strict=True):
                lines.append(f"{token} {pos} I-NP {tag}")
            lines.append("")
        (folder / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", benchmarks.described())
def test_every_quality_benchmark_describes_a_valid_run(name):
    chosen = benchmarks.specification(name)
    catalogue = common.default_catalogue()
    for part in chosen.get("series", {"": chosen}).values():  # one protocol may be measured on several series
        config = parse_config({**part["run"], "data": {"dataset": "x"}})
        task = catalogue.task(config.task.id)
        assert task.params.model_validate(dict(config.task.params))
        assert catalogue.architecture(config.architecture.id).params.model_validate(dict(config.architecture.params))
        assert catalogue.importer(part["data"]["importer"])
        assert config.training.time_limit <= 600
        # one file without a split is divided by its importer, a series by its task, in time
        whole = {"train"} if task.record == "series" else {""}
        assert set(part["data"]["files"]) in ({"train", "validation", "test"}, whole)


@pytest.mark.parametrize("name", benchmarks.described())
def test_every_quality_benchmark_says_what_it_must_reach(name):
    chosen = benchmarks.specification(name)
    target = chosen.get("target", chosen)
    assert {"must", "at_most"} & set(target), "a value, a range, or a ratio to a method measured beside it"
    if "stretch" in target:
        must, stretch = target["must"], target["stretch"]
        assert must >= stretch if target.get("lower_is_better") else must <= stretch


def test_a_row_tells_how_it_was_measured(data):
    row = benchmarks.run("quality", "conll2003", data=data, variants=True, threads=1, overrides=SMALL)
    assert json.loads(json.dumps(row)) == row
    assert row["benchmark"] == "conll2003"
    assert 50 < row["value"] <= 100
    assert row["measures"]["entity_f1"] == row["value"]
    assert row["met"] is (row["value"] >= 82)
    assert (row["seed"], row["threads"], row["split"]) == (7, 1, "test")
    assert row["sizes"]["records"] == {"train": 120, "validation": 30, "test": 30}
    assert row["seconds"] > 0
    assert row["cpu_seconds"] > 0
    assert [variant["variant"] for variant in row["variants"]] == ["softmax", "softmax-legal"]
    assert row["variants"][0]["config"]["task"]["params"]["head"] == "softmax"
    assert "Lample" in row["table"]


def test_the_validation_split_can_be_measured_alone(data):
    row = quality.run_quality("conll2003", data=data, split="validation", threads=1, seed=3, overrides=SMALL)
    assert row["split"] == "validation"
    assert row["seed"] == 3
    assert row["measures"] == row["validation"] | row["measures"]


def test_missing_data_are_named(tmp_path):
    with pytest.raises(WorkbenchError, match="train file") as caught:
        benchmarks.run("quality", "ud_ewt_pos", data=tmp_path)
    assert common.DATA_VARIABLE in caught.value.fix
    with pytest.raises(WorkbenchError):
        data_files({"folder": "x", "files": {"test": "y"}}, tmp_path)


@pytest.mark.parametrize(("kind", "name"), [("quality", "nothing"), ("speed", "light")])
def test_an_unknown_benchmark_is_refused_with_those_there_are(kind, name):
    with pytest.raises(WorkbenchError, match=name) as caught:
        benchmarks.run(kind, name)
    assert next(iter(benchmarks.available(kind))) in caught.value.fix


def test_an_unknown_option_is_refused():
    with pytest.raises(WorkbenchError, match="no option 'wings'"):
        benchmarks.run("speed", "loop", wings=2)
    with pytest.raises(WorkbenchError, match="no option 'wings'"):
        benchmarks.run("speed", "crf", wings=2)


def test_an_unknown_variant_is_refused(data):
    with pytest.raises(WorkbenchError, match="no variant"):
        benchmarks.run("quality", "conll2003", data=data, variant="magic")


def test_listing_benchmarks_imports_neither_torch_nor_qt():
    code = (
        "import sys; from workbench.cli import benchmarks as b; b.available('quality'); b.available('speed');"
        "print([m for m in ('torch', 'PySide6') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_tagger_is_measured_alone_where_there_is_no_peer(data, monkeypatch):
    from workbench.cli.benchmarks import tagger_speed

    monkeypatch.setattr(tagger_speed, "_own_if_it_has_flair", lambda: "")
    monkeypatch.delenv(tagger_speed.PEER_VARIABLE, raising=False)
    row = benchmarks.run("speed", "tagger", data=data, turns=2, steps=2, sentences=100)
    assert [case["title"] for case in row["cases"]] == ["words and characters", "words alone"]
    assert all(case["peer"] is None and case["tokens_per_second"] > 0 for case in row["cases"])
    assert "ratio" not in row
    assert tagger_speed.PEER_VARIABLE in row["note"]


def test_a_peer_that_cannot_run_is_named(data):
    with pytest.raises(WorkbenchError, match="flair could not be measured"):
        benchmarks.run("speed", "tagger", data=data, turns=1, steps=1, sentences=50, peer_python=sys.executable)
    with pytest.raises(WorkbenchError, match="cannot be run"):
        benchmarks.run("speed", "tagger", data=data, turns=1, steps=1, sentences=50, peer_python=str(data / "no"))


def test_the_loop_is_measured_over_the_bare_calls(data):
    row = benchmarks.run("speed", "loop", data=data, steps=2, rounds=1, sentences=100)
    assert row["loop_seconds"] > 0
    assert row["bare_seconds"] > 0
    assert "overhead" in row["table"]


def test_tables_are_even():
    assert table([["a", 1.5], ["bc", 12345.6]], ["x", "value"]).splitlines() == [
        "| x  | value  |",
        "|----|--------|",
        "| a  | 1.50   |",
        "| bc | 12,346 |",
    ]


def test_a_variant_with_vectors_asks_for_the_file_and_reads_it(data, tmp_path):
    with pytest.raises(WorkbenchError, match="--vectors FILE"):
        benchmarks.run("quality", "conll2003", data=data, variant="vectors")
    file = tmp_path / "vectors.txt"
    file.write_text("london 0.1 0.2 0.3\nthe 0.3 0.2 0.1\n", encoding="utf-8")
    row = quality.run_quality(
        "conll2003", data=data, split="validation", variant="vectors", vectors=file, threads=1, overrides=SMALL
    )
    assert row["config"]["task"]["params"]["vectors"] == str(file)
    assert "pretrained vectors" in row["protocol"]
    assert "vector_coverage" in row["measures"]
