"""The architecture's equations with the shapes of the model and the input at hand."""

from __future__ import annotations

from html import escape

from workbench.api import Trace


def sizes_of_trace(trace: Trace) -> dict[str, int]:
    """The letters of the equations as numbers: H units, T steps, K outputs."""
    sizes = {"T": len(trace.steps)}
    if trace.layers:
        sizes["H"] = sizes["N"] = int(trace.layers[-1].states.shape[1])
    if trace.outputs is not None:
        sizes["K"] = sizes["V"] = int(trace.outputs.shape[-1])
    if trace.output_steps:
        sizes["S"] = len(trace.steps)
        sizes["T"] = len(trace.output_steps)
    return sizes


def shapes_html(trace: Trace | None) -> str:
    """What T and H are here, layer by layer, as a list in HTML."""
    if trace is None or not trace.layers:
        return ""
    what = "nodes" if trace.parents is not None else "steps"
    lines = [f"T = {len(trace.steps)} {what}"]
    if trace.output_steps:
        lines = [f"S = {len(trace.steps)} steps read, T = {len(trace.output_steps)} written"]
    for layer in trace.layers:
        steps, units = layer.states.shape
        gates = ", ".join(f"{name} ({values.shape[1]})" for name, values in layer.gates.items())
        cell = f", cell state {layer.cell.shape[1]}" if layer.cell is not None else ""
        gate_text = f"; gates: {gates}" if gates else ""
        part = " of the decoder" if layer.over == "outputs" else ""
        way = f", {layer.direction}" if layer.direction else ""
        lines.append(f"{layer.name}{part}{way}: states {steps} × {units}{cell}{gate_text}")
    if trace.outputs is not None:
        kind = "probabilities" if trace.output_labels else "values"
        lines.append(f"outputs: {' × '.join(str(n) for n in trace.outputs.shape)} {kind}")
    if trace.attention is not None:
        lines.append(f"attention: {' × '.join(str(n) for n in trace.attention.shape)}")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<p><b>This input, this model</b></p><ul style='margin-left:-20px'>{items}</ul>"
