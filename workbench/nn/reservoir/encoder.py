"""Reservoirs behind the contract of encoders: fixed weights kept as buffers, quick without a gradient, and with one.

Where no gradient is asked for on a CPU (fitting a readout, predicting) the sparse scan of the numeric layer runs;
where one is (a trained embedding below, the gradient through time) or on a GPU the same steps in torch, densely. Both
agree to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from workbench.api import LayerTrace
from workbench.nn.contract import Encoded, Encoder, State
from workbench.nn.masks import zero_padding
from workbench.nn.reservoir.diagnostics import echo_state_test
from workbench.nn.reservoir.examination import Told, joined, look_into
from workbench.nn.reservoir.reservoir import Reservoir
from workbench.nn.reservoir.size import refuse_too_large
from workbench.nn.reservoir.weights import ReservoirOptions, ReservoirWeights, draw_weights

Array = NDArray[Any]

EXAMINED_STEPS = 500
"""Steps in which two states should have become one, in the echo-state test of a reservoir at work."""


class EchoStateEncoder(Encoder):
    """``reservoirs`` reservoirs of N units side by side over (B, T, D).

    ``states`` (B, T, R·F): for each reservoir the F values its readout reads: the N states, the squares of every other
    one with ``squares``, and the input with ``input_to_readout``. The state carried is (B, R·N). All weights are
    buffers, the leak too, so that a saved model needs none of the options it was drawn with.
    """

    columns: Tensor
    values: Tensor
    input_weights: Tensor
    bias: Tensor
    leak: Tensor

    def __init__(
        self,
        options: ReservoirOptions,
        input_size: int,
        *,
        reservoirs: int = 1,
        input_to_readout: bool = True,
        squares: bool = False,
        solve: bool = True,
        washout: int = 0,
        ridges: Sequence[float] = (1e-6,),
    ) -> None:
        super().__init__()
        units = options.units
        self._each = units + (len(range(0, units, 2)) if squares else 0) + (input_size if input_to_readout else 0)
        self.output_size = reservoirs * self._each
        refuse_too_large(options, reservoirs, self.output_size, solve=solve)
        # drawn from torch's generator, so that the run's seed decides the reservoir too
        seed = int(torch.randint(2**31 - 1, ()))
        drawn = [draw_weights(options, input_size, seed=(seed, number)) for number in range(reservoirs)]
        self.units, self.count, self.input_size = units, reservoirs, input_size
        self.input_to_readout, self.squares, self.noise = input_to_readout, squares, options.noise
        self.solve, self.washout, self.ridges = solve, washout, tuple(ridges)

        def stacked(part: Callable[[ReservoirWeights], Array]) -> Tensor:
            return torch.from_numpy(np.stack([np.ascontiguousarray(part(one)) for one in drawn]))

        # every unit listens to the same number of others: CSR without its row pointers
        self.register_buffer("columns", stacked(lambda one: one.recurrent.indices.reshape(units, -1)))
        self.register_buffer("values", stacked(lambda one: one.recurrent.data.reshape(units, -1)))
        self.register_buffer("input_weights", stacked(lambda one: one.inputs))
        self.register_buffer("bias", stacked(lambda one: one.bias))
        self.register_buffer("leak", torch.tensor(options.leak, dtype=self.values.dtype))
        self.blocks = tuple((number * self._each, (number + 1) * self._each) for number in range(reservoirs))
        self._sparse: list[Reservoir] | None = None
        self._dense: Tensor | None = None
        self.register_load_state_dict_post_hook(lambda *_: self._forget())  # type: ignore[no-untyped-call]

    def _forget(self) -> None:
        """What was made of the weights is made anew: they were moved, converted or loaded."""
        self._sparse = self._dense = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> EchoStateEncoder:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._forget()
        return self

    # -- running ---------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        states = self._states(x, state)
        return self._encoded(x, states, lengths)

    def forward_recorded(self, x: Tensor, lengths: Tensor) -> tuple[Encoded, list[tuple[Tensor, ...]]]:
        """The same answer with the state of every step as a tensor of its own, for the gradient through time."""
        start = x.new_zeros(len(x), self.count * self.units, dtype=self.values.dtype)
        # nothing here is learned, so the first state is what has the others ask for a gradient
        recorded = self._steps(x, start.requires_grad_(torch.is_grad_enabled()))
        return self._encoded(x, torch.stack(recorded, dim=1), lengths), [tuple(recorded)]

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        states = self._states(x_t[:, None], state)
        return self._readable(states, x_t[:, None])[:, 0], states[:, 0]

    def _encoded(self, x: Tensor, states: Tensor, lengths: Tensor) -> Encoded:
        rows = torch.arange(len(x), device=x.device)
        last = (lengths - 1).to(x.device, non_blocking=True)
        readable = self._readable(states, x)
        return Encoded(zero_padding(readable, lengths), lengths, readable[rows, last], states[rows, last])

    def _readable(self, states: Tensor, x: Tensor) -> Tensor:
        """(B, T, R·N) and (B, T, D) → (B, T, R·F), reservoir by reservoir."""
        parts: list[Tensor] = []
        for number in range(self.count):
            own = states[..., number * self.units : (number + 1) * self.units]
            parts.append(own)
            if self.squares:
                parts.append(own[..., ::2].square())
            if self.input_to_readout:
                parts.append(x.to(own.dtype))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def _states(self, x: Tensor, state: State) -> Tensor:
        """(B, T, R·N)."""
        wants = torch.is_grad_enabled() and (x.requires_grad or (isinstance(state, Tensor) and state.requires_grad))
        if wants or x.device.type != "cpu" or self.values.dtype not in (torch.float32, torch.float64):
            return torch.stack(self._steps(x, state), dim=1)
        if self._sparse is None:
            self._sparse = self._reservoirs()
        batch, steps = x.shape[:2]
        values = x.detach().to(self.values.dtype).numpy()
        before = None if state is None else state.detach().to(self.values.dtype).numpy()
        found = np.empty((batch, steps, self.count * self.units), values.dtype)
        noise = self._noise_generator()
        for number, reservoir in enumerate(self._sparse):
            own = slice(number * self.units, (number + 1) * self.units)
            given = None if before is None else before[:, own]
            if batch == 1:
                found[0, :, own] = reservoir.run(values[0], None if given is None else given[0], noise=noise)
            else:
                found[:, :, own] = reservoir.run(values, given, noise=noise)
        return torch.from_numpy(found)

    def _steps(self, x: Tensor, state: State) -> list[Tensor]:
        """States (B, R·N) of every step, in torch."""
        batch, steps, count, units = len(x), x.shape[1], self.count, self.units
        x = x.to(self.values.dtype)
        dense = self._dense_weights()
        drive = torch.einsum("btd,rnd->trbn", x, self.input_weights) + self.bias[:, None]
        if self.training and self.noise:
            drive = drive + (2.0 * torch.rand_like(drive) - 1.0) * self.noise
        present = x.new_zeros(batch, count * units) if state is None else state.to(x.dtype)
        found: list[Tensor] = []
        for step in range(steps):
            h = present.reshape(batch, count, units).transpose(0, 1)
            new = torch.tanh(torch.baddbmm(drive[step], h, dense))
            present = torch.lerp(h, new, self.leak).transpose(0, 1).reshape(batch, count * units)
            found.append(present)
        return found

    def _dense_weights(self) -> Tensor:
        """(R, N, N), transposed: row j holds the weights from unit j."""
        if self._dense is None:
            zeros = self.values.new_zeros(self.count, self.units, self.units)
            self._dense = zeros.scatter_(2, self.columns.long(), self.values).transpose(1, 2).contiguous()
        return self._dense

    def _reservoirs(self) -> list[Reservoir]:
        units, each = self.units, self.columns.shape[2]
        pointers = np.arange(0, units * each + 1, each, dtype=np.int32)
        found = []
        for number in range(self.count):
            columns, values, inputs, bias = (
                part[number].cpu().numpy() for part in (self.columns, self.values, self.input_weights, self.bias)
            )
            matrix = sparse.csr_array((values.reshape(-1), columns.reshape(-1), pointers), shape=(units, units))
            weights = ReservoirWeights(matrix, inputs, bias, leak=float(self.leak))
            found.append(Reservoir(weights, noise=self.noise))
        return found

    def _noise_generator(self) -> np.random.Generator | None:
        """Noise only in training, from torch's generator so that a resumed run draws the same."""
        if not (self.training and self.noise):
            return None
        return np.random.default_rng(int(torch.randint(2**31 - 1, ())))

    # -- looking inside --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def examine(self, x: Tensor, lengths: Tensor) -> str:
        """A sentence where a reservoir under such inputs (B, T, D) does not forget its start, else "".

        The rows' real steps are read one after another, :data:`EXAMINED_STEPS` of them, again where there are less.
        """
        rows = [row[:length] for row, length in zip(x.detach().float().cpu().numpy(), lengths.tolist(), strict=True)]
        joined = np.concatenate(rows)
        joined = np.tile(joined, (-(-EXAMINED_STEPS // len(joined)), 1))[:EXAMINED_STEPS]
        for reservoir in self._reservoirs():
            found = echo_state_test(reservoir, joined, pairs=2)
            if not found.converged:
                return found.sentence
        return ""

    @torch.no_grad()
    def examination(self, x: Tensor | None, lengths: Tensor, told: Told) -> dict[str, Any]:
        """What :func:`~workbench.nn.reservoir.examination.look_into` says of the reservoirs under such inputs."""
        if x is None:
            return look_into(self._reservoirs(), None, told)
        rows = [row[:length] for row, length in zip(x.detach().float().cpu().numpy(), lengths.tolist(), strict=True)]
        return look_into(self._reservoirs(), joined(rows), told)

    @torch.no_grad()
    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        """The states of every reservoir, and last what the readout reads where that is more."""
        x = x[:1, :length]
        states = self._states(x, None)
        each = states[0].float().cpu().numpy() if states.dtype != torch.float64 else states[0].cpu().numpy()
        layers = [
            LayerTrace(
                "reservoir" if self.count == 1 else f"reservoir {number + 1}",
                "forward",
                each[:, number * self.units : (number + 1) * self.units],
            )
            for number in range(self.count)
        ]
        if self._each != self.units or self.count > 1:
            # no direction: it is made of the states of each step alone, and carries nothing to the next
            layers.append(LayerTrace("what the readout reads", "", self._readable(states, x)[0].cpu().numpy()))
        return tuple(layers)
