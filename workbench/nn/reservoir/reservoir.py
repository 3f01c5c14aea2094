"""A reservoir at work: inputs in, states out, one series or many at once, in pieces of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.nn.reservoir.scan import Fill, Scan
from workbench.nn.reservoir.weights import ReservoirOptions, ReservoirWeights, draw_weights

Array = NDArray[Any]
PIECE_VALUES = 1 << 19
"""States computed at once while a readout is fitted: 2 MiB in float32."""


class Reservoir:
    """h_t = (1 - a) h_{t-1} + a tanh(W h_{t-1} + W_in x_t + W_fb y_{t-1} + b), with fixed weights.

    ``inputs`` are (T, D) of one series or (B, T, D) of several; states are (T, N) or (B, T, N) alike, and a state
    that goes from one call to the next is (N,) or (B, N). ``noise`` is the half-width of uniform noise among what a
    unit sums up, drawn only where a generator is given.
    """

    def __init__(self, weights: ReservoirWeights, *, noise: float = 0.0) -> None:
        self.weights = weights
        self.noise = noise
        self.dtype = weights.recurrent.dtype
        self._scan = Scan(weights.recurrent, weights.leak)
        self._maps: dict[bool, Array] = {}

    @classmethod
    def draw(
        cls, options: ReservoirOptions, input_size: int, output_size: int = 0, seed: int | tuple[int, ...] = 0
    ) -> Reservoir:
        return cls(draw_weights(options, input_size, output_size, seed), noise=options.noise)

    @property
    def units(self) -> int:
        return self.weights.units

    def run(
        self,
        inputs: Array,
        state: Array | None = None,
        *,
        feedback: Array | None = None,
        noise: np.random.Generator | None = None,
    ) -> Array:
        """States of every step. ``feedback`` are the outputs of the step before each (teacher forcing)."""
        inputs = np.asarray(inputs)
        whole = inputs.shape[-2] if inputs.ndim == 2 else 0
        pieces = self.pieces(inputs, state, feedback=feedback, noise=noise, piece_steps=whole)
        parts = [states for _, states, _ in pieces]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)

    def pieces(
        self,
        inputs: Array,
        state: Array | None = None,
        *,
        feedback: Array | None = None,
        noise: np.random.Generator | None = None,
        piece_steps: int = 0,
    ) -> Iterator[tuple[int, Array, Array]]:
        """(first step, states, last state) of consecutive pieces: a long series in bounded memory."""
        inputs = np.asarray(inputs)
        many = inputs.ndim == 3
        steps, rows = inputs.shape[-2], inputs.shape[0] if many else 1
        each = piece_steps or max(1, PIECE_VALUES // (self.units * rows))
        shape = (self.units, rows) if many else (self.units,)
        present = np.zeros(shape, self.dtype) if state is None else np.asarray(state, dtype=self.dtype).T
        for start in range(0, max(steps, 1), each):
            stop = min(steps, start + each)
            fed = None if feedback is None else feedback[..., start:stop, :]
            part = inputs[..., start:stop, :]
            if many:
                drive = self._drive(part, fed, noise)
                present = self._scan.several(drive, present)
                yield start, np.moveaxis(drive, 2, 0), present.T
            else:
                states = np.empty((stop - start, self.units), self.dtype)
                present = self._scan.one(self._fill(part, fed, noise), states, present)
                yield start, states, present

    def step(self, inputs: Array, state: Array, feedback: Array | None = None) -> Array:
        """One step of ``inputs`` (D,) or (B, D) from ``state`` (N,) or (B, N)."""
        inputs, state = np.asarray(inputs), np.asarray(state, dtype=self.dtype)
        if inputs.ndim == 1:
            found = np.empty((1, self.units), self.dtype)
            fed = None if feedback is None else np.asarray(feedback)[None]
            return self._scan.one(self._fill(inputs[None], fed, None), found, state)
        fed = None if feedback is None else np.asarray(feedback)[:, None]
        return self._scan.several(self._drive(inputs[:, None], fed, None), state.T).T

    def zero_state(self, rows: int = 0) -> Array:
        return np.zeros((rows, self.units) if rows else self.units, self.dtype)

    def _fill(self, inputs: Array, feedback: Array | None, noise: np.random.Generator | None) -> Fill:
        """Writes what the recurrent product of one series is added to, (t, N): see :meth:`Scan.one`."""
        parts = [np.asarray(inputs, self.dtype)]
        fed = self.weights.feedback is not None and feedback is not None
        if fed:
            parts.append(np.asarray(feedback, self.dtype))
        # the bias is the weight of a constant input
        read = np.concatenate([*parts, np.ones((len(inputs), 1), self.dtype)], axis=1)
        together = self._together(fed)

        def fill(start: int, stop: int, rows: Array) -> None:
            np.matmul(read[start:stop], together, out=rows)
            if noise is not None and self.noise:
                rows += noise.uniform(-self.noise, self.noise, rows.shape).astype(self.dtype)

        return fill

    def _together(self, fed: bool) -> Array:
        """(D + K + 1, N) or (D + 1, N): the weights of all that a step of one series reads."""
        if fed not in self._maps:
            weights = self.weights
            parts = [weights.inputs.T, weights.bias[None]]
            if fed and weights.feedback is not None:
                parts.insert(1, weights.feedback.T)
            self._maps[fed] = np.concatenate(parts)
        return self._maps[fed]

    def _drive(self, inputs: Array, feedback: Array | None, noise: np.random.Generator | None) -> Array:
        """What the recurrent product of several series (B, T, D) is added to: (T, N, B)."""
        weights = self.weights
        drive = _project(inputs, weights.inputs)
        if weights.feedback is not None and feedback is not None:
            drive += _project(feedback, weights.feedback)
        drive += weights.bias[:, None]
        if noise is not None and self.noise:
            drive += noise.uniform(-self.noise, self.noise, drive.shape).astype(self.dtype)
        return drive


def _project(values: Array, weights: Array) -> Array:
    """(B, T, D) → (T, N, B), so that the batch is innermost: the product's long, even stride."""
    turned = np.ascontiguousarray(np.asarray(values, dtype=weights.dtype).transpose(1, 2, 0))
    return np.ascontiguousarray(np.matmul(weights, turned))
