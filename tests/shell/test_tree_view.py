"""The tree view: nothing overlaps, values become colours, keys and mouse reach every node, and depth is no danger."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from workbench.api.trees import LabelledTree, parse_bracketed
from workbench.shell.plots.tree_layout import lay_out
from workbench.shell.plots.tree_view import TreeView
from workbench.shell.theme import ROLES, Theme

TREE = parse_bracketed("(S (NP (DT the) (NN cat)) (VP (VBD sat)))")


def random_tree(nodes: int, seed: int) -> LabelledTree:
    choose = random.Random(seed)
    words, parents, parts = list[str](), list[int](), list[int]()
    for node in range(nodes):
        taken = len(parts) if node == nodes - 1 else choose.randint(0, min(3, len(parts)))
        for child in parts[len(parts) - taken :]:
            parents[child] = node
        del parts[len(parts) - taken :]
        parts.append(node)
        parents.append(-1)
        words.append("" if taken else "word" * choose.randint(1, 3))
    return LabelledTree(tuple(words), tuple(parents), ("X",) * nodes)


@pytest.fixture
def view(qtbot: QtBot) -> TreeView:
    made = TreeView(Theme("light"))
    qtbot.addWidget(made)
    made.resize(500, 320)
    made.show_tree(TREE.names(), TREE.parents, labels=TREE.tags, caption="parse")
    made.show()
    return made


@pytest.mark.parametrize("seed", range(5))
def test_no_two_nodes_of_a_level_overlap_and_parents_stand_above_their_children(seed: int) -> None:
    tree = random_tree(60, seed)
    widths = [10.0 + 7 * (node % 9) for node in range(60)]
    layout = lay_out(tree.parents, widths, 6.0, 30.0)
    for level in range(int(layout.depth.max()) + 1):
        nodes = [node for node in range(60) if layout.depth[node] == level]
        for left, right in pairwise(nodes):
            assert layout.x[right] - layout.x[left] >= (widths[left] + widths[right]) / 2 + 6.0 - 1e-9
    for node, parent in enumerate(tree.parents[:-1]):
        assert layout.y[parent] == layout.y[node] - 30.0
    assert (layout.x - np.array(widths) / 2 >= -1e-9).all()
    assert (layout.x + np.array(widths) / 2 <= layout.width + 1e-9).all()


def test_arrow_keys_reach_every_node_and_tell_which(view: TreeView, qtbot: QtBot) -> None:
    told: list[int] = []
    view.node_chosen.connect(told.append)
    assert view.chosen == 5
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Home):
        qtbot.keyClick(view, key)
    assert told == [2, 0, 1, 3, 4, 5]
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert view.chosen == 5
    assert "node 6 of 6" in view.accessibleDescription()
    assert view.accessibleName() == "Tree: parse"


def test_a_click_chooses_the_node_under_the_mouse(view: TreeView, qtbot: QtBot) -> None:
    told: list[int] = []
    view.node_chosen.connect(told.append)
    size = view.viewport().size()
    places = {}
    for x in range(0, size.width(), 4):
        for y in range(0, size.height(), 4):
            node = view.node_at(QPointF(x, y))
            if node >= 0:
                places.setdefault(node, QPoint(x, y))
    assert set(places) == set(range(6)), "every node is in view"
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=places[1])
    assert told == [1]


def test_pointing_at_a_node_tells_its_name_label_and_value(view: TreeView) -> None:
    view.show_tree(TREE.names(), TREE.parents, np.linspace(0, 1, 6), TREE.tags, "gate")
    assert view.describe(1) == "cat, label NN, gate 0.2"
    assert view.describe(2) == "(the … cat), label NP, gate 0.4"
    place = next(
        QPoint(x, y)
        for x in range(0, 500, 3)
        for y in range(0, 320, 3)
        if view.node_at(QPointF(x, y)) == 1
    )
    QApplication.sendEvent(view.viewport(), QHelpEvent(QEvent.Type.ToolTip, place, view.mapToGlobal(place)))
    assert QToolTip.text() == "cat, label NN, gate 0.2"
    QToolTip.hideText()


def colours_of(view: TreeView) -> set[str]:
    image = view.grab().toImage()
    return {
        QColor(image.pixel(x, y)).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)
    }


def test_values_colour_the_nodes_and_unknown_ones_stay_plain(view: TreeView) -> None:
    plain = colours_of(view)
    view.show_tree(TREE.names(), TREE.parents, [-1.0, 1.0, 0.5, np.nan, 0.0, 0.0], TREE.tags, "h")
    signed = colours_of(view)
    assert {"#005aa0", "#d55e00"} <= signed - plain
    view.show_tree(TREE.names(), TREE.parents, [0.0, 1.0, 0.5, np.nan, 0.2, 0.2], TREE.tags, "f")
    assert {"#00224e", "#fee838"} <= colours_of(view)


@pytest.mark.parametrize("name", list(ROLES))
def test_every_theme_paints_it(qtbot: QtBot, name: str) -> None:
    theme = Theme("light")
    view = TreeView(theme)
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show_tree(TREE.names(), TREE.parents, labels=TREE.tags)
    view.grab()
    theme.set(name)
    assert theme.color("text").name() in colours_of(view)


def test_a_large_tree_begins_legible_zooms_around_a_point_and_fits_when_asked(view: TreeView, qtbot: QtBot) -> None:
    tree = random_tree(400, 3)
    view.show_tree(tree.names(), tree.parents, labels=tree.tags)
    assert view.zoom >= 0.55
    view.choose(10)
    size = view.viewport().size()
    spot = next(
        QPointF(x, y)
        for x in range(0, size.width(), 4)
        for y in range(0, size.height(), 4)
        if view.node_at(QPointF(x, y)) == 10
    )
    view.set_zoom(view.zoom * 1.1, spot)
    assert view.node_at(spot) == 10
    before = view.zoom
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.zoom == pytest.approx(before * 1.25)
    qtbot.keyClick(view, Qt.Key.Key_F)
    assert view.horizontalScrollBar().maximum() <= 1
    assert view.verticalScrollBar().maximum() <= 1


def test_a_tree_five_thousand_deep_is_drawn_at_once(view: TreeView) -> None:
    tree = parse_bracketed("(1 (0 x) " * 5000 + "(1 x)" + ")" * 5000)
    start = time.perf_counter()
    view.show_tree(tree.names(), tree.parents, np.linspace(-1, 1, tree.size()), tree.tags, "deep")
    view.grab()
    first = time.perf_counter() - start
    start = time.perf_counter()
    view.choose(0)
    view.grab()
    assert first < 3.0
    assert time.perf_counter() - start < 0.5
    assert view.node_at(QPointF(view.viewport().rect().center())) >= -1


def test_without_a_tree_it_is_empty_and_says_so(view: TreeView, qtbot: QtBot) -> None:
    view.clear()
    qtbot.keyClick(view, Qt.Key.Key_Up)
    view.grab()
    assert view.chosen == -1
    assert view.accessibleDescription() == "No tree"
