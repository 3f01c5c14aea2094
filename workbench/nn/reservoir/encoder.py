"""Reservoirs behind the contract of encoders: fixed weights kept as buffers, quick without a gradient, and with one.

With output feedback the answer of the step before is one more input (:class:`~workbench.nn.protocols.FeedsBack`), with
weights of its own.

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
from torch import Tensor, nn

from workbench.api import LayerTrace
from workbench.nn.contract import Encoded, Encoder, State
from workbench.nn.masks import zero_padding
from workbench.nn.reservoir.diagnostics import echo_state_test
from workbench.nn.reservoir.echo_state import ALARM_SPANS
from workbench.nn.reservoir.examination import Told, joined, look_into
from workbench.nn.reservoir.reservoir import Reservoir
from workbench.nn.reservoir.size import forewarning, refuse_too_large
from workbench.nn.reservoir.weights import ReservoirOptions, ReservoirWeights, draw_weights

Array = NDArray[Any]

EXAMINED_STEPS = 500
"""Steps in which two states should have become one, in the echo-state test of a reservoir at work."""


class EchoStateEncoder(Encoder):
    """``reservoirs`` reservoirs of N units side by side over (B, T, D).

    ``states`` (B, T, R·F): for each reservoir the F values its readout reads: the N states, the squares of every other
    one with ``squares``, and the input with ``input_to_readout``. The state carried is (B, R·N). All weights are
    buffers, the leak too, so that a saved model needs none of the options it was drawn with.

    With ``feedback_size`` K, the last K of the ``input_size`` values of a step are the answer before it: with the
    weights of ``options.feedback``, and not seen by the readout. Where they are NaN the network hears its own, and the
    state carried is (B, R·N + K), the last answer with it. What answers were like in fitting is kept in
    ``answer_range`` (2, K): one that leaves it by :data:`ALARM_SPANS` times its width is held there, with an alarm.
    """

    columns: Tensor
    values: Tensor
    input_weights: Tensor
    bias: Tensor
    leak: Tensor
    answer_range: Tensor

    def __init__(
        self,
        options: ReservoirOptions,
        input_size: int,
        *,
        feedback_size: int = 0,
        reservoirs: int = 1,
        input_to_readout: bool = True,
        squares: bool = False,
        solve: bool = True,
        washout: int = 0,
        ridges: Sequence[float] = (1e-6,),
    ) -> None:
        super().__init__()
        units = options.units
        self.feedback_size = feedback_size
        self.own_size = own_size = input_size - feedback_size
        self._each = units + (len(range(0, units, 2)) if squares else 0) + (own_size if input_to_readout else 0)
        self.output_size = reservoirs * self._each
        refuse_too_large(options, reservoirs, self.output_size, solve=solve)
        # drawn from torch's generator, so that the run's seed decides the reservoir too
        seed = int(torch.randint(2**31 - 1, ()))
        drawn = [draw_weights(options, own_size, feedback_size, (seed, number)) for number in range(reservoirs)]
        self.units, self.count, self.input_size = units, reservoirs, input_size
        self.input_to_readout, self.squares, self.noise = input_to_readout, squares, options.noise
        self.solve, self.washout, self.ridges = solve, washout, tuple(ridges)
        self._options = options

        def stacked(part: Callable[[ReservoirWeights], Array]) -> Tensor:
            return torch.from_numpy(np.stack([np.ascontiguousarray(part(one)) for one in drawn]))

        # every unit listens to the same number of others: CSR without its row pointers
        self.register_buffer("columns", stacked(lambda one: one.recurrent.indices.reshape(units, -1)))
        self.register_buffer("values", stacked(lambda one: one.recurrent.data.reshape(units, -1)))
        self.register_buffer("input_weights", stacked(_all_inputs))
        self.register_buffer("bias", stacked(lambda one: one.bias))
        self.register_buffer("leak", torch.tensor(options.leak, dtype=self.values.dtype))
        if feedback_size:
            nothing_yet = torch.tensor([[torch.inf], [-torch.inf]]).expand(2, feedback_size)
            self.register_buffer("answer_range", nothing_yet.to(self.values.dtype).clone())
        self._readout: list[nn.Linear] = []
        self._alarmed = False
        self._input_range: tuple[Tensor, Tensor] | None = None
        self.blocks = tuple((number * self._each, (number + 1) * self._each) for number in range(reservoirs))
        self._sparse: list[Reservoir] | None = None
        self._dense: Tensor | None = None
        self.register_load_state_dict_post_hook(lambda *_: self._forget())  # type: ignore[no-untyped-call]

    def forewarn(self, steps: int) -> str:
        """A sentence where drawing it and fitting its readout on ``steps`` steps takes minutes, else ""."""
        return forewarning(
            self._options, self.count, self.output_size, steps=steps, ridges=len(self.ridges), solve=self.solve
        )

    def _forget(self) -> None:
        """What was made of the weights is made anew: they were moved, converted or loaded."""
        self._sparse = self._dense = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> EchoStateEncoder:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self._input_range is not None:
            self._input_range = fn(self._input_range[0]), fn(self._input_range[1])
        self._forget()
        return self

    # -- running ---------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        before, last = self._parted(state)
        states, x = self._run(x, before, last)
        return self._encoded(x, states, lengths)

    def forward_recorded(self, x: Tensor, lengths: Tensor) -> tuple[Encoded, list[tuple[Tensor, ...]]]:
        """The same answer with the state of every step as a tensor of its own, for the gradient through time."""
        start = x.new_zeros(len(x), self.count * self.units, dtype=self.values.dtype)
        # nothing here is learned, so the first state is what has the others ask for a gradient
        start.requires_grad_(torch.is_grad_enabled())
        if self._own_answers(x):
            recorded, x = self._hearing_itself(x, start, None)
        else:
            recorded = self._steps(x, start)
        return self._encoded(x, torch.stack(recorded, dim=1), lengths), [tuple(recorded)]

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        before, last = self._parted(state)
        states, x = self._run(x_t[:, None], before, last)
        readable = self._readable(states, x)[:, 0]
        return readable, self._carried(states[:, 0], readable)

    def _encoded(self, x: Tensor, states: Tensor, lengths: Tensor) -> Encoded:
        rows = torch.arange(len(x), device=x.device)
        last = (lengths - 1).to(x.device, non_blocking=True)
        readable = self._readable(states, x)
        final = readable[rows, last]
        return Encoded(zero_padding(readable, lengths), lengths, final, self._carried(states[rows, last], final))

    def _readable(self, states: Tensor, x: Tensor) -> Tensor:
        """(B, T, R·N) and (B, T, D) → (B, T, R·F), reservoir by reservoir."""
        x = x[..., : self.own_size]
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

    # -- output feedback -------------------------------------------------------------------------------------------

    def hear(self, readout: nn.Linear) -> None:
        self._readout[:] = [readout]

    def alarm(self) -> str:
        alarmed, self._alarmed = self._alarmed, False
        if not alarmed:
            return ""
        return (
            "A free run diverged: what the network read of its own answers left the range of all it was fitted on by "
            f"more than {ALARM_SPANS:g} times its width. Raise the ridge or the noise, or lower "
            f"{'the feedback or ' if self.feedback_size else ''}the spectral radius."
        )

    def _run(self, x: Tensor, before: Tensor | None, last: Tensor | None) -> tuple[Tensor, Tensor]:
        """States (B, T, R·N), and ``x`` with every answer that was heard in it."""
        if self._own_answers(x):
            found, x = self._hearing_itself(x, before, last)
            return torch.stack(found, dim=1), x
        read = x.detach().to(self.values.dtype).flatten(0, 1)
        if self.training:
            self._note(read)
        elif before is not None and self._input_range is not None:
            # A run that goes on is given its own answers by the task, somewhere among its inputs. Others may hardly
            # have changed in fitting (the month of a short series): the widest says how far all may go.
            low, high = self._input_range
            self._watch(read, *_around(low, high, (high - low).max()))
        return self._states(x, before), x

    def _note(self, read: Tensor) -> None:
        """Keep in mind between what bounds all lies that was read in fitting (R, D + K)."""
        low, high = read.amin(0), read.amax(0)
        if self._input_range is not None:
            low, high = torch.minimum(low, self._input_range[0]), torch.maximum(high, self._input_range[1])
        self._input_range = low, high
        if self.feedback_size:
            self.answer_range[0].clamp_(max=low[self.own_size :])
            self.answer_range[1].clamp_(min=high[self.own_size :])

    def _own_answers(self, x: Tensor) -> bool:
        return self.feedback_size > 0 and bool(x[..., self.own_size :].isnan().any())

    def _hearing_itself(
        self, x: Tensor, before: Tensor | None, last: Tensor | None
    ) -> tuple[list[Tensor], Tensor]:
        """Step by step, since each answer is heard by the next: states (B, R·N), and ``x`` with those answers."""
        x = x.to(self.values.dtype)
        heard = x.new_zeros(len(x), self.feedback_size) if last is None else last.to(x.dtype)
        states: list[Tensor] = []
        read: list[Tensor] = []
        for step in x.unbind(1):
            given = step[:, self.own_size :]
            # what is given is heard; only where nothing is, the network hears itself
            one = torch.cat([step[:, : self.own_size], torch.where(given.isnan(), heard, given)], dim=1)[:, None]
            before = self._states(one, before)[:, 0]
            heard = self._answer(self._readable(before[:, None], one)[:, 0])
            states.append(before)
            read.append(one)
        whole = torch.cat(read, dim=1)
        self._watch(whole[..., self.own_size :].detach(), *self._reason())
        return states, whole

    def _answer(self, readable: Tensor) -> Tensor:
        """(B, R·F) → (B, K), kept within reason."""
        if not self._readout:
            raise RuntimeError("a network that is fed back its own answers needs their readout: call hear() first")
        readout = self._readout[0]
        answer: Tensor = readout(readable.to(readout.weight.dtype)).to(self.values.dtype)
        low, high = self._reason()
        return torch.nan_to_num(answer).clamp(low, high)

    def _reason(self) -> tuple[Tensor, Tensor]:
        """The range of the answers in fitting, and some widths around it; no bounds before it is known."""
        low, high = self.answer_range
        if not bool(torch.isfinite(low).all()):
            return -high.new_full(high.shape, torch.inf), high.new_full(high.shape, torch.inf)
        return _around(low, high)

    def _watch(self, read: Tensor, low: Tensor, high: Tensor) -> None:
        """Raise the alarm where what was read (…, K) lies at the bounds of reason, or beyond."""
        self._alarmed = self._alarmed or not bool(((read > low) & (read < high)).all())

    def _parted(self, state: State) -> tuple[Tensor | None, Tensor | None]:
        """The states of the reservoirs, and the last answer."""
        if state is None or not self.feedback_size:
            return state, None
        return state[:, : -self.feedback_size], state[:, -self.feedback_size :]

    def _carried(self, states: Tensor, readable: Tensor) -> Tensor:
        """What goes on to the next chunk, (B, R·N) or with the last answer (B, R·N + K)."""
        if not self.feedback_size:
            return states
        if not self._readout:
            return torch.cat([states, states.new_zeros(len(states), self.feedback_size)], dim=1)
        return torch.cat([states, self._answer(readable)], dim=1)

    # -- looking inside --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def examine(self, x: Tensor, lengths: Tensor) -> str:
        """A sentence where a reservoir under such inputs (B, T, D) does not forget its start, else "".

        The rows' real steps are read one after another, :data:`EXAMINED_STEPS` of them, again where there are less.
        """
        joined = np.concatenate(_rows(x, lengths))
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
        return look_into(self._reservoirs(), joined(_rows(x, lengths)), told)

    @torch.no_grad()
    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        """The states of every reservoir, the answers fed back, and last what the readout reads where that is more."""
        states, x = self._run(x[:1, :length], None, None)
        each = states[0].float().cpu().numpy() if states.dtype != torch.float64 else states[0].cpu().numpy()
        layers = [
            LayerTrace(
                "reservoir" if self.count == 1 else f"reservoir {number + 1}",
                "forward",
                each[:, number * self.units : (number + 1) * self.units],
            )
            for number in range(self.count)
        ]
        if self.feedback_size:
            layers.append(LayerTrace("what is fed back", "", x[0, :, self.own_size :].float().cpu().numpy()))
        if self._each != self.units or self.count > 1:
            # no direction: it is made of the states of each step alone, and carries nothing to the next
            layers.append(LayerTrace("what the readout reads", "", self._readable(states, x)[0].cpu().numpy()))
        return tuple(layers)


def _all_inputs(weights: ReservoirWeights) -> Array:
    """(N, D + K): the weights from the inputs, and from the answers that are fed back."""
    return weights.inputs if weights.feedback is None else np.concatenate([weights.inputs, weights.feedback], axis=1)


def _around(low: Tensor, high: Tensor, width: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """A range, and :data:`ALARM_SPANS` times its width (or another) on either side."""
    margin = ALARM_SPANS * (high - low if width is None else width).clamp_min(1e-12)
    return low - margin, high + margin


def _rows(x: Tensor, lengths: Tensor) -> list[Array]:
    """The real steps of each row; an answer that is not known counts as 0."""
    values = np.nan_to_num(x.detach().float().cpu().numpy())
    return [row[:length] for row, length in zip(values, lengths.tolist(), strict=True)]
