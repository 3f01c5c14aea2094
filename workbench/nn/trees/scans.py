"""Whole batches of trees composed level by level, with hand-written gradients.

Autograd would record a dozen operations a level and, for every gather from the states of all rows, make a gradient of
all rows: quadratic in the height. Here a level is one matrix product and a few operations in place, forwards and
backwards; what each derivative needs besides the arriving gradient is computed for all rows at once, and the gradient
of a weight is one product over all rows. A child has one parent, so its gradient is *gathered* from its parent's,
never added up.

A gradient of the gradient (``create_graph=True``) replays the plain levels of :mod:`workbench.nn.trees.levels` under
autograd instead, so it is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply
from workbench.nn.trees.levels import compose_levels
from workbench.nn.trees.nodes import binary_lstm_node, child_sum_lstm_node, recursive_node
from workbench.nn.trees.plan import Structure


def binary_lstm_scan(h: Tensor, c: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor, s: Structure) -> Tensor:
    """States (M, H) from the leaves' ``h`` and ``c`` (L, H); ``pre`` (I, 5H) is what words add at inner nodes.

    ``weight`` (5H, 2H) and ``bias`` (5H) in the order output, input, forget left, forget right, candidate.
    """
    states: Tensor = apply(_BinaryLstm, s, h, c, pre, weight, bias)
    return states


def child_sum_lstm_scan(
    h: Tensor,
    c: Tensor,
    pre: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    f_weight: Tensor,
    f_bias: Tensor,
    s: Structure,
) -> Tensor:
    """States (M, H) from the leaves' ``h`` and ``c`` (L, H); ``pre`` (I, 4H) is what words add at inner nodes.

    ``weight`` (3H, H) and ``bias`` (3H) in the order output, input, candidate, after which ``pre`` has the forget
    gate; ``f_weight`` (H, H), ``f_bias`` (H).
    """
    states: Tensor = apply(_ChildSumLstm, s, h, c, pre, weight, bias, f_weight, f_bias)
    return states


def recursive_scan(
    h: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor, tensor: Tensor | None, s: Structure
) -> Tensor:
    """States (M, H) of h = tanh(W x + b + pre [+ xᵀ V x]), x being both children's; ``weight`` (H, 2H).

    ``tensor`` (H, 4H²) is V, or None for the plain recursive network.
    """
    states: Tensor = apply(_Recursive, s, h, pre, weight, bias, tensor)
    return states


def _replay(ctx: Any, loop: Callable[..., Tensor], gradient: Tensor) -> list[Tensor | None]:
    """Gradients of ``loop(*inputs)`` that can themselves be differentiated; the structure has none."""
    inputs = list(ctx.saved_tensors[:-1])
    needed = ctx.needs_input_grad[1:]
    wanted = [tensor for tensor, need in zip(inputs, needed, strict=True) if need]
    found = iter(torch.autograd.grad(loop(*inputs), wanted, gradient, create_graph=True, allow_unused=True))
    return [None, *(next(found) if need else None for need in needed)]


def _buffer(leaves: Tensor, s: Structure) -> Tensor:
    """(M + 1, H) with the leaves in front and a row of zeros, the missing child, at the end."""
    whole = leaves.new_empty(s.rows + 1, leaves.shape[1])
    whole[: s.leaves] = leaves
    whole[-1] = 0.0
    return whole


def _edges(like: Tensor, s: Structure) -> Tensor:
    """(E + 1, H) for what parents hand down; the last row is what roots get: nothing."""
    whole = like.new_empty(len(s.children) + 1, like.shape[1])
    whole[-1] = 0.0
    return whole


def _tanh(values: Tensor, out: Tensor) -> Tensor:
    """tanh x = 2 σ(2x) - 1, which torch computes several times faster on a CPU than its own tanh."""
    return torch.mul(values, 2.0, out=out).sigmoid_().mul_(2.0).sub_(1.0)


class _BinaryLstm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, s: Structure, h0: Tensor, c0: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor
    ) -> Tensor:
        size, inner = h0.shape[1], s.rows - s.leaves
        h, c = _buffer(h0, s), _buffer(c0, s)
        gates, tanh_c = h0.new_empty(inner, 5 * size), h0.new_empty(inner, size)
        transposed = weight.t()
        for level in s.levels:
            part, rows = slice(level.start, level.stop), slice(s.leaves + level.start, s.leaves + level.stop)
            below = s.children[level.first_edge : level.last_edge]
            gate = torch.addmm(bias, h.index_select(0, below).view(-1, 2 * size), transposed, out=gates[part])
            if pre is not None:
                gate += pre[part]
            gate[:, 4 * size :] *= 2.0
            gate.sigmoid_()
            gate[:, 4 * size :].mul_(2.0).sub_(1.0)
            out, into, left, right, candidate = gate.chunk(5, dim=1)
            c_left, c_right = c.index_select(0, below).view(-1, 2 * size).chunk(2, dim=1)
            cell = torch.mul(into, candidate, out=c[rows]).addcmul_(left, c_left).addcmul_(right, c_right)
            torch.mul(out, _tanh(cell, tanh_c[part]), out=h[rows])
        states = h[:-1]
        ctx.save_for_backward(h0, c0, pre, weight, bias, states)
        ctx.s, ctx.h, ctx.c, ctx.gates, ctx.tanh_c = s, h, c, gates, tanh_c
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        s: Structure = ctx.s
        if torch.is_grad_enabled():

            def loop(h0: Tensor, c0: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor) -> Tensor:
                return compose_levels(s, (h0, c0), binary_lstm_node(pre, weight, bias))[0]

            return tuple(_replay(ctx, loop, gradients[0]))
        h0, _, pre, weight, _, _ = ctx.saved_tensors
        gates, tanh_c = ctx.gates, ctx.tanh_c
        arriving: Tensor = gradients[0]
        size, inner = h0.shape[1], s.rows - s.leaves
        by_gate = gates.view(inner, 5, size)
        out, forget, candidate = by_gate[:, 0], by_gate[:, 2:4], by_gate[:, 4]
        # what the gradient arriving at c (for the output gate: at h) is multiplied with on its way into each gate
        factors = by_gate.new_empty(inner, 5, size)
        squashed = by_gate[:, :4]
        torch.mul(squashed, 1.0 - squashed, out=factors[:, :4])
        factors[:, 0] *= tanh_c
        factors[:, 1] *= candidate
        factors[:, 2:4] *= ctx.c.index_select(0, s.children).view(inner, 2, size)
        torch.mul(by_gate[:, 1], 1.0 - candidate * candidate, out=factors[:, 4])
        c_from_h = out - out * tanh_c * tanh_c
        flat = factors.view(inner, 5 * size)
        dh_edges, dc_edges = _edges(h0, s), _edges(h0, s)
        for level in reversed(s.levels):
            part, rows = slice(level.start, level.stop), slice(s.leaves + level.start, s.leaves + level.stop)
            edges = slice(level.first_edge, level.last_edge)
            up = s.edge_of[rows]
            dh = dh_edges.index_select(0, up).add_(arriving[rows])
            dc = dc_edges.index_select(0, up).addcmul_(dh, c_from_h[part])
            factors[part, 0] *= dh
            factors[part, 1:] *= dc.unsqueeze(1)
            torch.mm(flat[part], weight, out=dh_edges[edges].view(-1, 2 * size))
            torch.mul(forget[part], dc.unsqueeze(1), out=dc_edges[edges].view(-1, 2, size))
        up = s.edge_of[: s.leaves]
        dh0 = dh_edges.index_select(0, up).add_(arriving[: s.leaves])
        dc0 = dc_edges.index_select(0, up)
        d_weight = flat.t() @ ctx.h.index_select(0, s.children).view(inner, 2 * size)
        return None, dh0, dc0, flat if pre is not None else None, d_weight, flat.sum(0)


class _ChildSumLstm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        s: Structure,
        h0: Tensor,
        c0: Tensor,
        pre: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        f_weight: Tensor,
        f_bias: Tensor,
    ) -> Tensor:
        size, inner = h0.shape[1], s.rows - s.leaves
        h, c = _buffer(h0, s), _buffer(c0, s)
        gates, tanh_c, summed = (h0.new_empty(inner, n * size) for n in (3, 1, 1))
        forget = h0.new_empty(len(s.children), size)
        transposed, f_transposed = weight.t(), f_weight.t()
        in_order = torch.arange(len(s.children), device=h0.device)
        for level in s.levels:
            part, rows = slice(level.start, level.stop), slice(s.leaves + level.start, s.leaves + level.stop)
            edges = slice(level.first_edge, level.last_edge)
            below, offsets = s.children[edges], s.offsets[part]
            summed[part] = _sum_rows(h, below, offsets)
            gate = torch.addmm(bias, summed[part], transposed, out=gates[part])
            keep = torch.addmm(f_bias, h.index_select(0, below), f_transposed, out=forget[edges])
            if pre is not None:
                gate += pre[part, : 3 * size]
                keep += pre[part, 3 * size :].index_select(0, s.parents[edges])
            keep.sigmoid_()
            gate[:, 2 * size :] *= 2.0
            gate.sigmoid_()
            gate[:, 2 * size :].mul_(2.0).sub_(1.0)
            out, into, candidate = gate.chunk(3, dim=1)
            kept = keep * c.index_select(0, below)
            cell = torch.mul(into, candidate, out=c[rows])
            cell += _sum_rows(kept, in_order[: len(below)], offsets)
            torch.mul(out, _tanh(cell, tanh_c[part]), out=h[rows])
        states = h[:-1]
        ctx.save_for_backward(h0, c0, pre, weight, bias, f_weight, f_bias, states)
        ctx.s, ctx.h, ctx.c, ctx.gates, ctx.forget, ctx.tanh_c, ctx.summed = s, h, c, gates, forget, tanh_c, summed
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        s: Structure = ctx.s
        if torch.is_grad_enabled():

            def loop(
                h: Tensor, c: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor, f_weight: Tensor, f_bias: Tensor
            ) -> Tensor:
                return compose_levels(s, (h, c), child_sum_lstm_node(s, pre, weight, bias, f_weight, f_bias))[0]

            return tuple(_replay(ctx, loop, gradients[0]))
        h0, _, pre, weight, _, f_weight, _, _ = ctx.saved_tensors
        gates, forget, tanh_c = ctx.gates, ctx.forget, ctx.tanh_c
        arriving: Tensor = gradients[0]
        size, inner = h0.shape[1], s.rows - s.leaves
        by_gate = gates.view(inner, 3, size)
        out, candidate = by_gate[:, 0], by_gate[:, 2]
        factors = by_gate.new_empty(inner, 3, size)
        squashed = by_gate[:, :2]
        torch.mul(squashed, 1.0 - squashed, out=factors[:, :2])
        factors[:, 0] *= tanh_c
        factors[:, 1] *= candidate
        torch.mul(by_gate[:, 1], 1.0 - candidate * candidate, out=factors[:, 2])
        c_from_h = out - out * tanh_c * tanh_c
        flat = factors.view(inner, 3 * size)
        f_factors = (1.0 - forget).mul_(forget).mul_(ctx.c.index_select(0, s.children))
        dh_edges, dc_edges = _edges(h0, s), _edges(h0, s)
        for level in reversed(s.levels):
            part, rows = slice(level.start, level.stop), slice(s.leaves + level.start, s.leaves + level.stop)
            edges = slice(level.first_edge, level.last_edge)
            up, parents = s.edge_of[rows], s.parents[edges]
            dh = dh_edges.index_select(0, up).add_(arriving[rows])
            dc = dc_edges.index_select(0, up).addcmul_(dh, c_from_h[part])
            factors[part, 0] *= dh
            factors[part, 1:] *= dc.unsqueeze(1)
            dc_parents = dc.index_select(0, parents)
            torch.mul(forget[edges], dc_parents, out=dc_edges[edges])
            f_factors[edges] *= dc_parents
            d_sum = torch.mm(flat[part], weight).index_select(0, parents)
            torch.addmm(d_sum, f_factors[edges], f_weight, out=dh_edges[edges])
        up = s.edge_of[: s.leaves]
        dh0 = dh_edges.index_select(0, up).add_(arriving[: s.leaves])
        dc0 = dc_edges.index_select(0, up)
        d_pre = None
        if pre is not None:
            d_pre = arriving.new_empty(inner, 4 * size)
            d_pre[:, : 3 * size] = flat
            in_order = torch.arange(len(s.children), device=h0.device)
            for level in s.levels:
                part, edges = slice(level.start, level.stop), slice(level.first_edge, level.last_edge)
                count = level.last_edge - level.first_edge
                d_pre[part, 3 * size :] = _sum_rows(f_factors[edges], in_order[:count], s.offsets[part])
        below = ctx.h.index_select(0, s.children)
        return (
            None,
            dh0,
            dc0,
            d_pre,
            flat.t() @ ctx.summed,
            flat.sum(0),
            f_factors.t() @ below,
            f_factors.sum(0),
        )


def _sum_rows(source: Tensor, rows: Tensor, offsets: Tensor) -> Tensor:
    """(n, H): the sums of ``source[rows]`` from each offset to the next, gathered and added up in one call."""
    return torch.embedding_bag(source, rows, offsets, False, 0)[0]


class _Recursive(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, s: Structure, h0: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor, tensor: Tensor | None
    ) -> Tensor:
        size = h0.shape[1]
        h = _buffer(h0, s)
        transposed = weight.t()
        for level in s.levels:
            rows = slice(s.leaves + level.start, s.leaves + level.stop)
            below = h.index_select(0, s.children[level.first_edge : level.last_edge]).view(-1, 2 * size)
            new = torch.addmm(bias, below, transposed, out=h[rows])
            if pre is not None:
                new += pre[level.start : level.stop]
            if tensor is not None:
                new.addmm_(_outer(below), tensor.t())
            new.tanh_()
        states = h[:-1]
        ctx.save_for_backward(h0, pre, weight, bias, tensor, states)
        ctx.s, ctx.h = s, h
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        s: Structure = ctx.s
        if torch.is_grad_enabled():

            def loop(h0: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor, tensor: Tensor | None) -> Tensor:
                return compose_levels(s, (h0,), recursive_node(pre, weight, bias, tensor))[0]

            return tuple(_replay(ctx, loop, gradients[0]))
        h0, pre, weight, _, tensor, states = ctx.saved_tensors
        arriving: Tensor = gradients[0]
        size, inner = h0.shape[1], s.rows - s.leaves
        top = states[s.leaves :]
        deltas = 1.0 - top * top
        children = ctx.h.index_select(0, s.children).view(inner, 2 * size)
        dh_edges = _edges(h0, s)
        d_tensor = None if tensor is None else torch.zeros_like(tensor)
        for level in reversed(s.levels):
            part, rows = slice(level.start, level.stop), slice(s.leaves + level.start, s.leaves + level.stop)
            dh = dh_edges.index_select(0, s.edge_of[rows]).add_(arriving[rows])
            delta = deltas[part].mul_(dh)
            d_below = torch.mm(delta, weight, out=dh_edges[level.first_edge : level.last_edge].view(-1, 2 * size))
            if tensor is not None and d_tensor is not None:
                below = children[part]
                d_tensor.addmm_(delta.t(), _outer(below))
                d_outer = torch.mm(delta, tensor).view(-1, 2 * size, 2 * size)
                d_below += torch.bmm(d_outer, below.unsqueeze(2)).squeeze(2)
                d_below += torch.bmm(below.unsqueeze(1), d_outer).squeeze(1)
        dh0 = dh_edges.index_select(0, s.edge_of[: s.leaves]).add_(arriving[: s.leaves])
        return None, dh0, deltas if pre is not None else None, deltas.t() @ children, deltas.sum(0), d_tensor


def _outer(below: Tensor) -> Tensor:
    """(n, 2H) → (n, 4H²): every product of two of a row's values."""
    return (below.unsqueeze(2) * below.unsqueeze(1)).flatten(1)
