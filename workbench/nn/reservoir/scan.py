"""The step of a reservoir, over and over, as quickly as the machine's libraries allow.

g_t = (1 - a) g_{t-1} + tanh(a W g_{t-1} + d_t), with the state h = a g: one multiplication less at every step. The
drive d_t (inputs, bias, feedback, noise) of many steps is one flat product made before; each step then adds its
recurrent product into that very row and squashes it in place.

One series runs in a few rows of memory that stay in the processor's cache and are written out once they are states.
Its product is SciPy's compiled CSR product, or, where that pays its cost of a call, MKL's through torch; of several
series at once MKL's is five times as quick as SciPy's. All agree to rounding.
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
Fill = Callable[[int, int, Array], object]
Twins = Callable[[Array], Sequence[Any]]

MKL_CONNECTIONS = 30_000
"""From so many connections on torch's product of one vector gains more than its call costs."""
UNEVEN_ROW = 40
"""Connections that SciPy's product could add up in the time it loses at the end of a row whose length the processor
cannot foresee: where units listen to different numbers of others, each row counts for so many more."""
ROOM = 64
"""Steps of one series that are computed in the same rows of memory: 256 KB for 1,000 units."""


class Scan:
    """Runs one recurrent matrix. Holds it in the forms that are asked for."""

    def __init__(self, recurrent: sparse.csr_array, leak: float) -> None:
        scaled = recurrent * leak if leak != 1.0 else recurrent
        self._matrix = sparse.csr_array(
            (scaled.data, scaled.indices.astype(np.int32), scaled.indptr.astype(np.int32)), shape=scaled.shape
        )
        self.leak = float(leak)
        self.dtype = self._matrix.dtype
        lengths = np.diff(self._matrix.indptr)
        uneven = bool(len(lengths)) and int(lengths.min()) != int(lengths.max())
        self._worth = self._matrix.nnz + (UNEVEN_ROW * len(lengths) if uneven else 0)
        self._torch: torch.Tensor | None = None

    def several(self, drive: Array, state: Array) -> Array:
        """States of all steps in place of ``drive`` (T, N, B), C-contiguous, from ``state`` (N, B).

        Returns the last state. Both are states h; g stays inside.
        """
        if not len(drive):
            return state
        before = np.ascontiguousarray(state / self.leak, dtype=self.dtype)
        rows = list(drive)
        with self._product(many=True) as (add, matrix, seen):
            _steps(rows, rows if seen is None else seen(drive), before, _twin(before, seen), add, matrix, self.leak)
        if self.leak != 1.0:
            drive *= self.leak
        last: Array = drive[-1].copy()
        return last

    def one(self, fill: Fill, states: Array, state: Array) -> Array:
        """All steps of one series into ``states`` (T, N), from ``state`` (N,); the last of them.

        ``fill(start, stop, rows)`` writes the drive of those steps into ``rows`` (stop - start, N).
        """
        steps = len(states)
        if not steps:
            return state
        # the last row is what came before the first one
        room = np.empty((min(steps, ROOM) + 1, self._matrix.shape[0]), self.dtype)
        np.divide(state, self.leak, out=room[-1])
        rows, each = list(room), len(room) - 1
        with self._product(many=False) as (add, matrix, seen):
            twins = rows if seen is None else seen(room)
            for start in range(0, steps, each):
                stop = min(steps, start + each)
                count = stop - start
                fill(start, stop, room[:count])
                _steps(rows[:count], twins[:count], rows[-1], twins[-1], add, matrix, self.leak)
                np.multiply(room[:count], self.leak, out=states[start:stop])
                room[-1] = rows[count - 1]
        last: Array = states[-1].copy()
        return last

    @contextmanager
    def _product(self, *, many: bool) -> Iterator[tuple[Add, Any, Twins | None]]:
        """``add(row, matrix, state)``, the matrix, and how an array's rows are seen as ``add`` wants them (None: as
        they are). Through torch on one thread: a step is too short for two, which on a busy machine wait for each
        other many times over."""
        available = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
        with torch.inference_mode():
            if available and (many or self._worth >= MKL_CONNECTIONS):
                with _one_thread():
                    add = torch.Tensor.addmm_ if many else torch.Tensor.addmv_
                    yield add, self._torch_matrix(), lambda array: torch.from_numpy(array).unbind(0)
            else:
                yield self._scipy_add(), None, None

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


def _twin(array: Array, seen: Twins | None) -> Any:
    return array if seen is None else seen(array[None])[0]


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
