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

    def turned(self, lengths: Tensor) -> Ragged:
        """The same layout of the sequences turned round, each within its own length."""
        steps = self.places // len(lengths)
        row = self.index.div(steps, rounding_mode="floor")
        # place t of a row becomes place length − 1 − t
        index = (2 * row * steps + lengths.cpu()[row] - 1) - self.index
        return Ragged(self.order, index, self.sizes, self.places)

    def last(self, lengths: Tensor) -> Tensor:
        """(B,) where the last step of each sequence stands among the rows."""
        sizes = torch.tensor(self.sizes)
        start = sizes.cumsum(0) - sizes
        rank = torch.empty_like(self.order)
        rank[self.order] = torch.arange(len(self.order))
        return start[lengths.cpu() - 1] + rank

    def pack(self, x: Tensor) -> Tensor:
        """(B, T, D) → (N, D)."""
        rows: Tensor = apply(_Pack, x.reshape(-1, x.shape[-1]), self.index, self.places)
        return rows

    def unpack(self, rows: Tensor, batch: int) -> Tensor:
        """(N, H) → (B, T, H), zeros where there was padding."""
        padded: Tensor = apply(_Unpack, rows, self.index, self.places)
        return padded.view(batch, -1, rows.shape[1])


def pack_both(x: Tensor, rows: Ragged, turned: Ragged) -> tuple[Tensor, Tensor]:
    """(B, T, D) → (N, D) for the reading forward and for the one backward."""
    same = torch.empty(rows.places, dtype=torch.int64)
    same[turned.index] = torch.arange(len(turned.index))
    found: tuple[Tensor, Tensor] = apply(
        _PackBoth, x.reshape(-1, x.shape[-1]), rows.index, turned.index, same[rows.index], rows.places
    )
    return found


def unpack_both(ahead: Tensor, back: Tensor, rows: Ragged, turned: Ragged) -> Tensor:
    """(N, H) of each reading → (B, T, 2H) side by side, zeros where there was padding."""
    padded: Tensor = apply(_UnpackBoth, ahead, back, 2 * rows.index, 2 * turned.index + 1, rows.places)
    return padded.view(len(rows.order), -1, 2 * ahead.shape[1])


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


class _PackBoth(torch.autograd.Function):
    """Both readings; the gradient of the second is brought into the order of the first, then both go back at once."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, ahead: Tensor, back: Tensor, same: Tensor, places: int
    ) -> tuple[Tensor, Tensor]:
        ctx.ahead, ctx.same, ctx.places = ahead, same, places
        return rows.index_select(0, ahead), rows.index_select(0, back)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        both = gradients[0] + gradients[1].index_select(0, ctx.same)
        return apply(_Unpack, both, ctx.ahead, ctx.places), None, None, None, None


class _UnpackBoth(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ahead: Tensor, back: Tensor, at: Tensor, back_at: Tensor, places: int) -> Tensor:
        ctx.at, ctx.back_at, ctx.places = at, back_at, places
        padded = ahead.new_zeros(2 * places, ahead.shape[1])
        return padded.index_copy_(0, at, ahead).index_copy_(0, back_at, back).view(places, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        both = gradients[0].reshape(2 * ctx.places, -1)
        pack = [apply(_Pack, both, index, 2 * ctx.places) for index in (ctx.at, ctx.back_at)]
        return (*pack, None, None, None)
