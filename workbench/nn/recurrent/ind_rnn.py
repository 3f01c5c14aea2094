"""The independently recurrent network: each unit remembers only itself.

Source: Li, Li, Cook, Zhu & Gao (2018), "Independently recurrent neural network (IndRNN): building a longer and deeper
RNN", equation 3.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from workbench.nn.products import linear
from workbench.nn.recurrent.scan import Note, Program, Stage
from workbench.nn.recurrent.scan_layer import ScanLayer
from workbench.nn.recurrent.scans import Nonlinearity
from workbench.nn.recurrent.squash import tanh


def _relu(note: Note, total: Tensor, hidden: Tensor, recurrent: Tensor) -> tuple[Tensor, ...]:
    return (torch.addcmul(total, hidden, recurrent).relu(),)


def _tanh(note: Note, total: Tensor, hidden: Tensor, recurrent: Tensor) -> tuple[Tensor, ...]:
    return (tanh(torch.addcmul(total, hidden, recurrent)),)


class IndRnnLayer(ScanLayer):
    """hₜ = φ(W x + b + u ∘ hₜ₋₁). A vector u instead of a matrix: no unit sees another's memory within the layer.

    Over T steps a memory changes by uᵀ and nothing else, so |u| ≤ ``recurrent_bound`` keeps the gradient in hand; u
    starts evenly between 0 and the bound (section 3.1 of the paper; the bound is 2^(1/T) there). What the optimiser
    moves beyond it counts as the bound itself.
    """

    recurrent_weights = ("recurrent",)

    def __init__(
        self, input_size: int, hidden_size: int, nonlinearity: Nonlinearity = "relu", recurrent_bound: float = 1.0
    ) -> None:
        super().__init__(hidden_size)
        if recurrent_bound <= 0:
            raise ValueError(f"the bound of the recurrent weights is above 0, not {recurrent_bound}")
        self.nonlinearity, self.recurrent_bound = nonlinearity, recurrent_bound
        compute = _relu if nonlinearity == "relu" else _tanh
        stage = Stage(compute, writes=("h'",), add="x", reads=("h",), vectors=("u",))
        self.program = Program((stage,), matrices=(), vectors=("u",))
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        self.recurrent = nn.Parameter(torch.empty(hidden_size).uniform_(0.0, recurrent_bound))
        self.bias = nn.Parameter(torch.zeros(hidden_size))
        nn.init.xavier_uniform_(self.weight_ih)

    def flat_inputs(self, x: Tensor) -> Mapping[str, Tensor]:
        return {"x": linear(x, self.weight_ih, self.bias)}

    def tensors(self) -> Mapping[str, Tensor]:
        beyond = self.recurrent.detach() - self.recurrent.detach().clamp(-self.recurrent_bound, self.recurrent_bound)
        return {"u": self.recurrent - beyond}
