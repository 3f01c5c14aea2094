"""Fewer time steps for the layers above: neighbours joined, or only every n-th kept."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

from workbench.nn.masks import zero_padding

SubsamplingKind = Literal["concatenate", "every"]


def subsample(x: Tensor, lengths: Tensor, factor: int, kind: SubsamplingKind) -> tuple[Tensor, Tensor]:
    """``x`` (B, T, D) → (B, ⌈T / factor⌉, ·) and the lengths ⌈length / factor⌉.

    ``concatenate`` joins ``factor`` neighbours into one step of factor · D values, zeros standing for what is beyond
    a sequence's end (Chan et al., 2016, "Listen, attend and spell": the pyramid of its listener); ``every`` keeps the
    first of each ``factor`` neighbours. A sequence's steps are the same alone and beside longer ones.
    """
    if factor == 1:
        return x, lengths
    if kind == "every":
        return x[:, ::factor], shortened(lengths, factor)
    missing = -x.shape[1] % factor
    x = functional.pad(zero_padding(x, lengths), (0, 0, 0, missing))
    return x.reshape(x.shape[0], x.shape[1] // factor, factor * x.shape[2]), shortened(lengths, factor)


def shortened(lengths: Tensor, factor: int) -> Tensor:
    """⌈length / factor⌉: no sequence of one step or more becomes empty."""
    return (lengths + (factor - 1)) // factor
