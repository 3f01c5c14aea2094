"""Recursive networks: a batch by height equals recursion node by node, and the hand-written gradients are right."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from workbench.nn.contract import TreeInputs
from workbench.nn.trees import CELLS, RecursiveEncoder, TreePlan, tree_arrays

KINDS = sorted(CELLS)
Parents = list[int]


def random_tree(choose: random.Random, nodes: int, most: int = 5) -> Parents:
    """The parents of a tree of ``nodes`` nodes in post-order, none with more than ``most`` children."""
    children: list[list[int]] = [[]]
    while len(children) < nodes:
        above = choose.choice([node for node, below in enumerate(children) if len(below) < most])
        children[above].append(len(children))
        children.append([])
    order, stack = list[int](), [0]  # root first, last child first: post-order from behind
    while stack:
        node = stack.pop()
        order.append(node)
        stack += children[node]
    place = {node: nodes - 1 - i for i, node in enumerate(order)}
    parents = [-1] * nodes
    for node, below in enumerate(children):
        for child in below:
            parents[place[child]] = place[node]
    return parents


def batch_of(
    trees: Sequence[Parents], size: int, *, words: str = "all", dtype: torch.dtype = torch.float32
) -> TreeInputs:
    """Random vectors for the nodes that have words ("all", or the "leaves")."""
    torch.manual_seed(3)
    longest = max(map(len, trees))
    x = torch.zeros(len(trees), longest, size, dtype=dtype)
    arrays = []
    for row, parents in enumerate(trees):
        has = [words == "all" or node not in set(parents) for node in range(len(parents))]
        arrays.append(tree_arrays(parents, has))
        for node, one in enumerate(has):
            if one:
                x[row, node] = torch.randn(size, dtype=dtype)
    return TreeInputs(x, TreePlan.merge(arrays))


def lengths_of(inputs: TreeInputs) -> Tensor:
    return torch.from_numpy(inputs.plan.sizes)


def recursion(encoder: RecursiveEncoder, parents: Parents, x: Tensor, has_word: Sequence[bool]) -> Tensor:
    """States (N, H) node by node, each composed of its children's by ``compose``."""
    states: list[object] = []
    children: list[list[int]] = [[] for _ in parents]
    for node, parent in enumerate(parents):
        below = [states[child] for child in children[node]]
        token = x[node : node + 1] if has_word[node] or not below else None
        states.append(encoder.compose(below, token))
        if parent >= 0:
            children[parent].append(node)
    return torch.cat([state[0] if isinstance(state, tuple) else state for state in states])  # type: ignore[misc]


def make(kind: str, input_size: int = 4, size: int = 3, dtype: torch.dtype = torch.float32) -> RecursiveEncoder:
    torch.manual_seed(1)
    encoder = RecursiveEncoder(CELLS[kind](input_size, size, 0.5)).to(dtype)
    with torch.no_grad():
        for parameter in encoder.parameters():  # biases too must matter
            parameter.uniform_(-0.7, 0.7)
    return encoder


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def by_hand(kind: str, encoder: RecursiveEncoder, parents: Parents, x: np.ndarray) -> np.ndarray:
    """The published equations in NumPy, node by node, for nodes of two children at most unless child-sum."""
    weights = {name: p.detach().double().numpy() for name, p in encoder.cell.named_parameters()}
    size = encoder.output_size
    h, c = np.zeros((len(parents), size)), np.zeros((len(parents), size))
    for node in range(len(parents)):
        below = [child for child, parent in enumerate(parents) if parent == node]
        if kind in ("recursive", "rntn"):
            value = weights["input.weight"] @ x[node]
            if below:
                both = np.zeros(2 * size)
                for side, child in enumerate(below):
                    both[side * size : (side + 1) * size] = h[child]
                value = value + weights["weight"] @ both + weights["bias"]
                if kind == "rntn":
                    tensor = weights["tensor"].reshape(size, 2 * size, 2 * size)
                    value = value + np.einsum("i,kij,j->k", both, tensor, both)
            else:
                value = value + weights["input.bias"]
            h[node] = np.tanh(value)
            continue
        gates = weights["input.weight"] @ x[node] + weights["input.bias"]
        forget_word = weights["forget_input.weight"] @ x[node] + weights["forget_input.bias"]
        forgets = []
        if kind == "child_sum_lstm":
            gates = gates + weights["weight"] @ (h[below].sum(0) if below else np.zeros(size))
            forgets = [sigmoid(forget_word + weights["forget_weight"] @ h[child]) for child in below]
        else:
            w_o, w_i, w_left, w_right, w_u = weights["weight"].reshape(5, size, 2 * size)
            both = np.zeros(2 * size)
            for side, child in enumerate(below):
                both[side * size : (side + 1) * size] = h[child]
            gates = gates + np.concatenate([w_o @ both, w_i @ both, w_u @ both])
            forgets = [sigmoid(forget_word + w @ both) for w in (w_left, w_right)][: len(below)]
        out, into, candidate = gates[:size], gates[size : 2 * size], gates[2 * size :]
        c[node] = sigmoid(into) * np.tanh(candidate)
        for child, forget in zip(below, forgets, strict=True):
            c[node] += forget * c[child]
        h[node] = sigmoid(out) * np.tanh(c[node])
    return h


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_equals_its_equations_in_numpy(kind: str) -> None:
    choose = random.Random(5)
    trees = [random_tree(choose, n, most=6 if kind == "child_sum_lstm" else 2) for n in (1, 2, 9, 20)]
    encoder = make(kind, dtype=torch.float64)
    inputs = batch_of(trees, 4, dtype=torch.float64)
    encoded = encoder(inputs, lengths_of(inputs))
    for row, parents in enumerate(trees):
        expected = by_hand(kind, encoder, parents, inputs.x[row].numpy())
        np.testing.assert_allclose(encoded.states[row, : len(parents)].detach().numpy(), expected, atol=1e-12)
        assert not encoded.states[row, len(parents) :].any()
        torch.testing.assert_close(encoded.final[row], encoded.states[row, len(parents) - 1])


