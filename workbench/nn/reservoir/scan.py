"""The step of a reservoir, over and over, as quickly as the machine's libraries allow.

g_t = (1 - a) g_{t-1} + tanh(a W g_{t-1} + d_t), with the state h = a g: one multiplication less at every step. The
drive d_t (inputs, bias, feedback, noise) of all steps is one flat product made before; each step then adds its
recurrent product into that very row and squashes it in place.

Of one series SciPy's compiled CSR product is quickest, above some size MKL's through torch; of several at once MKL's
is five times as quick as SciPy's. All agree to rounding.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import blas

try:  # the very function behind ``matrix @ vector``, without the 3 µs of looking it up and making a new array
    from scipy.sparse import _sparsetools
except ImportError:  # pragma: no cover - it is not promised to stay
    _sparsetools = None

Array = NDArray[Any]
Add = Callable[[Any, Any, Any], object]

MKL_CONNECTIONS = 30_000
"""From so many connections on torch's product of one vector gains more than its call costs."""


class Scan:
    """Runs one recurrent matrix. Holds it in the forms that are asked for."""

    def __init__(self, recurrent: sparse.csr_array, leak: float) -> None:
        scaled = recurrent * leak if leak != 1.0 else recurrent
        self._matrix = sparse.csr_array(
            (scaled.data, scaled.indices.astype(np.int32), scaled.indptr.astype(np.int32)), shape=scaled.shape
        )
        self.leak = float(leak)
        self.dtype = self._matrix.dtype
        self._torch: torch.Tensor | None = None

    def __call__(self, drive: Array, state: Array) -> Array:
        """States of all steps in place of ``drive`` (T, N) or (T, N, B), C-contiguous, from ``state`` (N,) or (N, B).

        Returns the last state. Both are states h; g stays inside.
        """
        if not len(drive):
            return state
        before = np.ascontiguousarray(state / self.leak, dtype=self.dtype)
        with torch.inference_mode():
            if self._by_torch(drive.ndim > 2):
                self._through_torch(drive, before)
            else:
                _steps(list(drive), list(drive), before, before, self._scipy_add(), None, self.leak)
        if self.leak != 1.0:
            drive *= self.leak
        last: Array = drive[-1].copy()
        return last

    def _by_torch(self, many: bool) -> bool:
        available = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
        return available and (many or self._matrix.nnz >= MKL_CONNECTIONS)

    def _through_torch(self, drive: Array, before: Array) -> None:
        """On one thread: a step is too short for two, which on a busy machine wait for each other many times over."""
        product = self._torch_matrix()
        add = torch.Tensor.addmm_ if drive.ndim > 2 else torch.Tensor.addmv_
        twins = torch.from_numpy(drive).unbind(0)
        with _one_thread():
            _steps(list(drive), twins, before, torch.from_numpy(before), add, product, self.leak)

    def _torch_matrix(self) -> torch.Tensor:
        if self._torch is None:
            # torch tells once a process that CSR is young; no more than this product is asked of it
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
            matrix = self._matrix
            with torch.inference_mode():
                self._torch = torch.sparse_csr_tensor(
                    torch.from_numpy(matrix.indptr),
                    torch.from_numpy(matrix.indices),
                    torch.from_numpy(matrix.data),
                    matrix.shape,
                    check_invariants=True,
                )
        return self._torch

    def _scipy_add(self) -> Add:
        matrix = self._matrix
        if _sparsetools is None:

            def slowly(row: Array, _: None, state: Array) -> None:
                row += matrix @ state

            return slowly
        units = matrix.shape[0]
        indptr, indices, data = matrix.indptr, matrix.indices, matrix.data
        one, several = _sparsetools.csr_matvec, _sparsetools.csr_matvecs

        def add(row: Array, _: None, state: Array) -> None:
            if row.ndim == 1:
                one(units, units, indptr, indices, data, state, row)
            else:
                several(units, units, row.shape[1], indptr, indices, data, state.reshape(-1), row.reshape(-1))

        return add


def _steps(
    rows: Sequence[Array], twins: Sequence[Any], before: Array, before_twin: Any, add: Add, matrix: Any, leak: float
) -> None:
    """``rows`` as NumPy sees them and their ``twins``, the same memory as ``add(row, matrix, state)`` wants it."""
    kept = 1.0 - leak
    tanh = np.tanh
    if not kept:
        for row, twin in zip(rows, twins, strict=True):
            add(twin, matrix, before_twin)
            tanh(row, out=row)
            before, before_twin = row, twin
    elif before.ndim == 1:
        axpy = blas.saxpy if before.dtype == np.float32 else blas.daxpy
        for row, twin in zip(rows, twins, strict=True):
            add(twin, matrix, before_twin)
            tanh(row, out=row)
            axpy(before, row, a=kept)
            before, before_twin = row, twin
    else:
        rest = np.empty_like(before)
        for row, twin in zip(rows, twins, strict=True):
            add(twin, matrix, before_twin)
            tanh(row, out=row)
            row += np.multiply(before, kept, out=rest)
            before, before_twin = row, twin


@contextmanager
def _one_thread() -> Iterator[None]:
    present = torch.get_num_threads()
    if present == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(present)
