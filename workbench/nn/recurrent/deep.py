"""Stacks put together layer by layer: cell, size, direction, norm, dropout, skip and time subsampling of each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workbench.api import LayerTrace
from workbench.api.recurrent import LayerParams
from workbench.nn.contract import Encoded, Encoder, State
from workbench.nn.dropout import LockedDropout, drop_with_final
from workbench.nn.masks import last_state, reversal_index, reverse_by_length, zero_padding
from workbench.nn.recurrent.cells import make_layer
from workbench.nn.recurrent.encoder import last_hidden
from workbench.nn.recurrent.layers import RecurrentLayer
from workbench.nn.recurrent.ragged import Ragged, ragged
from workbench.nn.recurrent.rows_layer import RowsLayer, read_both_ways
from workbench.nn.recurrent.weight_dropout import Recorded, WeightDropout
from workbench.nn.subsampling import subsample

Turn = Tensor | Ragged | None
"""How a layer's backward direction reads: sequences turned round by the index of ``reversal_index``, or both directions
from the rows of a layout without padding; None where nothing is read backwards."""


class StackLevel(nn.Module):
    """One layer of a stack: y = dropout(norm(h)) + skip(x), h being the states of its cell over x.

    x is what the layer below yields, fewer steps of it where this layer subsamples. ``skip`` is the identity, or a
    learned projection where the sizes differ (He et al., 2016, "Deep residual learning"; over recurrent layers: Wu et
    al., 2016, "Google's neural machine translation system").
    """

    def __init__(self, input_size: int, params: LayerParams, **options: object) -> None:
        super().__init__()
        self.factor = params.subsampling
        self.subsampling_kind = params.subsampling_kind
        self.summed = params.direction == "both_summed"
        size = input_size * (self.factor if self.subsampling_kind == "concatenate" else 1)
        self.weight_dropout = WeightDropout(params.weight_dropout)
        self.directions: tuple[str, ...] = (
            ("forward", "backward") if params.direction.startswith("both") else (params.direction,)
        )
        for direction in self.directions:
            layer = make_layer(params.cell, size, params.hidden_size, **options)
            self.weight_dropout.check(layer, params.cell)
            setattr(self, f"{direction}_cell", layer)
        self.output_size = layer.output_size * (1 if self.summed else len(self.directions))
        self.norm = nn.LayerNorm(self.output_size) if params.layer_norm else None
        self.dropout = (LockedDropout if params.dropout_kind == "locked" else nn.Dropout)(params.dropout)
        self.residual = params.residual
        self.skip = nn.Linear(size, self.output_size) if params.residual and size != self.output_size else None

    @property
    def changes_states(self) -> bool:
        """Whether what it yields in evaluation is more than the states of its cells."""
        return self.residual or self.norm is not None

    def cell(self, direction: str) -> RecurrentLayer:
        layer = getattr(self, f"{direction}_cell")
        assert isinstance(layer, RecurrentLayer)
        return layer

    def forward(
        self, x: Tensor, lengths: Tensor, turn: Turn, state: State = None, recorded: Recorded | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """``x`` (B, T, D), already subsampled, → y (B, T, H), y of each direction's last step (B, H), carried state."""
        if isinstance(turn, Ragged):
            joined, both = self._both_ways(x, lengths, turn)
            carried, states, finals = None, list(joined.chunk(2, dim=-1)) if self.summed else [joined], list(both)
        else:
            states, finals, carried = self._one_by_one(x, lengths, turn, state, recorded)
        y, final = drop_with_final(self.dropout, self._normed(self._merged(states)), self._normed(self._merged(finals)))
        if self.residual:
            skipped = self._skipped(x)
            y = y + skipped
            final = final + self._skipped_final(skipped, lengths)
        return y, final, carried

    def without_padding(self, recorded: Recorded | None) -> bool:
        """Whether both directions may read rows without padding, where there are such rows to read."""
        if recorded is not None or self.weight_dropout.active:  # both run a cell in ways of their own
            return False
        return len(self.directions) == 2 and isinstance(self.cell("forward"), RowsLayer)

    def _both_ways(self, x: Tensor, lengths: Tensor, rows: Ragged) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        ahead, back = self.cell("forward"), self.cell("backward")
        assert isinstance(ahead, RowsLayer)
        assert isinstance(back, RowsLayer)
        return read_both_ways(ahead, back, x, lengths, rows)

    def _one_by_one(
        self, x: Tensor, lengths: Tensor, index: Tensor | None, state: State, recorded: Recorded | None
    ) -> tuple[list[Tensor], list[Tensor], State]:
        """The states of each direction, its last ones, and the state carried on."""
        states: list[Tensor] = []
        finals: list[Tensor] = []
        carried: State = None
        for direction in self.directions:
            if direction == "forward":
                hidden, carried = self.weight_dropout(self.cell(direction), x, lengths, state, recorded)
                finals.append(last_hidden(hidden, carried, lengths))
            else:
                assert index is not None
                turned = reverse_by_length(x, index)
                hidden, after = self.weight_dropout(self.cell(direction), turned, lengths, None, recorded)
                finals.append(last_hidden(hidden, after, lengths))
                hidden = reverse_by_length(hidden, index)
            states.append(hidden)
        return states, finals, carried

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One step (B, D) → (B, H) without dropout, of a layer that reads forward."""
        hidden, after = self.cell("forward").step(x_t, state)
        y = self._normed(hidden)
        return (y + self._skipped(x_t) if self.residual else y), after

    def _merged(self, directions: list[Tensor]) -> Tensor:
        if len(directions) == 1:
            return directions[0]
        return directions[0] + directions[1] if self.summed else torch.cat(directions, dim=-1)

    def _normed(self, states: Tensor) -> Tensor:
        return states if self.norm is None else self.norm(states)

    def _skipped(self, x: Tensor) -> Tensor:
        return x if self.skip is None else self.skip(x)

    def _skipped_final(self, skipped: Tensor, lengths: Tensor) -> Tensor:
        """The skip where each direction ends: its own half where they are joined, the mean of both where added."""
        ends = {"forward": last_state(skipped, lengths), "backward": skipped[:, 0]}
        if len(self.directions) == 1:
            return ends[self.directions[0]]
        if self.summed:
            return (ends["forward"] + ends["backward"]) / 2
        half = self.output_size // 2
        return torch.cat((ends["forward"][:, :half], ends["backward"][:, half:]), dim=-1)


class DeepEncoder(Encoder):
    """A stack of :class:`StackLevel`, bottom first, over (B, T, ``input_size``).

    ``input_dropout`` is locked over time; ``projection`` > 0 is the size of a learned projection of what the last
    layer yields (an output as wide as an embedding can share its weights). A stack whose layers all read forward and
    keep every step is causal: it can be stepped, and carries its state on. Where layers subsample, ``states`` and
    their ``lengths`` are of ⌈T / ``subsampling``⌉ steps.
    """

    def __init__(
        self, input_size: int, layers: Sequence[LayerParams], *, input_dropout: float = 0.0, projection: int = 0
    ) -> None:
        super().__init__()
        self.input_dropout = LockedDropout(input_dropout)
        self.levels = nn.ModuleList()
        size = input_size
        for params in layers:
            level = StackLevel(size, params)
            self.levels.append(level)
            size = level.output_size
        self.projection = nn.Linear(size, projection) if projection else None
        self.output_size = projection or size
        self.subsampling = math.prod(params.subsampling for params in layers)
        self.causal = all(params.causal for params in layers)

    @property
    def recorded_directions(self) -> tuple[str, ...]:
        """The directions of what :meth:`forward_recorded` records."""
        return self._level(-1).directions

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        return self._run(x, lengths, state, None)

    def forward_recorded(self, x: Tensor, lengths: Tensor) -> tuple[Encoded, Recorded]:
        """The same answer with the last layer run step by step, so that a gradient can be asked of every state.

        There are ⌈T / ``subsampling``⌉ of them.
        """
        recorded: Recorded = []
        return self._run(x, lengths, None, recorded), recorded

    def _run(self, x: Tensor, lengths: Tensor, state: State, recorded: Recorded | None) -> Encoded:
        if state is not None and not self.causal:
            raise TypeError("a stack that reads backwards or joins time steps carries no state")
        x = self.input_dropout(x)
        turns: dict[tuple[int, bool], Turn] = {}
        after: list[State] = []
        for depth in range(len(self.levels)):
            level = self._level(depth)
            x, lengths = subsample(x, lengths, level.factor, level.subsampling_kind)
            before = None if state is None else state[depth]
            record = recorded if depth == len(self.levels) - 1 else None
            x, final, carried = level(x, lengths, self._turn(level, x, lengths, turns, record), before, record)
            after.append(carried)
        if self.projection is not None:
            x, final = self.projection(x), self.projection(final)
        carries = self.causal and all(item is not None for item in after)
        return Encoded(zero_padding(x, lengths), lengths, final, tuple(after) if carries else None)

    @staticmethod
    def _turn(
        level: StackLevel,
        x: Tensor,
        lengths: Tensor,
        turns: dict[tuple[int, bool], Turn],
        recorded: Recorded | None = None,
    ) -> Turn:
        """How ``level`` reads backwards, made once for all layers of this many steps that read in the same way."""
        if level.directions == ("forward",):
            return None
        steps = x.shape[1]
        if x.device.type == "cpu" and level.without_padding(recorded):
            if (steps, True) not in turns:
                turns[steps, True] = ragged(lengths, steps)
            if (rows := turns[steps, True]) is not None:
                return rows
        if (steps, False) not in turns:
            turns[steps, False] = reversal_index(lengths, steps, x.device)
        return turns[steps, False]

    def _level(self, depth: int) -> StackLevel:
        level = self.levels[depth]
        assert isinstance(level, StackLevel)
        return level

    def zero_state(self, x: Tensor) -> State:
        """The state to begin a stream with, for the rows of ``x`` (B, …); of a causal stack."""
        return tuple(self._level(depth).cell("forward").zero_state(x) for depth in range(len(self.levels)))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One step without dropout: stepping is for prediction."""
        if not self.causal:
            why = "joins time steps" if self.subsampling > 1 else "also reads from right to left"
            raise TypeError(f"a stack that {why} reads the whole sequence at once and cannot be stepped")
        before = self.zero_state(x_t) if state is None else state
        after: list[State] = []
        for depth in range(len(self.levels)):
            x_t, carried = self._level(depth).step(x_t, before[depth])
            after.append(carried)
        return (x_t if self.projection is None else self.projection(x_t)), tuple(after)

    @torch.no_grad()
    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        """Each layer's states and gates, recomputed step by step from what it reads, without dropout.

        A state that stands for several inputs is shown at each of them. Where the stack yields more than the states of
        its last cells (a skip, a norm, a projection), that is a last layer named "output".
        """
        training = self.training
        self.eval()
        try:
            return self._trace(x[:, :length], length)
        finally:
            self.train(training)

    def _trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        traces: list[LayerTrace] = []
        lengths, joined = torch.tensor([length]), 1
        for depth in range(len(self.levels)):
            level = self._level(depth)
            x, lengths = subsample(x, lengths, level.factor, level.subsampling_kind)
            joined *= level.factor
            values = x[0].detach().float().cpu().numpy()
            for direction in level.directions:
                back = direction == "backward"
                cell = level.cell(direction)
                found = {
                    # in the order of the sequence, and one for each input
                    name: np.repeat(array[::-1] if back else array, joined, axis=0)[:length]
                    for name, array in cell.trace(values[::-1] if back else values).items()
                }
                traces.append(
                    LayerTrace(
                        name=f"layer {depth + 1}",
                        direction=direction,
                        states=found["states"],
                        gates={name: found[name] for name in cell.gates},
                        cell=found.get("cell"),
                    )
                )
            x, _, _ = level(x, lengths, self._turn(level, x, lengths, {}))
        if self.projection is not None or self._level(-1).changes_states:
            x = x if self.projection is None else self.projection(x)
            states = np.repeat(x[0].detach().float().cpu().numpy(), joined, axis=0)[:length]
            traces.append(LayerTrace(name="output", direction="forward", states=states))
        return tuple(traces)
