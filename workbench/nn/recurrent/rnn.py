"""The plain recurrent network as a layer. On a CPU it runs the scan of :mod:`.scans`, on a GPU cuDNN."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from workbench.nn.initialisation import RecurrentInit, initialise_blocks
from workbench.nn.products import linear
from workbench.nn.recurrent.base import Array, State
from workbench.nn.recurrent.rows_layer import RowsLayer
from workbench.nn.recurrent.scans import Nonlinearity, Sizes, rnn_scan


class RnnLayer(RowsLayer):
    """hₜ = φ(W x + b + U hₜ₋₁ + b'), φ tanh or ReLU (Elman, 1990)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        nonlinearity: Nonlinearity = "tanh",
        initialisation: RecurrentInit = "orthogonal",
    ) -> None:
        core = nn.RNN(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
        super().__init__(core)
        self.nonlinearity: Nonlinearity = nonlinearity
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights
        initialise_blocks(weight_ih, weight_hh, 1, initialisation)
        nn.init.zeros_(bias_ih)
        nn.init.zeros_(bias_hh)

    def over_rows(self, x: Tensor, state: State = None, sizes: Sizes | None = None) -> Tensor:
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights
        pre = linear(x, weight_ih, bias_ih + bias_hh).to(weight_hh.dtype)
        initial = pre.new_zeros(sizes[0] if sizes else x.shape[1], self.hidden_size) if state is None else state
        return rnn_scan(pre, initial, weight_hh, self.nonlinearity, sizes)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights
        pre = functional.linear(x, weight_ih, bias_ih) + functional.linear(state, weight_hh, bias_hh)
        hidden = pre.tanh() if self.nonlinearity == "tanh" else pre.relu()
        return hidden, hidden

    def trace(self, x: Array) -> Mapping[str, Array]:
        weight_ih, weight_hh, bias_ih, bias_hh = self._arrays()
        pre = x @ weight_ih.T + bias_ih + bias_hh
        states = np.zeros((len(x), self.hidden_size), np.float32)
        hidden = states[0]
        for t in range(len(x)):
            total = pre[t] + weight_hh @ hidden
            hidden = states[t] = np.tanh(total) if self.nonlinearity == "tanh" else np.maximum(total, 0)
        return {"states": states}
