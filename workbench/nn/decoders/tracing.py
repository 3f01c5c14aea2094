"""Gates of a decoder's layer, whose first state is not zero but what the bridge made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.api import LayerTrace
from workbench.nn.contract import State
from workbench.nn.recurrent import GruLayer, LstmLayer, RecurrentLayer


def trace_layer(layer: RecurrentLayer, name: str, inputs: Sequence[Tensor], carried: Sequence[State]) -> LayerTrace:
    """From what a layer read at T steps, (1, D) each, and its states before the first and after each of them.

    The gates of LSTM and GRU follow from both, for all steps at once; of other cells the states are shown.
    """
    hidden = torch.cat([state[0] if isinstance(state, tuple) else state for state in carried])
    before, after = hidden[:-1], hidden[1:]
    gates: dict[str, Any] = {}
    if isinstance(layer, LstmLayer | GruLayer) and layer.output_size == layer.hidden_size:
        weight_ih, weight_hh, bias_ih, bias_hh = layer.weights[:4]
        read = torch.cat(list(inputs)) @ weight_ih.t() + bias_ih
        recurrent = before @ weight_hh.t() + bias_hh
        if isinstance(layer, LstmLayer):
            admit, keep, candidate, emit = (read + recurrent).chunk(4, dim=1)
            parts: tuple[Tensor, ...] = (admit.sigmoid(), keep.sigmoid(), candidate.tanh(), emit.sigmoid())
        else:
            from_x, from_h = read.chunk(3, dim=1), recurrent.chunk(3, dim=1)
            reset, update = (from_x[0] + from_h[0]).sigmoid(), (from_x[1] + from_h[1]).sigmoid()
            parts = (reset, update, (from_x[2] + reset * from_h[2]).tanh())
        gates = {gate: _array(part) for gate, part in zip(layer.gates, parts, strict=True)}
    cell = None
    if isinstance(layer, LstmLayer):
        cell = _array(torch.cat([state[1] for state in carried[1:]]))
    return LayerTrace(name, "forward", _array(after), gates, cell, over="outputs")


def _array(tensor: Tensor) -> Any:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
