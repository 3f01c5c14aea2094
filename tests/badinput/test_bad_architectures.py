"""Networks that cannot be and data they cannot learn from: each is refused in words, before a step is trained."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.api import LabelledTree, Record, TextPair
from workbench.cli.context import CliContext
from workbench.data.importing import import_records
from workbench.host import load_plugins
from workbench.project import Project
from workbench.runs import list_runs
from workbench.testing.datasets import dataset
from workbench.testing.tasks import GeneratedTasks

QUICK = ("--device", "cpu", "--threads", "1", "--max-epochs", "1")


@pytest.fixture(autouse=True)
def generated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small generated tasks beside the installed plugins, for every command."""
    plugins = load_plugins(extra=[("generated", GeneratedTasks())])
    monkeypatch.setattr(CliContext, "plugins", lambda self: plugins)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """A project of given records."""

    def make(kind: str, records: list[Record], name: str = "p") -> Path:
        splits = ["validation" if i % 5 == 4 else "train" for i in range(len(records))]
        with Project.create(tmp_path / name, name) as project:
            import_records(project.store, "data", kind, [(s, "", r) for s, r in zip(splits, records, strict=True)])
        return tmp_path / name

    return make


def trees() -> list[Record]:
    splits = dataset("labelled_tree", train=20, validation=5, test=5)
    return [record for records in splits.values() for record in records]


def pairs(count: int = 20) -> list[Record]:
    return [TextPair("one two three", "tu ke ki") for _ in range(count)]


def nothing_was_trained(project: Path) -> bool:
    return not [run for run in list_runs(project / "runs") if '"type":"step"' in run.journal_path.read_text()]


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("rnn", ["--hidden-size", "8192", "--layers", "16"]),
        ("mogrifier", ["--hidden-size", "8192", "--layers", "16"]),
        ("birnn", ["--hidden-size", "8192", "--layers", "16"]),
        ("deep", ["--stack", json.dumps([{"cell": "lstm", "hidden_size": 8192}] * 16)]),
        ("esn", ["--units", "20000", "--reservoirs", "32"]),
    ],
)
def test_a_network_no_machine_could_hold_is_refused_at_once_with_the_estimate(
    architecture: str, options: list[str], project: Path, monkeypatch: pytest.MonkeyPatch, recurra: Callable[..., Any]
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("", (), {"total": 8 * 2**30, "available": 6 * 2**30}))
    began = time.monotonic()
    told = recurra("train", "--project", project, "--task", "tagging", "--architecture", architecture, *options, *QUICK)
    block = told.block()
    assert "GiB of memory" in block["what"] or "GB to be trained" in block["what"]
    assert "8 GiB" in block["why"] or "9 GB" in block["why"]
    assert block["do"]
    assert time.monotonic() - began < 30, "nothing large was made first"


def test_a_pair_network_too_large_is_refused(made: Callable[..., Path], recurra: Callable[..., Any]) -> None:
    folder = made("text_pair", pairs())
    options = ("--hidden-size", "8192", "--layers", "16") if _bound("encoder_decoder") >= 8192 else ("--layers", "16")
    told = recurra("train", "--project", folder, "--task", "generated_pairs", "--architecture", "encoder_decoder",
                   *options, *QUICK).block()  # fmt: skip
    assert "GiB of memory" in told["what"]
    assert nothing_was_trained(folder)


def _bound(architecture: str) -> int:
    field = load_plugins().catalogue.architecture(architecture).params.model_fields["hidden_size"]
    return next(int(part.le) for part in field.metadata if hasattr(part, "le"))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--spectral-radius", "11"], "spectral_radius"),
        (["--spectral-radius", "nan"], "spectral_radius"),
        (["--spectral-radius", "-1"], "spectral_radius"),
        (["--density", "0"], "density"),
        (["--leak", "0"], "leak"),
        (["--ridges", "0"], "ridges"),
        (["--units", "0"], "units"),
    ],
)
def test_a_reservoir_that_cannot_be_is_refused(
    options: list[str], what: str, project: Path, recurra: Callable[..., Any]
) -> None:
    told = recurra("train", "--project", project, "--task", "tagging", "--architecture", "esn", *options, *QUICK)
    assert what in told.block()["what"]
    assert len(list_runs(project / "runs")) == 1, "only the run that was there"


