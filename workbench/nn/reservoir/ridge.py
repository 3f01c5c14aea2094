"""Ridge regression from sums that are accumulated in pieces: the matrix of all states (T, N) is never held.

W = (X'X + λI)⁻¹ X'Y over centred X and Y, so that the constant term is not penalised. All in float64: the smallest
directions of a reservoir carry what makes a free run precise, and X'X squares the range of their sizes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh, lstsq
from scipy.linalg.blas import dger

from workbench.api import WorkbenchError

Array = NDArray[Any]
Double = NDArray[np.float64]
PIECE = 4096
"""Rows that are turned into float64 at once."""
PIECES_WAITING = 2
"""Pieces of states held while the one before is being added up."""


class RidgeSums:
    """Running X'X, X'Y, Y'Y and sums of (rows, features) and (rows, targets)."""

    def __init__(self, features: int, targets: int) -> None:
        self._gram = np.zeros((features, features))
        self._cross = np.zeros((features, targets))
        self._square = 0.0
        self._sum_x = np.zeros(features)
        self._sum_y = np.zeros(targets)
        self._shift: Double | None = None
        self._product: Double | None = None
        self.rows = 0

    def add(self, x: Array, y: Array) -> None:
        """Rows of features ``x`` (R, N) and targets ``y`` (R, K); rows with a NaN target are left out.

        :class:`WorkbenchError` where a number is not finite.
        """
        wanted = ~np.isnan(y).any(axis=1)
        if not wanted.all():
            x, y = x[wanted], y[wanted]
        if not len(x):
            return
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise WorkbenchError(
                "The reservoir's states or the targets are not all finite numbers.",
                why="The inputs hold a value that is missing or far too large.",
                fix="Scale the inputs, and look for missing values.",
            )
        if self._shift is None:
            # near the means, so that centring later takes little away from large sums
            self._shift = x[:PIECE].astype(np.float64).mean(axis=0)
        shift = self._shift
        for start in range(0, len(x), PIECE):
            part = x[start : start + PIECE].astype(np.float64)
            part -= shift
            goal = np.asarray(y[start : start + PIECE], dtype=np.float64)
            if self._product is None:
                self._product = np.empty_like(self._gram)
            # NumPy sees the symmetric product and, unlike SciPy's BLAS, lets other threads run Python meanwhile
            self._gram += np.matmul(part.T, part, out=self._product)
            self._cross += part.T @ goal
            self._square += float((goal**2).sum())
            self._sum_x += part.sum(axis=0)
            self._sum_y += goal.sum(axis=0)
            self.rows += len(part)

    def system(self) -> RidgeSystem:
        """The centred normal equations; :class:`WorkbenchError` without a row."""
        if self.rows == 0 or self._shift is None:
            raise WorkbenchError(
                "There is no step to fit the readout on.",
                why="Every step lies in the washout or has no target.",
                fix="Shorten the washout, or train on longer sequences.",
            )
        mean_x, mean_y = self._sum_x / self.rows, self._sum_y / self.rows
        # of a symmetric matrix BLAS may see the columns as rows, and so works on the copy in place
        gram = dger(-float(self.rows), mean_x, mean_x, a=self._gram.copy().T, overwrite_a=True).T
        cross = self._cross - self.rows * np.outer(mean_x, mean_y)
        square = self._square - self.rows * float(mean_y @ mean_y)
        return RidgeSystem(gram, cross, mean_x + self._shift, mean_y, square, self.rows)


class BackgroundSums(RidgeSums):
    """The same sums, in the same order, added up by a thread of its own while the next states are computed.

    Running a reservoir keeps one core busy step after step; X'X is one large product that needs no Python. As a
    context: on leaving, all that was given has been added, or what went wrong is raised.
    """

    def __init__(self, features: int, targets: int) -> None:
        super().__init__(features, targets)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ridge")
        self._waiting: deque[Future[None]] = deque()

    def add(self, x: Array, y: Array) -> None:
        self._waiting.append(self._pool.submit(super().add, x, y))
        while len(self._waiting) > PIECES_WAITING:
            self._waiting.popleft().result()

    def __enter__(self) -> BackgroundSums:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            while self._waiting:
                self._waiting.popleft().result()


