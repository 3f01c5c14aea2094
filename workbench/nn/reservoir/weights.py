"""The fixed weights of a reservoir, and the spectral radius they are scaled to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph, linalg

from workbench.api import WorkbenchError
from workbench.nn.haste import hasty

Array = NDArray[Any]

DENSE_UNITS = 150
"""Up to this many units all eigenvalues are computed at once, which is then quicker than iterating for the largest."""
EXACT_UNITS = 2000
"""Up to this many units the spectral radius takes a second, so that it is computed even for a network in haste."""
SUBSPACE = 40
"""Arnoldi vectors: a random matrix has many eigenvalues of nearly the largest modulus, which few cannot part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservoirOptions:
    """What describes one reservoir.

    ``leak`` is the share of the new value in a step (1: no leak). ``input_scaling``, ``bias`` and ``feedback`` are
    the half-widths of the uniform weights from the inputs, from a constant 1 and from the last output.
    ``spectral_radius`` is that of the recurrent matrix W; ``density`` the share of units a unit listens to (one at
    least), ``input_density`` the share of units an input reaches. ``noise`` is added to the states while the readout
    is fitted (uniform, this half-width), which keeps a free run stable.
    """

    units: int = 300
    spectral_radius: float = 0.9
    leak: float = 1.0
    input_scaling: float = 1.0
    bias: float = 0.2
    density: float = 0.1
    input_density: float = 1.0
    feedback: float = 0.0
    noise: float = 0.0
    dtype: Literal["float32", "float64"] = "float32"


@dataclass(frozen=True, slots=True)
class ReservoirWeights:
    """``recurrent`` W (N, N) in CSR, ``inputs`` (N, D), ``bias`` (N,), ``feedback`` (N, K) or None, and ``leak``."""

    recurrent: sparse.csr_array
    inputs: Array
    bias: Array
    feedback: Array | None = None
    leak: float = 1.0

    @property
    def units(self) -> int:
        return int(self.recurrent.shape[0])


def draw_weights(
    options: ReservoirOptions, input_size: int, output_size: int = 0, seed: int | tuple[int, ...] = 0
) -> ReservoirWeights:
    """Random weights for ``input_size`` inputs (and ``output_size`` outputs that are fed back, with ``feedback``).

    The same seed with other scalings yields the same weights scaled otherwise, so that a search compares like with
    like. :class:`WorkbenchError` where the spectral radius cannot be reached.
    """
    _check(options)
    seeds = seed if isinstance(seed, tuple) else (seed,)
    kind = np.dtype(options.dtype)
    recurrent, radius = _unscaled(options.units, options.density, seeds, hasty() and options.units > EXACT_UNITS)
    if options.spectral_radius > 0 and radius == 0:
        raise unreachable(options.spectral_radius)
    factor = options.spectral_radius / radius if radius else 0.0
    scaled = sparse.csr_array(
        ((recurrent.data * factor).astype(kind), recurrent.indices, recurrent.indptr), shape=recurrent.shape
    )
    generator = np.random.default_rng((*seeds, 1))
    inputs = generator.uniform(-1.0, 1.0, (options.units, input_size))
    if options.input_density < 1:
        inputs *= generator.random(inputs.shape) < options.input_density
    bias = generator.uniform(-1.0, 1.0, options.units)
    feedback = None
    if options.feedback and output_size:
        feedback = (options.feedback * generator.uniform(-1.0, 1.0, (options.units, output_size))).astype(kind)
    return ReservoirWeights(
        scaled,
        (options.input_scaling * inputs).astype(kind),
        (options.bias * bias).astype(kind),
        feedback,
        options.leak,
    )


def _check(options: ReservoirOptions) -> None:
    for name, valid in (
        ("units", options.units >= 1),
        ("spectral_radius", np.isfinite(options.spectral_radius) and options.spectral_radius >= 0),
        ("leak", 0 < options.leak <= 1),
        ("density", 0 < options.density <= 1),
        ("input_density", 0 < options.input_density <= 1),
        ("noise", options.noise >= 0),
    ):
        if not valid:
            raise WorkbenchError(
                f"There is no reservoir with {name} = {getattr(options, name)}.",
                fix="The leak and the densities lie above 0 and at most at 1, the others at 0 or above.",
            )


@lru_cache(maxsize=16)
def _unscaled(
    units: int, density: float, seeds: tuple[int, ...], estimated: bool = False
) -> tuple[sparse.csr_array, float]:
    """Recurrent weights before scaling, and their spectral radius (which takes longer than a fit: hence kept).

    Every unit listens to the same number of others, at least one: such a graph always holds a cycle, so even a small
    and sparse reservoir has a spectral radius that can be scaled. Where it may be ``estimated`` it is that of the
    circular law, a few hundredths off for many units: the root of the summed variance of a row.
    """
    generator = np.random.default_rng((*seeds, 0))
    each = max(1, round(density * units))
    columns = np.concatenate(
        [np.sort(generator.choice(units, each, replace=False, shuffle=False)) for _ in range(units)]
    ).astype(np.int32)
    rows = np.arange(0, units * each + 1, each, dtype=np.int32)
    matrix = sparse.csr_array((generator.uniform(-1.0, 1.0, units * each), columns, rows), shape=(units, units))
    return matrix, float(np.sqrt(each / 3)) if estimated else spectral_radius(matrix)


def scale_to_radius(matrix: sparse.csr_array, radius: float) -> sparse.csr_array:
    """``matrix`` scaled so that its spectral radius is ``radius``; :class:`WorkbenchError` where none can be."""
    present = spectral_radius(matrix)
    if radius and not present:
        raise unreachable(radius)
    return matrix * (radius / present if present else 0.0)


def unreachable(radius: float) -> WorkbenchError:
    return WorkbenchError(
        f"A spectral radius of {radius:g} cannot be reached.",
        why="These recurrent weights hold no cycle: whatever their scale, every eigenvalue is 0 and nothing echoes.",
        fix="Raise the density, or the number of units.",
    )


def spectral_radius(matrix: Any) -> float:
    """The largest modulus of the eigenvalues of ``matrix`` (N, N), sparse or dense.

    Exactly 0 for a matrix without a cycle (nilpotent), of which numerical eigenvalues would be small but not 0. Large
    matrices by implicitly restarted Arnoldi iteration (ARPACK) from a fixed start; all eigenvalues where it does not
    converge. :class:`WorkbenchError` for weights that are not finite.
    """
    weights = sparse.csr_array(matrix).astype(np.float64)
    weights.eliminate_zeros()
    if not np.isfinite(weights.data).all():
        raise WorkbenchError("The recurrent weights are not all finite numbers.", fix="Look at where they come from.")
    units = weights.shape[0]
    if weights.nnz == 0:
        return 0.0
    components, _ = csgraph.connected_components(weights, directed=True, connection="strong")
    if components == units and not weights.diagonal().any():
        return 0.0
    if units > DENSE_UNITS:
        start = np.random.default_rng(units).standard_normal(units)
        try:
            found = linalg.eigs(
                weights, k=4, which="LM", v0=start, ncv=SUBSPACE, maxiter=units, tol=1e-9, return_eigenvectors=False
            )
            return float(np.abs(found).max())
        except linalg.ArpackError:  # includes ArpackNoConvergence
            pass
    return float(np.abs(np.linalg.eigvals(weights.toarray())).max())
