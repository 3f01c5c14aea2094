"""Scans over time for the plain RNN and the GRU, with hand-written gradients.

torch fuses the LSTM on a CPU but steps through RNN and GRU, recording some ten operations a step for autograd. Here a
step is two to five operations forwards and two or three backwards: the input product of all steps is one flat product
made before, what each derivative needs besides the arriving gradient is computed for all steps at once, and the
gradient of the recurrent weights is one product for many steps.

When a gradient of the gradient is wanted (``create_graph=True``) the backward pass replays the plain loop under
autograd instead, so double backward is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor

from workbench.nn.functions import apply
from workbench.nn.products import Repeated, add_outer
from workbench.nn.recurrent.squash import by_sigmoid

Nonlinearity = Literal["tanh", "relu"]
Sizes = tuple[int, ...]
"""Rows of each step, where those whose sequence has ended are left out."""
BLOCK = 1 << 17
"""Values of a block in the GRU's backward pass: 512 kB a temporary."""


def rnn_scan(
    pre: Tensor, initial: Tensor, weight: Tensor, nonlinearity: Nonlinearity, sizes: Sizes | None = None
) -> Tensor:
    """hₜ = φ(preₜ + W hₜ₋₁): ``pre`` (T, B, H) and ``initial`` (B, H) → states (T, B, H). ``weight`` (H, H).

    With ``sizes``, the number of rows of each step, never rising, ``pre`` and the states are (Σ ``sizes``, H): step
    after step only the rows that go on.
    """
    flat: Tensor = apply(_RnnScan, pre.flatten(0, -2), initial, weight, nonlinearity, sizes or _even(pre))
    return flat.view(*pre.shape[:-1], -1)


def gru_scan(
    pre: Tensor, initial: Tensor, weight: Tensor, candidate_bias: Tensor, sizes: Sizes | None = None
) -> Tensor:
    """GRU with the reset gate after the recurrent product, as torch has it: ``pre`` (T, B, 3H) → states (T, B, H).

    r, z = σ(pre + U h); n = tanh(pre_n + r ∘ (U_n h + ``candidate_bias``)); h' = (1 - z) ∘ n + z ∘ h. ``weight`` is U
    (3H, H) in the order reset, update, candidate; ``sizes`` as in :func:`rnn_scan`.
    """
    flat: Tensor = apply(_GruScan, pre.flatten(0, -2), initial, weight, candidate_bias, sizes or _even(pre))
    return flat.view(*pre.shape[:-1], -1)


def plain_rnn(
    pre: Tensor, initial: Tensor, weight: Tensor, nonlinearity: Nonlinearity, sizes: Sizes | None = None
) -> Tensor:
    """:func:`rnn_scan` as a loop that autograd records."""
    states, hidden = [], initial
    activate = torch.tanh if nonlinearity == "tanh" else torch.relu
    for step in pre.split_with_sizes(list(sizes)) if sizes else pre:
        hidden = activate(step + hidden[: len(step)] @ weight.t())
        states.append(hidden)
    return torch.cat(states) if sizes else torch.stack(states)


def plain_gru(
    pre: Tensor, initial: Tensor, weight: Tensor, candidate_bias: Tensor, sizes: Sizes | None = None
) -> Tensor:
    """:func:`gru_scan` as a loop that autograd records."""
    size = initial.shape[1]
    states, hidden = [], initial
    for step in pre.split_with_sizes(list(sizes)) if sizes else pre:
        hidden = hidden[: len(step)]
        recurrent = hidden @ weight.t()
        reset, update = torch.sigmoid(step[:, : 2 * size] + recurrent[:, : 2 * size]).chunk(2, dim=1)
        candidate = torch.tanh(step[:, 2 * size :] + reset * (recurrent[:, 2 * size :] + candidate_bias))
        hidden = candidate + update * (hidden - candidate)
        states.append(hidden)
    return torch.cat(states) if sizes else torch.stack(states)


def _even(pre: Tensor) -> Sizes:
    return (pre.shape[1],) * pre.shape[0]


def _going_on(before: Sequence[Tensor], sizes: Sizes) -> list[Tensor]:
    """Of each step's rows those that the next step has too."""
    return [rows if len(rows) == size else rows[:size] for rows, size in zip(before, sizes, strict=False)]


