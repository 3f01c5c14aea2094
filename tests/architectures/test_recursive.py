"""The recursive architecture: what its options refuse, what it fits, and whole trainings through the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from workbench_plugins.architectures.recursive import RECURSIVE
from workbench_plugins.architectures.recursive.params import LARGEST_TENSOR, RecursiveParams

from workbench.api import Catalogue, Trait, WorkbenchError, compatibility, validate
from workbench.cli.benchmarks.tree_speed import measure, random_binary_tree
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.contract import TreeEncoder
from workbench.nn.trees import RecursiveEncoder
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder
from workbench.testing import GeneratedTasks
from workbench.testing.tree_task import expression_trees, tree_task

CELLS = ("binary_lstm", "child_sum_lstm", "rntn", "recursive")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_plugins(extra=[("generated", GeneratedTasks())]).catalogue


def test_an_rntn_too_large_to_hold_is_refused_with_its_weights() -> None:
    with pytest.raises(WorkbenchError, match=r"an RNTN of 300 units has a tensor of 108,000,000 weights"):
        validate(RecursiveParams, {"cell": "rntn", "hidden_size": 300})
    assert validate(RecursiveParams, {"cell": "rntn", "hidden_size": LARGEST_TENSOR}).hidden_size == LARGEST_TENSOR
    with pytest.raises(WorkbenchError, match="hidden_size"):
        validate(RecursiveParams, {"hidden_size": 0})


@pytest.mark.parametrize("cell", CELLS)
def test_the_options_make_the_network_they_name(cell: str) -> None:
    params = validate(RecursiveParams, {"cell": cell, "hidden_size": 6, "forget_bias": 2.5})
    network = RECURSIVE.factory.resolve()(params, 4)
    assert isinstance(network, TreeEncoder)
    assert isinstance(network, RecursiveEncoder)
    assert network.output_size == 6
    if "lstm" in cell:
        assert torch.equal(network.cell.forget_input.bias, torch.full((6,), 2.5))  # type: ignore[union-attr]


def test_it_fits_tasks_over_trees_and_says_why_it_fits_no_others(catalogue: Catalogue) -> None:
    assert compatibility(tree_task(), RECURSIVE)
    for task in catalogue.tasks():
        if Trait.TREE not in task.needs:
            found = compatibility(task, RECURSIVE)
            assert not found
            assert "tree" in found.reason or "output" in found.reason or "value" in found.reason
    for other in catalogue.architectures():
        if Trait.TREE not in other.accepts:
            assert "nodes of a tree" in compatibility(tree_task(), other).reason


def test_an_expression_is_learned_by_a_whole_training_and_answered_by_its_bundle(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    trees = expression_trees(260)
    config = parse_config(
        {
            "task": {"id": "generated_trees"},
            "architecture": {"id": "recursive", "params": {"cell": "binary_lstm", "hidden_size": 24, "dropout": 0.0}},
            "data": {"dataset": "generated"},
            "training": {
                "max_epochs": 14, "batch_tokens": 128, "learning_rate": 0.02, "threads": 1, "device": "cpu"
            },
        }
    )  # fmt: skip
    folder = RunFolder.create(tmp_path / "runs", config)
    finished = train(folder, {"train": trees[:200], "validation": trees[200:230], "test": trees[230:]}, catalogue)
    assert finished.reason == "completed"
    predictor = load_bundle(folder.path, catalogue)
    results = predictor.predict(trees[230:])
    right = [result.labels[-1] == tree.tags[-1] for result, tree in zip(results, trees[230:], strict=True)]
    assert sum(right) >= 0.9 * len(right)


def test_the_benchmark_measures_both_cells_and_says_what_on(tmp_path: Path) -> None:
    found = measure(data=tmp_path, hidden_size=8, batch=4, trees=12, batches=1, turns=2)
    assert "random binary trees" in found["protocol"]
    assert [row["cell"] for row in found["rows"]] == ["binary Tree-LSTM", "child-sum Tree-LSTM"]
    assert found["ratio"] > 1
    assert found["nodes_per_second"] > 0


def test_generated_trees_of_the_benchmark_are_binary() -> None:
    import random

    tree = random_binary_tree(random.Random(1), 12)
    assert len(tree.leaves()) == 12
    assert {len(below) for below in tree.children()} == {0, 2}
