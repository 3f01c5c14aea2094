"""The equations of the bidirectional network, what stands in them, and a picture of one position."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
Two networks of the same kind of cell read the sequence, one from the left and one from the right, and each position
gets both states:

| | |
|---|---|
| forward | **f**ₜ = cell(**x**ₜ, **f**ₜ₋₁) |
| backward | **b**ₜ = cell(**x**ₜ, **b**ₜ₊₁) |
| state | **h**ₜ = [**f**ₜ ; **b**ₜ] or **f**ₜ + **b**ₜ |

Every state has seen the whole sequence, which is why it cannot predict the next value of one that is still going on.
Schuster & Paliwal, 1997, *Bidirectional recurrent neural networks*.
"""

SYMBOLS = (
    Symbol("xₜ", "the input at position t", ("D",)),
    Symbol("fₜ", "state of the network that reads from the left: what came before", ("H",), "states"),
    Symbol("bₜ", "state of the network that reads from the right: what comes after", ("H",), "states"),
    Symbol("fₜ₋₁", "state of the left reader at the position before", ("H",), "states"),
    Symbol("bₜ₊₁", "state of the right reader at the position after", ("H",), "states"),
    Symbol("hₜ", "both states as one: 2H values beside each other, or H values added", ("2H",), "states"),
    Symbol("cell", "one step of the chosen kind of cell (RNN, LSTM, GRU, …), with weights of its own each way"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("f_before", "fₜ₋₁", 0.5, 1.5, "memory", "fₜ₋₁"),
        DiagramNode("forward", "cell →", 3, 1.5, "gate", "cell"),
        DiagramNode("f", "fₜ", 6, 1.5, "memory", "fₜ"),
        DiagramNode("b", "bₜ", -1, 4.5, "memory", "bₜ"),
        DiagramNode("backward", "← cell", 3, 4.5, "gate", "cell"),
        DiagramNode("b_after", "bₜ₊₁", 6, 4.5, "memory", "bₜ₊₁"),
        DiagramNode("merge", "[ ; ] or +", 3, 0, "operation"),
        DiagramNode("h", "hₜ", 6, 0, "value", "hₜ"),
        DiagramNode("x", "xₜ", 3, 3, "value", "xₜ"),
    ),
    edges=(
        DiagramEdge("f_before", "forward", recurrent=True),
        DiagramEdge("forward", "f"),
        DiagramEdge("b_after", "backward", recurrent=True),
        DiagramEdge("backward", "b"),
        DiagramEdge("x", "forward"),
        DiagramEdge("x", "backward"),
        DiagramEdge("f", "merge"),
        DiagramEdge("b", "merge"),
        DiagramEdge("merge", "h"),
    ),
)

COMPARISON = {
    "key feature": "two networks read the sequence from both ends",
    "strengths": "each state has seen everything, what comes after as well as what came before",
    "weaknesses": "needs the whole sequence before it can answer; twice the weights; cannot predict what comes next",
    "typical use": "tagging, classification, the encoder of an encoder–decoder",
}
