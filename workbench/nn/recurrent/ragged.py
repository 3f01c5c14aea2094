"""Leaving out what is padding: the real steps of a batch as rows, step after step, longest sequence first.

A scan over such rows does the work of the real steps only. (torch's packed sequences have the same layout; what makes
them slow is not that but the kernels they lose.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply

WORTH = 0.9
"""Share of real steps from which laying them out anew costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """``order`` (B,) sorts the rows, ``index`` (N,) are the real places in (B·T), ``sizes`` the rows of each step."""

    order: Tensor
    index: Tensor
    sizes: tuple[int, ...]
    places: int

    def pack(self, x: Tensor) -> Tensor:
        """(B, T, D) → (N, D)."""
        rows: Tensor = apply(_Pack, x.reshape(-1, x.shape[-1]), self.index, self.places)
        return rows

    def unpack(self, rows: Tensor, batch: int) -> Tensor:
        """(N, H) → (B, T, H), zeros where there was padding."""
        padded: Tensor = apply(_Unpack, rows, self.index, self.places)
        return padded.view(batch, -1, rows.shape[1])


def ragged(lengths: Tensor, steps: int) -> Ragged | None:
    """The layout for a batch padded to ``steps``; None where little or nothing is padding."""
    lengths = lengths.cpu()
    places = len(lengths) * steps
    if int(lengths.sum()) > WORTH * places:
        return None
    order = lengths.argsort(descending=True, stable=True)
    step = torch.arange(int(lengths.max())).unsqueeze(1)
    going_on = step < lengths[order]  # (T, B)
    index = (order * steps + step)[going_on]
    return Ragged(order, index, tuple(going_on.sum(1).tolist()), places)


class _Pack(torch.autograd.Function):
    """Rows by their places; its gradient puts them back, not by the scatter that autograd would make."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, places: int) -> Tensor:
        ctx.index, ctx.places = index, places
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return apply(_Unpack, gradients[0], ctx.index, ctx.places), None, None


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, places: int) -> Tensor:
        ctx.index, ctx.places = index, places
        return rows.new_zeros(places, rows.shape[1]).index_copy_(0, index, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return apply(_Pack, gradients[0].contiguous(), ctx.index, ctx.places), None, None
