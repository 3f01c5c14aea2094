"""How often a decoder in training is given the gold symbol, and when its own (scheduled sampling).

Source: Bengio et al. (2015), "Scheduled sampling for sequence prediction with recurrent neural networks". Their
schedules count steps with constants that must be chosen for each length of training; these go over the whole of it,
from ``start`` to ``end``, whatever its length.
"""

from __future__ import annotations

import math
from typing import Literal

ForcingSchedule = Literal["constant", "linear", "exponential", "inverse_sigmoid"]

STEEPNESS = 6.0
"""The inverse sigmoid is the stretch of σ from +6 to -6."""
LEAST = 1e-3
"""An exponential never reaches 0: it ends here instead."""


def forcing_ratio(schedule: ForcingSchedule, start: float, end: float, progress: float) -> float:
    """The share of steps with the gold symbol, when ``progress`` (0 to 1) of the training is done.

    *constant* stays at ``start``; *linear* falls evenly; *exponential* by the same factor in every step; the *inverse
    sigmoid* slowly, then fast in the middle, then slowly.
    """
    progress = min(1.0, max(0.0, progress))
    if schedule == "constant":
        return start
    if schedule == "linear":
        return start + (end - start) * progress
    if schedule == "exponential":
        first, last = max(start, LEAST), max(end, LEAST)
        return float(first * (last / first) ** progress)
    highest = _sigmoid(STEEPNESS)
    share = (_sigmoid(STEEPNESS * (1.0 - 2.0 * progress)) - (1.0 - highest)) / (2.0 * highest - 1.0)
    return end + (start - end) * share


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
