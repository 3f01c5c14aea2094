"""What the Model stage shows of recursive networks: equations, their symbols, and a picture of one node."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
A node *j* of a tree has the state **h**ⱼ, composed of its children's states and its own word **x**ⱼ, if it has one
(else those terms are left out). The leaves come first, then height after height up to the root.

**Plain recursive**, of a left child *l* and a right child *r*, and leaves of their word alone:

| | |
|---|---|
| state | **h**ⱼ = tanh(W [**h**ₗ ; **h**ᵣ] + W_x **x**ⱼ + b) |
| leaf | **h**ⱼ = tanh(W_x **x**ⱼ + b_x) |

**RNTN** adds a product of the children with each other, [**h**ₗ ; **h**ᵣ]ᵀ V [**h**ₗ ; **h**ᵣ], before the tanh: a word
may turn what stands beside it.

**Tree-LSTM** gives every node a cell **c**ⱼ, and every child *k* of it a forget gate of its own. In the *binary* form
**s**ⱼ = [**h**ₗ ; **h**ᵣ], in the *child-sum* form **s**ⱼ = Σₖ **h**ₖ over any number of children:

| | |
|---|---|
| input gate | **i**ⱼ = σ(W_i **x**ⱼ + U_i **s**ⱼ + b_i) |
| output gate | **o**ⱼ = σ(W_o **x**ⱼ + U_o **s**ⱼ + b_o) |
| candidate | **u**ⱼ = tanh(W_u **x**ⱼ + U_u **s**ⱼ + b_u) |
| forget gate of child *k*, binary | **f**ₖ = σ(W_f **x**ⱼ + U_fk **s**ⱼ + b_f) |
| forget gate of child *k*, child-sum | **f**ₖ = σ(W_f **x**ⱼ + U_f **h**ₖ + b_f) |
| cell | **c**ⱼ = **i**ⱼ ∘ **u**ⱼ + Σₖ **f**ₖ ∘ **c**ₖ |
| state | **h**ⱼ = **o**ⱼ ∘ tanh(**c**ⱼ) |

A cell of two children takes a third and fourth by folding: the first two are composed, then that with the third, and so
on; a single child has nothing beside it.

Socher et al., 2011, *Parsing natural scenes and natural language with recursive neural networks*; Socher et al., 2013,
*Recursive deep models for semantic compositionality over a sentiment treebank*; Tai, Socher & Manning, 2015, *Improved
semantic representations from tree-structured long short-term memory networks*.
"""

