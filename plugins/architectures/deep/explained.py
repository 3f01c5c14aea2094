"""What the application tells of a deep stack: equations, their symbols, a picture of one layer, a comparison."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
Layer *l* reads what the layer below it yields, **x**ₜ of *l* being **y**ₜ of *l* - 1, and the lowest the input:

| | |
|---|---|
| subsampling | **s**ₜ = [**x**ₙₜ ; … ; **x**ₙₜ₊ₙ₋₁], or **x**ₙₜ alone |
| state | **h**ₜ = cell(**s**ₜ, **h**ₜ₋₁), or both directions, [**f**ₜ ; **b**ₜ] or **f**ₜ + **b**ₜ |
| layer norm | **ĥ**ₜ = **g** ∘ (**h**ₜ - mean(**h**ₜ)) / √(var(**h**ₜ) + ε) + **b** |
| dropout | **d**ₜ = **m** ∘ **ĥ**ₜ / (1 - p), one **m** for all *t* where it is locked |
| residual | **y**ₜ = **d**ₜ + **s**ₜ, or **d**ₜ + W_s **s**ₜ + b_s where the sizes differ |

Each line but the second can be left out, layer by layer. With weight dropout the recurrent weights U of the cell are
replaced by M ∘ U / (1 - p) in training, one M for the whole sequence.

The way around each layer keeps the gradient alive through many of them: ∂**y**ₜ/∂**s**ₜ holds the identity. Joining *n*
steps in each of *k* layers leaves T / nᵏ of them: less to compute above, and shorter ways through time.

Hermans & Schrauwen, 2013, *Training and analysing deep recurrent neural networks*; locked dropout: Gal & Ghahramani,
2016; weight dropout: Merity, Keskar & Socher, 2018; residual: Wu et al., 2016; layer norm: Ba, Kiros & Hinton, 2016;
pyramid: Chan et al., 2016.
"""

SYMBOLS = (
    Symbol("xₜ", "what this layer reads at step t: the input, or the output of the layer below", ("D",)),
    Symbol("sₜ", "what it reads after time subsampling: n steps beside each other, or the first of them", ("D",)),
    Symbol("n", "input steps that become one in this layer"),
    Symbol("hₜ", "state of this layer's cell after step t", ("H",), "states"),
    Symbol("fₜ", "state of the forward direction", ("H",), "states"),
    Symbol("bₜ", "state of the backward direction", ("H",), "states"),
    Symbol("ĥₜ", "the state with mean 0 and variance 1 over its units, then scaled and shifted", ("H",)),
    Symbol("g", "learned scale of the layer norm", ("H",)),
    Symbol("b", "learned shift of the layer norm", ("H",)),
    Symbol("ε", "a small number that keeps the root away from 0"),
    Symbol("m", "mask of the dropout: 0 for a silenced unit, else 1", ("H",)),
    Symbol("p", "share that is silenced in training"),
    Symbol("dₜ", "the state after dropout", ("H",)),
    Symbol("yₜ", "what this layer yields", ("H",), "states"),
    Symbol("W_s", "learned projection of the skip, where sizes differ", ("H", "D")),
    Symbol("b_s", "its bias", ("H",)),
    Symbol("U", "recurrent weights of the cell"),
    Symbol("M", "mask of the weight dropout, drawn once for a batch"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("x", "xₜ", 0, 2, "value", "xₜ"),
        DiagramNode("join", "join n", 1.5, 2, "operation", "sₜ"),
        DiagramNode("cell", "cell", 3.5, 2, "memory", "hₜ"),
        DiagramNode("before", "hₜ₋₁", 3.5, 4, "value", "hₜ"),
        DiagramNode("norm", "norm", 5.5, 2, "gate", "ĥₜ"),
        DiagramNode("drop", "drop", 7.0, 2, "operation", "dₜ"),
        DiagramNode("skip", "skip", 5.0, 0, "gate", "W_s"),
        DiagramNode("add", "+", 8.5, 2, "operation", "yₜ"),
        DiagramNode("y", "yₜ", 10, 2, "value", "yₜ"),
    ),
    edges=(
        DiagramEdge("x", "join"),
        DiagramEdge("join", "cell", "sₜ"),
        DiagramEdge("before", "cell", recurrent=True),
        DiagramEdge("cell", "norm", "hₜ"),
        DiagramEdge("norm", "drop"),
        DiagramEdge("drop", "add", "dₜ"),
        DiagramEdge("join", "skip"),
        DiagramEdge("skip", "add"),
        DiagramEdge("add", "y"),
    ),
)

COMPARISON = {
    "key feature": "layers chosen one by one, with skips, norms and time subsampling",
    "strengths": "features of features; long inputs by a pyramid; strong regularisation for little data",
    "weaknesses": "more weights and choices; each layer adds its steps to the time of a batch",
    "typical use": "speech, language models, tagging with much data",
}
