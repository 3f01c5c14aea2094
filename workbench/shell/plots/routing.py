"""Ways for the arrows of a diagram: on a coarse grid, around every box, with few bends and little in common. No Qt."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

CLEARANCE = 9.0
"""Pixels between an arrow and a box it passes."""
_BEND, _CROSS, _SHARE, _MERGE = 22.0, 10.0, 4.0, 0.6
_NEAR = 4.0
"""Grid lines closer than this are one."""


@dataclass(frozen=True, slots=True)
class Wire:
    """An arrow between two boxes, by their names."""

    source: str
    target: str


def route(boxes: Mapping[str, Box], wires: Sequence[Wire], clearance: float = CLEARANCE) -> list[list[Point]]:
    """A polyline for each wire, from the border of its source to that of its target; no box but these is crossed."""
    router = _Router(boxes, clearance)
    order = sorted(range(len(wires)), key=lambda i: router.distance(wires[i]))
    found: dict[int, list[Point]] = {}
    for i in order:
        found[i] = router.lay(wires[i])
    return [found[i] for i in range(len(wires))]


class _Router:
    def __init__(self, boxes: Mapping[str, Box], clearance: float) -> None:
        self._boxes = dict(boxes)
        self._clearance = clearance
        self._xs = self._lines(0)
        self._ys = self._lines(1)
        self._owner: dict[tuple[int, int, int, int], str] = {}
        """Which wire's source runs along a piece of grid, both ways."""
        self._passed: dict[tuple[int, int], str] = {}
        self._inside = self._cover()

    def distance(self, wire: Wire) -> float:
        (ax, ay), (bx, by) = (_centre(self._boxes[name]) for name in (wire.source, wire.target))
        return abs(ax - bx) + abs(ay - by)

    def _lines(self, axis: int) -> list[float]:
        """Through the middle of every box (exactly), and along its sides."""
        gap = self._clearance
        exact = sorted({_centre(box)[axis] for box in self._boxes.values()})
        sides: set[float] = set()
        for box in self._boxes.values():
            low, high = box[axis], box[axis + 2]
            sides.update((low - gap, high + gap, low - 2 * gap, high + 2 * gap))
        lines = list(exact)
        for one in sorted(sides):
            place = bisect_left(lines, one)
            near = [lines[i] for i in (place - 1, place) if 0 <= i < len(lines)]
            if all(abs(one - other) >= _NEAR for other in near):
                lines.insert(place, one)
        return lines

    def _cover(self) -> dict[tuple[int, int], set[str]]:
        """Which boxes (with clearance) a grid point lies in."""
        found: dict[tuple[int, int], set[str]] = {}
        gap = self._clearance * 0.6
        for name, (left, top, right, bottom) in self._boxes.items():
            for i, x in enumerate(self._xs):
                if left - gap < x < right + gap:
                    for j, y in enumerate(self._ys):
                        if top - gap < y < bottom + gap:
                            found.setdefault((i, j), set()).add(name)
        return found

    def lay(self, wire: Wire) -> list[Point]:
        if wire.source == wire.target:
            return self._loop(self._boxes[wire.source])
        start, goal = (self._place(self._boxes[name]) for name in (wire.source, wire.target))
        steps = self._search(start, goal, wire)
        if steps is None:
            return _clip([_centre(self._boxes[name]) for name in (wire.source, wire.target)], self._boxes, wire)
        for a, b in pairwise(steps):
            self._owner[(*a, *b)] = self._owner[(*b, *a)] = wire.source
        for one in steps[1:-1]:
            self._passed[one] = wire.source
        points = [(self._xs[i], self._ys[j]) for i, j in steps]
        return _clip(_straightened(points), self._boxes, wire)

    def _place(self, box: Box) -> tuple[int, int]:
        x, y = _centre(box)
        return self._xs.index(x), self._ys.index(y)

    def _search(self, start: tuple[int, int], goal: tuple[int, int], wire: Wire) -> list[tuple[int, int]] | None:
        """A* over (place, direction); a bend costs as much as a small detour."""
        ends = {wire.source, wire.target}
        gx, gy = self._xs[goal[0]], self._ys[goal[1]]
        begin = (*start, -1)
        best: dict[tuple[int, int, int], float] = {begin: 0.0}
        came: dict[tuple[int, int, int], tuple[int, int, int]] = {}
        queue: list[tuple[float, float, tuple[int, int, int]]] = [(0.0, 0.0, begin)]
        while queue:
            _, cost, state = heapq.heappop(queue)
            if cost > best.get(state, cost):
                continue
            i, j, heading = state
            if (i, j) == goal:
                way = [(i, j)]
                while state in came:
                    state = came[state]
                    way.append(state[:2])
                return way[::-1]
            for direction, (di, dj) in enumerate(((1, 0), (0, 1), (-1, 0), (0, -1))):
                if heading >= 0 and direction == (heading + 2) % 4:
                    continue
                a, b = i + di, j + dj
                if not (0 <= a < len(self._xs) and 0 <= b < len(self._ys)):
                    continue
                if self._inside.get((a, b), ends) - ends:
                    continue
                x, y = self._xs[a], self._ys[b]
                length = abs(x - self._xs[i]) + abs(y - self._ys[j])
                owner = self._owner.get((i, j, a, b))
                factor = 1.0 if owner is None else (_MERGE if owner == wire.source else _SHARE)
                new = cost + length * factor
                if heading not in (-1, direction):
                    new += _BEND
                if self._passed.get((a, b), wire.source) != wire.source:
                    new += _CROSS
                following = (a, b, direction)
                if new < best.get(following, float("inf")):
                    best[following] = new
                    came[following] = state
                    heapq.heappush(queue, (new + _MERGE * (abs(x - gx) + abs(y - gy)), new, following))
        return None

    def _loop(self, box: Box) -> list[Point]:
        """Out at the right side, over the top, and in again from above."""
        left, top, right, bottom = box
        out, up = right + 1.6 * self._clearance, top - 1.6 * self._clearance
        x, y = (left + right) / 2, (top + bottom) / 2
        return [(right, y), (out, y), (out, up), (x, up), (x, top)]


def _centre(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _straightened(points: list[Point]) -> list[Point]:
    """Without the points at which nothing bends."""
    kept = points[:1]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        if (here[0] - before[0]) * (after[1] - here[1]) != (here[1] - before[1]) * (after[0] - here[0]):
            kept.append(here)
    return [*kept, points[-1]]


def _clip(points: list[Point], boxes: Mapping[str, Box], wire: Wire) -> list[Point]:
    """The part between the borders of the two boxes."""
    points = _leave(points, boxes[wire.source])
    return _leave(points[::-1], boxes[wire.target])[::-1]


def _leave(points: list[Point], box: Box) -> list[Point]:
    """``points`` begin inside ``box``: from where they leave it for good."""
    last = 0
    for i, point in enumerate(points[:-1]):
        if _within(point, box):
            last = i
    (ax, ay), (bx, by) = points[last], points[last + 1]
    shares = [1.0]
    for a, b, low, high in ((ax, bx, box[0], box[2]), (ay, by, box[1], box[3])):
        if b > a:
            shares.append((high - a) / (b - a))
        elif b < a:
            shares.append((low - a) / (b - a))
    share = max(0.0, min(shares))
    return [(ax + (bx - ax) * share, ay + (by - ay) * share), *points[last + 1 :]]


def _within(point: Point, box: Box) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