SYMBOLS = (
    Symbol("xⱼ", "the word vector of node j; a node without a word has none", ("D",)),
    Symbol("hⱼ", "the state of node j: what is known of the phrase below it", ("H",), trace="states"),
    Symbol("hₗ", "the state of the left child", ("H",), trace="states"),
    Symbol("hᵣ", "the state of the right child", ("H",), trace="states"),
    Symbol("hₖ", "the state of child k", ("H",), trace="states"),
    Symbol("sⱼ", "what a node reads of its children: both beside each other (2H), or their sum (H)"),
    Symbol("iⱼ", "the input gate: how much of the candidate is written into the cell", ("H",), trace="gate:input"),
    Symbol("oⱼ", "the output gate: how much of the cell is shown as the state", ("H",), trace="gate:output"),
    Symbol("uⱼ", "the candidate: what this node would add to the cell", ("H",), trace="gate:candidate"),
    Symbol("fₖ", "the forget gate of child k: how much of its cell is kept", ("H",), trace="gate:forget"),
    Symbol("cⱼ", "the cell of node j, its memory", ("H",), trace="cell"),
    Symbol("cₖ", "the cell of child k", ("H",), trace="cell"),
    Symbol("W_x", "weights of the word in the plain network and the RNTN", ("H", "D")),
    Symbol("V", "the tensor of the RNTN: for each unit a matrix between all pairs of values", ("H", "2H", "2H")),
    Symbol("W_i", "weights of the word in the input gate", ("H", "D")),
    Symbol("W_o", "weights of the word in the output gate", ("H", "D")),
    Symbol("W_u", "weights of the word in the candidate", ("H", "D")),
    Symbol("W_f", "weights of the word in the forget gates", ("H", "D")),
    Symbol("U_i", "weights of the children in the input gate, (H, 2H) in the binary form"),
    Symbol("U_o", "weights of the children in the output gate, (H, 2H) in the binary form"),
    Symbol("U_u", "weights of the children in the candidate, (H, 2H) in the binary form"),
    Symbol("U_fk", "weights of both children in the forget gate of one of them", ("H", "2H")),
    Symbol("U_f", "weights of a child in its own forget gate, the same for all", ("H", "H")),
    Symbol("b_i", "bias of the input gate", ("H",)),
    Symbol("b_o", "bias of the output gate", ("H",)),
    Symbol("b_u", "bias of the candidate", ("H",)),
    Symbol("b_f", "bias of the forget gates", ("H",)),
    Symbol("b_x", "bias of the leaves in the plain network", ("H",)),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("h_left", "hₗ", 0, 6, "memory", "hₗ"),
        DiagramNode("h_right", "hᵣ", 0, 7.5, "memory", "hᵣ"),
        DiagramNode("word", "xⱼ", 0, 9, "value", "xⱼ"),
        DiagramNode("c_left", "cₗ", 0, 1, "memory", "cₖ"),
        DiagramNode("c_right", "cᵣ", 0, 2.5, "memory", "cₖ"),
        DiagramNode("gather", "sⱼ", 1.5, 6.75, "operation", "sⱼ"),
        DiagramNode("forget_left", "σ fₗ", 3, 4.5, "gate", "fₖ"),
        DiagramNode("forget_right", "σ fᵣ", 4.5, 4.5, "gate", "fₖ"),
        DiagramNode("input", "σ iⱼ", 6, 6, "gate", "iⱼ"),
        DiagramNode("candidate", "tanh uⱼ", 6, 7.5, "gate", "uⱼ"),
        DiagramNode("output", "σ oⱼ", 8, 9, "gate", "oⱼ"),
        DiagramNode("keep_left", "×", 3, 1, "operation"),
        DiagramNode("keep_right", "×", 4.5, 2.5, "operation"),
        DiagramNode("write", "×", 7.25, 5, "operation"),
        DiagramNode("sum", "+", 7.25, 1.75, "operation", "cⱼ"),
        DiagramNode("cell", "cⱼ", 9, 1.75, "memory", "cⱼ"),
        DiagramNode("squash", "tanh", 9, 4, "operation"),
        DiagramNode("show", "×", 9, 6, "operation"),
        DiagramNode("state", "hⱼ", 10.5, 6, "memory", "hⱼ"),
    ),
    edges=(
        DiagramEdge("h_left", "gather", recurrent=True),
        DiagramEdge("h_right", "gather", recurrent=True),
        DiagramEdge("word", "gather"),
        DiagramEdge("gather", "forget_left"),
        DiagramEdge("gather", "forget_right"),
        DiagramEdge("gather", "input"),
        DiagramEdge("gather", "candidate"),
        DiagramEdge("gather", "output"),
        DiagramEdge("c_left", "keep_left", recurrent=True),
        DiagramEdge("c_right", "keep_right", recurrent=True),
        DiagramEdge("forget_left", "keep_left"),
        DiagramEdge("forget_right", "keep_right"),
        DiagramEdge("input", "write"),
        DiagramEdge("candidate", "write"),
        DiagramEdge("keep_left", "sum"),
        DiagramEdge("keep_right", "sum"),
        DiagramEdge("write", "sum"),
        DiagramEdge("sum", "cell"),
        DiagramEdge("cell", "squash"),
        DiagramEdge("squash", "show"),
        DiagramEdge("output", "show"),
        DiagramEdge("show", "state"),
    ),
)
