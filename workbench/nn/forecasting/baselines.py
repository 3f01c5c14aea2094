"""The simple methods that every forecast must be compared with: naive, seasonal naive, drift and linear."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

Array = NDArray[Any]
Double = NDArray[np.float64]
BASELINES: tuple[str, ...] = ("naive", "seasonal naive", "drift", "linear")


def naive(past: Array, horizon: int) -> Double:
    """(N, L) → (N, H): the last value that is known, again and again."""
    return np.repeat(last_known(past)[:, None], horizon, axis=1)


def seasonal_naive(past: Array, horizon: int, season: int) -> Double:
    """(N, L) → (N, H): the value one season before; naive where the past is shorter or unknown there."""
    if season <= 1 or past.shape[1] < season:
        return naive(past, horizon)
    cycle = np.asarray(past[:, -season:], np.float64)
    cycle = np.where(np.isnan(cycle), last_known(past)[:, None], cycle)
    return cycle[:, np.arange(horizon) % season]


def drift(past: Array, horizon: int) -> Double:
    """(N, L) → (N, H): the straight line through the first and the last value that are known."""
    values = np.asarray(past, np.float64)
    known = ~np.isnan(values)
    first = np.where(known.any(axis=1), known.argmax(axis=1), 0)
    last = np.where(known.any(axis=1), values.shape[1] - 1 - known[:, ::-1].argmax(axis=1), 0)
    rows = np.arange(len(values))
    ends = np.nan_to_num(values[rows, last])
    slope = (ends - np.nan_to_num(values[rows, first])) / np.maximum(last - first, 1)
    ahead = np.arange(1, horizon + 1) + (values.shape[1] - 1 - last)[:, None]
    line: Double = ends[:, None] + slope[:, None] * ahead
    return line


def last_known(past: Array) -> Double:
    """(N, L) → (N,): the last value that is not missing; 0 where all are."""
    values = np.asarray(past, np.float64)
    known = ~np.isnan(values)
    place = values.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), values[np.arange(len(values)), place], 0.0)


def filled(past: Array) -> Double:
    """(N, L) with every gap filled by the value before it (after it, at the start; 0 where nothing is known)."""
    values = np.asarray(past, np.float64)
    known = ~np.isnan(values)
    if known.all():
        return values
    steps = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(known, steps, -1), axis=1)
    first = np.where(known.any(axis=1), known.argmax(axis=1), 0)
    return np.nan_to_num(np.take_along_axis(values, np.where(before < 0, first[:, None], before), axis=1))


@dataclass(frozen=True, slots=True)
class LinearForecast:
    """Ridge regression from the past to the horizon, one map for all series and channels: ``weights`` (L, H), ``bias``.

    Past and future are taken relative to the last value (the "NLinear" of Zeng et al. 2023, solved in closed form) and,
    where ``scaled``, divided by the past's standard deviation, so that series of any size share the map.
    """

    weights: Double
    bias: Double
    scaled: bool = False

    @property
    def lookback(self) -> int:
        return len(self.weights)

    @classmethod
    def fit(
        cls, windows: Iterable[tuple[Array, Array]], lookback: int, horizon: int, *, ridge: float = 1e-3,
        scaled: bool = False,
    ) -> Self | None:
        """From pieces of past (N, L) and future (N, H); None without a complete window. ``ridge`` is per row."""
        gram = np.zeros((lookback + 1, lookback + 1))
        cross = np.zeros((lookback + 1, horizon))
        count, energy = 0, 0.0
        for past, future in windows:
            keep = ~np.isnan(past).all(axis=1) & ~np.isnan(future).any(axis=1)
            if not keep.any():
                continue
            x = filled(past[keep])
            y = np.asarray(future[keep], np.float64) - x[:, -1:]
            x = x - x[:, -1:]
            if scaled:
                size = _sizes(x)
                x, y = x / size, y / size
            x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
            gram += x.T @ x
            cross += x.T @ y
            count += len(x)
            energy = float(np.trace(gram[:-1, :-1])) / lookback
        if not count:
            return None
        penalty = np.full(lookback + 1, ridge * energy + 1e-9 * count)
        penalty[-1] = 1e-9 * count
        found = cho_solve(cho_factor(gram + np.diag(penalty)), cross)
        return cls(found[:-1], found[-1], scaled)

    def __call__(self, past: Array, horizon: int) -> Double:
        """(N, ≥ L) → (N, H ≤ the horizon fitted for); a shorter past is continued backwards by its first value."""
        values = filled(past)[:, -self.lookback :]
        if values.shape[1] < self.lookback:
            missing = self.lookback - values.shape[1]
            values = np.concatenate([np.repeat(values[:, :1], missing, axis=1), values], axis=1)
        last = values[:, -1:]
        x = values - last
        size = _sizes(x) if self.scaled else 1.0
        found: Double = last + size * ((x / size) @ self.weights + self.bias)
        return found[:, :horizon]

    def to_json(self) -> dict[str, Any]:
        return {
            "lookback": self.lookback,
            "weights": base64.b64encode(self.weights.astype("<f4").tobytes()).decode("ascii"),
            "bias": base64.b64encode(self.bias.astype("<f4").tobytes()).decode("ascii"),
            "scaled": self.scaled,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        weights = np.frombuffer(base64.b64decode(data["weights"]), "<f4").astype(np.float64)
        bias = np.frombuffer(base64.b64decode(data["bias"]), "<f4").astype(np.float64)
        return cls(weights.reshape(int(data["lookback"]), -1), bias, bool(data.get("scaled", False)))


def _sizes(x: Double) -> Double:
    size: Double = x.std(axis=1, keepdims=True)
    return np.where(size > 1e-12, size, 1.0)
