"""What can be drawn of a cell diagram, where its memory runs, and how each kind of node looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtGui import QColor

from workbench.api import CellDiagram, DiagramNode

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


def drawable(diagram: CellDiagram | None) -> CellDiagram | None:
    """What can be drawn of ``diagram``, for a plugin may describe anything: each id once, places that are numbers,
    edges between nodes that there are."""
    if diagram is None:
        return None
    nodes: dict[str, DiagramNode] = {}
    for node in diagram.nodes:
        if math.isfinite(node.x) and math.isfinite(node.y):
            nodes.setdefault(node.id, node)
    edges = [edge for edge in diagram.edges if edge.source in nodes and edge.target in nodes]
    return CellDiagram(tuple(nodes.values()), tuple(edges))


def memory_lanes(diagram: CellDiagram) -> list[list[str]]:
    """Rows along which memory is carried: two or more that are kept, joined by arrows through operations alone."""
    row = {node.id: node.y for node in diagram.nodes if node.kind in ("memory", "operation")}
    kept = {node.id for node in diagram.nodes if node.kind == "memory"}
    joined: dict[str, set[str]] = {name: {name} for name in row}
    for edge in diagram.edges:
        if edge.source in row and edge.target in row and abs(row[edge.source] - row[edge.target]) < 0.05:
            both = joined[edge.source] | joined[edge.target]
            for name in both:
                joined[name] = both
    lanes = {frozenset(names) for names in joined.values() if len(names & kept) > 1}
    return [sorted(lane) for lane in lanes]


def node_look(theme: Theme, kind: str) -> tuple[QColor, QColor, float]:
    """Line, fill and line width of a kind of node."""
    if kind == "gate":
        return theme.series_text(1), theme.tint(1), 1.4
    if kind == "operation":
        return theme.color("muted"), theme.color("surface"), 1.3
    if kind == "memory":
        return theme.series_text(0), theme.color("surface"), 1.3
    return theme.color("border"), theme.color("raised"), 1.0


def node_size(node: DiagramNode, text_width: float, line: float) -> tuple[float, float]:
    """Width and height of a node around its label, ``line`` being the height of a line of text."""
    if node.kind == "operation":
        height = line * 1.25 + 4
        return max(height, text_width + 12), height
    if node.kind == "value":
        return max(line * 1.4, text_width + 10), line * 1.3 + 4
    return max(line * 2.2, text_width + 20), line * 1.4 + 10


def in_words(diagram: CellDiagram, before: str) -> str:
    """The cell for those who do not see it: every node with what flows into it."""
    labels = {node.id: node.label for node in diagram.nodes}
    into: dict[str, list[str]] = {}
    for edge in diagram.edges:
        word = f" {before}" if edge.recurrent else ""
        into.setdefault(edge.target, []).append(f"{labels.get(edge.source, '?')}{word}")
    return "; ".join(f"{node.label} takes {' and '.join(into[node.id])}" for node in diagram.nodes if node.id in into)
