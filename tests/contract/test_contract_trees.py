"""Every architecture of trees with every option: batches, depth, order and composition never change the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from contract_subjects import families, name_of

from workbench.api import Architecture, Trait, validate
from workbench.nn.contract import Encoded, TreeEncoder, TreeInputs
from workbench.nn.trees import TreePlan

INPUT_SIZE = 5
TOLERANCE = 1e-6
TREES = ([-1], [2, 2, -1], [3, 3, 3, -1], [1, -1], [2, 2, 4, 4, 6, 6, -1], [2, 2, 8, 5, 5, 7, 7, 8, -1])
"""Parents in post-order: a leaf, a pair, three children, a chain, two of mixed depth."""

pytestmark = pytest.mark.parametrize(("architecture", "options"), families(Trait.TREE), ids=name_of)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        yield


@pytest.fixture
def encoder(architecture: Architecture, options: dict[str, Any]) -> TreeEncoder:
    built = architecture.factory.resolve()(validate(architecture.params, options), INPUT_SIZE)
    assert isinstance(built, TreeEncoder)
    return built.double().eval()


def leaves(parents: list[int]) -> list[int]:
    return [node for node in range(len(parents)) if node not in parents]


def inputs_of(trees: list[list[int]], seed: int = 3) -> tuple[TreeInputs, torch.Tensor]:
    """Vectors at the leaves of each tree (the same whatever the batch) and loud padding."""
    longest = max(map(len, trees))
    x = torch.full((len(trees), longest, INPUT_SIZE), 1000.0, dtype=torch.float64)
    for row, parents in zip(x, trees, strict=True):
        generator = torch.Generator().manual_seed(seed + 100 * len(parents) + sum(parents))
        row[: len(parents)] = 0.0
        for leaf in leaves(parents):
            row[leaf] = torch.randn(INPUT_SIZE, generator=generator, dtype=torch.float64)
    return TreeInputs(x, TreePlan.of(trees)), torch.tensor([len(parents) for parents in trees])


def test_a_batch_of_trees_answers_as_its_trees_one_by_one(encoder: TreeEncoder) -> None:
    trees = [list(tree) for tree in TREES]
    together: Encoded = encoder(*inputs_of(trees))
    assert together.states.shape[-1] == together.final.shape[-1] == encoder.output_size
    for row, parents in enumerate(trees):
        alone = encoder(*inputs_of([parents]))
        nodes = len(parents)
        torch.testing.assert_close(together.states[row, :nodes], alone.states[0], rtol=0, atol=TOLERANCE)
        torch.testing.assert_close(together.final[row], alone.final[0], rtol=0, atol=TOLERANCE)
        torch.testing.assert_close(together.final[row], together.states[row, nodes - 1], rtol=0, atol=TOLERANCE)
        assert not together.states[row, nodes:].any(), "positions beyond a tree hold zeros"


def test_composing_node_by_node_is_what_the_batch_does(encoder: TreeEncoder) -> None:
    for parents in ([2, 2, -1], [2, 2, 4, 4, -1]):
        inputs, lengths = inputs_of([parents])
        whole = encoder(inputs, lengths).states[0]
        states: list[Any] = []
        for node in range(len(parents)):
            children = [states[child] for child, parent in enumerate(parents) if parent == node]
            token = None if children else inputs.x[:, node]
            states.append(encoder.compose(children, token))
        root = states[-1][0] if isinstance(states[-1], tuple) else states[-1]
        torch.testing.assert_close(root[0], whole[-1], rtol=0, atol=TOLERANCE)


def test_gradients_are_finite_and_reach_the_words(encoder: TreeEncoder) -> None:
    inputs, lengths = inputs_of([list(tree) for tree in TREES])
    inputs.x.requires_grad_()
    encoder.train()
    encoded = encoder(inputs, lengths)
    (encoded.states.square().sum() + encoded.final.square().sum()).backward()
    assert inputs.x.grad is not None
    assert bool(torch.isfinite(inputs.x.grad).all())
    for row, parents in zip(inputs.x.grad, TREES, strict=True):
        assert not row[len(parents) :].any()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all()), name
    assert any(parameter.grad is not None for parameter in encoder.parameters())


def test_a_tree_may_be_deep(encoder: TreeEncoder) -> None:
    depth = 1200
    parents = [2, 2]
    for _ in range(depth - 1):  # ((((a b) c) d) …)
        parents += [len(parents) + 2, len(parents) + 2]
    parents.append(-1)
    encoded = encoder(*inputs_of([parents]))
    assert bool(torch.isfinite(encoded.final).all())
    assert encoded.final.abs().sum() > 0


def test_a_trace_holds_the_states_of_the_nodes(encoder: TreeEncoder) -> None:
    parents = list(TREES[-1])
    inputs, lengths = inputs_of([parents])
    with torch.no_grad():
        states = encoder(inputs, lengths).states[0].numpy()
        layers = encoder.trace(inputs, len(parents))
    assert layers
    np.testing.assert_allclose(layers[-1].states, states, rtol=0, atol=TOLERANCE)
    for layer in layers:
        for name, values in layer.gates.items():
            assert values.shape[0] == len(parents), name
