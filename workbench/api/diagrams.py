"""How an architecture draws and explains its cell: symbols of its equations, and a diagram as plain data.

No drawing here: the shell paints a :class:`CellDiagram` in its own theme and shows a :class:`Symbol` under the mouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of the equations, written just as it stands there (without Markdown): ``name`` "W_f", "**c**ₜ" as "cₜ".

    ``shape`` names its axes ("H", "D"): :meth:`sized` puts a model's numbers in. ``trace`` says where the Explain stage
    finds its values: "states", "cell", "gate:forget", "outputs", "attention" or "" (a weight, an index).
    """

    name: str
    meaning: str
    shape: tuple[str, ...] = ()
    trace: str = ""

    def sized(self, sizes: Mapping[str, int]) -> tuple[str, ...]:
        """The axes as numbers where they are known: ("4H", "D") with H = 8 → ("32", "D")."""
        return tuple(_sized(axis, sizes) for axis in self.shape)


def _sized(axis: str, sizes: Mapping[str, int]) -> str:
    digits = axis[: len(axis) - len(axis.lstrip("0123456789"))]
    name = axis[len(digits) :]
    return str(int(digits or 1) * sizes[name]) if name in sizes else axis


@dataclass(frozen=True, slots=True)
class DiagramNode:
    """A node at the grid point (``x``, ``y``), x to the right and y down, in units of one small box.

    ``kind``: "value" (an input or output of the cell), "gate" (a learned layer with its squashing), "operation"
    (× + 1− tanh: drawn as a small circle), "memory" (something that is kept between steps). ``symbol`` names the
    :class:`Symbol` it stands for, if any.
    """

    id: str
    label: str
    x: float
    y: float
    kind: Literal["value", "gate", "operation", "memory"] = "gate"
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class DiagramEdge:
    """An arrow from a node to another; ``recurrent`` ones come from the step before and are drawn in accent."""

    source: str
    target: str
    label: str = ""
    recurrent: bool = False


@dataclass(frozen=True, slots=True)
class CellDiagram:
    """The inside of one cell. Node ids are unique and every edge joins two of them (the contract suite checks it)."""

    nodes: tuple[DiagramNode, ...]
    edges: tuple[DiagramEdge, ...]
