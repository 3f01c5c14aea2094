"""The plain recurrent network as a layer. On a CPU it runs the scan of :mod:`.scans`, on a GPU cuDNN."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from workbench.nn.initialisation import RecurrentInit, initialise_blocks
from workbench.nn.masks import last_state
from workbench.nn.recurrent.base import Array, State, TorchLayer
from workbench.nn.recurrent.ragged import ragged
from workbench.nn.recurrent.scans import Nonlinearity, rnn_scan


class RnnLayer(TorchLayer):
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

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]:
        if x.device.type == "cpu":
            weight_ih, weight_hh, bias_ih, bias_hh = self.weights
            rows = ragged(lengths, x.shape[1])
            given = x.transpose(0, 1).contiguous() if rows is None else rows.pack(x)
            pre = functional.linear(given, weight_ih, bias_ih + bias_hh).to(weight_hh.dtype)
            initial = pre.new_zeros(x.shape[0], self.hidden_size) if state is None else state
            if rows is None:
                states = rnn_scan(pre, initial, weight_hh, self.nonlinearity).transpose(0, 1)
            else:
                flat = rnn_scan(pre, initial[rows.order], weight_hh, self.nonlinearity, rows.sizes)
                states = rows.unpack(flat, x.shape[0])
        else:
            states, _ = self._by_torch(x, None if state is None else state.unsqueeze(0))
        return states, last_state(states, lengths)

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
