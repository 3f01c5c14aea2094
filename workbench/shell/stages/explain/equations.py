"""The architecture's equations with the shapes of the model at hand."""

from __future__ import annotations

from workbench.api import Architecture, Trace


def equations_markdown(architecture: Architecture | None, trace: Trace | None) -> str:
    """Markdown: the equations as the plugin writes them, then what T and H are here, layer by layer."""
    parts: list[str] = []
    if architecture is not None:
        parts.append(f"### {architecture.title}\n\n{architecture.equations or 'This plugin gives no equations.'}")
    if trace is not None and trace.layers:
        lines = [f"- T = {len(trace.steps)} steps"]
        for layer in trace.layers:
            steps, units = layer.states.shape
            gates = ", ".join(f"{name} ({values.shape[1]})" for name, values in layer.gates.items())
            cell = f", cell state {layer.cell.shape[1]}" if layer.cell is not None else ""
            gate_text = f"; gates: {gates}" if gates else ""
            lines.append(f"- {layer.name}, {layer.direction}: states {steps} × {units}{cell}{gate_text}")
        if trace.outputs is not None:
            lines.append(f"- outputs: {trace.outputs.shape[0]} × {trace.outputs.shape[1]} probabilities")
        parts.append("### This sentence, this model\n\n" + "\n".join(lines))
    return "\n\n".join(parts)
