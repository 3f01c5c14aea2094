"""Cell diagrams: nothing overlaps, no arrow crosses a box, keys and mouse reach every node."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt

from workbench.api import Architecture, CellDiagram, DiagramEdge, DiagramNode, Symbol
from workbench.host import load_plugins
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.plots.cell_diagram import CellDiagramView
from workbench.shell.plots.cell_page import CellPage
from workbench.shell.plots.diagram_parts import memory_lanes
from workbench.shell.plots.routing import Wire, route
from workbench.shell.theme import Theme

N, E = DiagramNode, DiagramEdge
LSTM = CellDiagram(
    (
        N("c0", "cₜ₋₁", 0, 0, "memory", "cₜ"), N("keep", "×", 2, 0, "operation"), N("add", "+", 4, 0, "operation"),
        N("c", "cₜ", 8, 0, "memory", "cₜ"), N("f", "forget σ", 2, 2, "gate", "fₜ"), N("i", "input σ", 3.4, 2, "gate"),
        N("g", "candidate tanh", 4.8, 2, "gate"), N("o", "output σ", 6.2, 2, "gate"), N("ig", "×", 4, 1, "operation"),
        N("tanh", "tanh", 7, 1, "operation"), N("oh", "×", 7, 2, "operation"), N("h0", "hₜ₋₁", 0, 3.2, "value", "hₜ"),
        N("x", "xₜ", 1, 4.2, "value"), N("h", "hₜ", 8, 2, "value", "hₜ"),
    ),
    (
        E("c0", "keep", recurrent=True), E("keep", "add"), E("add", "c"), E("f", "keep"), E("i", "ig"), E("g", "ig"),
        E("ig", "add"), E("add", "tanh"), E("tanh", "oh"), E("o", "oh"), E("oh", "h", "out"),
        *(E("h0", gate, recurrent=True) for gate in "figo"), *(E("x", gate) for gate in "figo"),
    ),
)  # fmt: skip
LOOP = CellDiagram((N("h", "h", 0, 0, "memory"), N("y", "y", 2, 0, "value")), (E("h", "h", "W", True), E("h", "y")))
SYMBOLS = (Symbol("hₜ", "the state", ("H",)), Symbol("cₜ", "the cell", ("H",)), Symbol("fₜ", "forget gate", ("H",)))


def families() -> list[Architecture]:
    return [one for one in load_plugins().catalogue.architectures() if one.diagram is not None]


def crossings(view: CellDiagramView) -> list[str]:
    """Arrows that run through a box that is neither their beginning nor their end."""
    assert view.diagram is not None
    found = []
    for edge, way in zip(view.diagram.edges, view.ways(), strict=True):
        for (ax, ay), (bx, by) in pairwise(way):
            piece = QRectF(min(ax, bx), min(ay, by), abs(bx - ax) + 0.01, abs(by - ay) + 0.01)
            for name, box in view.boxes().items():
                if name not in (edge.source, edge.target) and box.intersects(piece):
                    found.append(f"{edge.source} → {edge.target} through {name}")
    return found


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize(
    ("title", "diagram"),
    [("LSTM", LSTM), ("loop", LOOP), *((one.id, one.diagram) for one in families())],
)
def test_no_arrow_crosses_a_box_and_no_boxes_touch(
    qtbot: Any, qapp: Any, title: str, diagram: CellDiagram, scale: float
) -> None:
    theme = Theme("light", scale=scale)
    theme.apply(qapp)
    view = CellDiagramView(theme)
    qtbot.addWidget(view)
    view.set_room(750)
    view.show_diagram(diagram, title)
    assert crossings(view) == []
    for a, b in combinations(view.boxes().values(), 2):
        assert not a.intersects(b)
    whole = QRectF(0, 0, view.sizeHint().width(), view.sizeHint().height())
    assert all(whole.contains(box) for box in view.boxes().values())
    assert all(0 <= x <= whole.width() and 0 <= y <= whole.height() for way in view.ways() for x, y in way)


def test_what_a_plugin_may_describe_wrongly_is_left_out(qtbot: Any, qapp: Any) -> None:
    theme = Theme("light")
    theme.apply(qapp)
    view = CellDiagramView(theme)
    qtbot.addWidget(view)
    odd = CellDiagram(
        (
            N("a", "a", 0, 0), N("a", "again", 1, 0), N("nowhere", "x", float("nan"), 0), N("b", "", 2, 0),
            N("under", "same place", 2, 0), N("lone", "alone", 9, 9, "memory"),
        ),
        (E("a", "b"), E("a", "unknown"), E("b", "under", "label"), E("nowhere", "a"), E("b", "b")),
    )  # fmt: skip
    view.show_diagram(odd, "odd")
    view.resize(view.sizeHint())
    view.show()
    view.grab()
    assert view.diagram is not None
    assert [node.id for node in view.diagram.nodes] == ["a", "b", "under", "lone"]
    assert len(view.ways()) == 3
    view.show_diagram(CellDiagram((), ()), "empty")
    view.grab()
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.chosen == ""


@pytest.mark.parametrize("architecture", families(), ids=lambda one: one.id)
def test_every_family_is_readable_without_scrolling_between_the_docks(
    qtbot: Any, qapp: Any, architecture: Architecture
) -> None:
    theme = Theme("light")
    theme.apply(qapp)
    page = CellPage(theme)
    qtbot.addWidget(page)
    page.show_architecture(architecture, {"H": 128})
    page.resize(750, 620)
    page.show()
    assert page.diagram.sizeHint().width() <= 750
    assert clipped(page) == []
    assert nameless(page) == []
    assert shadowing(page) == []


def test_an_arrow_ends_at_the_borders_of_its_boxes() -> None:
    boxes = {"a": (0.0, 0.0, 20.0, 20.0), "b": (100.0, 0.0, 120.0, 20.0), "wall": (50.0, -30.0, 70.0, 50.0)}
    (way,) = route(boxes, [Wire("a", "b")])
    assert way[0] == (20.0, 10.0) or way[0][1] in (0.0, 20.0)
    assert way[-1][0] == 100.0 or way[-1][1] in (0.0, 20.0)
    assert any(y < -30 or y > 50 for _, y in way), "it goes around the wall"


def test_a_memory_lane_joins_what_is_kept() -> None:
    assert memory_lanes(LSTM) == [["add", "c", "c0", "keep"]]
    assert memory_lanes(LOOP) == []


@pytest.fixture
def page(qtbot: Any, qapp: Any) -> CellPage:
    theme = Theme("light")
    theme.apply(qapp)
    made = CellPage(theme)
    qtbot.addWidget(made)
    some = families()
    from dataclasses import replace

    equations = "**h**ₜ = **o**ₜ ∘ tanh(**c**ₜ)\n\n**f**ₜ = σ(b)"
    lstm = replace(some[0], title="LSTM", diagram=LSTM, symbols=SYMBOLS, equations=equations)
    made.resize(760, 600)
    made.show_architecture(lstm, {"H": 128})
    made.show()
    qtbot.waitExposed(made)
    return made


def test_pointing_at_a_box_lights_the_equations(qtbot: Any, page: CellPage) -> None:
    place = page.diagram.box("f").center().toPoint()
    qtbot.mouseMove(page.diagram, place)
    qtbot.waitUntil(lambda: page.equations.lit == "fₜ")
    assert "forget gate · H = 128" in page.line.text()
    qtbot.mouseMove(page.diagram, QPoint(2, 2))
    qtbot.waitUntil(lambda: page.equations.lit == "")


def test_pointing_at_a_symbol_lights_its_boxes(page: CellPage) -> None:
    plain = page.diagram.grab().toImage()
    page.equations.symbol_hovered.emit("cₜ")
    assert page.diagram._active() == frozenset({"c0", "c"})
    assert page.diagram.grab().toImage() != plain


def test_arrow_keys_go_from_box_to_box(qtbot: Any, page: CellPage) -> None:
    diagram = page.diagram
    diagram.setFocus()
    qtbot.keyClick(diagram, Qt.Key.Key_Right)
    assert diagram.chosen == "c0"
    qtbot.keyClick(diagram, Qt.Key.Key_Right)
    assert diagram.chosen == "keep"
    qtbot.keyClick(diagram, Qt.Key.Key_Down)
    assert diagram.chosen == "f"
    assert diagram.accessibleDescription() == "fₜ: forget gate · H = 128"
    assert page.equations.lit == "fₜ"


def test_the_cell_is_told_in_words(page: CellPage) -> None:
    assert page.diagram.accessibleName() == "Cell diagram of LSTM"
    assert "forget σ takes hₜ₋₁ from the step before and xₜ" in page.diagram.summary()


def test_every_look_paints(qtbot: Any, page: CellPage) -> None:
    seen = set()
    for name in ("light", "dark", "high_contrast", "high_contrast_light"):
        page._theme.set(name)
        seen.add(page.grab().toImage().cacheKey())
    assert len(seen) == 4


def test_a_family_without_picture_or_equations_says_so(qtbot: Any, page: CellPage) -> None:
    page.show_architecture(None)
    assert page.none.isVisible()
    assert not page.scroller.isVisible()
    page.grab()
