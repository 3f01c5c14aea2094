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

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply
from workbench.nn.trees.levels import compose_levels
from workbench.nn.trees.nodes import binary_lstm_node, child_sum_lstm_node, lstm_leaf, recursive_node
from workbench.nn.trees.plan import Structure


def lstm_leaves(gates: Tensor) -> tuple[Tensor, Tensor]:
    """h and c (L, H) of leaves, which have nothing to forget, from ``gates`` (L, 3H): output, input, candidate."""
    found: tuple[Tensor, Tensor] = apply(_LstmLeaves, gates)
    return found


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


def _in_whole_precision(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Autocast may be on while a gradient is computed, and would mix its bits with those of the buffers."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *gradients: Tensor) -> Any:
        with torch.autocast(gradients[0].device.type, enabled=False):
            return backward(ctx, *gradients)

    return wrapped


Views = list[tuple[Tensor, ...]]


def _by_rows(s: Structure, *tensors: Tensor) -> Views:
    """Each of the tensors (I, …) as a view for every level, made all at once."""
    widths = [level.width for level in s.levels]
    return [torch.split(tensor, widths) for tensor in tensors]


def _by_edges(s: Structure, *tensors: Tensor) -> Views:
    """The same for tensors (E, …)."""
    widths = [level.last_edge - level.first_edge for level in s.levels]
    return [torch.split(tensor, widths) for tensor in tensors]


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


class _LstmLeaves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor) -> tuple[Tensor, Tensor]:
        size = gates.shape[1] // 3
        squashed = torch.sigmoid(gates)
        out, into, candidate = squashed.chunk(3, dim=1)
        _tanh(gates[:, 2 * size :], candidate)
        c = into * candidate
        tanh_c = _tanh(c, torch.empty_like(c))
        ctx.save_for_backward(gates)
        ctx.squashed, ctx.tanh_c = squashed, tanh_c
        return out * tanh_c, c

    @staticmethod
    @_in_whole_precision
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gates,) = ctx.saved_tensors
        dh, dc = gradients
        if torch.is_grad_enabled():
            return torch.autograd.grad(lstm_leaf(gates), (gates,), (dh, dc), create_graph=True)
        squashed: Tensor = ctx.squashed
        tanh_c: Tensor = ctx.tanh_c
        size = tanh_c.shape[1]
        out, into, candidate = squashed.chunk(3, dim=1)
        back = squashed[:, : 2 * size] * (1.0 - squashed[:, : 2 * size])
        found = torch.empty_like(squashed)
        dc = torch.addcmul(dc, dh * out, 1.0 - tanh_c * tanh_c)
        torch.mul(back[:, :size], dh, out=found[:, :size]).mul_(tanh_c)
        torch.mul(back[:, size:], dc, out=found[:, size : 2 * size]).mul_(candidate)
        torch.mul(into, 1.0 - candidate * candidate, out=found[:, 2 * size :]).mul_(dc)
        return found


