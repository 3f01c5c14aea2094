"""Perplexity, exactly: losses are summed over the whole split and the exponential is taken once."""

from __future__ import annotations

import math

from workbench.api import Record, Result


def exp_of(nats: float) -> float:
    """e to the ``nats``; infinity where a number cannot hold it."""
    return math.exp(nats) if nats < 700 else math.inf


class Perplexity:
    """Metric ``perplexity`` of a symbol, and ``bits_per_symbol``; the ends of records count as symbols."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._total, self._count = 0.0, 0

    def update(self, result: Result, record: Record) -> None:
        """The losses say it all."""

    def update_loss(self, total: float, count: int) -> None:
        self._total += total
        self._count += count

    def compute(self) -> dict[str, float]:
        if not self._count:
            return {}
        nats = self._total / self._count
        return {"perplexity": exp_of(nats), "bits_per_symbol": nats / math.log(2)}
