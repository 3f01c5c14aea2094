"""The gated recurrent unit as a layer. On a CPU it runs the scan of :mod:`.scans`, on a GPU cuDNN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.nn.initialisation import initialise_blocks
from workbench.nn.products import linear
from workbench.nn.recurrent.base import Array, RecurrentLayer, State, sigmoid
from workbench.nn.recurrent.gru_before import GruBeforeLayer
from workbench.nn.recurrent.rows_layer import RowsLayer
from workbench.nn.recurrent.scans import Sizes, gru_scan


class GruLayer(RowsLayer):
    """The gated recurrent unit (Cho et al., 2014) with the reset gate after the recurrent product, as in cuDNN."""

    gates = ("reset", "update", "candidate")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(nn.GRU(input_size, hidden_size, batch_first=True))
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights
        initialise_blocks(weight_ih, weight_hh, 3)
        nn.init.zeros_(bias_ih)
        nn.init.zeros_(bias_hh)

    def over_rows(self, x: Tensor, state: State = None, sizes: Sizes | None = None) -> Tensor:
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights
        gates = 2 * self.hidden_size
        bias = bias_ih + functional.pad(bias_hh[:gates], (0, self.hidden_size))
        pre = linear(x, weight_ih, bias).to(weight_hh.dtype)
        initial = pre.new_zeros(sizes[0] if sizes else x.shape[1], self.hidden_size) if state is None else state
        return gru_scan(pre, initial, weight_hh, bias_hh[gates:], sizes)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        hidden = torch.gru_cell(x, state, *self.weights)
        return hidden, hidden

    def trace(self, x: Array) -> Mapping[str, Array]:
        weight_ih, weight_hh, bias_ih, bias_hh = self._arrays()
        pre = x @ weight_ih.T + bias_ih
        found = {name: np.zeros((len(x), self.hidden_size), np.float32) for name in ("states", *self.gates)}
        hidden = np.zeros(self.hidden_size, np.float32)
        for t in range(len(x)):
            from_x, from_h = pre[t].reshape(3, -1), (weight_hh @ hidden + bias_hh).reshape(3, -1)
            reset, update = sigmoid(from_x[0] + from_h[0]), sigmoid(from_x[1] + from_h[1])
            candidate = np.tanh(from_x[2] + reset * from_h[2])
            hidden = (1 - update) * candidate + update * hidden
            for name, value in zip(("states", *self.gates), (hidden, reset, update, candidate), strict=True):
                found[name][t] = value
        return found


def make_gru(input_size: int, hidden_size: int, reset: Literal["after", "before"] = "after") -> RecurrentLayer:
    """``reset`` after the recurrent product (cuDNN's form, the faster one) or before it (Cho et al., 2014)."""
    return GruBeforeLayer(input_size, hidden_size) if reset == "before" else GruLayer(input_size, hidden_size)
