"""Search over a reservoir's few decisive numbers: wide at first, then around what was best.

A trial takes a fraction of a second, so many can be afforded, and with reservoirs the search is what makes the
difference: settings from a book are off by orders of magnitude in a free run. What comes next is a function of what
was tried and of the seed alone, so an interrupted search goes on as if it had not been.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Range:
    """Values from ``low`` to ``high``, drawn evenly or, with ``log``, evenly in their logarithm."""

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        share = min(1.0, max(0.0, share))
        if self.log:
            return float(math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))))
        return self.low + share * (self.high - self.low)

    def share(self, value: float) -> float:
        value = min(self.high, max(self.low, value))
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)


SPACE: Mapping[str, Range] = {
    "spectral_radius": Range(0.3, 1.6),
    "leak": Range(0.1, 1.0),
    "input_scaling": Range(0.05, 3.0, log=True),
    "bias": Range(0.01, 1.5, log=True),
}
"""What a search varies if nothing else is said."""


@dataclass(frozen=True, slots=True)
class Trial:
    """``values`` that were tried and their ``score`` (more is better; -inf where it could not be fitted)."""

    values: dict[str, float]
    score: float


def propose(tried: Sequence[Trial], *, trials: int, seed: int, space: Mapping[str, Range] = SPACE) -> dict[str, float]:
    """The values to try next, as number ``len(tried)`` of ``trials``.

    The first 40 % are drawn over the whole space; then a few numbers of one of the best are moved, less and less.
    """
    number = len(tried)
    generator = np.random.default_rng((seed, number))
    good = sorted((trial for trial in tried if math.isfinite(trial.score)), key=lambda trial: -trial.score)
    if number < max(1, round(0.4 * trials)) or not good:
        return {name: span.at(float(generator.random())) for name, span in space.items()}
    late = min(1.0, number / max(1, trials))
    base = good[int(generator.integers(min(len(good), max(1, round(6 * (1.0 - late))))))]
    width = 0.15 * (1.0 - late) + 0.01
    moved = generator.random(len(space)) < 0.6
    moved[int(generator.integers(len(space)))] = True
    return {
        name: span.at(span.share(base.values[name]) + (width * float(generator.standard_normal()) if move else 0.0))
        for (name, span), move in zip(space.items(), moved, strict=True)
    }


def search(
    score: Callable[[dict[str, float]], float],
    *,
    trials: int,
    seed: int = 0,
    space: Mapping[str, Range] = SPACE,
    seconds: float = math.inf,
    progress: Callable[[int, int, Trial], None] | None = None,
) -> list[Trial]:
    """Try ``trials`` values (or as many as ``seconds`` of process time allow); the best first.

    ``score`` answers for one set of values, more is better; what is not finite counts as failed. ``progress(done,
    trials, trial)`` may raise to end it.
    """
    tried: list[Trial] = []
    started = time.process_time()
    while len(tried) < trials:
        spent = time.process_time() - started
        if spent >= seconds:
            break
        # what the time limit will allow decides when the search narrows
        expected = trials if not tried or math.isinf(seconds) else min(trials, round(len(tried) * seconds / spent))
        values = propose(tried, trials=expected, seed=seed, space=space)
        found = float(score(values))
        tried.append(Trial(values, found if math.isfinite(found) else -math.inf))
        if progress is not None:
            progress(len(tried), expected, tried[-1])
    return sorted(tried, key=lambda trial: -trial.score)
