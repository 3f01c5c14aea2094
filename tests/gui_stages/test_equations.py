"""Equations: Markdown with symbols that can be pointed at, and what each of them says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QUrl

from workbench.api import LayerTrace, Symbol, Trace
from workbench.shell.plots.equations import EquationView
from workbench.shell.plots.markup import SymbolTable, canonical, equations_html, scripted
from workbench.shell.plots.symbol_card import SymbolValues, line_html, shape_text, symbol_html, symbol_line
from workbench.shell.stages.explain.values import shift_of, values_of
from workbench.shell.theme import Theme

SYMBOLS = (
    Symbol("hₜ", "the state", ("H",), "states"),
    Symbol("fₜ", "the forget gate", ("H",), "gate:forget"),
    Symbol("W_f", "input weights of the forget gate", ("H", "D")),
    Symbol("a", "the leak"),
    Symbol("yₜ", "the answer", ("K",), "outputs"),
)
SOURCE = """
At each step the network reads a value **x**ₜ:

| | |
|---|---|
| forget gate | **f**ₜ = σ(W_f **x**ₜ + U_{f} **h**ₜ₋₁) |
| state | **h**ₜ = a **h**_{t-1} |

See [a paper](https://example.org/paper). x^2 & <1

- one
- two *words*
"""


def test_every_known_symbol_is_a_link_and_nothing_else() -> None:
    html = equations_html(SOURCE, SYMBOLS, "#123456")
    assert html.count('href="sym:fₜ"') == 1
    assert html.count('href="sym:hₜ"') == 3, "a state at another step is the same symbol"
    assert html.count('href="sym:W_f"') == 1
    assert html.count('href="sym:a"') == 1, "the article of a sentence is no leak"
    assert '<a href="https://example.org/paper"' in html


def test_scripts_are_real_and_text_is_escaped() -> None:
    html = equations_html(SOURCE, SYMBOLS, "#123456")
    assert "<b>h</b><sub>t−1</sub>" in html
    assert "U<sub>f</sub>" in html
    assert "x<sup>2</sup> &amp; &lt;1" in html
    assert "<li>two <i>words</i></li>" in html
    assert "---" not in html
    assert scripted("**c**ₜ₋₁") == "c<sub>t−1</sub>"


@pytest.mark.parametrize("name", ["c_{t-1}", "cₜ₋₁", "**c**ₜ₋₁", "c_{t−1}"])
def test_a_symbol_has_one_spelling(name: str) -> None:
    assert canonical(name) == "c_t-1"


def test_a_symbol_with_an_entry_of_its_own_is_that_one() -> None:
    before = Symbol("hₜ₋₁", "the state before")
    table = SymbolTable((*SYMBOLS, before))
    assert table.find("h_{t-1}") is before
    assert table.find("hₜ") is SYMBOLS[0]
    assert table.find("tanh") is None


def test_shapes_carry_the_numbers_of_the_model() -> None:
    assert shape_text(SYMBOLS[2], {"H": 128, "D": 100}) == "H × D = 128 × 100"
    assert shape_text(SYMBOLS[2], {}) == "H × D"
    assert shape_text(SYMBOLS[3], {"H": 8}) == ""
    line = symbol_line(SYMBOLS[0], {"H": 2}, SymbolValues(np.array([-0.5, 0.5]), True, "step 3"))
    assert line == "hₜ: the state · H = 2 · step 3: min -0.5 · mean 0 · max 0.5"
    assert line_html(line).startswith("<b>h<sub>t</sub></b>: the state")


def test_a_card_shows_values_as_a_strip() -> None:
    card = symbol_html(SYMBOLS[0], {"H": 2}, Theme("light"), SymbolValues(np.array([-0.5, 0.5]), True))
    assert "data:image/png;base64," in card
    assert "min -0.5" in card
    assert "img" not in symbol_html(SYMBOLS[2], {}, Theme("dark"))


def trace() -> Trace:
    states = np.arange(8.0).reshape(4, 2) / 10
    layers = (
        LayerTrace("layer 1", "forward", states, {"forget": states / 2}, states * 2),
        LayerTrace("layer 1", "backward", -states),
    )
    return Trace(("a", "b", "c", "d"), layers, states + 1, ("x", "y"))


def test_values_are_those_of_the_step_and_of_the_step_before() -> None:
    found = trace()
    here = values_of(found, found.layers[0], 2, 0, SYMBOLS[0])
    assert here is not None
    np.testing.assert_allclose(here.numbers, (0.4, 0.5))
    assert here.where == "step 3 (c)"
    before = Symbol("hₜ₋₁", "the state before", (), "states")
    assert shift_of(before) == -1
    np.testing.assert_allclose(values_of(found, found.layers[0], 2, 0, before).numbers, (0.2, 0.3))
    np.testing.assert_allclose(values_of(found, found.layers[1], 2, 0, before).numbers, (-0.6, -0.7))
    assert values_of(found, found.layers[0], 0, 0, before).where == "before the first step"
    gate = values_of(found, found.layers[0], 1, 0, SYMBOLS[1])
    assert gate is not None
    assert not gate.signed
    assert values_of(found, found.layers[1], 1, 0, SYMBOLS[1]) is None, "this layer has no gates"
    assert values_of(found, found.layers[0], 1, 0, SYMBOLS[2]) is None, "a weight has no step"


@pytest.fixture
def view(qtbot: Any) -> EquationView:
    theme = Theme("light")
    made = EquationView(theme)
    qtbot.addWidget(made)
    made.resize(500, 400)
    made.show_equations(SOURCE, SYMBOLS, {"H": 128, "D": 100})
    made.show()
    return made


def test_a_table_of_shapes_stands_below(view: EquationView) -> None:
    text = view.toPlainText()
    assert "Shapes in this model" in text
    assert "H × D = 128 × 100" in text
    assert "the leak" not in text.partition("Shapes")[2], "what has no shape is not in the table"


def test_pointing_tells_and_lights_every_place(qtbot: Any, view: EquationView) -> None:
    with qtbot.waitSignal(view.symbol_hovered) as heard:
        view.highlighted.emit(QUrl("sym:hₜ"))
    assert heard.args == ["hₜ"]
    view.light("hₜ")
    marked = [selection.cursor.selectedText() for selection in view.extraSelections()]
    assert marked.count("h") == 4  # three in the equations, one in the table
    view.light("")
    assert view.extraSelections() == []


def test_links_of_symbols_are_reached_with_the_keyboard(qtbot: Any, view: EquationView) -> None:
    from PySide6.QtCore import Qt

    view.setFocus()
    heard: list[str] = []
    view.symbol_hovered.connect(heard.append)
    qtbot.keyClick(view, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: bool(heard))
    assert heard[0]


def test_the_text_follows_the_theme(qtbot: Any, view: EquationView) -> None:
    view.light("fₜ")
    view._theme.set("dark")
    assert view.lit == "fₜ"
    assert Theme("dark").css("accent").lower() in view.toHtml().lower()