class _Rows:
    """Where the rows of each step stand among all: ``states`` of a scan begin with the B rows of the start."""

    def __init__(self, batch: int, sizes: Sizes) -> None:
        self.sizes = list(sizes)
        self.even = sizes[-1] == batch
        self.starts = list(accumulate(self.sizes, initial=0))
        self.index: Tensor | None = None
        if not self.even:
            # row j of a step went on from row j of the step before: as many rows back as that one has
            back = torch.tensor([0, *(batch - size for size in self.sizes[:-1])])
            self.index = torch.arange(self.starts[-1]) + back.repeat_interleave(torch.tensor(self.sizes))

    def before(self, states: Tensor) -> Tensor:
        """The states (Σ ``sizes``, H) that the rows went on from."""
        return states[: self.starts[-1]] if self.index is None else states.index_select(0, self.index)


def _replay(ctx: Any, loop: Callable[..., Tensor], inputs: tuple[Tensor, ...], gradient: Tensor) -> list[Tensor | None]:
    """Gradients of ``loop(*inputs)`` that can themselves be differentiated."""
    wanted = [tensor for tensor, needed in zip(inputs, ctx.needs_input_grad, strict=False) if needed]
    found = iter(torch.autograd.grad(loop(*inputs), wanted, gradient, create_graph=True))
    return [next(found) if needed else None for _, needed in zip(inputs, ctx.needs_input_grad, strict=False)]


class _RnnScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pre: Tensor, initial: Tensor, weight: Tensor, nonlinearity: Nonlinearity, sizes: Sizes
    ) -> Tensor:
        batch, size = initial.shape
        states = pre.new_empty(batch + len(pre), size)
        states[:batch] = initial
        quick, shift = nonlinearity == "tanh" and by_sigmoid(initial), pre.new_full((), -1.0)
        matrix, factor = Repeated(weight, sizes), 2 if quick else 1
        at, pre_at = states.split_with_sizes([batch, *sizes]), pre.split_with_sizes(list(sizes))
        for now, before, given in zip(at[1:], _going_on(at, sizes), pre_at, strict=True):
            matrix.into(now, before, given, factor)
            if quick:  # tanh(v) = 2 σ(2v) − 1
                torch.add(shift, now.sigmoid_(), alpha=2, out=now)
            elif nonlinearity == "tanh":
                now.tanh_()
            else:
                now.relu_()
        after = states[batch:]
        # saved as the output it is, so that torch notices a change in place; ctx keeps the whole with h₀ in front
        ctx.save_for_backward(pre, initial, weight, after)
        ctx.states, ctx.nonlinearity, ctx.sizes = states, nonlinearity, sizes
        return after

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        pre, initial, weight, after = ctx.saved_tensors
        nonlinearity: Nonlinearity = ctx.nonlinearity
        sizes: Sizes = ctx.sizes
        if torch.is_grad_enabled():
            loop = partial(plain_rnn, nonlinearity=nonlinearity, sizes=sizes)
            return (*_replay(ctx, loop, (pre, initial, weight), gradients[0]), None, None)
        arriving = gradients[0].clone(memory_format=torch.contiguous_format)
        d_initial = torch.zeros_like(initial)
        at, after_at = arriving.split_with_sizes(list(sizes)), after.split_with_sizes(list(sizes))
        before_at = _going_on((d_initial, *at), sizes)
        matrix = Repeated(weight.t(), sizes)
        for now, value, before in zip(reversed(at), reversed(after_at), reversed(before_at), strict=True):
            if nonlinearity == "tanh":
                torch.ops.aten.tanh_backward.grad_input(now, value, grad_input=now)
            else:
                torch.ops.aten.threshold_backward.grad_input(now, value, 0, grad_input=now)
            matrix.add_to(before, now)
        # the gradient of the recurrent weights, Σₜ δₜᵀ hₜ₋₁, as one product
        rows = _Rows(len(initial), sizes)
        d_weight = add_outer(torch.zeros_like(weight), arriving, rows.before(ctx.states))
        return arriving, d_initial, d_weight, None, None


