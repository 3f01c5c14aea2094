"""The LSTM with what torch's fused kernel does not have: peepholes, and a projected state.

Source: Gers & Schmidhuber (2000), "Recurrent nets that time and count", for the peepholes; Sak, Senior & Beaufays
(2014), "Long short-term memory recurrent neural network architectures for large scale acoustic modeling", for the
projection (their W_rm, without the non-recurrent part).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.nn.initialisation import chrono_bias, forget_block, initialise_blocks
from workbench.nn.recurrent.scan import Note, Program, Stage
from workbench.nn.recurrent.scan_layer import ScanLayer


def lstm_step(note: Note, total: Tensor, cell: Tensor) -> tuple[Tensor, ...]:
    """The pointwise part of an LSTM's step, gates in torch's order: input, forget, candidate, output."""
    size = cell.shape[-1]
    opened = total[..., : 2 * size].sigmoid()
    admit, keep = note("input", opened[..., :size]), note("forget", opened[..., size:])
    candidate = note("candidate", total[..., 2 * size : 3 * size].tanh())
    emit = note("output", total[..., 3 * size :].sigmoid())
    after = torch.addcmul(keep * cell, admit, candidate)
    return emit * after.tanh(), after


def peephole_step(
    note: Note, total: Tensor, cell: Tensor, to_input: Tensor, to_forget: Tensor, to_output: Tensor
) -> tuple[Tensor, ...]:
    """The same with gates that see the cell: input and forget gate the one before, the output gate the new one."""
    admit, keep, candidate, emit = total.chunk(4, dim=-1)
    admit = note("input", torch.addcmul(admit, cell, to_input).sigmoid())
    keep = note("forget", torch.addcmul(keep, cell, to_forget).sigmoid())
    candidate = note("candidate", candidate.tanh())
    after = torch.addcmul(keep * cell, admit, candidate)
    emit = note("output", torch.addcmul(emit, after, to_output).sigmoid())
    return emit * after.tanh(), after


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
        step = peephole_step if peepholes else lstm_step
        written = "m" if projection else "h'"
        stages = [Stage(step, (written, "c'"), (("h", "U"),), add="x", reads=("c",), vectors=vectors)]
        matrices: tuple[str, ...] = ("U",)
        if projection:
            self.weight_hr = nn.Parameter(torch.empty(projection, hidden_size))
            nn.init.xavier_uniform_(self.weight_hr)
            stages.append(Stage(_project, ("h'",), (("m", "P"),)))
            matrices = ("U", "P")
        self.program = Program(tuple(stages), (("h", "h'"), ("c", "c'")), matrices=matrices, vectors=vectors)

    def flat_inputs(self, x: Tensor) -> Mapping[str, Tensor]:
        return {"x": functional.linear(x, self.weight_ih, self.bias)}

    def tensors(self) -> Mapping[str, Tensor]:
        found: dict[str, Tensor] = {"U": self.weight_hh}
        if self.output_size != self.hidden_size:
            found["P"] = self.weight_hr
        if self.peepholes is not None:
            found |= dict(zip(("p_i", "p_f", "p_o"), self.peepholes.unbind(), strict=True))
        return found
