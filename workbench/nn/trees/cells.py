"""Cells that compose a node of a tree from its children and its word: weights, the fast scan, one node at a time.

A cell knows nothing of batches of trees but its part of one level; the encoder hands it the plan.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.nn.trees.levels import ComposeLevel, Parts
from workbench.nn.trees.nodes import Record, binary_lstm_node, child_sum_lstm_node, recursive_node
from workbench.nn.trees.plan import Level, Structure
from workbench.nn.trees.scans import binary_lstm_scan, child_sum_lstm_scan, lstm_leaves, recursive_scan


class TreeCell(nn.Module, ABC):
    """``binary``: takes two children at most, further ones are folded in from left to right.

    A state is a tuple of ``parts`` tensors: (h,) or (h, c).
    """

    binary: ClassVar[bool]
    parts: ClassVar[int]
    title: ClassVar[str]
    size: int

    @abstractmethod
    def leaf(self, x: Tensor, record: Callable[[dict[str, Tensor]], None] | None = None) -> Parts:
        """``x`` (L, D) → the parts of nodes without children, each (L, H)."""

    @abstractmethod
    def word(self, x: Tensor) -> Tensor:
        """What the word of an inner node adds before squashing: ``x`` (K, D) → (K, G)."""

    @abstractmethod
    def node(self, structure: Structure, pre: Tensor | None, record: Record | None = None) -> ComposeLevel:
        """One level in plain torch; ``pre`` (I, G) is what words add."""

    @abstractmethod
    def scan(self, leaves: Parts, pre: Tensor | None, structure: Structure) -> Tensor:
        """All states (M, H) at once, from those of the leaves."""

    def compose(self, children: Sequence[Parts], word: Tensor | None = None) -> Parts:
        """The parts (B, H) of nodes from their ``children``'s, one or more, and the vectors of their words (B, D)."""
        pre = None if word is None else self.word(word)
        if not self.binary:
            return self._of(children, pre)
        first = children[0]
        for other in children[1:-1]:
            first = self._of([first, other], None)
        missing = tuple(torch.zeros_like(part) for part in first)
        return self._of([first, children[-1] if len(children) > 1 else missing], pre)

    def _of(self, children: Sequence[Parts], pre: Tensor | None) -> Parts:
        """One node for each of B rows: a structure of a single level, in which each row has all its children."""
        batch, count = children[0][0].shape[0], len(children)
        below = tuple(torch.stack(part, dim=1).flatten(0, 1) for part in zip(*children, strict=True))
        nothing = torch.zeros(0, dtype=torch.int64, device=below[0].device)
        parents = torch.arange(batch, device=nothing.device).repeat_interleave(count)
        level = Level(0, batch, 0, batch * count)
        structure = Structure(batch, 0, (level,), nothing, parents, *(nothing,) * 7)
        return self.node(structure, pre)(level, below)


