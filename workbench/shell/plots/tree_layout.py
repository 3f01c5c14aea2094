"""Where the nodes of a tree stand: every subtree has a strip of its own, so nothing overlaps. One pass up, one down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Way = Literal["up", "down", "left", "right", "root"]


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """Centres ``x``, ``y`` (N,) of the nodes and the ``width`` and ``height`` of the whole; ``depth`` (N,) of each."""

    x: Floats
    y: Floats
    depth: NDArray[np.int64]
    width: float
    height: float


def lay_out(parents: Sequence[int], widths: Sequence[float], gap: float, row: float) -> TreeLayout:
    """Place nodes in post-order, root at the top: ``widths`` (N,) each takes, ``gap`` beside it, ``row`` a level.

    A strip is as wide as its node, or as its children's strips together; a node stands in the middle of its children.
    """
    count = len(parents)
    depth = np.zeros(count, dtype=np.int64)
    strips = np.zeros(count)
    below = np.zeros(count)
    for node in range(count):
        strips[node] = max(widths[node] + gap, below[node])
        if parents[node] >= 0:
            below[parents[node]] += strips[node]
    left = np.zeros(count)
    cursor = np.zeros(count)
    x = np.zeros(count)
    first, last = np.full(count, np.nan), np.full(count, np.nan)
    # from the root down, but siblings from the right, as post-order has them
    for node in range(count - 1, -1, -1):
        parent = parents[node]
        if parent >= 0:
            depth[node] = depth[parent] + 1
            left[node] = cursor[parent] - strips[node]
            cursor[parent] = left[node]
        cursor[node] = left[node] + (strips[node] + below[node]) / 2
    for node in range(count):
        x[node] = left[node] + strips[node] / 2
        if not np.isnan(first[node]):
            half = (widths[node] + gap) / 2
            middle = (first[node] + last[node]) / 2
            x[node] = min(max(middle, left[node] + half), left[node] + strips[node] - half)
        parent = parents[node]
        if parent >= 0:
            first[parent] = x[node] if np.isnan(first[parent]) else first[parent]
            last[parent] = x[node]
    y = (depth.astype(np.float64) + 0.5) * row
    return TreeLayout(x, y, depth, float(strips[-1]), float((depth.max() + 1) * row))


def neighbour(
    layout: TreeLayout, parents: NDArray[np.int64], children: Sequence[Sequence[int]], node: int, way: Way
) -> int:
    """The node that lies that ``way`` of ``node``, or ``node`` itself where none does: left and right along a level."""
    if way == "root":
        return len(parents) - 1
    if way == "up":
        return int(parents[node]) if parents[node] >= 0 else node
    if way == "down":
        return children[node][0] if children[node] else node
    level = np.flatnonzero(layout.depth == layout.depth[node])
    place = int(np.searchsorted(level, node)) + (1 if way == "right" else -1)
    return int(level[min(max(place, 0), len(level) - 1)])
