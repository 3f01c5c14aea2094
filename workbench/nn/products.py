"""Large float32 products by oneDNN, where it multiplies faster than the library that torch takes for them.

torch multiplies matrices by MKL, which on AMD's processors keeps to AVX2 though their vectors are twice as wide.
oneDNN, which torch brings along for its fused kernels, uses them: on one thread of a Zen 5 it reaches 190 to
245 GFLOP/s where MKL reaches 95 to 105. Results are the same within float32's rounding. Everywhere else (other
processors, types and devices, under autocast) these are torch's own products.

A call costs oneDNN some 11 µs before it multiplies anything. For a shape that it has not met it makes a kernel, in some
200 µs, and keeps it, in some 0.5 MB, a thousand and more of them: batches of ever new lengths would fill gigabytes.
Products are therefore cut into pieces of a few sizes, or filled up to one of them.

The operations are those that ``torch.compile`` writes into its programs for a CPU; torch documents them nowhere, which
is why all of them stand here.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from workbench.nn.functions import apply

UNITS = (256, 128, 64)
"""A piece has a multiple of so many rows, the first of these if it can; what is left of a product is torch's own."""
LARGEST = 4096
"""Rows of the largest piece."""
PIECE = 1 << 23
"""Multiplications from which a piece is better had from oneDNN."""
STEP = 1 << 21
"""The same for products with one matrix again and again, laid out anew for them once."""
ROWS = 256
"""Rows in such products, all together, that pay for laying the matrix out anew."""
ROUND = 8
"""Such products are filled up to a multiple of so many rows."""


def available() -> bool:
    """Whether oneDNN has wider vectors here than MKL, and is not switched off in ``torch.backends.mkldnn``."""
    return bool(torch.backends.mkldnn.enabled) and _wider()


@functools.cache
def _wider() -> bool:
    """A processor of AMD's with AVX-512. Known by its name, not by a trial, so that a run can be repeated exactly."""
    library: Any = torch.backends.mkldnn
    if not library.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    if not all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_reorder_linear_weight")):
        return False
    maker = platform.processor()  # on Windows; on Linux it is empty, or the architecture
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            maker += next((line for line in lines if line.startswith("vendor_id")), "")
    except OSError:
        pass
    return "AuthenticAMD" in maker


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``torch.nn.functional.linear``, with its gradients: ``x`` (…, D), ``weight`` (M, D), ``bias`` (M,) → (…, M)."""
    count = x.shape[:-1].numel()
    if not _pieces(count, x, weight, weight.numel()):
        return functional.linear(x, weight, bias)
    rows: Tensor = apply(_Linear, x.reshape(count, -1), weight, bias)
    return rows.view(*x.shape[:-1], -1)


def product(rows: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
    """``rows`` (N, K) times ``matrix`` (K, M), plus ``bias`` (M,), where autograd records nothing."""
    pieces, done = _pieces(len(rows), rows, matrix, matrix.numel()), 0
    if pieces == [len(rows)]:
        return _by_onednn(rows, matrix.t(), bias)
    found = rows.new_empty(len(rows), matrix.shape[1], dtype=torch.result_type(rows, matrix))
    for size in pieces:
        found[done : done + size] = _by_onednn(rows[done : done + size], matrix.t(), bias)
        done += size
    if bias is None:
        torch.mm(rows[done:], matrix, out=found[done:])
    else:
        torch.addmm(bias, rows[done:], matrix, out=found[done:])
    return found


def filled_linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``rows`` (N, K) times the transposed ``weight`` (M, K) by oneDNN, where autograd records nothing.

    For rows whose number changes from call to call, as in writing: filled up to one of sixteen sizes an octave.
    """
    count = len(rows)
    unit = max(ROUND, 1 << max(0, count.bit_length() - 5))
    missing = -count % unit
    found = _by_onednn(functional.pad(rows, (0, 0, 0, missing)) if missing else rows, weight, bias)
    return found[:count] if missing else found


