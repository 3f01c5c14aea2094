"""The equations of minGRU and minLSTM, what stands in them, and a picture of the cell."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
The gates look only at the input **x**ₜ and never at the state, so all of them can be computed at once, and the states
by a parallel scan. The minGRU:

| | |
|---|---|
| update gate | **z**ₜ = σ(W_z **x**ₜ + b_z) |
| candidate | **n**ₜ = W_n **x**ₜ + b_n, or g of it |
| state | **h**ₜ = (1 − **z**ₜ) ∘ **h**ₜ₋₁ + **z**ₜ ∘ **n**ₜ |

The minLSTM has a gate for the old and one for the new, which are made to add up to 1:

| | |
|---|---|
| gates | **f**ₜ = σ(W_f **x**ₜ + b_f), **i**ₜ = σ(W_i **x**ₜ + b_i) |
| shares | **f**′ₜ = **f**ₜ / (**f**ₜ + **i**ₜ), **i**′ₜ = **i**ₜ / (**f**ₜ + **i**ₜ) |
| state | **h**ₜ = **f**′ₜ ∘ **h**ₜ₋₁ + **i**′ₜ ∘ **n**ₜ |

The candidate is linear, or kept above zero by g(v) = v + ½ for v ≥ 0 and σ(v) below, as in the paper's log-space form.
A single layer cannot decide by what it remembers what to remember next; a second layer above it can.

Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, 2024, *Were RNNs all we needed?*
"""

SYMBOLS = (
    Symbol("xₜ", "the input at step t", ("D",)),
    Symbol("hₜ", "the hidden state after step t: a running mixture of candidates", ("H",), "states"),
    Symbol("hₜ₋₁", "the hidden state of the step before", ("H",), "states"),
    Symbol("zₜ", "update gate of the minGRU: the share of the candidate in the new state", ("H",), "gate:update"),
    Symbol("nₜ", "candidate: what the state moves towards", ("H",), "gate:candidate"),
    Symbol("fₜ", "forget gate of the minLSTM before both are made to add up to 1", ("H",)),
    Symbol("iₜ", "input gate of the minLSTM before both are made to add up to 1", ("H",)),
    Symbol("f′ₜ", "share of the old state that stays (minLSTM)", ("H",), "gate:forget"),
    Symbol("i′ₜ", "share of the candidate that comes in (minLSTM)", ("H",), "gate:input"),
    *(
        Symbol(f"W_{part}", f"weights of the input in the {name}", ("H", "D"))
        for part, name in (("z", "update gate"), ("n", "candidate"), ("f", "forget gate"), ("i", "input gate"))
    ),
    *(
        Symbol(f"b_{part}", f"bias of the {name}", ("H",))
        for part, name in (("z", "update gate"), ("n", "candidate"), ("f", "forget gate"), ("i", "input gate"))
    ),
    Symbol("σ", "the sigmoid: squashes to between 0 (shut) and 1 (open)"),
    Symbol("g", "keeps the candidate above zero"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("h_before", "hₜ₋₁", 0, 0, "memory", "hₜ₋₁"),
        DiagramNode("keep", "×", 3, 0, "operation"),
        DiagramNode("add", "+", 6, 0, "operation"),
        DiagramNode("h", "hₜ", 9, 0, "memory", "hₜ"),
        DiagramNode("rest", "1 −", 3, 1.5, "operation"),
        DiagramNode("take", "×", 6, 1.5, "operation"),
        DiagramNode("z", "zₜ  σ", 3, 3, "gate", "zₜ"),
        DiagramNode("n", "nₜ", 6, 3, "gate", "nₜ"),
        DiagramNode("x", "xₜ", 4.5, 4.5, "value", "xₜ"),
    ),
    edges=(
        DiagramEdge("h_before", "keep", recurrent=True),
        DiagramEdge("keep", "add"),
        DiagramEdge("add", "h"),
        DiagramEdge("z", "rest"),
        DiagramEdge("rest", "keep"),
        DiagramEdge("z", "take"),
        DiagramEdge("n", "take"),
        DiagramEdge("take", "add"),
        DiagramEdge("x", "z"),
        DiagramEdge("x", "n"),
    ),
)

COMPARISON = {
    "key feature": "gates that see only the input: all steps at once by a parallel scan",
    "strengths": "the fastest to train, on long sequences most of all; few weights; gradients never explode",
    "weaknesses": "one layer cannot let its memory decide what to remember; needs two or three of them",
    "typical use": "long sequences, selective copying, where a GRU would be too slow",
}
