"""hₜ = aₜ ∘ hₜ₋₁ + bₜ for coefficients known beforehand: a recurrence without a product, which can run in parallel.

Two steps in a row are again such a step, (a₂a₁, a₂b₁ + b₂), so all prefixes can be made in log₂ T passes over the whole
array instead of T small steps (Hillis & Steele, 1986; Blelloch, 1990). Both ways are here: passes where a step's launch
costs more than its arithmetic (a GPU, few and narrow rows), steps where they are as many as the memory can carry.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply


def linear_recurrence(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """States (T, B, H) of hₜ = aₜ ∘ hₜ₋₁ + bₜ from h₀ = ``initial`` (B, H); differentiable any number of times."""
    states: Tensor = apply(_LinearRecurrence, a, b, initial)
    return states


def in_steps(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """One step after the other."""
    states = torch.empty_like(b, memory_format=torch.contiguous_format)
    before = initial
    for now, factor, addend in zip(states.unbind(), a.unbind(), b.unbind(), strict=True):
        before = torch.addcmul(addend, factor, before, out=now)
    return states


def in_parallel(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    """All prefixes by doubling: after pass k each entry stands for the 2ᵏ steps up to it."""
    states = b.clone(memory_format=torch.contiguous_format)
    states[0].addcmul_(a[0], initial)
    factors, steps, span = a.clone(memory_format=torch.contiguous_format), b.shape[0], 1
    while span < steps:
        states[span:] += factors[span:] * states[:-span]  # the right side is made before the left changes
        if 2 * span < steps:
            factors[span:] = factors[span:] * factors[:-span]
        span *= 2
    return states


def _run(a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
    return in_steps(a, b, initial) if b.device.type == "cpu" else in_parallel(a, b, initial)


class _LinearRecurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        states = _run(a, b, initial)
        ctx.save_for_backward(a, initial, states)
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        a, initial, states = ctx.saved_tensors
        # δₜ = gₜ + aₜ₊₁ ∘ δₜ₊₁ is the same recurrence from the end, applied and not computed: so it can be
        # differentiated again
        later = torch.cat((a[1:], torch.zeros_like(a[:1]))).flip(0)
        delta = linear_recurrence(later, gradients[0].flip(0), torch.zeros_like(initial)).flip(0)
        before = torch.cat((initial.unsqueeze(0), states[:-1]))
        return delta * before, delta, a[0] * delta[0]