class RecursiveCell(TreeCell):
    """h = tanh(W [left; right] + V word + b), and with ``tensor`` the RNTN's bilinear part besides.

    Leaves are tanh(V word + b'), so that words may be of another size than states. Sources: Socher et al. (2011),
    "Parsing natural scenes and natural language with recursive neural networks"; Socher et al. (2013), "Recursive deep
    models for semantic compositionality over a sentiment treebank", equation 2.
    """

    binary = True
    parts = 1
    title = "recursive"

    def __init__(self, input_size: int, size: int, *, tensor: bool = False) -> None:
        super().__init__()
        self.size = size
        self.input = nn.Linear(input_size, size)
        self.weight = nn.Parameter(torch.empty(size, 2 * size))
        self.bias = nn.Parameter(torch.zeros(size))
        self.tensor = nn.Parameter(torch.empty(size, 4 * size * size)) if tensor else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Near the mean of both children (Socher et al. 2013), with noise; the tensor small."""
        size = self.size
        nn.init.xavier_uniform_(self.input.weight)
        nn.init.zeros_(self.input.bias)
        self.weight.uniform_(-1 / math.sqrt(2 * size), 1 / math.sqrt(2 * size))
        self.weight.add_(torch.cat((torch.eye(size), torch.eye(size)), dim=1), alpha=0.5)
        if self.tensor is not None:
            self.tensor.uniform_(-1 / (4 * size), 1 / (4 * size))

    def leaf(self, x: Tensor, record: Callable[[dict[str, Tensor]], None] | None = None) -> Parts:
        if record is not None:
            record({})
        return (torch.tanh(self.input(x)),)

    def word(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.input.weight)

    def node(self, structure: Structure, pre: Tensor | None, record: Record | None = None) -> ComposeLevel:
        return recursive_node(pre, self.weight, self.bias, self.tensor)

    def scan(self, leaves: Parts, pre: Tensor | None, structure: Structure) -> Tensor:
        return recursive_scan(leaves[0], pre, self.weight, self.bias, self.tensor, structure)


class _LstmCell(TreeCell):
    """What both Tree-LSTMs share: words enter the output, input and candidate gates, and the forget gates by another
    weight; a leaf has nothing to forget."""

    parts = 2

    def __init__(self, input_size: int, size: int, forget_bias: float) -> None:
        super().__init__()
        self.size = size
        self.input = nn.Linear(input_size, 3 * size)
        """Output, input, candidate; its bias is that of these gates at every node."""
        self.forget_input = nn.Linear(input_size, size)
        nn.init.xavier_uniform_(self.input.weight)
        nn.init.xavier_uniform_(self.forget_input.weight)
        nn.init.zeros_(self.input.bias)
        nn.init.constant_(self.forget_input.bias, forget_bias)

    def leaf(self, x: Tensor, record: Callable[[dict[str, Tensor]], None] | None = None) -> Parts:
        gates = self.input(x)
        if record is not None:
            out, into, candidate = gates.chunk(3, dim=1)
            record({"output": out.sigmoid(), "input": into.sigmoid(), "candidate": candidate.tanh()})
        return lstm_leaves(gates)


class BinaryLstmCell(_LstmCell):
    """The N-ary Tree-LSTM of Tai et al. (2015) with N = 2: each side has weights and a forget gate of its own."""

    binary = True
    title = "binary Tree-LSTM"

    def __init__(self, input_size: int, size: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, size, forget_bias)
        self.weight = nn.Parameter(torch.empty(5 * size, 2 * size))
        bound = math.sqrt(3.0 / (2 * size))
        nn.init.uniform_(self.weight, -bound, bound)

    def _bias(self) -> Tensor:
        gates, forget = self.input.bias, self.forget_input.bias
        return torch.cat((gates[: 2 * self.size], forget, forget, gates[2 * self.size :]))

    def word(self, x: Tensor) -> Tensor:
        gates = functional.linear(x, self.input.weight)
        forget = functional.linear(x, self.forget_input.weight)
        return torch.cat((gates[:, : 2 * self.size], forget, forget, gates[:, 2 * self.size :]), dim=1)

    def node(self, structure: Structure, pre: Tensor | None, record: Record | None = None) -> ComposeLevel:
        return binary_lstm_node(pre, self.weight, self._bias(), record)

    def scan(self, leaves: Parts, pre: Tensor | None, structure: Structure) -> Tensor:
        h, c = leaves
        return binary_lstm_scan(h, c, pre, self.weight, self._bias(), structure)


class ChildSumLstmCell(_LstmCell):
    """The child-sum Tree-LSTM of Tai et al. (2015): any number of children in no order, a forget gate for each."""

    binary = False
    title = "child-sum Tree-LSTM"

    def __init__(self, input_size: int, size: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, size, forget_bias)
        bound = math.sqrt(3.0 / size)
        self.weight = nn.Parameter(torch.empty(3 * size, size).uniform_(-bound, bound))
        self.forget_weight = nn.Parameter(torch.empty(size, size).uniform_(-bound, bound))

    def word(self, x: Tensor) -> Tensor:
        gates = functional.linear(x, self.input.weight)
        return torch.cat((gates, functional.linear(x, self.forget_input.weight)), dim=1)

    def _weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.weight, self.input.bias, self.forget_weight, self.forget_input.bias

    def node(self, structure: Structure, pre: Tensor | None, record: Record | None = None) -> ComposeLevel:
        return child_sum_lstm_node(structure, pre, *self._weights(), record)

    def scan(self, leaves: Parts, pre: Tensor | None, structure: Structure) -> Tensor:
        h, c = leaves
        return child_sum_lstm_scan(h, c, pre, *self._weights(), structure)


CELLS: Mapping[str, Callable[[int, int, float], TreeCell]] = {
    "recursive": lambda input_size, size, _forget: RecursiveCell(input_size, size),
    "rntn": lambda input_size, size, _forget: RecursiveCell(input_size, size, tensor=True),
    "child_sum_lstm": lambda input_size, size, forget: ChildSumLstmCell(input_size, size, forget_bias=forget),
    "binary_lstm": lambda input_size, size, forget: BinaryLstmCell(input_size, size, forget_bias=forget),
}
"""``CELLS[kind](input_size, size, forget_bias)``."""
