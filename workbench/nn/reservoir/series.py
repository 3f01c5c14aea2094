"""Generated series that echo state networks are measured on, with the constants of the literature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Double = NDArray[np.float64]

LORENZ_EXPONENT = 0.9056
"""The largest Lyapunov exponent of the Lorenz system at σ = 10, ρ = 28, β = 8/3 (Viswanath 1998): 1 / 0.9056 time units
are one Lyapunov time."""


def mackey_glass(steps: int, *, tau: float = 17.0, seed: int = 0, fine: int = 10, discard: int = 1000) -> Double:
    """(steps,) of dx/dt = 0.2 x(t-τ) / (1 + x(t-τ)¹⁰) - 0.1 x(t), sampled once a time unit.

    By the fourth-order Runge-Kutta rule in steps of 1 / ``fine``; the delayed value half-way between two steps is
    interpolated by a cubic through its four neighbours. ``discard`` units are left out after a constant start near 1.2.
    Mackey & Glass (1977); constants as in Jaeger & Haas (2004).
    """
    size = 1.0 / fine
    lag = round(tau * fine)
    count = (steps + discard) * fine
    x = np.empty(count + lag + 1)
    x[: lag + 1] = 1.2 + 0.2 * (np.random.default_rng(seed).random() - 0.5)

    def slope(value: float, late: float) -> float:
        return 0.2 * late / (1.0 + late**10) - 0.1 * value

    values = x.tolist()
    for n in range(lag, lag + count):
        present, late, later = values[n], values[n - lag], values[n - lag + 1]
        before = values[n - lag - 1] if n > lag else late
        after = values[n - lag + 2]
        middle = (9.0 * (late + later) - before - after) / 16.0
        k1 = slope(present, late)
        k2 = slope(present + 0.5 * size * k1, middle)
        k3 = slope(present + 0.5 * size * k2, middle)
        k4 = slope(present + size * k3, later)
        values[n + 1] = present + size * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0
    return np.array(values[lag + 1 :])[fine - 1 :: fine][discard : discard + steps]


def lorenz(steps: int, *, interval: float = 0.02, seed: int = 0, fine: int = 4, discard: int = 2000) -> Double:
    """(steps, 3) of the Lorenz system at σ = 10, ρ = 28, β = 8/3, sampled every ``interval`` time units.

    Fourth-order Runge-Kutta in steps of ``interval`` / ``fine``. Lorenz (1963); the interval of Pathak et al. (2018).
    """
    size = interval / fine
    x, y, z = (float(v) for v in np.random.default_rng(seed).uniform(-1.0, 1.0, 3) + np.array([0.0, 1.0, 20.0]))

    def slope(x: float, y: float, z: float) -> tuple[float, float, float]:
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z

    found = np.empty((steps + discard, 3))
    for n in range(steps + discard):
        for _ in range(fine):
            a = slope(x, y, z)
            b = slope(x + 0.5 * size * a[0], y + 0.5 * size * a[1], z + 0.5 * size * a[2])
            c = slope(x + 0.5 * size * b[0], y + 0.5 * size * b[1], z + 0.5 * size * b[2])
            d = slope(x + size * c[0], y + size * c[1], z + size * c[2])
            x += size * (a[0] + 2.0 * b[0] + 2.0 * c[0] + d[0]) / 6.0
            y += size * (a[1] + 2.0 * b[1] + 2.0 * c[1] + d[1]) / 6.0
            z += size * (a[2] + 2.0 * b[2] + 2.0 * c[2] + d[2]) / 6.0
        found[n] = x, y, z
    return found[discard:]


def narma10(steps: int, *, seed: int = 0, discard: int = 200) -> tuple[Double, Double]:
    """Inputs u (steps,) even in [0, 0.5] and targets y (steps,) of the tenth-order moving average.

    y_{t+1} = 0.3 y_t + 0.05 y_t (y_t + … + y_{t-9}) + 1.5 u_{t-9} u_t + 0.1. Atiya & Parlos (2000). The target at
    step t is y_{t+1}: what follows from the inputs up to t. Rare inputs make it run away; they are drawn again.
    """
    generator = np.random.default_rng(seed)
    while True:
        u = generator.uniform(0.0, 0.5, steps + discard)
        y = np.zeros(steps + discard + 1)
        for t in range(9, steps + discard):
            y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * y[t - 9 : t + 1].sum() + 1.5 * u[t - 9] * u[t] + 0.1
            if y[t + 1] > 10.0:
                break
        else:
            return u[discard:], y[discard + 1 :]


def nrmse(predicted: Double, wanted: Double, variance: float | None = None) -> float:
    """Root mean squared error over the targets' standard deviation (of ``wanted`` unless ``variance`` is given)."""
    spread = float(np.var(wanted)) if variance is None else variance
    return float(np.sqrt(np.mean((predicted - wanted) ** 2) / spread))


def valid_steps(predicted: Double, wanted: Double, spread: Double, threshold: float = 0.4) -> NDArray[np.int64]:
    """How many steps each free run (B, steps, D) stays right: until its error, over the root mean square of the true
    signal about its mean (``spread``, its standard deviations (D,)), exceeds ``threshold``. Pathak et al. (2018)."""
    error = np.linalg.norm(predicted - wanted, axis=-1) / float(np.linalg.norm(spread))
    wrong = ~(error <= threshold)
    steps: NDArray[np.int64] = np.where(wrong.any(axis=1), wrong.argmax(axis=1), wrong.shape[1]).astype(np.int64)
    return steps
