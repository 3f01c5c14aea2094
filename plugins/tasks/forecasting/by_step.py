"""Errors and coverage for each step ahead: a forecast of tomorrow is judged apart from one of next week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.api import Forecast

Double = NDArray[np.float64]


class _Mean:
    """Sums over windows and channels, step by step; NaN counts as not known."""

    def __init__(self, horizon: int) -> None:
        self.total, self.count = np.zeros(horizon), np.zeros(horizon)

    def add(self, values: Double) -> None:
        """``values`` (H, C)."""
        known = ~np.isnan(values)
        self.total += np.where(known, values, 0.0).sum(axis=1)
        self.count += known.sum(axis=1)

    def told(self) -> list[float | None]:
        return [
            float(total / count) if count else None for total, count in zip(self.total, self.count, strict=True)
        ]


class ByStep:
    """Gathers windows; :meth:`details` is what the panel in the Evaluate stage draws."""

    def __init__(self) -> None:
        self._errors: dict[str, _Mean] = {}
        self._inside: dict[float, _Mean] = {}
        self._horizon = 0

    def add(self, name: str, found: Double, truth: Double, scales: Double) -> None:
        """The forecast of one method (H, C), whose errors ``scales`` (C,) divide."""
        self._horizon = self._horizon or len(truth)
        if len(truth) == self._horizon:
            self._errors.setdefault(name, _Mean(self._horizon)).add(np.abs(found - truth) / scales)

    def add_intervals(self, result: Forecast, truth: Double) -> None:
        for interval in result.intervals:
            if len(truth) != self._horizon:
                continue
            inside = (truth >= np.array(interval.lower)) & (truth <= np.array(interval.upper))
            mean = self._inside.setdefault(interval.level, _Mean(self._horizon))
            mean.add(np.where(np.isnan(truth), np.nan, inside.astype(float)))

    def details(self, error_name: str) -> Mapping[str, Any] | None:
        """{"error_name", "errors": method → share or size by step, "coverage": level → share by step}."""
        if not self._errors:
            return None
        return {
            "error_name": error_name,
            "errors": {name: mean.told() for name, mean in self._errors.items()},
            "coverage": {f"{level:g}": mean.told() for level, mean in sorted(self._inside.items())},
        }
