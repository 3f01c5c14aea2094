"""What a decoder looks at: a memory with its keys and mask, made once for each batch; and a source taken as it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workbench.api import LayerTrace
from workbench.nn.contract import Encoded, Encoder, State, map_state
from workbench.nn.dropout import LockedDropout
from workbench.nn.masks import zero_padding


@dataclass(slots=True)
class Memory(Encoded):
    """An encoder's states with what attention needs besides: ``keys`` (B, S, A) and ``mask`` (B, S), None if full."""

    keys: Tensor | None = None
    mask: Tensor | None = None

    def rows(self, rows: Tensor) -> Memory:
        """The memory of those sentences (R,)."""

        def pick(tensor: Tensor) -> Tensor:
            return tensor.index_select(0, rows)

        return Memory(
            pick(self.states),
            self.lengths.index_select(0, rows.cpu()),
            pick(self.final),
            map_state(pick, self.state),
            keys=map_state(pick, self.keys),
            mask=map_state(pick, self.mask),
        )


class SourceEncoder(Encoder):
    """No encoder at all: the source's own vectors are the memory, ``final`` their mean.

    For an image whose regions, or a vector which, comes from elsewhere (Xu et al., 2015, "Show, attend and tell").
    """

    def __init__(self, input_size: int, dropout: float = 0.0, *, locked: bool = True) -> None:
        super().__init__()
        self.output_size = input_size
        self.dropout = LockedDropout(dropout) if locked else nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        states = zero_padding(self.dropout(x), lengths)
        counts = lengths.to(states.device, states.dtype, non_blocking=True).unsqueeze(1)
        return Encoded(states, lengths, states.sum(1) / counts)

    @torch.no_grad()
    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        """No layers, so nothing to show."""
        return ()
