"""Intervals that hold what they promise: widths taken from errors that were really made.

Split conformal prediction (Vovk et al. 2005; Lei et al. 2018): of n errors on data the model was not fitted on, the
⌈(n + 1) level⌉-th smallest covers the next with probability ``level`` if errors are exchangeable. Series are not quite,
so a backtest adapts: widths grow with misses and shrink with hits, of errors that are known by then.
"""

from __future__ import annotations

import math
from bisect import insort
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Double = NDArray[np.float64]


def conformal_width(scores: Array, level: float) -> Double:
    """(N, …) absolute errors → (…): the width that covers ``level`` of what comes; NaN scores are left out.

    Where there are too few errors for the level (n < level / (1 - level)), the largest of them.
    """
    values = np.sort(np.asarray(scores, np.float64), axis=0)  # NaN goes last
    count = (~np.isnan(values)).sum(axis=0)
    rank = np.clip(np.ceil((count + 1) * level).astype(np.int64), 1, np.maximum(count, 1)) - 1
    width = np.take_along_axis(values, rank[None], axis=0)[0]
    return np.where(count > 0, width, np.nan)


RATE = 0.2
"""How fast widths follow hits and misses: chosen on generated series, see ``recurra benchmark quality intervals``."""


class AdaptiveConformal:
    """Widths origin after origin: :meth:`width` before the truth is known, :meth:`update` with the errors after it.

    ``shape`` is that of a forecast (H, C). The width of each step and channel is the conformal one of the errors known
    so far, times a factor for its channel that hits and misses move, all steps ahead together: log factor ←
    log factor + rate (share missed - (1 - level)). That is online quantile tracking (Gibbs & Candès 2021; Angelopoulos,
    Candès & Tibshirani 2023) on a logarithmic scale, which no unit of the data disturbs and no width below 0 can leave.
    ``first`` (n, H, C) are errors known before.
    """

    def __init__(
        self, level: float, shape: tuple[int, ...], *, rate: float = RATE, first: Array | None = None
    ) -> None:
        self.level, self.rate = level, rate
        self._log_factor = np.zeros(shape[1:])
        # the errors of each step and channel in order: one more is put in its place, and nothing is sorted again
        self._rising: list[list[float]] = [[] for _ in range(math.prod(shape))]
        self._plain = np.full(shape, math.nan)
        if first is not None and len(first):
            columns = np.asarray(first, np.float64).reshape(len(first), -1).T
            self._rising = [np.sort(column[~np.isnan(column)]).tolist() for column in columns]
            self._plain = self._conformal()

    def width(self) -> Double:
        """(H, C) half-widths; NaN before any error is known."""
        return self._plain * np.exp(self._log_factor)

    def update(self, errors: Array, widths: Array) -> None:
        """Absolute ``errors`` (n, H, C) that have become known, where ``widths`` were promised; NaN elsewhere."""
        found, promised = np.asarray(errors, np.float64), np.asarray(widths, np.float64)
        judged = ~(np.isnan(found) | np.isnan(promised))
        missed = np.where(judged, found > promised, False)
        count = judged.sum(axis=(0, 1))
        share = missed.sum(axis=(0, 1)) / np.maximum(count, 1)
        self._log_factor = self._log_factor + np.where(count > 0, self.rate * (share - (1.0 - self.level)), 0.0)
        for row in found.reshape(len(found), -1).tolist():
            for rising, error in zip(self._rising, row, strict=True):
                if error == error:
                    insort(rising, error)
        self._plain = self._conformal()

    def _conformal(self) -> Double:
        """:func:`conformal_width` of the errors known so far."""
        counts = [len(rising) for rising in self._rising]
        ranks = {count: min(max(math.ceil((count + 1) * self.level), 1), count) - 1 for count in set(counts)}
        found = [
            rising[ranks[count]] if count else math.nan for rising, count in zip(self._rising, counts, strict=True)
        ]
        return np.array(found).reshape(self._plain.shape)
