"""The Mogrifier LSTM: input and state gate one another a few times before the LSTM reads them.

Source: Melis, Kočiský & Blunsom (2020), "Mogrifier LSTM", equations 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from workbench.nn.initialisation import forget_block, initialise_blocks
from workbench.nn.recurrent.lstm_options import cell_and_gate, shown
from workbench.nn.recurrent.scan import Note, Program, Stage
from workbench.nn.recurrent.scan_layer import ScanLayer


class MogrifierLayer(ScanLayer):
    """An LSTM on x^r and h^r: x^i = 2σ(Qⁱ h^{i-1}) ∘ x^{i-2} for odd i, h^i = 2σ(Rⁱ x^{i-1}) ∘ h^{i-2} for even.

    ``rounds`` is r; 0 is the LSTM itself. ``rank`` k > 0 makes each Q and R a product of a (·, k) and a (k, ·) matrix.
    The input is changed by the state, so its product cannot be made beforehand: each step multiplies both.
    """

    gates = ("input", "forget", "candidate", "output")

    def __init__(
        self, input_size: int, hidden_size: int, rounds: int = 5, rank: int = 0, forget_bias: float = 1.0
    ) -> None:
        super().__init__(hidden_size)
        if rounds < 0 or rank < 0:
            raise ValueError(f"rounds and rank are at least 0, not {rounds} and {rank}")
        self.input_size, self.rounds, self.rank = input_size, rounds, rank
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))
        initialise_blocks(self.weight_ih, self.weight_hh, 4)
        with torch.no_grad():
            forget_block(self.bias).fill_(forget_bias)
        self.mogrify = nn.ParameterDict()
        stages: list[Stage] = []
        x, h = "x", "h"
        matrices: list[str] = []
        for number in range(1, rounds + 1):
            odd = number % 2 == 1
            source, read = (h, x) if odd else (x, h)
            written = f"{'x' if odd else 'h'}{number}"
            rows, columns = (input_size, hidden_size) if odd else (hidden_size, input_size)
            name = f"{'Q' if odd else 'R'}{number}"
            if rank:
                self._add_matrix(f"{name}_inner", rank, columns)
                stages.append(Stage(_pass, (f"{name}_read",), ((source, f"{name}_inner"),)))
                source, matrices, columns = f"{name}_read", [*matrices, f"{name}_inner"], rank
            self._add_matrix(name, rows, columns)
            matrices.append(name)
            stages.append(Stage(_mogrify, (written,), ((source, name),), reads=(read,)))
            x, h = (written, h) if odd else (x, written)
        stages.append(Stage(cell_and_gate, ("c'", "o"), ((x, "W"), (h, "U")), gates=4, add="b", reads=("c",)))
        stages.append(Stage(shown, ("h'",), reads=("c'", "o")))
        self.program = Program(
            tuple(stages), (("h", "h'"), ("c", "c'")), inputs=("x", "b"), matrices=(*matrices, "W", "U")
        )
        self.recurrent_weights = ("weight_hh",)

    def _add_matrix(self, name: str, rows: int, columns: int) -> None:
        weight = torch.empty(rows, columns)
        nn.init.xavier_uniform_(weight)
        self.mogrify[name] = nn.Parameter(weight)

    def flat_inputs(self, x: Tensor) -> Mapping[str, Tensor]:
        return {"x": x, "b": self.bias.expand(*x.shape[:-1], -1)}

    def tensors(self) -> Mapping[str, Tensor]:
        return {**self.mogrify, "W": self.weight_ih, "U": self.weight_hh}


def _mogrify(note: Note, total: Tensor, value: Tensor) -> tuple[Tensor, ...]:
    opened = total.sigmoid() * value
    return (opened + opened,)


def _pass(note: Note, total: Tensor) -> tuple[Tensor, ...]:
    return (total,)