class _BinaryLstm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, s: Structure, h0: Tensor, c0: Tensor, pre: Tensor | None, weight: Tensor, bias: Tensor
    ) -> Tensor:
        size, inner = h0.shape[1], s.rows - s.leaves
        h, c = _buffer(h0, s), _buffer(c0, s)
        gates, tanh_c = h0.new_empty(inner, 5 * size), h0.new_empty(inner, size)
        transposed = weight.t()
        for level, below, gate, tanh, h_new, c_new in zip(
            s.levels,
            *_by_edges(s, s.children),
            *_by_rows(s, gates, tanh_c, h[s.leaves : -1], c[s.leaves : -1]),
            strict=True,
        ):
            torch.addmm(bias, h.index_select(0, below).view(-1, 2 * size), transposed, out=gate)
            if pre is not None:
                gate += pre[level.start : level.stop]
            out, into, left, right, candidate = gate.chunk(5, dim=1)
            candidate *= 2.0
            gate.sigmoid_()
            candidate.mul_(2.0).sub_(1.0)
            c_left, c_right = c.index_select(0, below).view(-1, 2 * size).chunk(2, dim=1)
            torch.mul(into, candidate, out=c_new).addcmul_(left, c_left).addcmul_(right, c_right)
            torch.mul(out, _tanh(c_new, tanh), out=h_new)
        states = h[:-1]
        ctx.save_for_backward(h0, c0, pre, weight, bias, states)
        ctx.s, ctx.h, ctx.c, ctx.gates, ctx.tanh_c = s, h, c, gates, tanh_c
        return states

    @staticmethod
    @_in_whole_precision
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
        down_h, down_c = dh_edges[:-1].view(inner, 2 * size), dc_edges[:-1].view(inner, 2, size)
        whole = (s.edge_of[s.leaves :], arriving[s.leaves :], c_from_h, factors[:, 0], factors[:, 1:], flat, forget)
        views = zip(*_by_rows(s, *whole, down_h, down_c), strict=True)
        for up, here, to_c, to_out, to_others, delta, keep, h_below, c_below in reversed(list(views)):
            dh = dh_edges.index_select(0, up).add_(here)
            dc = dc_edges.index_select(0, up).addcmul_(dh, to_c)
            wide = dc.unsqueeze(1)
            to_out *= dh
            to_others *= wide
            torch.mm(delta, weight, out=h_below)
            torch.mul(keep, wide, out=c_below)
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
        for level, below, parents, keep, offsets, total, gate, tanh, h_new, c_new in zip(
            s.levels,
            *_by_edges(s, s.children, s.parents, forget),
            *_by_rows(s, s.offsets, summed, gates, tanh_c, h[s.leaves : -1], c[s.leaves : -1]),
            strict=True,
        ):
            total.copy_(_sum_rows(h, below, offsets))
            torch.addmm(bias, total, transposed, out=gate)
            torch.addmm(f_bias, h.index_select(0, below), f_transposed, out=keep)
            if pre is not None:
                words = pre[level.start : level.stop]
                gate += words[:, : 3 * size]
                keep += words[:, 3 * size :].index_select(0, parents)
            keep.sigmoid_()
            out, into, candidate = gate.chunk(3, dim=1)
            candidate *= 2.0
            gate.sigmoid_()
            candidate.mul_(2.0).sub_(1.0)
            kept = c.index_select(0, below).mul_(keep)
            torch.addcmul(_sum_rows(kept, in_order[: len(below)], offsets), into, candidate, out=c_new)
            torch.mul(out, _tanh(c_new, tanh), out=h_new)
        states = h[:-1]
        ctx.save_for_backward(h0, c0, pre, weight, bias, f_weight, f_bias, states)
        ctx.s, ctx.h, ctx.c, ctx.gates, ctx.forget, ctx.tanh_c, ctx.summed = s, h, c, gates, forget, tanh_c, summed
        return states

    @staticmethod
    @_in_whole_precision
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
        whole = (s.edge_of[s.leaves :], arriving[s.leaves :], c_from_h, factors[:, 0], factors[:, 1:], flat)
        views = zip(
            *_by_rows(s, *whole),
            *_by_edges(s, s.parents, forget, f_factors, dh_edges[:-1], dc_edges[:-1]),
            strict=True,
        )
        for up, here, to_c, to_out, to_others, delta, parents, keep, to_keep, h_below, c_below in reversed(list(views)):
            dh = dh_edges.index_select(0, up).add_(here)
            dc = dc_edges.index_select(0, up).addcmul_(dh, to_c)
            to_out *= dh
            to_others *= dc.unsqueeze(1)
            dc_parents = dc.index_select(0, parents)
            torch.mul(keep, dc_parents, out=c_below)
            to_keep *= dc_parents
            d_sum = torch.mm(delta, weight).index_select(0, parents)
            torch.addmm(d_sum, to_keep, f_weight, out=h_below)
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
    @_in_whole_precision
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
