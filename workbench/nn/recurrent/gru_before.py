"""The GRU as first published: the reset gate before the recurrent product."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from workbench.nn.initialisation import initialise_blocks
from workbench.nn.products import linear
from workbench.nn.recurrent.scan import Note, Program, Stage
from workbench.nn.recurrent.scan_layer import ScanLayer
from workbench.nn.recurrent.squash import tanh


def _gates(note: Note, reset: Tensor, update: Tensor, hidden: Tensor) -> tuple[Tensor, ...]:
    return note("reset", reset.sigmoid()) * hidden, note("update", update.sigmoid())


def _state(note: Note, total: Tensor, hidden: Tensor, update: Tensor) -> tuple[Tensor, ...]:
    return (torch.lerp(note("candidate", tanh(total)), hidden, update),)


class GruBeforeLayer(ScanLayer):
    """n = tanh(W_n x + b_n + U_n (r ∘ h)): the product waits for the reset gate, so a step has two in a row.

    Source: Cho et al. (2014), equations 5 to 8.
    """

    gates = ("reset", "update", "candidate")
    recurrent_weights = ("weight_hh",)
    program = Program(
        (
            Stage(_gates, ("masked", "update"), (("h", "U_rz"),), gates=2, add="rz", reads=("h",)),
            Stage(_state, ("h'",), (("masked", "U_n"),), add="n", reads=("h", "update")),
        ),
        inputs=("rz", "n"),
        matrices=("U_rz", "U_n"),
    )

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(hidden_size)
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.zeros(3 * hidden_size))
        initialise_blocks(self.weight_ih, self.weight_hh, 3)

    def flat_inputs(self, x: Tensor) -> Mapping[str, Tensor]:
        both = linear(x, self.weight_ih, self.bias)
        return {"rz": both[..., : 2 * self.hidden_size], "n": both[..., 2 * self.hidden_size :]}

    def tensors(self) -> Mapping[str, Tensor]:
        return {"U_rz": self.weight_hh[: 2 * self.hidden_size], "U_n": self.weight_hh[2 * self.hidden_size :]}
