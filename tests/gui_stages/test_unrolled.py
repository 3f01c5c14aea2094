"""The unrolled network: columns of real steps, both directions, encoder and decoder, keys, and attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from workbench.api import LayerTrace, TaggedTokens, Text, Trace
from workbench.api.records import TextPair
from workbench.api.trees import LabelledTree
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.plots.unrolled_page import UnrolledPage
from workbench.shell.plots.unrolling import (
    START,
    UnrolledSide,
    steps_of,
    targets_of,
    unrolled_structure,
    unrolled_trace,
)
from workbench.shell.stages.explain.attention import AttentionMap
from workbench.shell.theme import Theme

WORDS = ("John", "lives", "in", "London")
WRITTEN = ("Jean", "vit", "à", "Londres", "⟨end⟩")
WEIGHTS = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0, 0, 1, 0], [0, 0, 0, 1], [0.25] * 4])


def states(count: int, seed: int = 0) -> Any:
    return np.tanh(np.random.default_rng(seed).normal(size=(count, 6)))


def tagging_trace() -> Trace:
    layers = tuple(
        LayerTrace(f"layer {number}", way, states(4, number))
        for number in (1, 2)
        for way in ("forward", "backward")
    )
    return Trace(WORDS, layers, states(4), ("O",), ("B-PER", "O", "O", "B-LOC"))


def writing_trace() -> Trace:
    layers = (
        LayerTrace("layer 1", "forward", states(4)),
        LayerTrace("layer 1", "backward", states(4, 1)),
        LayerTrace("layer 1", "forward", states(5, 2), {"update": states(5) ** 2}, over="outputs"),
    )
    outputs = np.full((5, 3), 1 / 3)
    return Trace(WORDS, layers, outputs, ("a", "b", "c"), attention=WEIGHTS, output_steps=WRITTEN)


def test_both_directions_of_a_layer_share_a_level() -> None:
    (side,) = unrolled_trace(tagging_trace()).sides
    assert side.levels() == [[0, 1], [2, 3]]
    assert side.outputs == ("B-PER", "O", "O", "B-LOC")


def test_one_answer_stands_at_the_last_step() -> None:
    trace = Trace(WORDS, (LayerTrace("layer 1", "forward", states(4)),), states(1), ("x",), ("good",))
    assert unrolled_trace(trace).sides[0].outputs == ("", "", "", "good")
    structure = unrolled_structure(WORDS, [("layer 1", "forward")], answers="last")
    assert structure.sides[0].outputs == ("", "", "", "y")
    assert not structure.known


def test_a_decoder_is_given_what_it_wrote_before() -> None:
    unrolled = unrolled_trace(writing_trace())
    assert unrolled.decodes
    assert unrolled.sides[1].steps == (START, *WRITTEN[:-1])
    assert unrolled.sides[1].outputs == WRITTEN
    structure = unrolled_structure(
        WORDS, [("layer 1", "forward")], decoder=[("layer 1", "")], targets=WRITTEN, attends=True
    )
    assert structure.attention is not None
    assert structure.attention.shape == (5, 4)


@pytest.mark.parametrize(
    ("record", "steps"),
    [
        (TaggedTokens(WORDS), WORDS),
        (Text("ab c"), ("a", "b", "␣", "c")),
        (TextPair("ein Haus", "a house"), ("ein", "Haus")),
        (LabelledTree(("a", "b", ""), (2, 2, -1)), ("a", "b", "·")),
    ],
)
def test_steps_are_the_words_of_a_record(record: Any, steps: tuple[str, ...]) -> None:
    assert steps_of(record) == steps


def test_a_pair_names_its_targets() -> None:
    assert targets_of(TextPair("ein Haus", "a house")) == ("a", "house")
    assert targets_of(TaggedTokens(WORDS)) == ()


@pytest.fixture
def page(qtbot: Any, qapp: Any) -> UnrolledPage:
    theme = Theme("light")
    theme.apply(qapp)
    made = UnrolledPage(theme)
    qtbot.addWidget(made)
    made.resize(750, 500)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_arrow_keys_walk_and_the_line_follows(qtbot: Any, page: UnrolledPage) -> None:
    page.show_unrolled(unrolled_trace(tagging_trace()), "A trained model.")
    view = page.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.chosen == (0, 1)
    assert page.line.text().startswith("step 2 of 4: lives; layer 1 forward from step 1")
    assert "layer 1 backward from step 3" in page.line.text()
    assert "output O" in page.line.text()
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.chosen == (0, 3)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.chosen == (0, 3)


def test_keys_go_on_from_the_encoder_to_the_decoder(qtbot: Any, page: UnrolledPage) -> None:
    page.show_unrolled(unrolled_trace(writing_trace()), "")
    view = page.view
    view.choose(0, 3)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.chosen == (1, 0)
    assert "looks most at John (0.70)" in page.line.text()
    assert view.accessibleDescription() == page.line.text()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.chosen == (0, 0)


def test_the_mouse_chooses_the_column_it_is_over(qtbot: Any, page: UnrolledPage) -> None:
    page.show_unrolled(unrolled_trace(tagging_trace()), "")
    plain = page.view.grab().toImage()
    with qtbot.waitSignal(page.view.step_chosen) as heard:
        qtbot.mouseMove(page.view, page.view.column(0, 2).center().toPoint())
    assert heard.args == [0, 2]
    assert page.view.grab().toImage() != plain


def test_a_long_record_is_as_quick_as_a_short_one_and_keys_keep_it_in_view(qtbot: Any, page: UnrolledPage) -> None:
    steps = tuple(f"w{i}" for i in range(3000))
    page.show_unrolled(unrolled_structure(steps, [("layer 1", "forward"), ("layer 1", "backward")]), "")
    bar = page.scroller.horizontalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 100_000)
    qtbot.keyClick(page.view, Qt.Key.Key_End)
    assert page.view.chosen == (0, 2999)
    assert bar.value() > 100_000
    page.grab()


def test_nothing_is_clipped_or_nameless_and_every_look_paints(qtbot: Any, page: UnrolledPage) -> None:
    page.show_unrolled(unrolled_trace(writing_trace()), "States of a trained model.")
    page.view.choose(1, 2)
    for name in ("light", "dark", "high_contrast"):
        page.view._theme.set(name)
        page.grab()
    assert clipped(page) == []
    assert nameless(page) == []
    assert shadowing(page) == []


def test_empty_states_do_not_fail(qtbot: Any, page: UnrolledPage) -> None:
    page.show_unrolled(None, "Nothing here.")
    assert not page.scroller.isVisible()
    page.show_unrolled(unrolled_structure((), [("layer 1", "forward")]), "")
    page.grab()
    assert page.view.summary() == "no steps"
    qtbot.keyClick(page.view, Qt.Key.Key_Right)
    assert UnrolledSide("", (), ()).levels() == []


def test_the_attention_map_is_labelled_and_walked(qtbot: Any, qapp: Any) -> None:
    theme = Theme("light")
    theme.apply(qapp)
    view = AttentionMap(theme)
    qtbot.addWidget(view)
    view.show_weights(WEIGHTS, WRITTEN, WORDS)
    view.resize(600, 260)
    view.show()
    view.grab()
    area = view._map()
    place = QPointF(area.left() + area.width() * 0.9, area.top() + area.height() * 0.7)
    with qtbot.waitSignal(view.cell_chosen) as heard:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert heard.args == [3, 3]
    assert view.accessibleDescription() == "Londres looks at London with 1.000; most at London with 1.000"
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert view.cell == (2, 3)
    view.show_weights(None, (), ())
    view.grab()
    assert view.summary() == "no attention"
