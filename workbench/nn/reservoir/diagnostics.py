"""What a reservoir can do: does it forget where it began, and how much of its past does it remember?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.nn.reservoir.reservoir import Reservoir
from workbench.nn.reservoir.ridge import RidgeSums

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class EchoStateTest:
    """``distances`` (T,) between two states that began apart, relative to the distance they began with.

    ``converged`` where the last is below ``tolerance``; ``steps`` the first step from which it stays below, -1 if none.
    """

    distances: NDArray[np.float64]
    tolerance: float
    converged: bool
    steps: int

    @property
    def sentence(self) -> str:
        if self.converged:
            return f"The state forgets where it began: two starts agree after {self.steps + 1} steps."
        return (
            "The state does not forget where it began: after "
            f"{len(self.distances)} steps two starts still differ by {self.distances[-1]:.2g} of their first distance. "
            "Lower the spectral radius, or drive it harder with a larger input scaling."
        )


def echo_state_test(
    reservoir: Reservoir,
    inputs: Array | None = None,
    *,
    steps: int = 1000,
    pairs: int = 4,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> EchoStateTest:
    """Whether random initial states converge under the same ``inputs`` (T, D) (white noise in [-1, 1] if not given).

    A spectral radius below 1 does not assure it and one above 1 does not forbid it: it depends on the input, so it is
    measured. The worst of ``pairs`` pairs counts. Jaeger (2001), definition 1. The tolerance stays above what float32
    can tell apart.
    """
    generator = np.random.default_rng(seed)
    if inputs is None:
        inputs = generator.uniform(-1.0, 1.0, (steps, reservoir.weights.inputs.shape[1]))
    start = generator.uniform(-1.0, 1.0, (2 * pairs, reservoir.units))
    copies = np.broadcast_to(inputs, (2 * pairs, *inputs.shape))
    distances = []
    began = np.linalg.norm(start[0::2] - start[1::2], axis=-1)
    for _, states, _ in reservoir.pieces(copies, start):
        apart = np.linalg.norm(states[0::2].astype(np.float64) - states[1::2], axis=-1)
        distances.append((apart / began[:, None]).max(axis=0))
    curve = np.concatenate(distances)
    above = np.flatnonzero(curve >= tolerance)
    converged = bool(curve[-1] < tolerance)
    return EchoStateTest(curve, tolerance, converged, (int(above[-1]) + 1 if len(above) else 0) if converged else -1)


@dataclass(frozen=True, slots=True)
class MemoryCapacity:
    """``by_delay`` (K,): how much of the variance of the input k + 1 steps ago a readout recovers; their ``total``.

    The total is at most the number of units. Jaeger (2002), "Short term memory in echo state networks".
    """

    by_delay: NDArray[np.float64]

    @property
    def total(self) -> float:
        return float(self.by_delay.sum())

    @property
    def span(self) -> int:
        """The longest delay of which at least half is recovered."""
        good = np.flatnonzero(self.by_delay >= 0.5)
        return int(good[-1]) + 1 if len(good) else 0


def memory_capacity(
    reservoir: Reservoir, *, delays: int = 0, steps: int = 0, ridge: float = 1e-9, amplitude: float = 0.8, seed: int = 0
) -> MemoryCapacity:
    """Fit readouts of all delays at once on white noise, and judge them on noise they have not seen.

    By default as many ``delays`` as units, at most 400, and ten training steps for each unit.
    """
    units = reservoir.units
    delays = delays or min(units, 400)
    steps = steps or max(2000, 10 * units)
    generator = np.random.default_rng(seed)
    held = max(1000, steps // 4)
    noise = generator.uniform(-amplitude, amplitude, delays + steps + held)
    size = reservoir.weights.inputs.shape[1]
    inputs = np.zeros((len(noise), size))
    inputs[:, 0] = noise
    delayed = np.lib.stride_tricks.sliding_window_view(noise, delays + 1)[:, -2::-1]  # row t: 1 … K steps before
    sums = RidgeSums(units, delays)
    predicted: list[Array] = []
    border = delays + steps
    for start, states, _ in reservoir.pieces(inputs):
        stop = start + len(states)
        low, high = max(start, delays), min(stop, border)
        if high > low:
            sums.add(states[low - start : high - start], delayed[low - delays : high - delays])
        if stop > border:
            predicted.append(states[max(0, border - start) :])
    readout = sums.system().solve(ridge)
    states = np.concatenate(predicted)
    found = states.astype(np.float64) @ readout.weight + readout.bias
    wanted = delayed[steps : steps + len(found)]
    found = found - found.mean(axis=0)
    wanted = wanted - wanted.mean(axis=0)
    strength = (found**2).sum(axis=0) * (wanted**2).sum(axis=0)
    together = (found * wanted).sum(axis=0) ** 2
    return MemoryCapacity(np.where(strength > 0, together / np.maximum(strength, 1e-300), 0.0))
