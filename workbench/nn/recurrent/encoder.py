"""Stacks of recurrent layers, in one direction or both, behind the :class:`~workbench.nn.contract.Encoder` contract."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from workbench.api import LayerTrace
from workbench.nn.contract import Encoded, Encoder, State
from workbench.nn.dropout import LockedDropout, drop_with_final
from workbench.nn.masks import reversal_index, reverse_by_length, zero_padding
from workbench.nn.recurrent.layers import CellKind, RecurrentLayer, make_layer
from workbench.nn.recurrent.ragged import Ragged, ragged
from workbench.nn.recurrent.rows_layer import RowsLayer, read_both_ways
from workbench.nn.recurrent.weight_dropout import Recorded, WeightDropout

Merge = Literal["concatenate", "sum"]


class RecurrentEncoder(Encoder):
    """``layers`` of ``cell`` over (B, T, ``input_size``).

    A bidirectional layer runs the same kind of cell over each sequence turned round within its own length: padding
    comes last for both directions and never reaches a real step, and no packed sequence slows the kernel down. Each
    layer reads both directions of the one below. ``final`` is each direction's state after its last real step, merged
    as ``states`` are.

    Dropout (in training) stands at the input, between layers and at the output; ``locked`` keeps one mask for all
    steps of a sequence. ``weight_dropout`` silences recurrent weights instead of units. ``options`` are the cell's own
    (``forget_bias``, ``nonlinearity``, …): see :func:`make_layer`.
    """

    def __init__(
        self,
        cell: CellKind | type[RecurrentLayer],
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        merge: Merge = "concatenate",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        locked: bool = False,
        weight_dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.merge: Merge = merge
        self.hidden_size = hidden_size
        self.forwards = nn.ModuleList()
        self.backwards = nn.ModuleList()
        self.weight_dropout = WeightDropout(weight_dropout)
        size = input_size
        for _ in range(layers):
            for direction in (self.forwards, self.backwards) if bidirectional else (self.forwards,):
                layer = make_layer(cell, size, hidden_size, **options)
                self.weight_dropout.check(layer, cell if isinstance(cell, str) else cell.__name__)
                direction.append(layer)
            size = layer.output_size * (2 if bidirectional and merge == "concatenate" else 1)
        self.output_size = size
        kind = LockedDropout if locked else nn.Dropout
        self.input_dropout = kind(input_dropout)
        self.between = kind(dropout)
        self.output_dropout = kind(output_dropout)

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        return self._run(x, lengths, state, None)

    def forward_recorded(self, x: Tensor, lengths: Tensor) -> tuple[Encoded, Recorded]:
        """The same answer with the last layer run step by step, so that a gradient can be asked of every state."""
        recorded: Recorded = []
        return self._run(x, lengths, None, recorded), recorded

    def _run(self, x: Tensor, lengths: Tensor, state: State, recorded: Recorded | None) -> Encoded:
        if self.bidirectional and state is not None:
            raise TypeError("a bidirectional encoder reads the whole sequence at once and carries no state")
        rows = self._rows(x, lengths, recorded)
        index = None if rows is not None or not self.bidirectional else reversal_index(lengths, x.shape[1], x.device)
        x = self.input_dropout(x)
        after: list[State] = []
        final: list[Tensor] = []
        for depth in range(len(self.forwards)):
            if depth:
                x = self.between(x)
            if rows is not None:
                ahead, back = self._layer(depth), self._layer(depth, back=True)
                assert isinstance(ahead, RowsLayer)
                assert isinstance(back, RowsLayer)
                x, both = read_both_ways(ahead, back, x, lengths, rows)
                if self.merge == "sum":
                    x = x.view(*x.shape[:2], 2, -1).sum(2)
                final = list(both)
                continue
            record = recorded if depth == len(self.forwards) - 1 else None
            before = None if state is None else state[depth]
            states, carried = self.weight_dropout(self._layer(depth), x, lengths, before, record)
            after.append(carried)
            final = [last_hidden(states, carried, lengths)]
            if index is not None:
                turned = reverse_by_length(x, index)
                other, carried = self.weight_dropout(self._layer(depth, back=True), turned, lengths, None, record)
                final.append(last_hidden(other, carried, lengths))
                states = self._merged([states, reverse_by_length(other, index)])
            x = states
        carries = not self.bidirectional and all(item is not None for item in after)
        x, last = drop_with_final(self.output_dropout, x, self._merged(final))
        return Encoded(
            states=zero_padding(x, lengths) if rows is None else x,
            lengths=lengths,
            final=last,
            state=tuple(after) if carries else None,
        )

    def _rows(self, x: Tensor, lengths: Tensor, recorded: Recorded | None) -> Ragged | None:
        """How to read in both directions without the padding, where that can be done and is worth it."""
        first = self._layer(0)
        if not self.bidirectional or not isinstance(first, RowsLayer) or x.device.type != "cpu":
            return None
        if recorded is not None or self.weight_dropout.active:  # both run a layer in ways of their own
            return None
        return ragged(lengths, x.shape[1])

    def _merged(self, directions: list[Tensor]) -> Tensor:
        if len(directions) == 1:
            return directions[0]
        return torch.cat(directions, dim=-1) if self.merge == "concatenate" else directions[0] + directions[1]

    def _layer(self, depth: int, *, back: bool = False) -> RecurrentLayer:
        layer = (self.backwards if back else self.forwards)[depth]
        assert isinstance(layer, RecurrentLayer)
        return layer

    def zero_state(self, x: Tensor) -> State:
        """The state to begin a stream with, for the rows of ``x`` (B, …).

        Passing it, and not None, has the state carried even where an LSTM's batch is padded (see ``LstmLayer``).
        """
        return tuple(self._layer(depth).zero_state(x) for depth in range(len(self.forwards)))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One step without dropout: stepping is for prediction."""
        if self.bidirectional:
            return super().step(x_t, state)
        before = self.zero_state(x_t) if state is None else state
        after: list[State] = []
        for depth in range(len(self.forwards)):
            x_t, carried = self._layer(depth).step(x_t, before[depth])
            after.append(carried)
        return x_t, tuple(after)

    @torch.no_grad()
    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        """Recomputed step by step in NumPy from the same weights, without dropout."""
        values = x[0, :length].detach().float().cpu().numpy()
        traces: list[LayerTrace] = []
        for depth in range(len(self.forwards)):
            directions: list[Tensor] = []
            for back in (False, True) if self.bidirectional else (False,):
                layer = self._layer(depth, back=back)
                found = layer.trace(values[::-1] if back else values)
                if back:
                    found = {name: array[::-1].copy() for name, array in found.items()}
                traces.append(
                    LayerTrace(
                        name=f"layer {depth + 1}",
                        direction="backward" if back else "forward",
                        states=found["states"],
                        gates={name: found[name] for name in layer.gates},
                        cell=found.get("cell"),
                    )
                )
                directions.append(torch.from_numpy(found["states"]))
            values = self._merged(directions).numpy()
        return tuple(traces)


def last_hidden(states: Tensor, carried: State, lengths: Tensor) -> Tensor:
    """h after each row's last step: at hand in the carried state, else looked up."""
    if carried is None:
        rows = torch.arange(states.shape[0], device=states.device)
        return states[rows, (lengths - 1).to(states.device, non_blocking=True)]
    hidden: Tensor = carried[0] if isinstance(carried, tuple) else carried
    return hidden
