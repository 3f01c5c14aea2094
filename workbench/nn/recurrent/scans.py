"""Scans over time for the plain RNN and the GRU, with hand-written gradients.

torch fuses the LSTM on a CPU but steps through RNN and GRU, recording some ten operations a step for autograd. Here a
step is two to five operations forwards and two or three backwards: the input product of all steps is one flat product
made before, what each derivative needs besides the arriving gradient is computed for all steps at once, and the
gradient of the recurrent weights is one product after the scan.

When a gradient of the gradient is wanted (``create_graph=True``) the backward pass replays the plain loop under
autograd instead, so double backward is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from workbench.nn.functions import apply

Nonlinearity = Literal["tanh", "relu"]


def rnn_scan(pre: Tensor, initial: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
    """hₜ = φ(preₜ + W hₜ₋₁): ``pre`` (T, B, H) and ``initial`` (B, H) → states (T, B, H). ``weight`` (H, H)."""
    states: Tensor = apply(_RnnScan, pre, initial, weight, nonlinearity)
    return states


def gru_scan(pre: Tensor, initial: Tensor, weight: Tensor, candidate_bias: Tensor) -> Tensor:
    """GRU with the reset gate after the recurrent product, as torch has it: ``pre`` (T, B, 3H) → states (T, B, H).

    r, z = σ(pre + U h); n = tanh(pre_n + r ∘ (U_n h + ``candidate_bias``)); h' = (1 - z) ∘ n + z ∘ h. ``weight`` is U
    (3H, H) in the order reset, update, candidate.
    """
    states: Tensor = apply(_GruScan, pre, initial, weight, candidate_bias)
    return states


def plain_rnn(pre: Tensor, initial: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
    """:func:`rnn_scan` as a loop that autograd records."""
    states, hidden = [], initial
    activate = torch.tanh if nonlinearity == "tanh" else torch.relu
    for step in pre:
        hidden = activate(step + hidden @ weight.t())
        states.append(hidden)
    return torch.stack(states)


def plain_gru(pre: Tensor, initial: Tensor, weight: Tensor, candidate_bias: Tensor) -> Tensor:
    """:func:`gru_scan` as a loop that autograd records."""
    size = initial.shape[1]
    states, hidden = [], initial
    for step in pre:
        recurrent = hidden @ weight.t()
        reset, update = torch.sigmoid(step[:, : 2 * size] + recurrent[:, : 2 * size]).chunk(2, dim=1)
        candidate = torch.tanh(step[:, 2 * size :] + reset * (recurrent[:, 2 * size :] + candidate_bias))
        hidden = candidate + update * (hidden - candidate)
        states.append(hidden)
    return torch.stack(states)


def _replay(ctx: Any, loop: Callable[..., Tensor], inputs: tuple[Tensor, ...], gradient: Tensor) -> list[Tensor | None]:
    """Gradients of ``loop(*inputs)`` that can themselves be differentiated."""
    wanted = [tensor for tensor, needed in zip(inputs, ctx.needs_input_grad, strict=False) if needed]
    found = iter(torch.autograd.grad(loop(*inputs), wanted, gradient, create_graph=True))
    return [next(found) if needed else None for _, needed in zip(inputs, ctx.needs_input_grad, strict=False)]


def _weight_gradient(gradient: Tensor, states: Tensor) -> Tensor:
    """Σₜ gradientₜᵀ hₜ₋₁ as one product: (T, B, G) and (T, B, H) → (G, H)."""
    return gradient.view(-1, gradient.shape[-1]).t() @ states.reshape(-1, states.shape[-1])


class _RnnScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pre: Tensor, initial: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
        steps, batch, size = pre.shape
        states = pre.new_empty(steps + 1, batch, size)
        states[0] = initial
        transposed = weight.t()
        at, pre_at = states.unbind(), pre.unbind()
        for step in range(steps):
            hidden = torch.addmm(pre_at[step], at[step], transposed, out=at[step + 1])
            hidden.tanh_() if nonlinearity == "tanh" else hidden.relu_()
        after = states[1:]
        # saved as the output it is, so that torch notices a change in place; ctx keeps the whole with h₀ in front
        ctx.save_for_backward(pre, initial, weight, after)
        ctx.states, ctx.nonlinearity = states, nonlinearity
        return after

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        pre, initial, weight, after = ctx.saved_tensors
        nonlinearity: Nonlinearity = ctx.nonlinearity
        if torch.is_grad_enabled():
            found = _replay(ctx, partial(plain_rnn, nonlinearity=nonlinearity), (pre, initial, weight), gradients[0])
            return (*found, None)
        states: Tensor = ctx.states
        arriving = gradients[0].clone(memory_format=torch.contiguous_format)
        slope = 1.0 - after.square() if nonlinearity == "tanh" else (after > 0).to(after.dtype)
        at, slope_at = arriving.unbind(), slope.unbind()
        for step in range(len(at) - 1, 0, -1):
            at[step].mul_(slope_at[step])
            at[step - 1].addmm_(at[step], weight)
        at[0].mul_(slope_at[0])
        return arriving, at[0] @ weight, _weight_gradient(arriving, states[:-1]), None


class _GruScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pre: Tensor, initial: Tensor, weight: Tensor, candidate_bias: Tensor) -> Tensor:
        steps, batch, size = pre.shape[0], pre.shape[1], initial.shape[1]
        states = pre.new_empty(steps + 1, batch, size)
        states[0] = initial
        # gates: what the recurrent product is added to; it becomes r, z and U_n h + b in place
        gates = pre.clone(memory_format=torch.contiguous_format)
        gates[:, :, 2 * size :] = candidate_bias
        candidates = pre.new_empty(steps, batch, size)
        transposed = weight.t()
        at, gates_at, candidate_at = states.unbind(), gates.unbind(), candidates.unbind()
        sigmoid_at = gates[:, :, : 2 * size].unbind()
        reset_at, update_at = gates[:, :, :size].unbind(), gates[:, :, size : 2 * size].unbind()
        recurrent_at, input_at = gates[:, :, 2 * size :].unbind(), pre[:, :, 2 * size :].unbind()
        for step in range(steps):
            gates_at[step].addmm_(at[step], transposed)
            sigmoid_at[step].sigmoid_()
            candidate = torch.addcmul(input_at[step], reset_at[step], recurrent_at[step], out=candidate_at[step])
            torch.lerp(candidate.tanh_(), at[step], update_at[step], out=at[step + 1])
        after = states[1:]
        ctx.save_for_backward(pre, initial, weight, candidate_bias, after)
        ctx.states, ctx.gates, ctx.candidates = states, gates, candidates
        return after

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        *inputs, _ = ctx.saved_tensors
        if torch.is_grad_enabled():
            return tuple(_replay(ctx, plain_gru, tuple(inputs), gradients[0]))
        weight = inputs[2]
        states, gates, candidates = ctx.states, ctx.gates, ctx.candidates
        steps, batch, size = candidates.shape
        reset, update, recurrent = gates.split(size, dim=2)
        # what the gradient arriving at hₜ is multiplied with, for all steps at once
        to_candidate = (1.0 - update) * torch.addcmul(candidates.new_ones(()), candidates, candidates, value=-1)
        factors = pre_gradient = gates.new_empty(steps, batch, 3, size)
        torch.mul(to_candidate, reset, out=factors[:, :, 2])
        torch.mul(factors[:, :, 2], recurrent * (1.0 - reset), out=factors[:, :, 0])
        torch.mul(states[:-1] - candidates, update * (1.0 - update), out=factors[:, :, 1])
        arriving = gradients[0].clone(memory_format=torch.contiguous_format)
        at, factor_at, update_at = arriving.unbind(), factors.unbind(), update.unbind()
        wide_at, flat_at = arriving.unsqueeze(2).unbind(), factors.view(steps, batch, 3 * size).unbind()
        for step in range(steps - 1, 0, -1):
            factor_at[step].mul_(wide_at[step])  # becomes the gradient at r, z and the recurrent product
            at[step - 1].addcmul_(at[step], update_at[step]).addmm_(flat_at[step], weight)
        factor_at[0].mul_(wide_at[0])
        d_initial = (at[0] * update_at[0]).addmm_(flat_at[0], weight)
        d_weight = _weight_gradient(factors.view(steps, batch, 3 * size), states[:-1])
        d_bias = factors[:, :, 2].sum((0, 1))
        torch.mul(to_candidate, arriving, out=pre_gradient[:, :, 2])
        return pre_gradient.view(steps, batch, 3 * size), d_initial, d_weight, d_bias
