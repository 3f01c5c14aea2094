"""Large float32 products by oneDNN, where it multiplies faster than the library that torch takes for them.

torch multiplies matrices by MKL, which on AMD's processors keeps to AVX2 though their vectors are twice as wide.
oneDNN, which torch brings along for its fused kernels, uses them: on one thread of a Zen 5 it reaches 190 to
245 GFLOP/s where MKL reaches 95 to 105. A call costs it some 11 µs before it multiplies anything, and one of a shape it
has not met some 200 µs, so only large products go that way. Results are the same within float32's rounding. Everywhere
else (other processors, types and devices, under autocast) these are torch's own products.

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

SINGLE = 1 << 25
"""Multiplications from which one product is better had from oneDNN, though it may never have met the shape."""
RECURRING = 1 << 23
"""The same for a shape that comes again and again."""
REPEATED = 1 << 21
"""The same for small products with one matrix again and again, laid out anew for them once."""
ROWS = 256
"""Rows in such products, all together, that pay for laying the matrix out anew."""


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


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, recurring: bool = False) -> Tensor:
    """``torch.nn.functional.linear``: ``x`` (…, D), ``weight`` (M, D), ``bias`` (M,) → (…, M), with all its gradients.

    ``recurring``: the shape of ``x`` is one of few, as with full batches; rows that are left when padding is taken out
    have another number each time.
    """
    if not _large(x, weight, x.numel() * weight.shape[0], recurring):
        return functional.linear(x, weight, bias)
    rows: Tensor = apply(_Linear, x.reshape(-1, x.shape[-1]), weight, bias, recurring)
    return rows.view(*x.shape[:-1], -1)


def product(first: Tensor, second: Tensor, *, recurring: bool = False) -> Tensor:
    """``first`` (N, K) times ``second`` (K, M), where autograd records nothing; ``recurring`` as in :func:`linear`."""
    if not _large(first, second, first.numel() * second.shape[1], recurring):
        return first @ second
    return _by_onednn(first, second.t())


def add_product(total: Tensor, first: Tensor, second: Tensor, *, recurring: bool = False) -> None:
    """``total`` (N, M) += ``first`` (N, K) times ``second`` (K, M), where autograd records nothing."""
    if _large(first, second, first.numel() * second.shape[1], recurring):
        total.add_(_by_onednn(first, second.t()))
    else:
        total.addmm_(first, second)


def _large(first: Tensor, second: Tensor, work: int, recurring: bool) -> bool:
    return (
        work >= (RECURRING if recurring else SINGLE)
        and first.dtype == second.dtype == torch.float32
        and first.device.type == "cpu"
        and available()
        and not torch.is_autocast_enabled("cpu")
    )


def _by_onednn(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    operation: Any = torch.ops.mkldnn._linear_pointwise.default
    found: Tensor = operation(rows, weight, bias, "none", [], "")
    return found


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, recurring: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.recurring = recurring
        return _by_onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias, _ = ctx.needs_input_grad
        # a gradient that is to be differentiated again is made by torch's own operations
        multiply = torch.matmul if torch.is_grad_enabled() else functools.partial(product, recurring=ctx.recurring)
        return (
            multiply(gradients[0], weight) if for_x else None,
            multiply(gradients[0].t(), x) if for_weight else None,
            gradients[0].sum(0) if for_bias else None,
            None,
        )


class Repeated:
    """A ``matrix`` (M, K) that many rows (n, K) are multiplied with in turn: a step of a scan each.

    ``rows`` says how many there will be in each product; where enough of them are large, the matrix is laid out as
    oneDNN reads it best. For use where autograd records nothing.
    """

    def __init__(self, matrix: Tensor, rows: Sequence[int]) -> None:
        self.transposed = matrix.t()
        self.enough = -(-REPEATED // max(1, matrix.numel()))
        """Rows from which a product goes to oneDNN."""
        self.laid_out: Tensor | None = None
        if matrix.dtype != torch.float32 or matrix.device.type != "cpu" or max(rows, default=0) < self.enough:
            return
        if available() and sum(count for count in rows if count >= self.enough) >= ROWS:
            self.laid_out = torch.ops.mkldnn._reorder_linear_weight(matrix, max(rows))

    def added(self, total: Tensor, rows: Tensor, out: Tensor, factor: int = 1) -> Tensor:
        """``factor`` · (``total`` (n, M) + ``rows`` (n, K) times the transposed matrix); in ``out`` (n, M) or anew."""
        if self.laid_out is None or len(rows) < self.enough:
            return torch.addmm(total, rows, self.transposed, beta=factor, alpha=factor, out=out)
        found: Tensor = torch.ops.mkldnn._linear_pointwise.binary(rows, total, self.laid_out, None, "add")
        return found if factor == 1 else found.mul_(factor)

    def into(self, out: Tensor, rows: Tensor, total: Tensor | None = None) -> Tensor:
        """``out`` (n, M), filled with ``rows`` (n, K) times the transposed matrix, plus ``total`` (n, M) if given."""
        if self.laid_out is None or len(rows) < self.enough:
            if total is None:
                return torch.mm(rows, self.transposed, out=out)
            return torch.addmm(total, rows, self.transposed, out=out)
        found = _by_onednn(rows, self.laid_out)
        return out.copy_(found) if total is None else torch.add(total, found, out=out)

    def add_to(self, total: Tensor, rows: Tensor) -> None:
        """``total`` (n, M) += ``rows`` (n, K) times the transposed matrix."""
        if self.laid_out is None or len(rows) < self.enough:
            total.addmm_(rows, self.transposed)
        else:
            total.add_(_by_onednn(rows, self.laid_out))