def add_outer(total: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """``total`` (M, K) += Σₙ ``left`` (N, M)ₙ ⊗ ``right`` (N, K)ₙ, where autograd records nothing."""
    done = 0
    for size in _pieces(len(left), left, right, total.numel()):
        total.add_(_by_onednn(left[done : done + size].t(), right[done : done + size].t()))
        done += size
    return total.addmm_(left[done:].t(), right[done:]) if done < len(left) else total


def _pieces(count: int, first: Tensor, second: Tensor, work: int) -> list[int]:
    """Of ``count`` rows, each of so much ``work``, the pieces that go to oneDNN."""
    if count * work < PIECE or not first.dtype == second.dtype == torch.float32 or first.device.type != "cpu":
        return []
    if not available() or torch.is_autocast_enabled("cpu"):
        return []
    found: list[int] = []
    for unit in UNITS:
        while (size := min(count, LARGEST) // unit * unit) * work >= PIECE:
            found.append(size)
            count -= size
    return found


def _by_onednn(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    operation: Any = torch.ops.mkldnn._linear_pointwise.default
    found: Tensor = operation(rows, weight, bias, "none", [], "")
    return found


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight.t(), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad
        at = gradients[0] if torch.is_grad_enabled() else gradients[0].contiguous()  # a sum's is one number, spread out
        d_bias = at.sum(0) if for_bias else None
        if torch.is_grad_enabled():  # to be differentiated again: by torch's own operations
            return at @ weight if for_x else None, at.t() @ x if for_weight else None, d_bias
        d_x = product(at, weight) if for_x else None
        return d_x, add_outer(torch.zeros_like(weight), at, x) if for_weight else None, d_bias


class Repeated:
    """A ``matrix`` (M, K) that many rows (n, K) are multiplied with in turn: a step of a scan each.

    ``rows`` says how many there will be in each product; where enough of them are large, the matrix is laid out as
    oneDNN reads it best. For use where autograd records nothing.
    """

    def __init__(self, matrix: Tensor, rows: Sequence[int]) -> None:
        self.transposed = matrix.t()
        self.enough = -(-STEP // max(1, matrix.numel()))
        """Rows from which a product goes to oneDNN."""
        self.laid_out: Tensor | None = None
        most = max(rows, default=0)
        if matrix.dtype != torch.float32 or matrix.device.type != "cpu" or most < self.enough:
            return
        if available() and sum(count for count in rows if count >= self.enough) >= ROWS:
            self.laid_out = torch.ops.mkldnn._reorder_linear_weight(matrix, most)
            self.filled = matrix.new_zeros(-(-most // ROUND) * ROUND, matrix.shape[1])

    def into(self, out: Tensor, rows: Tensor, total: Tensor | None = None, factor: int = 1) -> Tensor:
        """``out`` (n, M), filled with ``rows`` (n, K) times the transposed matrix, plus ``total`` (n, M) if given.

        With ``total``, the sum is multiplied by ``factor``.
        """
        if self.laid_out is None or len(rows) < self.enough:
            if total is None:
                return torch.mm(rows, self.transposed, out=out)
            return torch.addmm(total, rows, self.transposed, beta=factor, alpha=factor, out=out)
        found = self._times(rows, self.laid_out)
        if total is None:
            return out.copy_(found)
        torch.add(total, found, out=out)
        return out if factor == 1 else out.mul_(factor)

    def add_to(self, total: Tensor, rows: Tensor) -> None:
        """``total`` (n, M) += ``rows`` (n, K) times the transposed matrix."""
        if self.laid_out is None or len(rows) < self.enough:
            total.addmm_(rows, self.transposed)
        else:
            total.add_(self._times(rows, self.laid_out))

    def _times(self, rows: Tensor, laid_out: Tensor) -> Tensor:
        count = len(rows)
        if not count % ROUND:
            return _by_onednn(rows, laid_out)
        self.filled[:count] = rows  # below stands what an earlier step left: its products are not looked at
        return _by_onednn(self.filled[: -(-count // ROUND) * ROUND], laid_out)[:count]