def test_a_radius_that_no_scale_reaches_says_why(
    project: Path, monkeypatch: pytest.MonkeyPatch, recurra: Callable[..., Any]
) -> None:
    monkeypatch.setattr("workbench.nn.reservoir.weights.spectral_radius", lambda matrix: 0.0)
    monkeypatch.setattr("workbench.nn.reservoir.weights._unscaled.cache_clear", lambda: None, raising=False)
    told = recurra("train", "--project", project, "--task", "tagging", "--architecture", "esn", "--units", "17",
                   "--density", "0.321", *QUICK).block()  # fmt: skip
    assert "cannot be reached" in told["what"]
    assert "no cycle" in told["why"]


def test_a_readout_that_cannot_be_solved_is_said_to_be_trained_by_steps(
    project: Path, recurra: Callable[..., Any]
) -> None:
    told = recurra("train", "--project", project, "--task", "tagging", "--architecture", "esn", "--units", "20",
                   "--head", "crf", *QUICK)  # fmt: skip
    assert told.status == 0, told.err
    assert "has no closed form" in told.out + told.err


def test_a_tree_that_holds_a_cycle_is_named_by_its_record(
    made: Callable[..., Path], recurra: Callable[..., Any]
) -> None:
    folder = made("labelled_tree", trees())
    with sqlite3.connect(folder / "data.sqlite") as store:
        row, body = store.execute("SELECT b.rowid, b.body FROM bodies b JOIN records r ON r.id = b.rowid "
                                  "ORDER BY r.position LIMIT 1 OFFSET 2").fetchone()  # fmt: skip
        tree = json.loads(body)
        tree["parents"][0] = 0
        store.execute("UPDATE bodies SET body = ? WHERE rowid = ?", (json.dumps(tree), row))
    store.close()
    told = recurra("train", "--project", folder, "--task", "generated_trees", "--architecture", "recursive", *QUICK)
    assert "record 3: node 0 is its own ancestor (0 → 0): a cycle" in told.block()["what"]
    assert "a cycle, not a tree" in recurra("check", folder).block()["what"]
    assert nothing_was_trained(folder)


def test_a_tree_without_a_label_is_named(made: Callable[..., Path], recurra: Callable[..., Any]) -> None:
    folder = made("labelled_tree", [*trees(), LabelledTree(("good", "film", ""), (2, 2, -1))])
    told = recurra(
        "train", "--project", folder, "--task", "generated_trees", "--architecture", "recursive", *QUICK
    ).block()
    assert "(good film) has no label" in told["what"]
    assert nothing_was_trained(folder)


def test_a_source_longer_than_memory_allows_is_refused_with_the_estimate(
    made: Callable[..., Path], recurra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made("text_pair", [TextPair("one two " * 3000, "ke ki " * 3000), *pairs()])
    monkeypatch.setattr("workbench.engine.footprint.available_bytes", lambda device: 200 * 2**20)
    told = recurra(
        "train", "--project", folder, "--task", "generated_pairs", "--architecture", "encoder_decoder", *QUICK
    ).block()
    assert "of memory, and 0.2 GiB are free" in told["what"]
    assert "6,000 steps" in told["why"]
    assert nothing_was_trained(folder)


def test_a_decoder_without_a_vocabulary_is_refused(made: Callable[..., Path], recurra: Callable[..., Any]) -> None:
    folder = made("text_pair", [TextPair("one two", "") for _ in range(20)])
    told = recurra(
        "train", "--project", folder, "--task", "generated_pairs", "--architecture", "encoder_decoder", *QUICK
    ).block()
    assert "no record has a target" in told["what"]
    assert nothing_was_trained(folder)


@pytest.mark.parametrize("architecture", ["rnn", "deep"])
def test_divergence_is_caught_within_a_step_and_explained(
    architecture: str, project: Path, recurra: Callable[..., Any]
) -> None:
    layers = json.dumps([{"cell": "rnn", "hidden_size": 8, "residual": True}] * 3)
    options = {"rnn": ("--nonlinearity", "relu", "--hidden-size", "8"), "deep": ("--stack", layers)}[architecture]
    told = recurra(
        "train", "--project", project, "--task", "tagging", "--architecture", architecture, *options,
        "--word-embedding-size", "8", "--characters", "none", "--optimizer", "sgd", "--learning-rate", "100",
        "--momentum", "0.99", "--clip-norm", "0", "--batch-tokens", "16", "--device", "cpu", "--threads", "1",
    ).block()  # fmt: skip
    assert "diverged: the loss is no longer a finite number (step " in told["what"]
    assert "learning rate" in told["do"]
    events = [json.loads(line) for line in list_runs(project / "runs")[-1].journal_path.read_text().splitlines()]
    said = int(told["what"].partition("(step ")[2].rstrip(").").replace(",", ""))
    assert max(event["step"] for event in events if event["type"] in ("step", "finished")) <= said
