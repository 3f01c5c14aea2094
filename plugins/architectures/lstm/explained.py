"""The equations of the LSTM, what stands in them, and a picture of the cell."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
At each step *t* the network reads the input **x**ₜ, its last state **h**ₜ₋₁ and its cell **c**ₜ₋₁:

| | |
|---|---|
| input gate | **i**ₜ = σ(W_i **x**ₜ + U_i **h**ₜ₋₁ + b_i) |
| forget gate | **f**ₜ = σ(W_f **x**ₜ + U_f **h**ₜ₋₁ + b_f) |
| candidate | **g**ₜ = tanh(W_g **x**ₜ + U_g **h**ₜ₋₁ + b_g) |
| output gate | **o**ₜ = σ(W_o **x**ₜ + U_o **h**ₜ₋₁ + b_o) |
| cell | **c**ₜ = **f**ₜ ∘ **c**ₜ₋₁ + **i**ₜ ∘ **g**ₜ |
| state | **h**ₜ = **o**ₜ ∘ tanh(**c**ₜ) |

The cell is changed by adding and not by multiplying with weights, so with a forget gate near 1 its value, and the
gradient through it, last for many steps.

Two options change this. With *peepholes* p the gates also see the cell: **i**ₜ and **f**ₜ get p_i ∘ **c**ₜ₋₁ and
p_f ∘ **c**ₜ₋₁ inside σ, **o**ₜ gets p_o ∘ **c**ₜ. With a *projection* the state is a shorter vector, the matrix P times
**o**ₜ ∘ tanh(**c**ₜ), and the recurrent weights read that.

Hochreiter & Schmidhuber, 1997, *Long short-term memory*; forget gate: Gers et al., 2000; peepholes: Gers &
Schmidhuber, 2000; projection: Sak et al., 2014; biases for long memories: Tallec & Ollivier, 2018.
"""

_PARTS = (("i", "input gate"), ("f", "forget gate"), ("g", "candidate"), ("o", "output gate"))

SYMBOLS = (
    Symbol("xₜ", "the input at step t", ("D",)),
    Symbol("hₜ", "the hidden state after step t: what is shown to the rest of the network", ("H",), "states"),
    Symbol("hₜ₋₁", "the hidden state of the step before", ("H",), "states"),
    Symbol("cₜ", "the cell after step t: the long memory", ("H",), "cell"),
    Symbol("cₜ₋₁", "the cell of the step before", ("H",), "cell"),
    Symbol("iₜ", "input gate: how much of the candidate comes in, between 0 and 1", ("H",), "gate:input"),
    Symbol("fₜ", "forget gate: how much of the old cell stays, between 0 and 1", ("H",), "gate:forget"),
    Symbol("gₜ", "candidate: what could be written into the cell", ("H",), "gate:candidate"),
    Symbol("oₜ", "output gate: how much of the cell is shown, between 0 and 1", ("H",), "gate:output"),
    *(Symbol(f"W_{part}", f"weights of the input in the {name}", ("H", "D")) for part, name in _PARTS),
    *(Symbol(f"U_{part}", f"recurrent weights of the {name}", ("H", "H")) for part, name in _PARTS),
    *(Symbol(f"b_{part}", f"bias of the {name}", ("H",)) for part, name in _PARTS),
    *(Symbol(f"p_{part}", f"peephole weights of the {name}", ("H",)) for part, name in _PARTS if part != "g"),
    Symbol("P", "projection: makes a shorter state of the cell's units", ("P", "H")),
    Symbol("σ", "the sigmoid: squashes to between 0 (shut) and 1 (open)"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("c_before", "cₜ₋₁", 0, 0, "memory", "cₜ₋₁"),
        DiagramNode("keep", "×", 2, 0, "operation"),
        DiagramNode("add", "+", 5, 0, "operation"),
        DiagramNode("c", "cₜ", 8, 0, "memory", "cₜ"),
        DiagramNode("admit", "×", 5, 1.5, "operation"),
        DiagramNode("squash", "tanh", 8, 1.5, "operation"),
        DiagramNode("show", "×", 10, 1.5, "operation"),
        DiagramNode("h", "hₜ", 12, 1.5, "memory", "hₜ"),
        DiagramNode("f", "fₜ  σ", 2, 3, "gate", "fₜ"),
        DiagramNode("i", "iₜ  σ", 4, 3, "gate", "iₜ"),
        DiagramNode("g", "gₜ  tanh", 6, 3, "gate", "gₜ"),
        DiagramNode("o", "oₜ  σ", 10, 3, "gate", "oₜ"),
        DiagramNode("h_before", "hₜ₋₁", 5, 6.5, "memory", "hₜ₋₁"),
        DiagramNode("both", "hₜ₋₁, xₜ", 5, 5, "operation"),
        DiagramNode("x", "xₜ", 8, 5, "value", "xₜ"),
    ),
    edges=(
        DiagramEdge("c_before", "keep", recurrent=True),
        DiagramEdge("keep", "add"),
        DiagramEdge("add", "c"),
        DiagramEdge("f", "keep"),
        DiagramEdge("i", "admit"),
        DiagramEdge("g", "admit"),
        DiagramEdge("admit", "add"),
        DiagramEdge("c", "squash"),
        DiagramEdge("squash", "show"),
        DiagramEdge("o", "show"),
        DiagramEdge("show", "h"),
        DiagramEdge("h_before", "both", recurrent=True),
        DiagramEdge("x", "both"),
        DiagramEdge("both", "f"),
        DiagramEdge("both", "i"),
        DiagramEdge("both", "g"),
        DiagramEdge("both", "o"),
    ),
)

COMPARISON = {
    "key feature": "a cell that is added to, behind an input, a forget and an output gate",
    "strengths": "keeps a value, and the gradient through it, for many steps; robust to its settings; fused kernels",
    "weaknesses": "four times the weights of an RNN of the same size",
    "typical use": "the first choice where what comes late depends on what came long before",
}
