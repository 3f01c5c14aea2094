"""Gates of a decoder's layer, whose first state is not zero but what the bridge made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.api import LayerTrace
from workbench.nn.contract import State
from workbench.nn.recurrent import GruLayer, LstmLayer, RecurrentLayer
from workbench.nn.recurrent.minimal import MinimalLayer
from workbench.nn.recurrent.scan import one_step
from workbench.nn.recurrent.scan_layer import ScanLayer


def trace_layer(layer: RecurrentLayer, name: str, inputs: Sequence[Tensor], carried: Sequence[State]) -> LayerTrace:
    """From what a layer read at T steps, (1, D) each, and its states before the first and after each of them.

    With every state known the steps no longer hang on one another: the gates of all of them are worked out at once.
    """
    parts = [torch.cat(column) for column in zip(*map(_tensors, carried), strict=True)]
    before, after = [part[:-1] for part in parts], [part[1:] for part in parts]
    found = _gates(layer, torch.cat(list(inputs)), before)
    return LayerTrace(
        name,
        "forward",
        _array(after[0]),
        {gate: _array(values) for gate, values in found.items()},
        _array(after[1]) if len(after) > 1 else None,
        over="outputs",
    )


def _gates(layer: RecurrentLayer, read: Tensor, before: Sequence[Tensor]) -> Mapping[str, Any]:
    """Each gate (T, H) from what was read (T, D) and the states before, h and perhaps c (T, H)."""
    if isinstance(layer, ScanLayer):
        noted: dict[str, Tensor] = {}

        def note(name: str, value: Tensor) -> Tensor:
            if name in layer.gates:
                noted[name] = value
            return value

        states = {name: part for (name, _), part in zip(layer.program.carried, before, strict=True)}
        one_step(layer.program, {**layer.flat_inputs(read), **states, **layer.tensors()}, note)
        return noted
    if isinstance(layer, MinimalLayer):  # its gates look at the input alone
        shown = layer.trace(_array(read))
        return {gate: shown[gate] for gate in layer.gates}
    if not isinstance(layer, LstmLayer | GruLayer):
        return {}
    weight_ih, weight_hh, bias_ih, bias_hh = layer.weights
    from_x, from_h = read @ weight_ih.t() + bias_ih, before[0] @ weight_hh.t() + bias_hh
    if isinstance(layer, LstmLayer):
        admit, keep, candidate, emit = (from_x + from_h).chunk(4, dim=1)
        values: tuple[Tensor, ...] = (admit.sigmoid(), keep.sigmoid(), candidate.tanh(), emit.sigmoid())
    else:
        x, h = from_x.chunk(3, dim=1), from_h.chunk(3, dim=1)
        reset = (x[0] + h[0]).sigmoid()
        values = (reset, (x[1] + h[1]).sigmoid(), (x[2] + reset * h[2]).tanh())
    return dict(zip(layer.gates, values, strict=True))


def _tensors(state: State) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _array(values: Any) -> Any:
    tensor = torch.as_tensor(values)
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
