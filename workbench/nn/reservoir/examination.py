"""A reservoir looked into: does it forget where it began, how far back does it remember, where are its eigenvalues?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from workbench.nn.reservoir.diagnostics import EchoStateTest, echo_state_test, memory_capacity
from workbench.nn.reservoir.reservoir import Reservoir
from workbench.nn.reservoir.weights import SUBSPACE

Array = NDArray[Any]
Told = Callable[[int, int, str], None]
"""``told(done, total, what is measured now)``; it may raise to cancel."""

STEPS = 500
"""Steps of the echo-state test."""
ALL_EIGENVALUES = 1200
"""Up to this many units all eigenvalues are computed; their time grows with the cube (1.5 s for 1,000)."""
LARGEST = 100
"""Of a larger reservoir so many, the ones of largest modulus."""
MOST_UNITS = 3000
"""Beyond this the memory capacity is not measured: its system of equations would take minutes and gigabytes."""
MEMORY_STEPS = 10_000
"""Steps of white noise at most that the memory capacity is measured on."""
PARTS = 3


def look_into(reservoirs: Sequence[Reservoir], inputs: Array | None, told: Told) -> dict[str, Any]:
    """Plain values for a view: {"kind": "reservoir", "units", "reservoirs", "echo", "memory", "eigenvalues"}.

    ``inputs`` (T, D) are those of the task, or None for white noise. The echo-state test is of the worst of
    ``reservoirs``; memory and eigenvalues of the first, the others being drawn alike. ``memory`` is None for a
    reservoir of more than :data:`MOST_UNITS`.
    """
    first = reservoirs[0]
    told(0, PARTS, "running it from two starts")
    tests = [echo_state_test(one, _long_enough(inputs), steps=STEPS, pairs=2) for one in reservoirs]
    worst = max(tests, key=lambda test: float(test.distances[-1]))
    told(1, PARTS, "measuring its memory")
    memory = _memory(first)
    told(2, PARTS, "computing its eigenvalues")
    eigenvalues = _eigenvalues(first)
    told(PARTS, PARTS, "done")
    return {
        "kind": "reservoir",
        "units": first.units,
        "reservoirs": len(reservoirs),
        "leak": float(first.weights.leak),
        "echo": _echo(worst, own_inputs=inputs is not None),
        "memory": memory,
        "eigenvalues": eigenvalues,
    }


def joined(rows: Sequence[Array]) -> Array:
    """Sequences (T, D) read one after another, as many steps of them as the echo-state test takes."""
    return np.concatenate(rows)[:STEPS]


def _long_enough(inputs: Array | None) -> Array | None:
    return None if inputs is None else np.tile(inputs, (-(-STEPS // len(inputs)), 1))[:STEPS]


def _echo(test: EchoStateTest, *, own_inputs: bool) -> dict[str, Any]:
    return {
        "distances": _finite(test.distances),
        "tolerance": test.tolerance,
        "converged": test.converged,
        "steps": test.steps,
        "sentence": test.sentence,
        "inputs": "task" if own_inputs else "noise",
    }


def _memory(reservoir: Reservoir) -> dict[str, Any] | None:
    if reservoir.units > MOST_UNITS:
        return None
    steps = min(MEMORY_STEPS, max(2000, 10 * reservoir.units))
    found = memory_capacity(reservoir, steps=steps)
    return {"by_delay": _finite(found.by_delay), "total": found.total, "span": found.span}


def _eigenvalues(reservoir: Reservoir) -> dict[str, Any]:
    """Of (1 - a) I + a W: what one step does to a small state. All, or the largest of a large one."""
    weights = reservoir.weights
    units, leak = reservoir.units, float(weights.leak)
    matrix = sparse.csr_array(weights.recurrent).astype(np.float64) * leak
    matrix = sparse.csr_array(matrix + sparse.eye_array(units, format="csr") * (1.0 - leak))
    found = None
    if units > ALL_EIGENVALUES:
        start = np.random.default_rng(units).standard_normal(units)
        try:
            found = linalg.eigs(
                matrix, k=LARGEST, which="LM", v0=start, ncv=LARGEST + 2 * SUBSPACE, return_eigenvectors=False
            )
        except linalg.ArpackNoConvergence as stopped:
            found = stopped.eigenvalues if len(stopped.eigenvalues) else None
    if found is None:
        found = np.linalg.eigvals(matrix.toarray())
    order = np.argsort(-np.abs(found), kind="stable")
    values = found[order]
    return {
        "real": _finite(values.real),
        "imaginary": _finite(values.imag),
        "radius": float(np.abs(values).max()),
        "of": units,
    }


def _finite(values: Array) -> list[float]:
    """As JSON has them: what is no number (a reservoir that has left every bound) becomes a very large one."""
    return [float(value) for value in np.nan_to_num(np.asarray(values, dtype=np.float64), nan=1e30, posinf=1e30)]
