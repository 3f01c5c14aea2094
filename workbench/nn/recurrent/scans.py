"""Scans over time for the plain RNN and the GRU, with hand-written gradients.

torch fuses the LSTM on a CPU but steps through RNN and GRU, recording some ten operations a step for autograd. Here a
step is two to five operations forwards and two or three backwards: the input product of all steps is one flat product
made before, what each derivative needs besides the arriving gradient is computed for all steps at once, and the
gradient of the recurrent weights is one product for many steps.

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
from workbench.nn.recurrent.squash import by_sigmoid

Nonlinearity = Literal["tanh", "relu"]
BLOCK = 1 << 17
"""Values of a block in the GRU's backward pass: 512 kB a temporary."""


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


class _RnnScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pre: Tensor, initial: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
        steps, batch, size = pre.shape
        states = pre.new_empty(steps + 1, batch, size)
        states[0] = initial
        transposed = weight.t()
        at, pre_at = states.unbind(), pre.unbind()
        if nonlinearity == "tanh" and by_sigmoid(initial):
            shift = pre.new_full((), -1.0)
            for step in range(steps):
                # tanh(v) = 2 σ(2v) − 1, and the doubling costs nothing in the product
                hidden = torch.addmm(pre_at[step], at[step], transposed, beta=2, alpha=2, out=at[step + 1])
                torch.add(shift, hidden.sigmoid_(), alpha=2, out=hidden)
        else:
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
        at, after_at = arriving.unbind(), after.unbind()
        d_initial = torch.zeros_like(initial)
        for step in range(len(at) - 1, -1, -1):
            if nonlinearity == "tanh":
                torch.ops.aten.tanh_backward.grad_input(at[step], after_at[step], grad_input=at[step])
            else:
                torch.ops.aten.threshold_backward.grad_input(at[step], after_at[step], 0, grad_input=at[step])
            (at[step - 1] if step else d_initial).addmm_(at[step], weight)
        # the gradient of the recurrent weights, Σₜ δₜᵀ hₜ₋₁, as one product
        d_weight = arriving.view(-1, arriving.shape[-1]).t() @ states[:-1].view(-1, states.shape[-1])
        return arriving, d_initial, d_weight, None


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
        quick, shift = by_sigmoid(initial), pre.new_full((), -1.0)
        for step in range(steps):
            gates_at[step].addmm_(at[step], transposed)
            sigmoid_at[step].sigmoid_()
            candidate = torch.addcmul(input_at[step], reset_at[step], recurrent_at[step], out=candidate_at[step])
            if quick:
                torch.add(shift, candidate.mul_(2.0).sigmoid_(), alpha=2, out=candidate)
            else:
                candidate.tanh_()
            torch.lerp(candidate, at[step], update_at[step], out=at[step + 1])
        after = states[1:]
        ctx.save_for_backward(pre, initial, weight, candidate_bias, after)
        ctx.states, ctx.gates, ctx.candidates = states, gates, candidates
        return after

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        *inputs, after = ctx.saved_tensors
        if torch.is_grad_enabled():
            return tuple(_replay(ctx, plain_gru, tuple(inputs), gradients[0]))
        weight = inputs[2]
        states, gates, candidates = ctx.states, ctx.gates, ctx.candidates
        steps, batch, size = candidates.shape
        reset, update, recurrent = gates.split(size, dim=2)
        arriving = gradients[0].clone(memory_format=torch.contiguous_format)
        # what the gradient arriving at hₜ is multiplied with on its way to r, z and the recurrent product; filled for
        # a block of steps at once, a block being what stays in the cache
        factors = gates.new_empty(steps, batch, 3, size)
        flat = factors.view(steps, batch, 3 * size)
        at, update_at, factor_at, flat_at = arriving.unbind(), update.unbind(), factors.unbind(), flat.unbind()
        wide_at = arriving.unsqueeze(2).unbind()
        d_weight, d_bias, d_initial = torch.zeros_like(weight), weight.new_zeros(size), torch.zeros_like(inputs[1])
        one = candidates.new_ones(())
        width = max(1, BLOCK // (batch * size))
        for first in range((steps - 1) // width * width, -1, -width):
            part = slice(first, min(first + width, steps))
            r, z, n, rest = reset[part], update[part], candidates[part], recurrent[part]
            closed = 1.0 - z
            to_candidate = torch.addcmul(one, n, n, value=-1).mul_(closed)
            torch.mul(to_candidate, r, out=factors[part, :, 2])
            torch.mul(factors[part, :, 2], torch.addcmul(rest, r, rest, value=-1), out=factors[part, :, 0])
            # (1 − z) z (h − n) by way of the new state, which is n + z (h − n)
            torch.mul(after[part] - n, closed, out=factors[part, :, 1])
            for step in range(part.stop - 1, first - 1, -1):
                factor_at[step].mul_(wide_at[step])
                before = at[step - 1] if step else d_initial
                before.addcmul_(at[step], update_at[step]).addmm_(flat_at[step], weight)
            d_weight.addmm_(flat[part].view(-1, 3 * size).t(), states[part].view(-1, size))
            d_bias += factors[part, :, 2].sum((0, 1))
            # from here on the gradient at the input's part, which the reset gate does not scale
            torch.mul(to_candidate, arriving[part], out=factors[part, :, 2])
        return flat, d_initial, d_weight, d_bias
