"""Colour maps that every kind of colour vision can read: cividis for counts, blue–grey–orange for signed values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Nuñez, Anderton and Renslow (2018), "Optimizing colormaps with consideration for color vision deficiency": sampled.
_CIVIDIS = (
    (0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115),
    (138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56),
)  # fmt: skip
# Blue to orange through the surface's own tone: the pair of hues that all common deficiencies keep apart.
_NEGATIVE, _POSITIVE = (0, 90, 160), (213, 94, 0)


def cividis(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """RGB (…, 3) for ``values`` between 0 and 1."""
    return _along(_CIVIDIS, np.clip(values, 0.0, 1.0))


def diverging(values: NDArray[np.float64], middle: Sequence[int]) -> NDArray[np.uint8]:
    """RGB (…, 3) for ``values`` between -1 and 1; 0 is ``middle``."""
    return _along((_NEGATIVE, tuple(middle), _POSITIVE), (np.clip(values, -1.0, 1.0) + 1.0) / 2.0)


def _along(stops: Sequence[Sequence[int]], share: NDArray[np.float64]) -> NDArray[np.uint8]:
    places = np.linspace(0.0, 1.0, len(stops))
    table = np.asarray(stops, dtype=np.float64)
    channels = [np.interp(share, places, table[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
