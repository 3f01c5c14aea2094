"""What each cell makes of a level's children, in plain torch: the equations as they are printed.

Each function returns a :data:`~workbench.nn.trees.levels.ComposeLevel`. ``record`` is given the gates of every level by
name, for a trace.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from workbench.nn.trees.levels import ComposeLevel, Parts
from workbench.nn.trees.plan import Level, Structure

Record = Callable[[Level, dict[str, Tensor]], None]


def lstm_leaf(gates: Tensor) -> Parts:
    """h and c (L, H) of leaves from ``gates`` (L, 3H) in the order output, input, candidate."""
    out, into, candidate = gates.chunk(3, dim=1)
    cell = torch.sigmoid(into) * torch.tanh(candidate)
    return torch.sigmoid(out) * torch.tanh(cell), cell


def binary_lstm_node(pre: Tensor | None, weight: Tensor, bias: Tensor, record: Record | None = None) -> ComposeLevel:
    """Tree-LSTM of two children with weights of their own (Tai et al. 2015, equations 9 to 14)."""

    def compose(level: Level, below: Parts) -> Parts:
        h, c = below
        size = h.shape[1]
        gates = functional.linear(h.reshape(-1, 2 * size), weight, bias)
        if pre is not None:
            gates = gates + pre[level.start : level.stop]
        out, into, left, right, candidate = gates.chunk(5, dim=1)
        forget = torch.sigmoid(torch.stack((left, right), dim=1))
        out, into, candidate = torch.sigmoid(out), torch.sigmoid(into), torch.tanh(candidate)
        cell = into * candidate + (forget * c.reshape(-1, 2, size)).sum(1)
        if record is not None:
            edges = forget.reshape(-1, size)
            record(level, {"output": out, "input": into, "candidate": candidate, "forget": edges})
        return out * torch.tanh(cell), cell

    return compose


def child_sum_lstm_node(
    structure: Structure,
    pre: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    f_weight: Tensor,
    f_bias: Tensor,
    record: Record | None = None,
) -> ComposeLevel:
    """Tree-LSTM of any number of children, in no order (Tai et al. 2015, equations 2 to 8)."""

    def compose(level: Level, below: Parts) -> Parts:
        h, c = below
        size = h.shape[1]
        parents = structure.parents[level.first_edge : level.last_edge]
        empty = h.new_zeros(level.width, size)
        gates = functional.linear(empty.index_add(0, parents, h), weight, bias)
        forget = functional.linear(h, f_weight, f_bias)
        if pre is not None:
            words = pre[level.start : level.stop]
            gates = gates + words[:, : 3 * size]
            forget = forget + words[:, 3 * size :].index_select(0, parents)
        out, into, candidate = gates.chunk(3, dim=1)
        out, into, candidate, forget = out.sigmoid(), into.sigmoid(), candidate.tanh(), forget.sigmoid()
        cell = (into * candidate).index_add(0, parents, forget * c)
        if record is not None:
            record(level, {"output": out, "input": into, "candidate": candidate, "forget": forget})
        return out * torch.tanh(cell), cell

    return compose


def recursive_node(pre: Tensor | None, weight: Tensor, bias: Tensor, tensor: Tensor | None) -> ComposeLevel:
    """The plain recursive network (Socher et al. 2011), and with a ``tensor`` the RNTN (Socher et al. 2013)."""

    def compose(level: Level, below: Parts) -> Parts:
        size = below[0].shape[1]
        both = below[0].reshape(-1, 2 * size)
        values = functional.linear(both, weight, bias)
        if pre is not None:
            values = values + pre[level.start : level.stop]
        if tensor is not None:
            values = values + (both.unsqueeze(2) * both.unsqueeze(1)).flatten(1) @ tensor.t()
        return (torch.tanh(values),)

    return compose
