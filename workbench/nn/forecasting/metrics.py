"""Error measures of forecasts, as the literature defines them; NaN in the truth is left out of every mean.

Arrays are truth ``y`` and forecast ``f`` of any equal shape; quantile forecasts have one more axis in front.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Double = NDArray[np.float64]


def _mean(values: Double) -> float:
    known = ~np.isnan(values)
    return float(values[known].mean()) if known.any() else math.nan


def mse(y: ArrayLike, f: ArrayLike) -> float:
    """Mean squared error."""
    return _mean((np.asarray(y, np.float64) - np.asarray(f, np.float64)) ** 2)


def mae(y: ArrayLike, f: ArrayLike) -> float:
    """Mean absolute error."""
    return _mean(np.abs(np.asarray(y, np.float64) - np.asarray(f, np.float64)))


def mape(y: ArrayLike, f: ArrayLike) -> float:
    """Mean absolute error over the truth, in per cent; steps whose truth is 0 are left out."""
    truth, found = np.asarray(y, np.float64), np.asarray(f, np.float64)
    return 100.0 * _mean(np.abs(truth - found) / np.where(truth == 0, np.nan, np.abs(truth)))


def smape(y: ArrayLike, f: ArrayLike) -> float:
    """200 |y - f| / (|y| + |f|), the mean over steps: the M4 competition's (0 to 200); 0 where both are 0."""
    truth, found = np.asarray(y, np.float64), np.asarray(f, np.float64)
    size = np.abs(truth) + np.abs(found)
    return _mean(200.0 * np.abs(truth - found) / np.where(size == 0, 1.0, size))


def seasonal_scale(history: ArrayLike, season: int = 1) -> float:
    """Mean |y_t - y_{t - season}| over the past (T,): what MASE divides by (Hyndman & Koehler 2006); NaN if none."""
    past = np.asarray(history, np.float64)
    if len(past) <= season:
        season = 1
    scale = _mean(np.abs(past[season:] - past[:-season])) if len(past) > season else math.nan
    return scale if scale > 0 else math.nan


def mase(y: ArrayLike, f: ArrayLike, scale: float) -> float:
    """Mean absolute error over :func:`seasonal_scale` of the training part."""
    return mae(y, f) / scale if scale > 0 else math.nan


def pinball(y: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> Double:
    """Quantile loss of every step: (Q, …) from ``quantiles`` (Q, …)."""
    truth, found = np.asarray(y, np.float64), np.asarray(quantiles, np.float64)
    level = np.asarray(levels, np.float64).reshape(-1, *([1] * truth.ndim))
    error = truth - found
    return np.maximum(level * error, (level - 1.0) * error)


def weighted_quantile_loss(y: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> float:
    """Mean over levels of 2 Σ pinball / Σ |y|: GluonTS's mean_wQuantileLoss."""
    total = float(np.nansum(np.abs(np.asarray(y, np.float64))))
    return float(2.0 * np.nansum(pinball(y, quantiles, levels)) / len(levels) / total) if total > 0 else math.nan


def crps_from_quantiles(y: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> float:
    """Continuous ranked probability score: twice the pinball loss integrated over the levels.

    CRPS = 2 ∫ pinball dα; by the mean over levels, which is right where they are evenly spaced.
    """
    return 2.0 * _mean(pinball(y, quantiles, levels))


def crps_gaussian(y: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> float:
    """CRPS of normal forecasts in closed form (Gneiting & Raftery 2007, eq. 21)."""
    from scipy.special import ndtr

    spread = np.asarray(deviation, np.float64)
    z = (np.asarray(y, np.float64) - np.asarray(mean, np.float64)) / spread
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return _mean(spread * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * density - 1.0 / math.sqrt(math.pi)))


def coverage(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """The share of steps whose truth lies in its interval."""
    truth = np.asarray(y, np.float64)
    inside = (truth >= np.asarray(lower, np.float64)) & (truth <= np.asarray(upper, np.float64))
    return _mean(np.where(np.isnan(truth), np.nan, inside.astype(np.float64)))
