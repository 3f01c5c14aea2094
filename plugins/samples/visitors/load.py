"""Making the series: a trend that bends, a year's round that grows with it, and months that go their own way."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from workbench.api import Series

MONTHS = 240
FIRST_YEAR = 2004
_ROUND = (0.78, 0.76, 0.92, 1.00, 1.08, 1.21, 1.36, 1.34, 1.10, 0.96, 0.74, 0.85)


def values() -> list[float]:
    """Visitors in thousands, of every month."""
    choose = random.Random(1949)
    found, weather = [], 0.0
    for month in range(MONTHS):
        years = month / 12
        level = 60.0 * math.exp(0.055 * years - 0.0006 * years**2 + 0.05 * math.sin(2 * math.pi * years / 9.5))
        weather = 0.6 * weather + choose.gauss(0.0, 0.018)
        found.append(round(level * _ROUND[month % 12] * math.exp(weather), 1))
    return found


def records() -> Iterator[tuple[str, str, Series]]:
    """(split, document, series): one series; the task itself cuts it by time."""
    import numpy as np

    months = np.arange(f"{FIRST_YEAR}-01", MONTHS, dtype="datetime64[M]").astype("datetime64[ns]")
    made = Series.of("visitors", values(), ("visitors (thousands)",), times=months, frequency="MS")
    yield "train", "", made
