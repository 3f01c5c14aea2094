"""Composing a batch of trees level by level in plain torch, recorded by autograd; and moving rows there and back.

This is the readable form of what :mod:`workbench.nn.trees.scans` does fast. Traces use it, and so does a gradient of
the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply
from workbench.nn.trees.plan import Level, Structure

Parts = tuple[Tensor, ...]
"""What a cell carries from node to node: (h,) or (h, c), each (rows, H)."""

ComposeLevel = Callable[[Level, Parts], Parts]
"""The parts of a level's rows from those of its edges' children (e, H)."""


def compose_levels(structure: Structure, leaves: Parts, compose: ComposeLevel) -> Parts:
    """The parts (M, H) of all rows from those of the leaves (L, H)."""
    if torch.is_grad_enabled():
        return _recorded(structure, leaves, compose)
    whole = tuple(part.new_zeros(structure.rows + 1, part.shape[1]) for part in leaves)
    for all_rows, part in zip(whole, leaves, strict=True):
        all_rows[: structure.leaves] = part
    for level in structure.levels:
        rows = structure.children[level.first_edge : level.last_edge]
        new = compose(level, tuple(part.index_select(0, rows) for part in whole))
        for all_rows, part in zip(whole, new, strict=True):
            all_rows[structure.leaves + level.start : structure.leaves + level.stop] = part
    return tuple(part[: structure.rows] for part in whole)


def _recorded(structure: Structure, leaves: Parts, compose: ComposeLevel) -> Parts:
    done = leaves
    for level in structure.levels:
        known = done[0].shape[0]
        # a missing child's row is that of the zeros, which are put behind what is known so far
        rows = structure.children[level.first_edge : level.last_edge].clamp(max=known)
        padded = (torch.cat((part, part.new_zeros(1, part.shape[1]))) for part in done)
        new = compose(level, tuple(part.index_select(0, rows) for part in padded))
        done = tuple(torch.cat(pair) for pair in zip(done, new, strict=True))
    return done


def take_rows(source: Tensor, rows: Tensor) -> Tensor:
    """``source[rows]`` for rows that are all different, whose gradient is then a copy and no sum."""
    taken: Tensor = apply(_TakeRows, source, rows)
    return taken


def put_rows(values: Tensor, places: Tensor, count: int) -> Tensor:
    """(``count``, H) zeros with ``values`` at ``places``; a place of ``count`` is nowhere."""
    whole = values.new_zeros(count + 1, values.shape[1]).index_copy(0, places, values)
    return whole[:count]


class _TakeRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.count = source.shape[0]
        return source.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (rows,) = ctx.saved_tensors
        arriving: Tensor = gradients[0]
        return arriving.new_zeros(ctx.count, arriving.shape[1]).index_copy(0, rows, arriving), None
