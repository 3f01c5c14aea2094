"""The equations of the IndRNN, what stands in them, and a picture of the cell."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
Each unit remembers only itself; what units say to one another goes through the layers above:

**h**ₜ = φ(W **x**ₜ + **u** ∘ **h**ₜ₋₁ + b), with φ = ReLU or tanh

Over T steps unit *k* multiplies its memory, and the gradient through it, by u to the power of T and by nothing else. A
bound on |u| near 1 therefore keeps gradients in hand over thousands of steps, and one can read off how long each unit
remembers. Li et al., 2018, *Independently recurrent neural network (IndRNN)*; their bound is 2 to the power of 1/T.
"""

SYMBOLS = (
    Symbol("xₜ", "the input at step t", ("D",)),
    Symbol("hₜ", "the hidden state after step t", ("H",), "states"),
    Symbol("hₜ₋₁", "the hidden state of the step before", ("H",), "states"),
    Symbol("W", "weights of the input", ("H", "D")),
    Symbol("u", "recurrent weights: one number for each unit, by which it multiplies its own memory", ("H",)),
    Symbol("b", "bias of each unit", ("H",)),
    Symbol("φ", "the nonlinearity: ReLU cuts off what is below 0, tanh keeps values between −1 and 1"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("h_before", "hₜ₋₁", 0, 0, "memory", "hₜ₋₁"),
        DiagramNode("own", "×", 2, 0, "operation"),
        DiagramNode("u", "u", 2, -1.5, "gate", "u"),
        DiagramNode("x", "xₜ", 0, 2, "value", "xₜ"),
        DiagramNode("input", "W", 2, 2, "gate", "W"),
        DiagramNode("add", "+", 4, 1, "operation"),
        DiagramNode("bias", "b", 4, 2.4, "value", "b"),
        DiagramNode("activation", "φ", 6, 1, "operation", "φ"),
        DiagramNode("h", "hₜ", 8, 1, "memory", "hₜ"),
    ),
    edges=(
        DiagramEdge("h_before", "own", recurrent=True),
        DiagramEdge("u", "own"),
        DiagramEdge("own", "add", recurrent=True),
        DiagramEdge("x", "input"),
        DiagramEdge("input", "add"),
        DiagramEdge("bias", "add"),
        DiagramEdge("add", "activation"),
        DiagramEdge("activation", "h"),
    ),
)

COMPARISON = {
    "key feature": "one recurrent weight for each unit instead of a matrix",
    "strengths": "gradients under control over thousands of steps; ReLU works; fast; each unit can be read",
    "weaknesses": "units of a layer do not see each other's memory, so it takes two layers or more",
    "typical use": "long sequences and deep stacks: adding, sequential images, characters",
}
