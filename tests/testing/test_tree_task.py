"""The generated task over trees: right expressions, learned through the engine; what is no tree is refused."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.api import LabelledTree, Registrar, WorkbenchError, hookimpl
from workbench.api.trees import format_bracketed
from workbench.host import load_plugins
from workbench.runs.config import parse_config
from workbench.testing.tree_task import expression_trees, parse_input, tree_metric, tree_task

CELLS = ("binary_lstm", "child_sum_lstm", "rntn", "recursive")


class TreePlugin:
    requires_api = "1"

    @hookimpl
    def register_tasks(self, registry: Registrar) -> None:
        registry.add(tree_task())

    @hookimpl
    def register_metrics(self, registry: Registrar) -> None:
        registry.add(tree_metric())


def value_of(tree: LabelledTree, node: int) -> bool:
    below = [value_of(tree, child) for child in tree.children()[node]]
    word = tree.words[node]
    if word == "and":
        return all(below)
    if word == "or":
        return any(below)
    return not below[0] if word == "not" else word == "true"


def test_every_node_of_an_expression_carries_its_value() -> None:
    trees = expression_trees(40, seed=3)
    assert trees == expression_trees(40, seed=3)
    assert trees != expression_trees(40, seed=4)
    for tree in trees:
        for node, tag in enumerate(tree.tags):
            assert tag == ("true" if value_of(tree, node) else "false")
    assert {len(below) for tree in trees for below in tree.children()} == {0, 1, 2, 3}
    assert 0.25 < np.mean([tree.tags[-1] == "true" for tree in trees]) < 0.75


def test_typed_expressions_are_read_and_bad_ones_named_by_their_line() -> None:
    (tree,) = expression_trees(1)
    assert parse_input(f"\n{format_bracketed(tree)}\n") == [tree]
    with pytest.raises(WorkbenchError, match="not closed") as caught:
        parse_input('("" not ( true))\n("" and')
    assert caught.value.line == 2


@pytest.mark.parametrize("cell", CELLS)
def test_a_model_learns_predicts_and_traces_through_the_engine(cell: str) -> None:
    import torch

    from workbench.engine.compose import compose
    from workbench.engine.tracing import trace_record

    catalogue = load_plugins(extra=[("generated_trees", TreePlugin())]).catalogue
    config = parse_config(
        {
            "task": {"id": "generated_trees"},
            "architecture": {"id": "recursive", "params": {"cell": cell, "hidden_size": 12, "dropout": 0.0}},
            "data": {"dataset": "generated"},
        }
    )
    trees = expression_trees(120)
    model = compose(config, catalogue, records=trees)
    model.task.check(trees)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batch = model.codec.collate([model.codec.encode(tree) for tree in trees])
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        loss = model.loss(batch)
        (loss.total / loss.count).backward()
        optimizer.step()
        losses.append(float(loss.total.detach()) / loss.count)
    assert losses[-1] < 0.5 * losses[0]
    trace = trace_record(model, trees[0])
    assert trace.steps == trees[0].names()
    assert trace.layers[0].states.shape == (trees[0].size(), 12)
    assert trace.outputs is not None
    assert trace.outputs.shape == (trees[0].size(), 2)


def without_validation(parents: tuple[int, ...], tags: tuple[str, ...]) -> LabelledTree:
    """A tree as another program might put it together, past the checks of the record."""
    tree = object.__new__(LabelledTree)
    for name, value in (("words", ("a",) * len(parents)), ("parents", parents), ("tags", tags)):
        object.__setattr__(tree, name, value)
    return tree


def test_a_cycle_and_a_tree_without_labels_are_refused_by_their_record() -> None:
    from workbench.testing.options import GeneratedParams
    from workbench.testing.tree_model import ExpressionValues

    task = ExpressionValues(GeneratedParams())
    good = expression_trees(2)
    with pytest.raises(WorkbenchError, match=r"Record 3 is not a tree: .* own ancestor"):
        task.check([*good, without_validation((1, 2, 0), ("true",) * 3)])
    with pytest.raises(WorkbenchError, match=r"Record 2 \(a b\) has no label"):
        task.check([good[0], LabelledTree(("a", "b", ""), (2, 2, -1))])
    with pytest.raises(WorkbenchError, match="no tree"):
        task.check([])
