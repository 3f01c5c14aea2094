"""Masks and index maps made from ``lengths``: the one place that knows what is padding.

``lengths`` is (B,) int64 on the CPU (see :mod:`workbench.nn.contract`), so nothing here waits for a device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply


def sequence_mask(lengths: Tensor, steps: int, device: torch.device | None = None) -> Tensor:
    """(B, ``steps``) bool: True where a position is real."""
    mask = torch.arange(steps).unsqueeze(0) < lengths.cpu().unsqueeze(1)
    return mask if device is None or device.type == "cpu" else mask.to(device, non_blocking=True)


def is_full(lengths: Tensor, steps: int) -> bool:
    """Whether no row is padded, so that masking can be skipped. Costs nothing: ``lengths`` is on the CPU."""
    return int(lengths.min()) >= steps


def zero_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """``x`` (B, T, …) with zeros at positions ≥ ``lengths``, whatever stood there (NaN too)."""
    if is_full(lengths, x.shape[1]):
        return x
    padded = ~sequence_mask(lengths, x.shape[1], x.device)
    return x.masked_fill(padded.reshape(*padded.shape, *(1,) * (x.dim() - 2)), 0.0)


def reversal_index(lengths: Tensor, steps: int, device: torch.device | None = None) -> Tensor:
    """(B·``steps``,) row numbers that turn each sequence round within its own length; padding stays in place.

    The map is its own inverse, so the same index turns the result back.
    """
    lengths = lengths.cpu()
    step = torch.arange(steps).unsqueeze(0)
    last = lengths.unsqueeze(1) - 1
    index = torch.where(step <= last, last - step, step) + torch.arange(lengths.shape[0]).unsqueeze(1) * steps
    index = index.reshape(-1)
    return index if device is None or device.type == "cpu" else index.to(device, non_blocking=True)


class _Permute(torch.autograd.Function):
    """Rows by an involution: the gradient is the same fast selection, not the scatter that autograd would make."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (index,) = ctx.saved_tensors
        # applied, not computed: a second derivative goes through the same function
        return apply(_Permute, gradients[0], index), None


def reverse_by_length(x: Tensor, index: Tensor) -> Tensor:
    """``x`` (B, T, D) with each sequence turned round by ``index`` of :func:`reversal_index`."""
    rows: Tensor = apply(_Permute, x.reshape(-1, x.shape[-1]), index)
    return rows.view(x.shape)


def last_state(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, H): ``states`` (B, T, H) at position length - 1, never at T - 1."""
    rows = torch.arange(states.shape[0], device=states.device)
    return states[rows, (lengths - 1).to(states.device, non_blocking=True)]
