"""The LSTM with what torch's fused kernel does not have: peepholes, and a projected state.

Source: Gers & Schmidhuber (2000), "Recurrent nets that time and count", for the peepholes; Sak, Senior & Beaufays
(2014), "Long short-term memory recurrent neural network architectures for large scale acoustic modeling", for the
projection (their W_rm, without the non-recurrent part).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from workbench.nn.initialisation import chrono_bias, forget_block, initialise_blocks
from workbench.nn.products import linear
from workbench.nn.recurrent.scan import Note, Program, Stage
from workbench.nn.recurrent.scan_layer import ScanLayer
from workbench.nn.recurrent.squash import tanh


def cell_and_gate(
    note: Note, admit: Tensor, keep: Tensor, candidate: Tensor, emit: Tensor, cell: Tensor
) -> tuple[Tensor, ...]:
    """The new cell and the output gate of an LSTM; gates in torch's order: input, forget, candidate, output."""
    admit, keep = note("input", admit.sigmoid()), note("forget", keep.sigmoid())
    candidate, emit = note("candidate", tanh(candidate)), note("output", emit.sigmoid())
    return torch.addcmul(keep * cell, admit, candidate), emit


def shown(note: Note, cell: Tensor, emit: Tensor) -> tuple[Tensor, ...]:
    """What the output gate lets through of the cell."""
    return (emit * tanh(cell),)


def _peephole_cell(
    note: Note,
    admit: Tensor,
    keep: Tensor,
    candidate: Tensor,
    emit: Tensor,
    cell: Tensor,
    to_input: Tensor,
    to_forget: Tensor,
) -> tuple[Tensor, ...]:
    """Input and forget gate see the cell before; the output gate must wait for the new one."""
    admit = note("input", torch.addcmul(admit, cell, to_input).sigmoid())
    keep = note("forget", torch.addcmul(keep, cell, to_forget).sigmoid())
    return torch.addcmul(keep * cell, admit, note("candidate", tanh(candidate))), emit


def _peephole_shown(note: Note, cell: Tensor, emit: Tensor, to_output: Tensor) -> tuple[Tensor, ...]:
    return (note("output", torch.addcmul(emit, cell, to_output).sigmoid()) * tanh(cell),)


def _project(note: Note, total: Tensor) -> tuple[Tensor, ...]:
    return (total,)


class LstmOptionsLayer(ScanLayer):
    """i, f = σ(… + p ∘ cₜ₋₁), o = σ(… + p_o ∘ cₜ) with ``peepholes``; hₜ = P (o ∘ tanh(cₜ)) with ``projection`` > 0.

    ``projection`` is the size of h (``output_size``), and of what the gates read of it; the cell keeps
    ``hidden_size`` units. Peepholes start at zero, as an LSTM without them.
    """

    gates = ("input", "forget", "candidate", "output")
    recurrent_weights = ("weight_hh",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        forget_bias: float = 1.0,
        peepholes: bool = True,
        projection: int = 0,
        chrono: int = 0,
    ) -> None:
        super().__init__(hidden_size, projection or hidden_size)
        if not 0 <= projection < hidden_size:
            raise ValueError(f"a projection is smaller than the {hidden_size} units it is made of, not {projection}")
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, self.output_size))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))
        initialise_blocks(self.weight_ih, self.weight_hh, 4)
        with torch.no_grad():
            forget_block(self.bias).fill_(forget_bias)
        if chrono:
            chrono_bias(self.bias, chrono)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden_size)) if peepholes else None
        vectors = ("p_i", "p_f", "p_o") if peepholes else ()
        written = "m" if projection else "h'"
        stages = [
            Stage(
                _peephole_cell if peepholes else cell_and_gate,
                ("c'", "o"),
                (("h", "U"),),
                gates=4,
                add="x",
                reads=("c",),
                vectors=vectors[:2],
            ),
            Stage(_peephole_shown if peepholes else shown, (written,), reads=("c'", "o"), vectors=vectors[2:]),
        ]
        matrices: tuple[str, ...] = ("U",)
        if projection:
            self.weight_hr = nn.Parameter(torch.empty(projection, hidden_size))
            nn.init.xavier_uniform_(self.weight_hr)
            stages.append(Stage(_project, ("h'",), (("m", "P"),)))
            matrices = ("U", "P")
        self.program = Program(tuple(stages), (("h", "h'"), ("c", "c'")), matrices=matrices, vectors=vectors)

    def flat_inputs(self, x: Tensor) -> Mapping[str, Tensor]:
        return {"x": linear(x, self.weight_ih, self.bias)}

    def tensors(self) -> Mapping[str, Tensor]:
        found: dict[str, Tensor] = {"U": self.weight_hh}
        if self.output_size != self.hidden_size:
            found["P"] = self.weight_hr
        if self.peepholes is not None:
            found |= dict(zip(("p_i", "p_f", "p_o"), self.peepholes.unbind(), strict=True))
        return found
