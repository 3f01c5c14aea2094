"""From one state for each step to one vector for a sequence, without letting padding in."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from workbench.nn.masks import is_full, last_state, sequence_mask, zero_padding

Pooling = Literal["last", "mean", "max"]


def masked_mean(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, H): the mean of ``states`` (B, T, H) over real positions."""
    total = zero_padding(states, lengths).sum(dim=1)
    return total / lengths.to(states.device, states.dtype, non_blocking=True).clamp(min=1).unsqueeze(1)


def masked_max(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, H): the maximum of ``states`` (B, T, H) over real positions (a row of length 0 gives zeros)."""
    if is_full(lengths, states.shape[1]):
        return states.amax(dim=1)
    mask = sequence_mask(lengths, states.shape[1], states.device).unsqueeze(2)
    highest = states.masked_fill(~mask, float("-inf")).amax(dim=1)
    return highest.masked_fill(~mask.any(dim=1), 0.0)


def pool(states: Tensor, lengths: Tensor, how: Pooling) -> Tensor:
    """(B, H) by name."""
    if how == "mean":
        return masked_mean(states, lengths)
    return masked_max(states, lengths) if how == "max" else last_state(states, lengths)
