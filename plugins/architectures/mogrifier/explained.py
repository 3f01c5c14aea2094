"""The equations of the Mogrifier LSTM, what stands in them, and a picture of the cell."""

from __future__ import annotations

from workbench.api import CellDiagram, DiagramEdge, DiagramNode, Symbol

EQUATIONS = """
Before the LSTM reads them, the input and the last state gate one another *r* times, in turns. With **x**⁻¹ = **x**ₜ and
**h**⁰ = **h**ₜ₋₁:

| | |
|---|---|
| odd rounds | **x**ⁱ = 2σ(Qⁱ **h**ⁱ⁻¹) ∘ **x**ⁱ⁻² |
| even rounds | **h**ⁱ = 2σ(Rⁱ **x**ⁱ⁻¹) ∘ **h**ⁱ⁻² |
| step | **h**ₜ, **c**ₜ = LSTM(**x**, **h**, **c**ₜ₋₁), on the last **x**ⁱ and **h**ⁱ |

The LSTM is the usual one: its gates are **i**ₜ, **f**ₜ, **o**ₜ and its candidate **g**ₜ. What a word means depends on
what came before it: here the state turns up or down each value of the input, and the input each value of the state,
before anything is added. The factor 2 makes a gate that knows nothing, σ = ½, a factor of 1. With *r* = 0 this is the
LSTM.

Melis, Kočiský & Blunsom, 2020, *Mogrifier LSTM*.
"""

SYMBOLS = (
    Symbol("xₜ", "the input at step t", ("D",)),
    Symbol("xⁱ", "the input after round i: each value scaled by what the state says", ("D",)),
    Symbol("hⁱ", "the last state after round i: each value scaled by what the input says", ("H",)),
    Symbol("hₜ₋₁", "the hidden state of the step before", ("H",), "states"),
    Symbol("hₜ", "the hidden state after step t", ("H",), "states"),
    Symbol("cₜ₋₁", "the cell of the step before", ("H",), "cell"),
    Symbol("cₜ", "the cell after step t: the long memory", ("H",), "cell"),
    Symbol("Qⁱ", "weights of an odd round: from the state to a factor for each input value", ("D", "H")),
    Symbol("Rⁱ", "weights of an even round: from the input to a factor for each state value", ("H", "D")),
    Symbol("LSTM", "one step of an LSTM with its four gates"),
    Symbol("iₜ", "input gate of the LSTM: how much of the candidate comes in", ("H",), "gate:input"),
    Symbol("fₜ", "forget gate of the LSTM: how much of the old cell stays", ("H",), "gate:forget"),
    Symbol("gₜ", "candidate of the LSTM: what could be written into the cell", ("H",), "gate:candidate"),
    Symbol("oₜ", "output gate of the LSTM: how much of the cell is shown", ("H",), "gate:output"),
    Symbol("σ", "the sigmoid: squashes to between 0 and 1; twice it scales by 0 to 2"),
)


def _rounds() -> CellDiagram:
    """Five rounds, as published: the state above, the input below, a gate between them in each round."""
    nodes = [
        DiagramNode("h_before", "hₜ₋₁", 0, 0, "memory", "hₜ₋₁"),
        DiagramNode("x", "xₜ", 0, 3, "value", "xₜ"),
    ]
    edges: list[DiagramEdge] = []
    above, below = "h_before", "x"
    for number in range(1, 6):
        odd = number % 2 == 1
        gate, scale = f"gate{number}", f"scale{number}"
        letter = "Q" if odd else "R"
        nodes.append(DiagramNode(gate, f"2σ {letter}{'¹²³⁴⁵'[number - 1]}", 2 * number, 1.5, "gate", f"{letter}ⁱ"))
        nodes.append(DiagramNode(scale, "×", 2 * number, 3 if odd else 0, "operation", "xⁱ" if odd else "hⁱ"))
        edges.append(DiagramEdge(above if odd else below, gate, recurrent=above == "h_before" and odd))
        edges.append(DiagramEdge(gate, scale))
        edges.append(DiagramEdge(below if odd else above, scale, recurrent=above == "h_before" and not odd))
        above, below = (above, scale) if odd else (scale, below)
    nodes += [
        DiagramNode("c_before", "cₜ₋₁", 12.5, 0, "memory", "cₜ₋₁"),
        DiagramNode("lstm", "LSTM", 12.5, 1.5, "gate", "LSTM"),
        DiagramNode("c", "cₜ", 15, 0, "memory", "cₜ"),
        DiagramNode("h", "hₜ", 15, 1.5, "memory", "hₜ"),
    ]
    edges += [
        DiagramEdge(above, "lstm"),
        DiagramEdge(below, "lstm"),
        DiagramEdge("c_before", "lstm", recurrent=True),
        DiagramEdge("lstm", "c"),
        DiagramEdge("lstm", "h"),
    ]
    return CellDiagram(tuple(nodes), tuple(edges))


DIAGRAM = _rounds()

COMPARISON = {
    "key feature": "input and state gate one another several times before an LSTM reads them",
    "strengths": "richer meeting of input and memory; the best plain recurrent language models of their time",
    "weaknesses": "several products in a row at each step, so slow; the input product cannot be made beforehand",
    "typical use": "language models on small and middle-sized text",
}
