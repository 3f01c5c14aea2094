"""The equations of the GRU, what stands in them, and a picture of the cell."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
At each step *t* the network reads the input **x**ₜ and its own last state **h**ₜ₋₁:

| | |
|---|---|
| reset gate | **r**ₜ = σ(W_r **x**ₜ + U_r **h**ₜ₋₁ + b_r) |
| update gate | **z**ₜ = σ(W_z **x**ₜ + U_z **h**ₜ₋₁ + b_z) |
| candidate | **n**ₜ = tanh(W_n **x**ₜ + b_n + **r**ₜ ∘ (U_n **h**ₜ₋₁ + c_n)) |
| state | **h**ₜ = (1 − **z**ₜ) ∘ **n**ₜ + **z**ₜ ∘ **h**ₜ₋₁ |

An update gate near 1 keeps the old state, near 0 replaces it by the candidate; the reset gate decides how much of the
old state the candidate may see. This is the form with the reset gate after the recurrent product, which is also
cuDNN's. The option *reset* chooses the form of the paper, with the gate before the product, U_n (**r**ₜ ∘ **h**ₜ₋₁) and
one bias: each step then waits for two products in a row.

Cho et al., 2014, *Learning phrase representations using RNN encoder–decoder*.
"""

_PARTS = (("r", "reset gate"), ("z", "update gate"), ("n", "candidate"))

SYMBOLS = (
    Symbol("xₜ", "the input at step t", ("D",)),
    Symbol("hₜ", "the hidden state after step t: memory and output in one", ("H",), "states"),
    Symbol("hₜ₋₁", "the hidden state of the step before", ("H",), "states"),
    Symbol("rₜ", "reset gate: how much of the old state the candidate may see", ("H",), "gate:reset"),
    Symbol("zₜ", "update gate: how much of the old state is kept", ("H",), "gate:update"),
    Symbol("nₜ", "candidate: the state that could take the old one's place", ("H",), "gate:candidate"),
    *(Symbol(f"W_{part}", f"weights of the input in the {name}", ("H", "D")) for part, name in _PARTS),
    *(Symbol(f"U_{part}", f"recurrent weights of the {name}", ("H", "H")) for part, name in _PARTS),
    *(Symbol(f"b_{part}", f"bias of the {name}", ("H",)) for part, name in _PARTS),
    Symbol("c_n", "second bias of the candidate, inside the reset gate's reach", ("H",)),
    Symbol("σ", "the sigmoid: squashes to between 0 (shut) and 1 (open)"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("h_before", "hₜ₋₁", 0, 0, "memory", "hₜ₋₁"),
        DiagramNode("keep", "×", 6, 0, "operation"),
        DiagramNode("add", "+", 8, 0, "operation"),
        DiagramNode("h", "hₜ", 10, 0, "memory", "hₜ"),
        DiagramNode("reset", "×", 2, 1.5, "operation"),
        DiagramNode("n", "nₜ  tanh", 4, 1.5, "gate", "nₜ"),
        DiagramNode("take", "×", 8, 1.5, "operation"),
        DiagramNode("r", "rₜ  σ", 2, 3, "gate", "rₜ"),
        DiagramNode("z", "zₜ  σ", 6, 3, "gate", "zₜ"),
        DiagramNode("rest", "1 −", 8, 3, "operation"),
        DiagramNode("x", "xₜ", 4, 4.5, "value", "xₜ"),
    ),
    edges=(
        DiagramEdge("h_before", "keep", recurrent=True),
        DiagramEdge("keep", "add"),
        DiagramEdge("add", "h"),
        DiagramEdge("h_before", "reset", recurrent=True),
        DiagramEdge("h_before", "r", recurrent=True),
        DiagramEdge("h_before", "z", recurrent=True),
        DiagramEdge("r", "reset"),
        DiagramEdge("reset", "n"),
        DiagramEdge("n", "take"),
        DiagramEdge("take", "add"),
        DiagramEdge("z", "keep"),
        DiagramEdge("z", "rest"),
        DiagramEdge("rest", "take"),
        DiagramEdge("x", "r"),
        DiagramEdge("x", "n"),
        DiagramEdge("x", "z"),
    ),
)

COMPARISON = {
    "key feature": "two gates and no separate cell: the update gate both keeps and replaces",
    "strengths": "a quarter fewer weights than an LSTM, nearly as strong; quick to train",
    "weaknesses": "memory and output are one vector; cannot count without bound as an LSTM's cell can",
    "typical use": "a smaller model than an LSTM, little data, encoder–decoders",
}
