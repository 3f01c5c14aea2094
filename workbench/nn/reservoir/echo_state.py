"""An echo state network over plain arrays: fit, predict, run freely."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.api import WorkbenchError
from workbench.nn.reservoir.reservoir import Reservoir
from workbench.nn.reservoir.ridge import BackgroundSums, Readout, RidgeSystem
from workbench.nn.reservoir.weights import ReservoirOptions

Array = NDArray[Any]
Double = NDArray[np.float64]

ALARM_SPANS = 3.0
"""A free run that leaves the range of the training targets by so many times its width has diverged."""


@dataclass(frozen=True, slots=True)
class Generated:
    """``values`` (steps, K) or (B, steps, K); ``diverged`` is the first step that left all reason, -1 where none did.

    A diverged row holds its last sane value from there on.
    """

    values: Double
    diverged: NDArray[np.int64]

    @property
    def alarm(self) -> str:
        """A sentence for people, "" where all went well."""
        count = int((self.diverged >= 0).sum())
        if not count:
            return ""
        first = int(self.diverged[self.diverged >= 0].min())
        return (
            f"{count} of {self.diverged.size} free runs diverged, the first after {first + 1} steps: raise the "
            "ridge or the noise, or lower the spectral radius."
        )


class EchoState:
    """One or several reservoirs of which each has its own readout; their outputs are averaged.

    ``inputs`` and ``targets`` are (T, D) and (T, K) of one series, (B, T, …) of several of equal length, or lists of
    series of any lengths. The readout reads the state, the input too with ``input_to_readout``, and the squares of
    every other unit with ``squares`` (which parts what tanh makes symmetric, as the Lorenz system needs: Pathak 2018).
    """

    def __init__(
        self,
        options: ReservoirOptions | None = None,
        *,
        seed: int = 0,
        reservoirs: int = 1,
        washout: int = 100,
        ridges: Sequence[float] = (1e-6,),
        input_to_readout: bool = True,
        squares: bool = False,
    ) -> None:
        self.options = options or ReservoirOptions()
        self.seed, self.washout, self.ridges = seed, washout, tuple(ridges)
        self.input_to_readout, self.squares = input_to_readout, squares
        self.count = reservoirs
        self.reservoirs: list[Reservoir] = []
        self.readouts: list[Readout] = []
        self._low, self._high = np.zeros(0), np.zeros(0)

    # -- fitting ---------------------------------------------------------------------------------------------------

    def fit(
        self,
        inputs: Array | Sequence[Array],
        targets: Array | Sequence[Array],
        *,
        validation: tuple[Array | Sequence[Array], Array | Sequence[Array]] | None = None,
        check: Callable[[], None] | None = None,
    ) -> EchoState:
        """Solve the readouts; with several ridges the one of least error on ``validation`` (else by GCV) is kept.

        ``check`` is called between pieces and may raise to cancel. :class:`WorkbenchError` where no step is left
        after the washout, or a value is not finite.
        """
        series, goals = _batches(inputs), _batches(targets)
        _paired(series, goals)
        size, outputs = series[0].shape[-1], goals[0].shape[-1]
        self._low = np.min([goal.min(axis=(0, 1)) for goal in goals], axis=0)
        self._high = np.max([goal.max(axis=(0, 1)) for goal in goals], axis=0)
        self.reservoirs = [
            Reservoir.draw(self.options, size, outputs, (self.seed, number)) for number in range(self.count)
        ]
        self.readouts = []
        for number, reservoir in enumerate(self.reservoirs):
            noise = np.random.default_rng((self.seed, number, 2)) if self.options.noise else None
            system = self._sums(reservoir, series, goals, noise, check)
            if len(self.ridges) == 1:
                self.readouts.append(system.solve(self.ridges[0]))
            elif validation is None:
                self.readouts.append(system.by_generalised_cross_validation(self.ridges))
            else:
                held, wanted = _batches(validation[0]), _batches(validation[1])
                judged = self._sums(reservoir, held, wanted, None, check)
                self.readouts.append(min(system.solve_all(self.ridges), key=judged.squared_error))
        return self

    def _sums(
        self,
        reservoir: Reservoir,
        series: Sequence[Array],
        goals: Sequence[Array],
        noise: np.random.Generator | None,
        check: Callable[[], None] | None,
    ) -> RidgeSystem:
        sums: BackgroundSums | None = None
        with ExitStack() as stack:
            for batch, goal in zip(series, goals, strict=True):
                for start, states in self._states(reservoir, batch, goal, noise):
                    if check is not None:
                        check()
                    skipped = max(0, self.washout - start)
                    features = self._features(states, batch[:, start : start + states.shape[1]])[:, skipped:]
                    if sums is None:
                        sums = stack.enter_context(BackgroundSums(features.shape[-1], goal.shape[-1]))
                    wanted = goal[:, start + skipped : start + states.shape[1]]
                    sums.add(features.reshape(-1, features.shape[-1]), wanted.reshape(-1, goal.shape[-1]))
        assert sums is not None
        return sums.system()

    def _states(
        self, reservoir: Reservoir, batch: Array, goal: Array | None, noise: np.random.Generator | None
    ) -> Iterator[tuple[int, Array]]:
        """(first step, states (B, t, N)) piece by piece; a batch of one takes the quicker way of a single series."""
        feedback = _shifted(goal) if goal is not None and reservoir.weights.feedback is not None else None
        if len(batch) == 1:
            fed = None if feedback is None else feedback[0]
            for start, states, _ in reservoir.pieces(batch[0], feedback=fed, noise=noise):
                yield start, states[None]
        else:
            for start, states, _ in reservoir.pieces(batch, feedback=feedback, noise=noise):
                yield start, states

    def _features(self, states: Array, inputs: Array) -> Array:
        """(…, N) and (…, D) → what the readout reads."""
        parts = [states]
        if self.squares:
            parts.append(states[..., ::2] ** 2)
        if self.input_to_readout:
            parts.append(inputs.astype(states.dtype, copy=False))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    # -- using -----------------------------------------------------------------------------------------------------

    @property
    def ridge(self) -> tuple[float, ...]:
        """The λ each reservoir's readout was solved with."""
        return tuple(readout.ridge for readout in self.readouts)

    def predict(self, inputs: Array | Sequence[Array], feedback: Array | Sequence[Array] | None = None) -> Any:
        """Outputs (…, T, K) in the form of ``inputs``; ``feedback`` are the true targets, for a forced network.

        Without it, a network with feedback reads its own outputs.
        """
        self._fitted()
        series = _batches(inputs)
        goals: list[Array | None] = [None] * len(series) if feedback is None else list(_batches(feedback))
        found: list[Array] = []
        for batch, goal in zip(series, goals, strict=True):
            if goal is None and self.reservoirs[0].weights.feedback is not None:
                found.append(self._own_feedback(batch))
                continue
            total = np.zeros((*batch.shape[:2], len(self._low)))
            for reservoir, readout in zip(self.reservoirs, self.readouts, strict=True):
                for start, states in self._states(reservoir, batch, goal, None):
                    cut = slice(start, start + states.shape[1])
                    total[:, cut] += self._features(states, batch[:, cut]) @ readout.weight + readout.bias
            found.append(total / self.count)
        if isinstance(inputs, np.ndarray):
            return found[0][0] if inputs.ndim == 2 else found[0]
        return list(found[0]) if len(found) < len(inputs) else [one[0] for one in found]

    def states_after(self, inputs: Array, feedback: Array | None = None) -> list[Array]:
        """The state (N,) or (B, N) of every reservoir after ``inputs`` (T, D) or (B, T, D)."""
        self._fitted()
        found = []
        for reservoir in self.reservoirs:
            fed = _shifted(feedback) if feedback is not None and reservoir.weights.feedback is not None else None
            present: Array = reservoir.zero_state()
            for _, _, last in reservoir.pieces(inputs, feedback=fed):
                present = last
            found.append(present)
        return found

    def generate(
        self,
        steps: int,
        *,
        states: Sequence[Array],
        first: Array,
        exogenous: Array | None = None,
        spans: float = ALARM_SPANS,
    ) -> Generated:
        """A free run of ``steps``: each output is the next input (its first columns; ``exogenous`` are the others).

        ``states`` are those of the reservoirs before the step that reads ``first`` (D,) or (B, D). The run is watched:
        a value that leaves the range of the training targets by ``spans`` times its width raises the alarm.
        """
        self._fitted()
        x = np.asarray(first, dtype=np.float64)
        single = x.ndim == 1
        x = x[None] if single else x
        present = [np.atleast_2d(state) for state in states]
        outputs = len(self._low)
        if exogenous is None and x.shape[1] != outputs:
            raise WorkbenchError(
                f"A free run feeds {outputs} outputs back as inputs, but this network reads {x.shape[1]}.",
                fix="Give the other inputs of every step, or train on a series and its own next values.",
            )
        margin = spans * np.maximum(self._high - self._low, 1e-12)
        low, high = self._low - margin, self._high + margin
        values = np.zeros((len(x), steps, outputs))
        diverged = np.full(len(x), -1, dtype=np.int64)
        fed: Array | None = x[:, :outputs] if self.reservoirs[0].weights.feedback is not None else None
        y = x[:, :outputs]
        for step in range(steps):
            before, y = y, np.zeros((len(x), outputs))
            for number, (reservoir, readout) in enumerate(zip(self.reservoirs, self.readouts, strict=True)):
                present[number] = reservoir.step(x, present[number], fed)
                y += self._features(present[number], x) @ readout.weight + readout.bias
            y /= self.count
            insane = ~((y >= low) & (y <= high)).all(axis=1)
            diverged[insane & (diverged < 0)] = step
            stopped = diverged >= 0
            if stopped.any():
                y[stopped] = before[stopped]
            values[:, step] = y
            if exogenous is None:
                x = y
            elif step + 1 < steps:
                others = np.atleast_2d(exogenous[..., step, :])
                x = np.concatenate([y, np.broadcast_to(others, (len(y), others.shape[-1]))], axis=1)
            if fed is not None:
                fed = y
        return Generated(values[0] if single else values, diverged)

    def _own_feedback(self, batch: Array) -> Array:
        y = np.zeros((len(batch), len(self._low)))
        present = [reservoir.zero_state(len(batch)) for reservoir in self.reservoirs]
        found = np.zeros((*batch.shape[:2], len(self._low)))
        for step in range(batch.shape[1]):
            x, fed, y = batch[:, step], y, np.zeros_like(y)
            for number, (reservoir, readout) in enumerate(zip(self.reservoirs, self.readouts, strict=True)):
                present[number] = reservoir.step(x, present[number], fed)
                y += self._features(present[number], x) @ readout.weight + readout.bias
            y /= self.count
            found[:, step] = y
        return found

    def _fitted(self) -> None:
        if not self.readouts:
            raise WorkbenchError("This echo state network has no readout yet.", fix="Fit it first.")


def _batches(values: Array | Sequence[Array]) -> list[Array]:
    """As a list of (B, T, D): series of equal length together, for they are run at once."""
    if isinstance(values, np.ndarray):
        return [values[None] if values.ndim == 2 else values]
    series = [np.asarray(one) for one in values]
    if len({one.shape[0] for one in series}) == 1:
        return [np.stack(series)]
    return [one[None] for one in series]


def _paired(series: Sequence[Array], goals: Sequence[Array]) -> None:
    same = len(series) == len(goals) and all(a.shape[:2] == b.shape[:2] for a, b in zip(series, goals, strict=True))
    if not series or not same:
        raise WorkbenchError(
            "Inputs and targets do not belong together.",
            why="Every series needs as many targets as it has steps.",
            fix="Look at the shapes: (T, D) and (T, K), or as many of both.",
        )


def _shifted(goal: Array) -> Array:
    """The output of the step before; 0 before the first."""
    moved = np.zeros_like(goal)
    moved[..., 1:, :] = goal[..., :-1, :]
    return moved
