"""Growing columns of numbers for live curves, and min/max decimation for drawing them. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_FIRST = 4096


class Series:
    """x and y in preallocated arrays that double when full; the running sum gives any moving average in one pass."""

    def __init__(self) -> None:
        self._x = np.empty(_FIRST)
        self._y = np.empty(_FIRST)
        self._sum = np.zeros(_FIRST + 1)
        self.size = 0

    def clear(self) -> None:
        self.size = 0

    def truncate(self, size: int) -> None:
        """Keep the first ``size`` points."""
        self.size = min(self.size, size)

    def extend(self, x: Floats, y: Floats) -> None:
        """Append points; those whose y is not finite are left out (a diverged loss has no place to stand)."""
        good = np.isfinite(y)
        if not good.all():
            x, y = x[good], y[good]
        count = len(x)
        if count == 0:
            return
        end = self.size + count
        if end > len(self._x):
            capacity = max(end, 2 * len(self._x))
            self._x = np.concatenate([self._x[: self.size], np.empty(capacity - self.size)])
            self._y = np.concatenate([self._y[: self.size], np.empty(capacity - self.size)])
            self._sum = np.concatenate([self._sum[: self.size + 1], np.empty(capacity - self.size)])
        self._x[self.size : end] = x
        self._y[self.size : end] = y
        np.cumsum(y, out=self._sum[self.size + 1 : end + 1])
        self._sum[self.size + 1 : end + 1] += self._sum[self.size]
        self.size = end

    @property
    def x(self) -> Floats:
        return self._x[: self.size]

    @property
    def y(self) -> Floats:
        return self._y[: self.size]

    def smoothed(self, window: int, points: int) -> tuple[Floats, Floats]:
        """The trailing mean over ``window`` points, at no more than ``points`` places, the last one included."""
        if self.size == 0:
            return self.x, self.y
        stride = max(1, self.size // max(1, points))
        places = np.arange(self.size - 1, -1, -stride)[::-1]
        begin = np.maximum(0, places + 1 - window)
        return self._x[places], (self._sum[places + 1] - self._sum[begin]) / (places + 1 - begin)


def decimate(x: Floats, y: Floats, buckets: int) -> tuple[Floats, Floats]:
    """At most about ``2 × buckets`` points that draw the same picture: each bucket's smallest and largest y."""
    size = len(x)
    if size <= 2 * buckets or buckets < 1:
        return x, y
    stride = size // buckets
    whole = stride * (size // stride)
    blocks = y[:whole].reshape(-1, stride)
    low, high = blocks.argmin(axis=1), blocks.argmax(axis=1)
    start = np.arange(len(blocks)) * stride
    places = np.sort(np.stack([start + low, start + high], axis=1), axis=1).ravel()
    places = np.concatenate([places, [size - 1]]) if whole < size else places
    return x[places], y[places]


def envelope(x: Floats, y: Floats, buckets: int) -> tuple[Floats, Floats]:
    """At most ``2 × buckets`` points for a line with gaps (NaN): the smallest and largest y of every bucket.

    A bucket with no value at all stays a gap. Short lines come back as they are.
    """
    size = len(y)
    if buckets < 1 or size <= 2 * buckets:
        return x, y
    stride = -(-size // buckets)
    starts = np.arange(0, size, stride)
    drawn = np.empty(2 * len(starts))
    drawn[0::2] = np.fmin.reduceat(y, starts)
    drawn[1::2] = np.fmax.reduceat(y, starts)
    return np.repeat(x[starts], 2), drawn


def gaps(y: Floats) -> NDArray[np.int64]:
    """(G, 2) start and stop (exclusive) of the runs of missing values."""
    missing = np.isnan(y)
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
    return edges.reshape(-1, 2)


def apart(places: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Rising ``places`` moved as little as need be to stand ``distance`` apart between ``low`` and ``high``.

    Where there is no room for all of them the lowest give way.
    """
    found: list[float] = []
    for place in places:
        at = min(max(place, low), high)
        found.append(max(at, found[-1] + distance) if found else at)
    limit = high
    for i in range(len(found) - 1, -1, -1):
        found[i] = min(found[i], limit)
        limit = found[i] - distance
    return found
