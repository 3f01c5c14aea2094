"""Where the columns and rows of an unrolled network stand, in pixels, from the size of its letters. No painting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workbench.shell.plots.unrolling import Unrolled, UnrolledSide

MARGIN = 10.0
_ROOM = 26.0
"""Pixels between two rows: room for an arrow."""
_STAGGER, _JOIN = 10.0, 14.0
"""Pixels between the two directions of a layer, and from there to the point where both meet."""
_BETWEEN = 18.0
"""Pixels between the boxes of two columns."""


@dataclass(slots=True)
class PlacedSide:
    """Where a side stands: ``left`` of its first column, ``width`` of each."""

    side: UnrolledSide
    left: float
    width: float
    boxes: list[tuple[float, float, float]]
    """For each row (left within the column, top, width)."""
    junctions: list[float]
    """For each level with two directions, how high the point is where both meet; else -1."""
    gutter: float = 0.0
    """Room to the left for the names of the layers; 0 where there is but one."""


@dataclass(slots=True)
class UnrolledLayout:
    """All sides; ``head`` is the lower edge of the outputs, ``floor`` the upper edge of the inputs."""

    sides: list[PlacedSide]
    head: float
    floor: float
    width: float
    height: float


def place_sides(unrolled: Unrolled, line: float, box_height: float, advance: Callable[[str], float]) -> UnrolledLayout:
    """``line`` is the height of a line of text, ``advance`` the width of a word."""
    placed: list[PlacedSide] = []
    x = MARGIN
    top = line * 1.6 + 10  # the outputs' words
    head = top + _ROOM + (22 if unrolled.attention is not None else 0)
    rows_high = [sum(len(level) for level in side.levels()) for side in unrolled.sides]
    both = [sum(1 for level in side.levels() if len(level) > 1) for side in unrolled.sides]
    levels_high = [len(side.levels()) for side in unrolled.sides]
    bodies = [
        rows * box_height + levels * _ROOM + double * (_STAGGER + _JOIN)
        for rows, levels, double in zip(rows_high, levels_high, both, strict=True)
    ]
    body = max(bodies, default=0.0)
    for number, side in enumerate(unrolled.sides):
        words = [*side.steps[:400], *side.outputs[:400]]
        widest = max((advance(word) for word in words), default=0.0)
        double = any(len(level) > 1 for level in side.levels())
        least = line * (5.4 if double else 3.6)
        width = min(max(widest + 14, least), line * 9) + _BETWEEN
        boxes: list[tuple[float, float, float]] = [(0.0, 0.0, 0.0)] * len(side.rows)
        junctions: list[float] = []
        y = head + body
        for level in side.levels():
            y -= _ROOM
            for place, row in enumerate(level):
                y -= box_height + (_STAGGER if place else 0.0)
                box_width = (width - _BETWEEN) * (0.46 if len(level) > 1 else 1.0)
                left = _BETWEEN / 2 + ((width - _BETWEEN) * 0.54 if place else 0.0)
                boxes[row] = (left, y, box_width)
            y -= _JOIN if len(level) > 1 else 0.0
            junctions.append(y if len(level) > 1 else -1.0)
        if number:
            x += width * 0.6
        named = [advance(side.rows[level[0]].name) for level in side.levels()]
        gutter = min(max(named), line * 8) + 10 if len(named) > 1 and not number else 0.0
        x += gutter
        placed.append(PlacedSide(side, x, width, boxes, junctions, gutter))
        x += width * max(1, len(side.steps))
    title = line + 6 if unrolled.decodes else 0.0
    height = head + body + line * 1.8 + title + MARGIN
    return UnrolledLayout(placed, top, head + body, x + MARGIN, height)
