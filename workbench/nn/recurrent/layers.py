"""One recurrent layer in one direction, for each family of cells.

The weights live in torch's own modules under their usual names. On a CPU the LSTM runs torch's fused kernel, RNN and
GRU the scans of :mod:`workbench.nn.recurrent.scans`; on a GPU all run cuDNN.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from workbench.nn.initialisation import RecurrentInit, initialise_blocks, initialise_lstm
from workbench.nn.masks import is_full, last_state
from workbench.nn.recurrent.scans import Nonlinearity, gru_scan, rnn_scan

CellKind = Literal["rnn", "lstm", "gru"]
State = Any
Array = NDArray[np.float32]


class RecurrentLayer(nn.Module, ABC):
    """``forward(x (B, T, D), lengths, state)`` → states (B, T, H), not masked, and the state after each last step.

    ``state`` is h (B, H), for the LSTM (h, c). ``gates`` names what :meth:`trace` shows.
    """

    core: nn.RNNBase
    gates: tuple[str, ...] = ()

    def __init__(self, core: nn.RNNBase) -> None:
        super().__init__()
        self.core = core
        self.hidden_size = core.hidden_size

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Input (G·H, D) and recurrent (G·H, H) weights, and the two biases (G·H,)."""
        core: Any = self.core
        return core.weight_ih_l0, core.weight_hh_l0, core.bias_ih_l0, core.bias_hh_l0

    def zero_state(self, x: Tensor) -> State:
        """A state of zeros for the rows of ``x`` (B, …)."""
        return x.new_zeros(x.shape[0], self.hidden_size)

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]: ...

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """``x`` (B, D) and a state → h (B, H) and the next state."""

    @abstractmethod
    def trace(self, x: Array) -> Mapping[str, Array]:
        """One sequence (T, D) step by step in NumPy: "states", each gate of ``gates``, for the LSTM "cell"; (T, H)."""

    def _arrays(self) -> tuple[Array, Array, Array, Array]:
        first, second, third, fourth = (part.detach().float().cpu().numpy() for part in self.weights)
        return first, second, third, fourth

    def _by_torch(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """All steps by torch's own kernel; ``x`` may be packed.

        cuDNN refuses gradients outside training, so a saliency in evaluation goes without it.
        """
        plain = x.is_cuda and torch.is_grad_enabled() and not self.training
        with torch.backends.cudnn.flags(enabled=False) if plain else contextlib.nullcontext():
            states, after = self.core(x, state)
        return states, after


class RnnLayer(RecurrentLayer):
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
            pre = functional.linear(x.transpose(0, 1), weight_ih, bias_ih + bias_hh).to(weight_hh.dtype)
            initial = self.zero_state(pre[0]) if state is None else state
            states = rnn_scan(pre, initial, weight_hh, self.nonlinearity).transpose(0, 1)
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


class GruLayer(RecurrentLayer):
    """The gated recurrent unit (Cho et al., 2014) with the reset gate after the recurrent product, as in cuDNN."""

    gates = ("reset", "update", "candidate")

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(nn.GRU(input_size, hidden_size, batch_first=True))
        weight_ih, weight_hh, bias_ih, bias_hh = self.weights
        initialise_blocks(weight_ih, weight_hh, 3)
        nn.init.zeros_(bias_ih)
        nn.init.zeros_(bias_hh)

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]:
        if x.device.type == "cpu":
            weight_ih, weight_hh, bias_ih, bias_hh = self.weights
            gates = 2 * self.hidden_size
            candidate_bias = bias_hh[gates:]
            bias = bias_ih + functional.pad(bias_hh[:gates], (0, self.hidden_size))
            pre = functional.linear(x.transpose(0, 1), weight_ih, bias).to(weight_hh.dtype)
            initial = self.zero_state(pre[0]) if state is None else state
            states = gru_scan(pre, initial, weight_hh, candidate_bias).transpose(0, 1)
        else:
            states, _ = self._by_torch(x, None if state is None else state.unsqueeze(0))
        return states, last_state(states, lengths)

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
            reset, update = _sigmoid(from_x[0] + from_h[0]), _sigmoid(from_x[1] + from_h[1])
            candidate = np.tanh(from_x[2] + reset * from_h[2])
            hidden = (1 - update) * candidate + update * hidden
            for name, value in zip(("states", *self.gates), (hidden, reset, update, candidate), strict=True):
                found[name][t] = value
        return found


class LstmLayer(RecurrentLayer):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    The cell after a row's own last step is not among the fused kernel's outputs. In a padded batch it is worked out
    (by the slower packed path) only where a state came in and so must go on; otherwise the state is None there.
    """

    gates = ("input", "forget", "candidate", "output")

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        core = nn.LSTM(input_size, hidden_size, batch_first=True)
        super().__init__(core)
        initialise_lstm(core, forget_bias)

    def zero_state(self, x: Tensor) -> State:
        hidden = super().zero_state(x)
        return hidden, torch.zeros_like(hidden)

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]:
        before = None if state is None else (state[0].unsqueeze(0), state[1].unsqueeze(0))
        if is_full(lengths, x.shape[1]):
            states, (hidden, cell) = self._by_torch(x, before)
            return states, (hidden[0], cell[0])
        if state is None:
            return self._by_torch(x, None)[0], None
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        output, (hidden, cell) = self._by_torch(cast(Tensor, packed), before)
        states, _ = pad_packed_sequence(cast(Any, output), batch_first=True, total_length=x.shape[1])
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
            admit, keep, candidate, emit = _sigmoid(total[0]), _sigmoid(total[1]), np.tanh(total[2]), _sigmoid(total[3])
            cell = keep * cell + admit * candidate
            hidden = emit * np.tanh(cell)
            for name, value in zip(names, (hidden, cell, admit, keep, candidate, emit), strict=True):
                found[name][t] = value
        return found


def _sigmoid(x: Array) -> Array:
    # by tanh, which does not overflow
    return cast(Array, 0.5 * np.tanh(0.5 * x) + 0.5)


def make_layer(
    cell: CellKind,
    input_size: int,
    hidden_size: int,
    *,
    nonlinearity: Nonlinearity = "tanh",
    initialisation: RecurrentInit = "orthogonal",
    forget_bias: float = 1.0,
) -> RecurrentLayer:
    """A layer by the name of its cell; the options a family does not have are ignored."""
    if cell == "lstm":
        return LstmLayer(input_size, hidden_size, forget_bias)
    if cell == "gru":
        return GruLayer(input_size, hidden_size)
    return RnnLayer(input_size, hidden_size, nonlinearity, initialisation)
