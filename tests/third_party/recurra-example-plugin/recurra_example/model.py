"""The minimal gated unit (Zhou et al. 2016, "Minimal gated unit for recurrent neural networks", equations 6 to 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recurra_example import MguParams
from workbench.api import LayerTrace
from workbench.nn.contract import Encoded, Encoder, State


class MinimalGatedUnit(Encoder):
    """One layer, left to right; a finished sequence keeps its state, so padding never leaks."""

    def __init__(self, params: MguParams, input_size: int) -> None:
        super().__init__()
        self.output_size = params.hidden_size
        self.read = nn.Linear(input_size, 2 * params.hidden_size)
        self.remember_gate = nn.Linear(params.hidden_size, params.hidden_size, bias=False)
        self.remember = nn.Linear(params.hidden_size, params.hidden_size, bias=False)

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        h = x.new_zeros(x.shape[0], self.output_size) if state is None else state
        remaining = lengths.to(x.device)
        outputs = []
        for t, x_t in enumerate(x.unbind(1)):
            alive = (remaining > t).unsqueeze(1)
            new, _ = self._cell(x_t, h)
            outputs.append(new * alive)
            h = torch.where(alive, new, h)
        return Encoded(torch.stack(outputs, 1), lengths, h, h)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        h = x_t.new_zeros(x_t.shape[0], self.output_size) if state is None else state
        new, _ = self._cell(x_t, h)
        return new, new

    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        h = x.new_zeros(1, self.output_size)
        states, gates = [], []
        with torch.no_grad():
            for x_t in x[:, :length].unbind(1):
                h, gate = self._cell(x_t, h)
                states.append(h[0])
                gates.append(gate[0])
        return (
            LayerTrace(
                name="mgu",
                direction="forward",
                states=torch.stack(states).cpu().numpy(),
                gates={"forget": torch.stack(gates).cpu().numpy()},
            ),
        )

    def _cell(self, x_t: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One step: ``x_t`` (B, D), ``h`` (B, H) → new state and gate, both (B, H)."""
        for_gate, for_candidate = self.read(x_t).chunk(2, -1)
        gate = torch.sigmoid(for_gate + self.remember_gate(h))
        candidate = torch.tanh(for_candidate + self.remember(gate * h))
        return (1 - gate) * h + gate * candidate, gate
