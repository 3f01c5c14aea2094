"""Long short-term memory as a layer, on torch's fused kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from workbench.nn.initialisation import initialise_chrono, initialise_lstm
from workbench.nn.masks import is_full
from workbench.nn.recurrent.base import Array, RecurrentLayer, State, TorchLayer, sigmoid
from workbench.nn.recurrent.lstm_options import LstmOptionsLayer


class LstmLayer(TorchLayer):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    The cell after a row's own last step is not among the fused kernel's outputs. In a padded batch it is worked out
    (by the slower packed path) only where a state came in and so must go on; otherwise the state is None there.
    """

    gates = ("input", "forget", "candidate", "output")

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0, chrono: int = 0) -> None:
        core = nn.LSTM(input_size, hidden_size, batch_first=True)
        super().__init__(core)
        initialise_lstm(core, forget_bias)
        if chrono:
            initialise_chrono(core, chrono)

    def zero_state(self, x: Tensor) -> State:
        hidden = super().zero_state(x)
        return hidden, torch.zeros_like(hidden)

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]:
        before = None if state is None else (state[0].unsqueeze(0), state[1].unsqueeze(0))
        if is_full(lengths, x.shape[1]):
            if x.device.type == "cpu":
                return self._at_once(x, before)
            states, (hidden, cell) = self._by_torch(x, before)
            return states, (hidden[0], cell[0])
        if state is None:
            return self._by_torch(x, None)[0], None
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, (hidden, cell) = self._by_torch(cast(Tensor, packed), before)
        states, _ = pad_packed_sequence(cast(Any, output), batch_first=True, total_length=x.shape[1])
        return states, (hidden[0], cell[0])

    def _at_once(self, x: Tensor, before: State) -> tuple[Tensor, State]:
        """What ``core`` does, without its checks: around a small network's kernel they are much of a step."""
        if before is None:
            zeros = x.new_zeros(1, x.shape[0], self.hidden_size)
            before = (zeros, zeros)
        states, hidden, cell = torch.lstm(x, before, self.weights, True, 1, 0.0, self.training, False, True)
        return states, (hidden[0], cell[0])

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        hidden, cell = torch.lstm_cell(x, state, *self.weights)
        return hidden, (hidden, cell)

    def trace(self, x: Array) -> Mapping[str, Array]:
        weight_ih, weight_hh, bias_ih, bias_hh = self._arrays()
        pre = x @ weight_ih.T + bias_ih + bias_hh
        names = ("states", "cell", *self.gates)
        found = {name: np.zeros((len(x), self.hidden_size), np.float32) for name in names}
        hidden = cell = np.zeros(self.hidden_size, np.float32)
        for t in range(len(x)):
            total = (pre[t] + weight_hh @ hidden).reshape(4, -1)
            admit, keep, candidate, emit = sigmoid(total[0]), sigmoid(total[1]), np.tanh(total[2]), sigmoid(total[3])
            cell = keep * cell + admit * candidate
            hidden = emit * np.tanh(cell)
            for name, value in zip(names, (hidden, cell, admit, keep, candidate, emit), strict=True):
                found[name][t] = value
        return found


def make_lstm(
    input_size: int,
    hidden_size: int,
    forget_bias: float = 1.0,
    peepholes: bool = False,
    projection: int = 0,
    chrono: int = 0,
) -> RecurrentLayer:
    """torch's fused kernel where neither peepholes nor a projection are asked for, else the generic scan.

    ``chrono`` > 0 draws the gates' biases for memories up to so many steps, in place of ``forget_bias``.
    """
    if peepholes or projection:
        return LstmOptionsLayer(input_size, hidden_size, forget_bias, peepholes, projection, chrono)
    return LstmLayer(input_size, hidden_size, forget_bias, chrono)