@dataclass(frozen=True, slots=True)
class Readout:
    """``weight`` (N, K) and ``bias`` (K,): y = x @ weight + bias. ``ridge`` is the λ it was solved with."""

    weight: Double
    bias: Double
    ridge: float


@dataclass(frozen=True, slots=True)
class RidgeSystem:
    """Centred normal equations: ``gram`` X'X, ``cross`` X'Y, the means, Y'Y and the number of rows."""

    gram: Double
    cross: Double
    mean_x: Double
    mean_y: Double
    square: float
    rows: int

    def solve(self, ridge: float) -> Readout:
        """By Cholesky factorisation; by least squares where rounding has made the matrix indefinite."""
        regular = self.gram.copy().T  # symmetric: only its order in memory becomes that of LAPACK
        regular[np.diag_indices_from(regular)] += ridge
        try:
            factor = cho_factor(regular, overwrite_a=True, check_finite=False)
            weight = cho_solve(factor, self.cross, check_finite=False)
        except np.linalg.LinAlgError:
            regular = self.gram.copy()
            regular.flat[:: len(regular) + 1] += ridge
            weight = lstsq(regular, self.cross)[0]
        return self._readout(weight, ridge)

    def solve_all(self, ridges: Sequence[float]) -> list[Readout]:
        """A readout for each λ: one by Cholesky, several from one symmetric eigendecomposition X'X = V diag(s) V'."""
        if len(ridges) == 1:
            return [self.solve(ridges[0])]
        values, vectors = self._eigen()
        turned = vectors.T @ self.cross
        return [self._readout(vectors @ (turned / (values + ridge)[:, None]), ridge) for ridge in ridges]

    def by_generalised_cross_validation(self, ridges: Sequence[float]) -> Readout:
        """The λ of least n·RSS / (n - trace of the hat matrix)²: for when there is nothing to validate on.

        Golub, Heath & Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge parameter".
        """
        values, vectors = self._eigen()
        turned = vectors.T @ self.cross
        best: tuple[float, Readout] | None = None
        for ridge in ridges:
            weight = vectors @ (turned / (values + ridge)[:, None])
            freedom = self.rows - 1.0 - float((values / (values + ridge)).sum())
            score = self.error(weight) / max(freedom, 1e-9) ** 2
            if best is None or score < best[0]:
                best = score, self._readout(weight, ridge)
        if best is None:
            raise ValueError("there is no ridge to choose from")
        return best[1]

    def error(self, weight: Double) -> float:
        """The summed squared error of centred rows under ``weight``, never below 0."""
        found = self.square - 2.0 * float((weight * self.cross).sum()) + float((weight * (self.gram @ weight)).sum())
        return max(0.0, found)

    def squared_error(self, readout: Readout) -> float:
        """The mean squared error, summed over targets, of ``readout`` (of other rows) on these rows.

        From the sums alone; relative to the targets' variance it is precise down to about 1e-12.
        """
        offset = self.mean_x @ readout.weight + readout.bias - self.mean_y
        return self.error(readout.weight) / self.rows + float(offset @ offset)

    def part(self, start: int, stop: int) -> RidgeSystem:
        """The equations of features ``start`` to ``stop`` alone."""
        cut = slice(start, stop)
        return RidgeSystem(self.gram[cut, cut], self.cross[cut], self.mean_x[cut], self.mean_y, self.square, self.rows)

    def _eigen(self) -> tuple[Double, Double]:
        values, vectors = eigh(self.gram, check_finite=False, driver="evd")
        return np.maximum(values, np.finfo(np.float64).eps * max(float(values[-1]), 1e-300)), vectors

    def _readout(self, weight: Double, ridge: float) -> Readout:
        return Readout(weight, self.mean_y - self.mean_x @ weight, ridge)