@pytest.mark.parametrize("words", ["all", "leaves"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_by_height_equals_recursion_node_by_node(kind: str, words: str) -> None:
    choose = random.Random(11)
    trees = [random_tree(choose, n, most=7) for n in (1, 2, 3, 17, 40, 40, 8)]
    encoder = make(kind, dtype=torch.float64)
    inputs = batch_of(trees, 4, words=words, dtype=torch.float64)
    encoded = encoder(inputs, lengths_of(inputs))
    for row, parents in enumerate(trees):
        has = [words == "all" or node not in parents for node in range(len(parents))]
        expected = recursion(encoder, parents, inputs.x[row], has)
        torch.testing.assert_close(encoded.states[row, : len(parents)], expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_equals_its_trees_one_by_one(kind: str) -> None:
    choose = random.Random(2)
    trees = [random_tree(choose, n, most=4) for n in (30, 1, 12, 5)]
    encoder = RecursiveEncoder(CELLS[kind](4, 16, 1.0))
    inputs = batch_of(trees, 4)
    together = encoder(inputs, lengths_of(inputs))
    for row, parents in enumerate(trees):
        alone = TreeInputs(inputs.x[row : row + 1, : len(parents)], TreePlan.of([parents]))
        single = encoder(alone, lengths_of(alone))
        torch.testing.assert_close(together.states[row, : len(parents)], single.states[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(together.final[row], single.final[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("words", ["all", "leaves"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_and_gradients_of_gradients_equal_finite_differences(kind: str, words: str) -> None:
    choose = random.Random(4)
    trees = [random_tree(choose, n, most=4) for n in (9, 1, 5)]
    encoder = make(kind, input_size=2, size=2, dtype=torch.float64)
    inputs = batch_of(trees, 2, words=words, dtype=torch.float64)
    names = [name for name, _ in encoder.named_parameters()]

    def states(x: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(names, parameters, strict=True))
        arguments = (TreeInputs(x, inputs.plan), lengths_of(inputs))
        return torch.func.functional_call(encoder, given, arguments).states  # type: ignore[no-any-return]

    values = (inputs.x.requires_grad_(True), *(p.detach().requires_grad_(True) for p in encoder.parameters()))
    mask = torch.zeros_like(inputs.x)  # a node without a word has no input to differentiate
    mask.view(-1, 2)[torch.from_numpy(inputs.plan.places())] = 1.0
    if words == "leaves":
        mask[inputs.x.detach() == 0] = 0.0

    def masked(x: Tensor, *parameters: Tensor) -> Tensor:
        return states(x * mask, *parameters)

    assert torch.autograd.gradcheck(masked, values, fast_mode=True)
    assert torch.autograd.gradgradcheck(masked, values, fast_mode=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain_five_thousand_deep_and_a_node_of_two_hundred_children(kind: str) -> None:
    deep = 5000
    chain = [-1] * (2 * deep + 1)
    for node in range(0, 2 * deep, 2):  # a leaf and what is below it, joined again and again
        chain[node] = chain[node + 1] = node + 2
    chain[0], chain[1] = 2, 2
    trees = [chain, [200] * 200 + [-1]]
    encoder = make(kind)
    with torch.no_grad():  # gentle weights: a random map of five thousand steps may be chaotic
        for parameter in encoder.parameters():
            parameter *= 0.5
    inputs = batch_of(trees, 4, words="leaves")
    encoded = encoder(inputs, lengths_of(inputs))
    encoded.final.sum().backward()
    for row, parents in enumerate(trees):
        has = inputs.x[row].any(dim=1).tolist()
        with torch.no_grad():
            expected = recursion(encoder, parents, inputs.x[row], has)
        torch.testing.assert_close(encoded.states[row, : len(parents)], expected, atol=1e-5, rtol=0)
    gradients = {name: p.grad for name, p in encoder.named_parameters()}
    unused = {name for name, gradient in gradients.items() if gradient is None}
    assert unused <= {"cell.forget_input.weight"}, "words at inner nodes are what it is for, and there are none"
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values() if gradient is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_shows_the_states_and_gates_of_every_node(kind: str) -> None:
    parents = random_tree(random.Random(8), 14, most=4)
    encoder = make(kind).eval()
    inputs = batch_of([parents], 4)
    (layer,) = encoder.trace(inputs, 14)
    with torch.no_grad():
        expected = encoder(inputs, lengths_of(inputs)).states[0]
    np.testing.assert_allclose(layer.states, expected.numpy(), atol=1e-6)
    if "lstm" not in kind:
        assert not layer.gates
        return
    assert set(layer.gates) == {"input", "output", "candidate", "forget"}
    assert layer.cell is not None
    for gate in layer.gates.values():
        assert gate.shape == (14, 3)
    assert (layer.gates["forget"][:-1] > 0).all()
    assert not layer.gates["forget"][-1].any()
    np.testing.assert_allclose(layer.states, layer.gates["output"] * np.tanh(layer.cell), atol=1e-6)
    leaves = [node for node in range(14) if node not in parents]
    written = layer.gates["input"] * layer.gates["candidate"]
    np.testing.assert_allclose(layer.cell[leaves], written[leaves], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_the_composition_keeps_the_bits_of_its_weights(kind: str) -> None:
    encoder = make(kind, size=8)
    inputs = batch_of([[2, 2, 4, 4, -1], [1, -1]], 4)
    whole = encoder(inputs, lengths_of(inputs))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = encoder(TreeInputs(inputs.x.bfloat16(), inputs.plan), lengths_of(inputs)).states
        states.sum().backward()
        (layer,) = encoder.trace(batch_of([[2, 2, 4, 4, -1]], 4), 5)
    assert states.dtype == torch.float32
    torch.testing.assert_close(states, whole.states, atol=0.03, rtol=0.03)
    assert np.isfinite(layer.states).all()


@pytest.mark.parametrize("kind", KINDS)
def test_trees_of_a_single_node_are_their_leaf(kind: str) -> None:
    encoder = make(kind)
    inputs = batch_of([[-1], [-1]], 4)
    encoded = encoder(inputs, lengths_of(inputs))
    encoded.final.sum().backward()
    (layer,) = encoder.trace(batch_of([[-1]], 4), 1)
    leaf = encoder.compose([], inputs.x[:, 0])
    torch.testing.assert_close(encoded.final, leaf[0] if isinstance(leaf, tuple) else leaf)
    np.testing.assert_allclose(layer.states, encoded.states[0].detach().numpy(), atol=1e-6)


def test_a_node_without_children_needs_a_token() -> None:
    with pytest.raises(ValueError, match="needs a token"):
        make("recursive").compose([])


def test_dropout_silences_what_the_head_reads_and_nothing_on_the_way_up() -> None:
    torch.manual_seed(0)
    encoder = RecursiveEncoder(CELLS["child_sum_lstm"](4, 64, 1.0), dropout=0.5)
    inputs = batch_of([[2, 2, -1]], 4)
    whole = encoder.eval()(inputs, lengths_of(inputs)).states
    dropped = encoder.train()(inputs, lengths_of(inputs)).states
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 2 * whole[kept])
    assert 0.3 < kept.float().mean() < 0.7
