"""The numbers behind a symbol of the equations at one step of a trace."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.api import LayerTrace, Symbol, Trace
from workbench.shell.plots.markup import canonical
from workbench.shell.plots.symbol_card import SymbolValues

_SHIFT = re.compile(r"[a-z]([+-])(\d+)$")


def shift_of(symbol: Symbol) -> int:
    """How many steps later (or, below 0, earlier) than t a symbol stands: -1 for ``hₜ₋₁``."""
    match = _SHIFT.search(canonical(symbol.name))
    return int(match[1] + match[2]) if match else 0


def values_of(trace: Trace, layer: LayerTrace | None, step: int, output: int, symbol: Symbol) -> SymbolValues | None:
    """What ``symbol`` is at ``step`` in ``layer``; ``output`` is the step of what was written, where that differs.

    None for weights, and for what this trace does not hold.
    """
    kind, _, name = symbol.trace.partition(":")
    if not kind:
        return None
    over_outputs = layer is not None and layer.over == "outputs"
    here = output if over_outputs else step
    array: NDArray[Any] | None = None
    if kind == "states" and layer is not None:
        array = layer.states
    elif kind == "cell" and layer is not None:
        array = layer.cell
    elif kind == "gate" and layer is not None:
        array = next((values for gate, values in layer.gates.items() if gate.lower() == name.lower()), None)
    elif kind in ("outputs", "attention"):
        array = trace.outputs if kind == "outputs" else trace.attention
        here = output if trace.output_steps else step
    if array is None or not len(array):
        return None
    shift = shift_of(symbol)
    if layer is not None and layer.direction == "backward":
        shift = -shift
    at = here + shift
    names = trace.output_steps if over_outputs else trace.steps
    if not 0 <= at < len(array):
        before = np.zeros(1)
        return SymbolValues(before, True, "before the first step") if kind in ("states", "cell") else None
    word = names[at] if at < len(names) else ""
    numbers = np.asarray(array[at], dtype=np.float64).reshape(-1)
    return SymbolValues(numbers, bool(np.nanmin(array) < 0), f"step {at + 1}{f' ({word})' if word else ''}")