class _GruScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pre: Tensor, initial: Tensor, weight: Tensor, candidate_bias: Tensor, sizes: Sizes) -> Tensor:
        batch, size = initial.shape
        each = list(sizes)
        states = pre.new_empty(batch + len(pre), size)
        states[:batch] = initial
        # gates: what the recurrent product is added to; it becomes r, z and U_n h + b in place
        gates = pre.clone(memory_format=torch.contiguous_format)
        gates[:, 2 * size :] = candidate_bias
        candidates = pre.new_empty(len(pre), size)
        matrix = Repeated(weight, sizes)
        at = states.split_with_sizes([batch, *each])
        quick, shift = by_sigmoid(initial), pre.new_full((), -1.0)
        for now, before, gate, opened, reset, update, recurrent, given, candidate in zip(
            at[1:],
            _going_on(at, sizes),
            gates.split_with_sizes(each),
            gates[:, : 2 * size].split_with_sizes(each),
            gates[:, :size].split_with_sizes(each),
            gates[:, size : 2 * size].split_with_sizes(each),
            gates[:, 2 * size :].split_with_sizes(each),
            pre[:, 2 * size :].split_with_sizes(each),
            candidates.split_with_sizes(each),
            strict=True,
        ):
            matrix.add_to(gate, before)
            opened.sigmoid_()
            torch.addcmul(given, reset, recurrent, out=candidate)
            if quick:
                torch.add(shift, candidate.mul_(2.0).sigmoid_(), alpha=2, out=candidate)
            else:
                candidate.tanh_()
            torch.lerp(candidate, before, update, out=now)
        after = states[batch:]
        ctx.save_for_backward(pre, initial, weight, candidate_bias, after)
        ctx.states, ctx.gates, ctx.candidates, ctx.sizes = states, gates, candidates, sizes
        return after

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        *inputs, after = ctx.saved_tensors
        sizes: Sizes = ctx.sizes
        if torch.is_grad_enabled():
            return (*_replay(ctx, partial(plain_gru, sizes=sizes), tuple(inputs), gradients[0]), None)
        weight, initial = inputs[2], inputs[1]
        states, gates, candidates = ctx.states, ctx.gates, ctx.candidates
        (batch, size), each, rows = initial.shape, list(sizes), _Rows(len(initial), sizes)
        reset, update, recurrent = gates.chunk(3, dim=1)
        arriving = gradients[0].clone(memory_format=torch.contiguous_format)
        # what the gradient arriving at hₜ is multiplied with on its way to r, z and the recurrent product; filled for
        # a block of steps at once, a block being what stays in the cache
        factors, to_candidate = gates.new_empty(len(candidates), 3, size), torch.empty_like(candidates)
        flat = factors.view(-1, 3 * size)
        d_initial, matrix = torch.zeros_like(initial), Repeated(weight.t(), sizes)
        at, update_at, factor_at, flat_at = (
            arriving.split_with_sizes(each),
            update.split_with_sizes(each),
            factors.split_with_sizes(each),
            flat.split_with_sizes(each),
        )
        wide_at = arriving.unsqueeze(1).split_with_sizes(each)
        before_at = _going_on((d_initial, *at), sizes)
        one = candidates.new_ones(())
        width = max(1, BLOCK // (batch * size))
        for first in range((len(each) - 1) // width * width, -1, -width):
            stop = min(first + width, len(each))
            part = slice(rows.starts[first], rows.starts[stop])
            r, z, n, rest = reset[part], update[part], candidates[part], recurrent[part]
            closed = 1.0 - z
            torch.addcmul(one, n, n, value=-1, out=to_candidate[part]).mul_(closed)
            torch.mul(to_candidate[part], r, out=factors[part, 2])
            torch.mul(factors[part, 2], torch.addcmul(rest, r, rest, value=-1), out=factors[part, 0])
            # (1 − z) z (h − n) by way of the new state, which is n + z (h − n)
            torch.mul(after[part] - n, closed, out=factors[part, 1])
            for step in range(stop - 1, first - 1, -1):
                factor_at[step].mul_(wide_at[step])
                matrix.add_to(before_at[step].addcmul_(at[step], update_at[step]), flat_at[step])
        d_weight, d_bias = add_outer(torch.zeros_like(weight), flat, rows.before(states)), factors[:, 2].sum(0)
        # from here on the gradient at the input's part, which the reset gate does not scale
        torch.mul(to_candidate, arriving, out=factors[:, 2])
        return flat, d_initial, d_weight, d_bias, None
