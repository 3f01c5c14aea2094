"""Intervals that hold what they promise: widths taken from errors that were really made.

Split conformal prediction (Vovk et al. 2005; Lei et al. 2018): of n errors on data the model was not fitted on, the
⌈(n + 1) level⌉-th smallest covers the next with probability ``level`` if errors are exchangeable. Series are not quite,
so a backtest adapts: the level asked for is moved after every hit and miss (Gibbs & Candès 2021), on past errors only.
"""

from __future__ import annotations

import math
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


class AdaptiveConformal:
    """Widths origin after origin: :meth:`width` before the truth is known, :meth:`update` with the error after it.

    ``shape`` is that of a forecast (H, C); every place has a level of its own. ``rate`` γ is how fast it moves,
    α ← α + γ (1 - level - missed). ``window`` keeps so many of the last errors (0: all).
    """

    def __init__(
        self, level: float, shape: tuple[int, ...], *, rate: float = 0.02, window: int = 0, first: Array | None = None
    ) -> None:
        self.level, self.rate, self.window = level, rate, window
        self._alpha = np.full(shape, 1.0 - level)
        self._scores: list[Double] = [] if first is None else [np.asarray(row, np.float64) for row in first]

    def width(self) -> Double:
        """(…) half-widths; NaN before any error is known."""
        if not self._scores:
            return np.full(self._alpha.shape, math.nan)
        scores = np.sort(np.stack(self._scores[-self.window :] if self.window else self._scores), axis=0)
        count = (~np.isnan(scores)).sum(axis=0)
        asked = np.ceil((count + 1) * (1.0 - self._alpha)).astype(np.int64)
        rank = np.clip(asked, 1, np.maximum(count, 1)) - 1
        width = np.take_along_axis(scores, rank[None], axis=0)[0]
        # asked for more than was ever seen: beyond the largest error by as much as it is short of
        return np.where(count > 0, np.where(asked > count, 1.25 * width, width), np.nan)

    def update(self, error: Array, width: Array) -> None:
        """The absolute ``error`` (…) that was really made where ``width`` was promised; NaN where it is not known."""
        found, promised = np.asarray(error, np.float64), np.asarray(width, np.float64)
        told = ~(np.isnan(found) | np.isnan(promised))
        missed = (found > promised).astype(np.float64)
        self._alpha = np.where(told, self._alpha + self.rate * ((1.0 - self.level) - missed), self._alpha)
        self._scores.append(found)
