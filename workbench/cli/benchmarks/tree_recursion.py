"""Recursion over the nodes of a tree in plain torch: what batching by height is measured against.

Two forms. *As published*: the modules of public Tree-LSTM code, one ``nn.Linear`` for each product of the equations
(treelstm.pytorch for the child-sum form, whose one function serves leaves and inner nodes alike; the sentiment code's
leaf module and composer, a product for each gate and side, for the binary form). *Lean*: our own weights, all gates of
a node in one product and nothing computed that a node does not need, as fast as a recursion in Python gets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from workbench.nn.trees import TreeCell

Node = tuple[Tensor, Tensor]
"""h and c (H,)."""


def recurse(
    children: list[list[int]], vectors: Tensor, leaf: Callable[[Tensor], Node], inner: Callable[[list[Node]], Node]
) -> list[Tensor]:
    """The states of a tree's nodes in post-order, from a call at its root."""
    states: list[Tensor] = []

    def visit(node: int) -> Node:
        below = [visit(child) for child in children[node]]
        found = inner(below) if below else leaf(vectors[node])
        states.append(found[0])
        return found

    visit(len(children) - 1)
    return states


class PublishedBinary(nn.Module):
    """A leaf module and a composer with a ``Linear`` for each gate and side."""

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__()
        self.of_word = nn.ModuleDict({gate: nn.Linear(input_size, size) for gate in ("output", "input", "candidate")})
        gates = ("output", "input", "forget_left", "forget_right", "candidate")
        self.of_left = nn.ModuleDict({gate: nn.Linear(size, size) for gate in gates})
        self.of_right = nn.ModuleDict({gate: nn.Linear(size, size, bias=False) for gate in gates})

    def leaf(self, x: Tensor) -> Node:
        word = self.of_word
        c = torch.sigmoid(word["input"](x)) * torch.tanh(word["candidate"](x))
        return torch.sigmoid(word["output"](x)) * torch.tanh(c), c

    def inner(self, below: list[Node]) -> Node:
        (h_left, c_left), (h_right, c_right) = below

        def gate(name: str) -> Tensor:
            found: Tensor = self.of_left[name](h_left) + self.of_right[name](h_right)
            return found

        c = torch.sigmoid(gate("input")) * torch.tanh(gate("candidate"))
        c = c + torch.sigmoid(gate("forget_left")) * c_left + torch.sigmoid(gate("forget_right")) * c_right
        return torch.sigmoid(gate("output")) * torch.tanh(c), c


class PublishedChildSum(nn.Module):
    """``ioux``, ``iouh``, ``fx``, ``fh``: one function for every node; a leaf has one child of zeros."""

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__()
        self.input_size, self.size = input_size, size
        self.ioux, self.iouh = nn.Linear(input_size, 3 * size), nn.Linear(size, 3 * size)
        self.fx, self.fh = nn.Linear(input_size, size), nn.Linear(size, size)

    def leaf(self, x: Tensor) -> Node:
        nothing = x.new_zeros(1, self.size)
        return self._node(x, nothing, nothing)

    def inner(self, below: list[Node]) -> Node:
        h, c = (torch.stack(part) for part in zip(*below, strict=True))
        return self._node(h.new_zeros(self.input_size), h, c)

    def _node(self, x: Tensor, h: Tensor, c: Tensor) -> Node:
        out, into, candidate = (self.ioux(x) + self.iouh(h.sum(0))).chunk(3)
        forget = torch.sigmoid(self.fh(h) + self.fx(x))
        cell = torch.sigmoid(into) * torch.tanh(candidate) + (forget * c).sum(0)
        return torch.sigmoid(out) * torch.tanh(cell), cell


class Lean(nn.Module):
    """The weights of one of our cells, node by node."""

    def __init__(self, cell: TreeCell) -> None:
        super().__init__()
        self.cell: Any = cell

    def leaf(self, x: Tensor) -> Node:
        out, into, candidate = self.cell.input(x).chunk(3)
        c = torch.sigmoid(into) * torch.tanh(candidate)
        return torch.sigmoid(out) * torch.tanh(c), c

    def inner(self, below: list[Node]) -> Node:
        return self._binary(below) if self.cell.binary else self._child_sum(below)

    def _binary(self, below: list[Node]) -> Node:
        (h_left, c_left), (h_right, c_right) = below
        size, bias, forget = self.cell.size, self.cell.input.bias, self.cell.forget_input.bias
        whole = torch.cat((bias[: 2 * size], forget, forget, bias[2 * size :]))
        gates = torch.addmv(whole, self.cell.weight, torch.cat((h_left, h_right)))
        out, into, left, right, candidate = gates.chunk(5)
        c = torch.sigmoid(into) * torch.tanh(candidate) + torch.sigmoid(left) * c_left + torch.sigmoid(right) * c_right
        return torch.sigmoid(out) * torch.tanh(c), c

    def _child_sum(self, below: list[Node]) -> Node:
        h, c = (torch.stack(part) for part in zip(*below, strict=True))
        out, into, candidate = torch.addmv(self.cell.input.bias, self.cell.weight, h.sum(0)).chunk(3)
        forget = torch.sigmoid(torch.addmm(self.cell.forget_input.bias, h, self.cell.forget_weight.t()))
        cell = torch.sigmoid(into) * torch.tanh(candidate) + (forget * c).sum(0)
        return torch.sigmoid(out) * torch.tanh(cell), cell
