"""What the Model stage shows of the encoder-decoder: equations, their symbols, and a picture of one step."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
The **encoder** reads the input **x**₁ … **x**_S, the **decoder** writes the output one symbol *y*ₜ after another:

| | |
|---|---|
| memory | **m**_s = [**f**_s ; **b**_s], the encoder's states, here in both directions |
| bridge | **h**₀ = tanh(W_b **m̄** + b_b), **m̄** being the encoder's final state |
| state | **h**ₜ = cell(**e**ₜ₋₁, **h**ₜ₋₁), **e**ₜ₋₁ the vector of the symbol before |
| score | e_ts = **h**ₜᵀ W_a **m**_s |
| attention | a_ts = exp(e_ts) / Σ_r exp(e_tr) |
| context | **c**ₜ = Σ_s a_ts **m**_s |
| answer | **o**ₜ = tanh(W_c [**c**ₜ ; **h**ₜ]) |
| output | p(*y*ₜ) = softmax(W_o **o**ₜ + b_o) |

Other scores: *dot* **h**ₜᵀ **m**_s; *additive* and *concat* **v**ᵀ tanh(W_q **h**ₜ + W_k **m**_s). Without attention
**o**ₜ = **h**ₜ, and all the decoder knows of the input is **h**₀. *Input feeding* gives the cell **o**ₜ₋₁ too,
*context* feeding **c**ₜ, found with the state before. *Coverage* adds Σ_r a_rs of the steps r < t to the score.

In training the decoder is given the gold symbol before (teacher forcing), or, by a schedule, the one it would itself
have written: what it meets in use.

Sutskever, Vinyals & Le, 2014, *Sequence to sequence learning with neural networks*; Cho et al., 2014; Bahdanau, Cho &
Bengio, 2015, *Neural machine translation by jointly learning to align and translate*; Luong, Pham & Manning, 2015,
*Effective approaches to attention-based neural machine translation*.
"""

SYMBOLS = (
    Symbol("x₁", "the first input vector", ("D",)),
    Symbol("m_s", "what the encoder knows at input step s", ("M",), trace="states"),
    Symbol("m̄", "the encoder's final state, or the mean of the source without an encoder", ("M",)),
    Symbol("h₀", "the decoder's state before the first symbol, made by the bridge", ("H",)),
    Symbol("hₜ", "the decoder's state when it writes symbol t", ("H",), trace="states"),
    Symbol("eₜ₋₁", "the embedding of the symbol written before", ("E",)),
    Symbol("e_ts", "how well input step s fits what output step t looks for"),
    Symbol("a_ts", "the share of output step t's attention that goes to input step s", trace="attention"),
    Symbol("cₜ", "the context: the memory averaged by attention", ("M",)),
    Symbol("oₜ", "the decoder's answer, from state and context", ("H",)),
    Symbol("yₜ", "the symbol written at output step t", trace="outputs"),
    Symbol("W_a", "weights that compare state and memory", ("H", "M")),
    Symbol("W_b", "weights of the bridge", ("H", "M")),
    Symbol("b_b", "bias of the bridge", ("H",)),
    Symbol("W_c", "weights that join context and state", ("H", "M+H")),
    Symbol("W_q", "weights of the state in additive attention", ("A", "H")),
    Symbol("W_k", "weights of the memory in additive attention", ("A", "M")),
    Symbol("v", "weights of additive attention's hidden units", ("A",)),
    Symbol("W_o", "weights of the output layer", ("V", "H")),
    Symbol("b_o", "bias of the output layer", ("V",)),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("symbol", "yₜ₋₁", 0, 4, "value", "eₜ₋₁"),
        DiagramNode("before", "hₜ₋₁", 0, 3, "memory", "hₜ"),
        DiagramNode("cell", "cell", 1.5, 3.5, "gate", "hₜ"),
        DiagramNode("state", "hₜ", 3, 3.5, "memory", "hₜ"),
        DiagramNode("memory", "m₁ … m_S", 0, 0.5, "memory", "m_s"),
        DiagramNode("score", "score", 3, 1.75, "gate", "W_a"),
        DiagramNode("softmax", "softmax", 4.5, 1.75, "gate", "a_ts"),
        DiagramNode("sum", "Σ", 4.5, 0.5, "operation", "cₜ"),
        DiagramNode("context", "cₜ", 6, 0.5, "value", "cₜ"),
        DiagramNode("join", "tanh", 6, 3.5, "gate", "W_c"),
        DiagramNode("answer", "oₜ", 7.5, 3.5, "value", "oₜ"),
        DiagramNode("output", "yₜ", 9, 3.5, "value", "yₜ"),
    ),
    edges=(
        DiagramEdge("symbol", "cell"),
        DiagramEdge("before", "cell", recurrent=True),
        DiagramEdge("cell", "state"),
        DiagramEdge("state", "score"),
        DiagramEdge("memory", "score"),
        DiagramEdge("score", "softmax"),
        DiagramEdge("softmax", "sum", "aₜ"),
        DiagramEdge("memory", "sum"),
        DiagramEdge("sum", "context"),
        DiagramEdge("context", "join"),
        DiagramEdge("state", "join"),
        DiagramEdge("join", "answer"),
        DiagramEdge("answer", "output", "softmax"),
    ),
)
