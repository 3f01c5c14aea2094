"""From what an encoder ended in to what a decoder begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from workbench.api import WorkbenchError
from workbench.nn.contract import Encoded, State
from workbench.nn.recurrent import RecurrentLayer

BridgeKind = Literal["tanh", "linear", "copy"]


class Bridge(nn.Module):
    """``forward(memory)`` → the initial state of each of the decoder's ``layers``.

    *tanh* and *linear* map the encoder's final state (both directions of its last layer) to every tensor of the
    decoder's state, hidden and cell, by one matrix (Bahdanau et al., 2015, took tanh). *copy* hands the states and
    cells of each encoder layer to the decoder layer of the same depth (Sutskever et al., 2014).
    """

    def __init__(self, kind: BridgeKind, final_size: int, layers: Sequence[RecurrentLayer]) -> None:
        super().__init__()
        self.kind: BridgeKind = kind
        # how the flat vector is cut into states: asked of the layers, so that any cell will do
        probe = torch.zeros(1, 1)
        self._shapes: list[Any] = [_sizes(layer.zero_state(probe)) for layer in layers]
        self._flat = [size for shape in self._shapes for size in (shape if isinstance(shape, tuple) else (shape,))]
        self.map: nn.Linear | None = None
        if kind != "copy":
            self.map = nn.Linear(final_size, sum(self._flat))
            nn.init.xavier_uniform_(self.map.weight)
            nn.init.zeros_(self.map.bias)

    def forward(self, memory: Encoded) -> tuple[State, ...]:
        if self.map is None:
            return self._copied(memory)
        flat: Tensor = self.map(memory.final)
        if self.kind == "tanh":
            flat = flat.tanh()
        parts = iter(part.contiguous() for part in torch.split(flat, self._flat, dim=1))
        return tuple(
            tuple(next(parts) for _ in shape) if isinstance(shape, tuple) else next(parts) for shape in self._shapes
        )

    def _copied(self, memory: Encoded) -> tuple[State, ...]:
        state = memory.state
        if not isinstance(state, tuple) or [_sizes(part) for part in state] != self._shapes:
            raise WorkbenchError(
                "The encoder's states cannot be copied into the decoder.",
                why="Copying takes an encoder that reads forwards, of the decoder's cell, size and depth.",
                fix="Choose the bridge tanh or linear.",
            )
        return state


def _sizes(state: State) -> Any:
    """The width of each tensor of a layer's state: H, or (H, H) of what has a cell."""
    return tuple(int(part.shape[-1]) for part in state) if isinstance(state, tuple) else int(state.shape[-1])
