"""minGRU and minLSTM: gates that look only at the input, so that all steps can be computed at once.

Source: Feng, Tung, Ahmed, Bengio & Hajimirsadeghi (2024), "Were RNNs all we needed?", algorithms 1 to 8.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.nn.masks import is_full, last_state
from workbench.nn.products import linear
from workbench.nn.recurrent.base import Array, RecurrentLayer, State
from workbench.nn.recurrent.linear_scan import linear_recurrence

Candidate = Literal["linear", "positive"]


def positive(x: Tensor) -> Tensor:
    """g(x) = x + ½ for x ≥ 0, else σ(x): the paper's candidate for the form in log space (appendix B)."""
    return torch.where(x >= 0, x + 0.5, x.sigmoid())


class MinimalLayer(RecurrentLayer):
    """hₜ = keepₜ ∘ hₜ₋₁ + admitₜ ∘ h̃ₜ with all three known from the input alone.

    There is no recurrent matrix, hence no recurrent weight dropout. ``candidate`` "linear" is W x + b itself,
    "positive" g(W x + b). The paper keeps to log space for its positive form because its parallel scan divides by
    products of gates; the scan here never divides, so both forms run in plain space.
    """

    blocks: int

    def __init__(self, input_size: int, hidden_size: int, candidate: Candidate = "linear") -> None:
        super().__init__(hidden_size)
        self.candidate: Candidate = candidate
        self.weight_ih = nn.Parameter(torch.empty(self.blocks * hidden_size, input_size))
        self.bias = nn.Parameter(torch.zeros(self.blocks * hidden_size))
        with torch.no_grad():
            for block in self.weight_ih.chunk(self.blocks):
                nn.init.xavier_uniform_(block)

    @property
    def weights(self) -> tuple[Tensor, ...]:
        return self.weight_ih, self.bias

    @abstractmethod
    def coefficients(self, x: Tensor) -> Mapping[str, Tensor]:
        """Of ``x`` (…, D): "keep", "admit" and "candidate" (…, H), and each gate by its name."""

    def _candidate(self, x: Tensor) -> Tensor:
        return positive(x) if self.candidate == "positive" else x

    def _of(self, x: Tensor) -> Mapping[str, Tensor]:
        return self.coefficients(linear(x, self.weight_ih, self.bias).to(self.weight_ih.dtype))

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> tuple[Tensor, State]:
        found = self._of(x.transpose(0, 1).contiguous())
        keep = found["keep"]
        initial = keep.new_zeros(keep.shape[1:]) if state is None else state
        states = linear_recurrence(keep, found["admit"] * found["candidate"], initial).transpose(0, 1)
        return states, states[:, -1] if is_full(lengths, x.shape[1]) else last_state(states, lengths)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        found = self._of(x)
        hidden = torch.addcmul(found["admit"] * found["candidate"], found["keep"], state)
        return hidden, hidden

    @torch.no_grad()
    def trace(self, x: Array) -> Mapping[str, Array]:
        sequence = torch.from_numpy(np.ascontiguousarray(x)).to(self.weight_ih).unsqueeze(1)
        found = self._of(sequence)
        initial = found["keep"].new_zeros(1, self.hidden_size)
        shown = {name: found[name] for name in self.gates}
        shown["states"] = linear_recurrence(found["keep"], found["admit"] * found["candidate"], initial)
        return {name: values[:, 0].float().cpu().numpy() for name, values in shown.items()}


class MinGruLayer(MinimalLayer):
    """hₜ = (1 − zₜ) ∘ hₜ₋₁ + zₜ ∘ h̃ₜ, zₜ = σ(W_z xₜ + b_z)."""

    gates = ("update", "candidate")
    blocks = 2

    def coefficients(self, x: Tensor) -> Mapping[str, Tensor]:
        update, candidate = x.chunk(2, dim=-1)
        opened = update.sigmoid()
        # 1 − σ(x) = σ(−x), without the rounding
        found = {"keep": (-update).sigmoid(), "admit": opened, "candidate": self._candidate(candidate)}
        return found | {"update": opened}


class MinLstmLayer(MinimalLayer):
    """hₜ = f' ∘ hₜ₋₁ + i' ∘ h̃ₜ, f' = f / (f + i) and i' = i / (f + i), f and i = σ(W x + b).

    ``forget_bias`` opens the forget gate at the start, as an LSTM's.
    """

    gates = ("forget", "input", "candidate")
    blocks = 3

    def __init__(
        self, input_size: int, hidden_size: int, candidate: Candidate = "linear", forget_bias: float = 1.0
    ) -> None:
        super().__init__(input_size, hidden_size, candidate)
        with torch.no_grad():
            self.bias[:hidden_size].fill_(forget_bias)

    def coefficients(self, x: Tensor) -> Mapping[str, Tensor]:
        forget, admit, candidate = x.chunk(3, dim=-1)
        # f / (f + i) = σ(log f − log i): right also where both gates are nearly shut
        share = functional.logsigmoid(forget) - functional.logsigmoid(admit)
        keep, admitted = share.sigmoid(), (-share).sigmoid()
        found = {"keep": keep, "admit": admitted, "candidate": self._candidate(candidate)}
        return found | {"forget": keep, "input": admitted}
