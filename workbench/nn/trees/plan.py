"""Which nodes of a batch of trees are composed of which, height by height: what lets a level be one matrix product.

What depends on one tree alone (heights, and the two-children form with further children folded in from left to right)
is worked out once, by the codec, and packed with the record: :func:`tree_arrays`. A batch only joins these arrays,
without a step per node: :class:`TreePlan`. A node's *row* is its place in the order of computation: all leaves first,
then height by height, each height's rows next to one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]


def tree_arrays(parents: Sequence[int], words: Sequence[bool] | None = None) -> dict[str, NDArray[Any]]:
    """What a codec's ``encode`` yields for a tree, for :meth:`TreePlan.merge`; ``parents`` in post-order, root last.

    ``parents`` (N,), ``heights`` (N,) with 0 for leaves, ``has_word`` (N,): whether the node has an input vector (all,
    unless ``words`` says). ``left``, ``right`` and ``folded_heights`` (M,) are the tree with at most two children a
    node: rows N to M - 1 are the nodes that folding further children puts in; -1 for no child.
    """
    count = len(parents)
    children: list[list[int]] = [[] for _ in range(count)]
    heights = [0] * count
    left, right, folded = [-1] * count, [-1] * count, [0] * count
    for node, parent in enumerate(parents):
        below = children[node]
        if below:
            heights[node] = 1 + max(heights[child] for child in below)
            first, height = below[0], folded[below[0]]
            for other in below[1:-1]:
                height = 1 + max(height, folded[other])
                left.append(first)
                right.append(other)
                folded.append(height)
                first = len(left) - 1
            if len(below) > 1:
                height = max(height, folded[below[-1]])
                right[node] = below[-1]
            left[node], folded[node] = first, height + 1
        if parent >= 0:
            children[parent].append(node)
    return {
        "parents": np.array(parents, dtype=np.int32),
        "heights": np.array(heights, dtype=np.int32),
        "has_word": np.ones(count, dtype=np.bool_) if words is None else np.array(words, dtype=np.bool_),
        "left": np.array(left, dtype=np.int32),
        "right": np.array(right, dtype=np.int32),
        "folded_heights": np.array(folded, dtype=np.int32),
    }


@dataclass(frozen=True, slots=True)
class Level:
    """The rows ``start`` to ``stop`` of the inner nodes (0 is the first that is no leaf) and their children's edges."""

    start: int
    stop: int
    first_edge: int
    last_edge: int

    @property
    def width(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Structure:
    """A batch's order of computation, on a device. M rows: L leaves, then I = M - L inner nodes, height by height.

    Places of nodes are flat, b · N + i of the padded (B, N). E edges join children to parents, ordered by parent and
    then as the children are.
    """

    rows: int
    leaves: int
    levels: tuple[Level, ...]
    children: Tensor
    """(E,) rows of the children; M where a node has only one of its two (fixed branching)."""
    parents: Tensor
    """(E,) inner row of each edge's parent, counted from the start of its level."""
    offsets: Tensor
    """(I,) the first edge of each inner row, counted from the first of its level."""
    edge_of: Tensor
    """(M,) the edge that leads from each row up to its parent; E for roots."""
    leaf_places: Tensor
    """(L,)"""
    word_rows: Tensor
    """(K,) inner rows that have a word of their own."""
    word_places: Tensor
    """(K,)"""
    places: Tensor
    """(M,) where each row's state goes; B · N for rows that stand for no node."""
    roots: Tensor
    """(B,) the places of the roots."""


class TreePlan:
    """A batch of trees. ``Batch.extra["plan"]``, and ``TreeInputs.plan``, hold one; networks ask for a structure."""

    def __init__(self, sizes: Ints, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.sizes = sizes
        """(B,) nodes of each tree."""
        self.longest = int(sizes.max())
        self._arrays = arrays
        self._structures: dict[tuple[bool, torch.device], Structure] = {}

    @classmethod
    def merge(cls, items: Sequence[Mapping[str, NDArray[Any]]]) -> TreePlan:
        """The plan of a batch from each tree's :func:`tree_arrays` (other arrays beside them are ignored)."""
        sizes = np.array([len(item["parents"]) for item in items], dtype=np.int64)
        names = ("parents", "heights", "has_word", "left", "right", "folded_heights")
        arrays = {name: np.concatenate([item[name] for item in items]) for name in names}
        arrays["rows"] = np.array([len(item["left"]) for item in items], dtype=np.int64)
        return cls(sizes, arrays)

    @classmethod
    def of(cls, trees: Sequence[Sequence[int]]) -> TreePlan:
        """The plan of trees given by their parents alone."""
        return cls.merge([tree_arrays(parents) for parents in trees])

    @property
    def nodes(self) -> int:
        return int(self.sizes.sum())

    def places(self) -> Ints:
        """(nodes,) the flat place of every node in the padded (B, N), tree after tree."""
        starts = np.cumsum(self.sizes) - self.sizes
        within = np.arange(self.nodes) - np.repeat(starts, self.sizes)
        return np.repeat(np.arange(len(self.sizes)) * self.longest, self.sizes) + within

    def structure(self, binary: bool, device: torch.device | None = None) -> Structure:
        """The order of computation for any number of children a node, or for two at most; kept for who asks again."""
        device = device or torch.device("cpu")
        key = (binary, device)
        if key not in self._structures:
            self._structures[key] = self._folded(device) if binary else self._plain(device)
        return self._structures[key]

    def _plain(self, device: torch.device) -> Structure:
        heights, parents = self._arrays["heights"], self._arrays["parents"].astype(np.int64)
        order = np.argsort(heights, kind="stable")
        row = np.empty_like(order)
        row[order] = np.arange(len(order))
        starts = np.cumsum(self.sizes) - self.sizes
        below = np.flatnonzero(parents >= 0)
        above = row[parents[below] + np.repeat(starts, self.sizes)[below]]
        by_parent = np.argsort(above, kind="stable")
        return self._assemble(device, heights[order], row[below][by_parent], above[by_parent], order, self.places())

    def _folded(self, device: torch.device) -> Structure:
        heights, counts = self._arrays["folded_heights"], self._arrays["rows"]
        total = len(heights)
        order = np.argsort(heights, kind="stable")
        row = np.empty(total + 1, dtype=np.int64)
        row[order] = np.arange(total)
        row[total] = total
        starts = np.cumsum(counts) - counts
        leaves = int(np.count_nonzero(heights == 0))
        inner = order[leaves:]
        pairs = np.stack([self._arrays["left"], self._arrays["right"]], axis=1).astype(np.int64)
        absolute = np.where(pairs >= 0, pairs + np.repeat(starts, counts)[:, None], total)
        children = row[absolute[inner]].reshape(-1)
        above = np.repeat(np.arange(leaves, total), 2)
        # where each row's node stands among the nodes of the padded batch; the rows that folding put in stand nowhere
        within = np.arange(total) - np.repeat(starts, counts)
        real = within < np.repeat(self.sizes, counts)
        places = np.full(total, len(self.sizes) * self.longest, dtype=np.int64)
        places[real] = self.places()
        return self._assemble(device, heights[order], children, above, order, places, real)

    def _assemble(
        self,
        device: torch.device,
        heights: NDArray[np.int32],
        children: Ints,
        above: Ints,
        order: Ints,
        places: Ints,
        real: NDArray[np.bool_] | None = None,
    ) -> Structure:
        """``heights`` (M,) of the rows, ``children`` and ``above`` (E,) the two ends of the edges as rows."""
        rows, edges = len(order), len(children)
        bounds = np.searchsorted(heights, np.arange(int(heights[-1]) + 2))
        leaves = int(bounds[1])
        first_edges = np.searchsorted(above, np.arange(leaves, rows + 1))
        edge_bounds = first_edges[bounds[1:] - leaves]
        levels = tuple(
            Level(start, stop, first, last)
            for start, stop, first, last in zip(
                (bounds[1:-1] - leaves).tolist(),
                (bounds[2:] - leaves).tolist(),
                edge_bounds[:-1].tolist(),
                edge_bounds[1:].tolist(),
                strict=True,
            )
        )
        level_of = heights[leaves:].astype(np.int64) - 1
        parents = above - bounds[heights[above]] if edges else above
        offsets = first_edges[:-1] - edge_bounds[level_of]
        edge_of = np.full(rows + 1, edges, dtype=np.int64)
        edge_of[children] = np.arange(edges)
        has_word = self._arrays["has_word"]
        if real is not None:
            spread = np.zeros(rows, dtype=np.bool_)
            spread[real] = has_word
            has_word = spread
        row_places = places[order]
        word_rows = np.flatnonzero(has_word[order[leaves:]])
        roots = np.arange(len(self.sizes)) * self.longest + self.sizes - 1
        parts = (
            children,
            parents,
            offsets,
            edge_of[:rows],
            row_places[:leaves],
            word_rows,
            row_places[leaves:][word_rows],
            row_places,
            roots,
        )
        # one array, so that one copy brings all to the device
        whole = torch.from_numpy(np.concatenate([np.asarray(part, dtype=np.int64) for part in parts]))
        tensors = torch.split(whole.to(device, non_blocking=True), [len(part) for part in parts])
        return Structure(rows, leaves, levels, *tensors)
