"""Losses as (sum, count), so that a mean is right under accumulation and over several devices."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from workbench.nn.contract import LossSum
from workbench.nn.masks import is_full, sequence_mask

IGNORED = -100
"""The target of a position that does not count."""


def masked_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    lengths: Tensor,
    *,
    label_smoothing: float = 0.0,
    weight: Tensor | None = None,
) -> LossSum:
    """Cross entropy of ``logits`` (B, T, K) against ``targets`` (B, T) int64, summed over real positions in float32.

    What stands at padded positions is never looked at. ``count`` is the number of real positions.
    """
    steps = logits.shape[1]
    if not is_full(lengths, steps):
        targets = targets.masked_fill(~sequence_mask(lengths, steps, targets.device), IGNORED)
    total = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(),
        targets.reshape(-1),
        weight=weight,
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=label_smoothing,
    )
    return LossSum(total, int(lengths.sum()))


def cross_entropy_sum(
    logits: Tensor, targets: Tensor, *, label_smoothing: float = 0.0, weight: Tensor | None = None
) -> LossSum:
    """The same for one label a sequence: ``logits`` (B, K), ``targets`` (B,)."""
    total = functional.cross_entropy(
        logits.float(), targets, weight=weight, reduction="sum", label_smoothing=label_smoothing
    )
    return LossSum(total, int(targets.shape[0]))
