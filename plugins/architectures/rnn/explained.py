"""The equations of the plain RNN, what stands in them, and a picture of the cell."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
At each step *t* the network reads the input **x**ₜ and its own last state **h**ₜ₋₁:

**h**ₜ = φ(W **x**ₜ + U **h**ₜ₋₁ + b), with φ = tanh or ReLU

What the loss at a late step says of an early state passes through U once for each step between: it shrinks or grows
geometrically, so this network learns short memories well and long ones hardly. Elman, 1990, *Finding structure in
time*; identity start: Le, Jaitly & Hinton, 2015.
"""

SYMBOLS = (
    Symbol("xₜ", "the input at step t", ("D",)),
    Symbol("hₜ", "the hidden state after step t: all the network remembers", ("H",), "states"),
    Symbol("hₜ₋₁", "the hidden state of the step before", ("H",), "states"),
    Symbol("W", "weights of the input: row k says what unit k looks for in it", ("H", "D")),
    Symbol("U", "recurrent weights: what each unit takes from the last state of the others", ("H", "H")),
    Symbol("b", "bias of each unit", ("H",)),
    Symbol("φ", "the nonlinearity: tanh keeps values between −1 and 1, ReLU cuts off what is below 0"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("h_before", "hₜ₋₁", 0, 0, "memory", "hₜ₋₁"),
        DiagramNode("x", "xₜ", 0, 2, "value", "xₜ"),
        DiagramNode("recurrent", "U", 2, 0, "gate", "U"),
        DiagramNode("input", "W", 2, 2, "gate", "W"),
        DiagramNode("add", "+", 4, 1, "operation"),
        DiagramNode("bias", "b", 4, 2.4, "value", "b"),
        DiagramNode("activation", "φ", 6, 1, "operation", "φ"),
        DiagramNode("h", "hₜ", 8, 1, "memory", "hₜ"),
    ),
    edges=(
        DiagramEdge("h_before", "recurrent", recurrent=True),
        DiagramEdge("recurrent", "add", recurrent=True),
        DiagramEdge("x", "input"),
        DiagramEdge("input", "add"),
        DiagramEdge("bias", "add"),
        DiagramEdge("add", "activation"),
        DiagramEdge("activation", "h"),
    ),
)

COMPARISON = {
    "key feature": "one line of mathematics: the new state from the input and the last state",
    "strengths": "few weights; every number can be followed by hand; fast",
    "weaknesses": "gradients vanish or explode over distance, so it forgets; with ReLU the state may blow up",
    "typical use": "to understand recurrence, short patterns, a yardstick for the others",
}
