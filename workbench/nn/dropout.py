"""Dropout for sequences: one mask for all steps, and whole words at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Variational dropout: the same units are dropped at every step of a sequence.

    Source: Gal & Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks".
    ``x`` (B, T, D) → (B, T, D). Does nothing in evaluation.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability <= 0:
            return x
        return x * self.mask(x)

    def mask(self, x: Tensor) -> Tensor:
        """(B, 1, D): 0 where a unit is dropped, else 1 / (1 - probability)."""
        keep = 1.0 - self.probability
        mask = torch.empty(x.shape[0], 1, x.shape[2], dtype=x.dtype, device=x.device).bernoulli_(keep)
        return mask.div_(keep) if keep > 0 else mask

    def extra_repr(self) -> str:
        return f"probability={self.probability}"


def drop_with_final(dropout: nn.Module, states: Tensor, final: Tensor) -> tuple[Tensor, Tensor]:
    """``dropout`` of the states (B, T, H) and of their last (B, H): one mask for both where it is locked over time."""
    if isinstance(dropout, LockedDropout) and dropout.training and dropout.probability > 0:
        mask = dropout.mask(states)
        return states * mask, final * mask[:, 0]
    return dropout(states), dropout(final)


class WordDropout(nn.Module):
    """Drops whole steps (words) of ``x`` (B, T, D), without rescaling: the network learns to do without a word."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability <= 0:
            return x
        keep = 1.0 - self.probability
        return x * torch.empty(x.shape[0], x.shape[1], 1, dtype=x.dtype, device=x.device).bernoulli_(keep)

    def extra_repr(self) -> str:
        return f"probability={self.probability}"
