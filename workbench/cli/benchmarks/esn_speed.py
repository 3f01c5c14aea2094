"""Speed of reservoirs beside reservoirpy's, at equal weights and in turns, and how long a large fit takes."""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import Any

from workbench.api import WorkbenchError
from workbench.cli.benchmarks.common import machine, table

UNITS, LEAK, RADIUS, RIDGE, WASHOUT = 1000, 0.3, 0.9, 1e-6, 100
STEPS, SERIES, SERIES_STEPS = 3000, 16, 400
LARGE_UNITS, LARGE_STEPS = 2000, 10_000
TARGETS = {"run": 1.5, "fit": 1.8, "16 series": 2.0}


def measure(threads: int = 0, seconds: float = 6.0) -> dict[str, Any]:
    """Rows for running and fitting one series and for running 16 at once, at densities .1 and .01.

    ``threads`` for torch's products (0: as many as it takes; a run itself takes one).
    """
    import numpy as np
    import torch
    from scipy import sparse

    from workbench.nn.bench import compare
    from workbench.nn.reservoir import EchoState, Reservoir, ReservoirOptions, ReservoirWeights

    nodes = _peer()
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    rows: list[dict[str, Any]] = []
    try:
        generator = np.random.default_rng(0)
        x = generator.uniform(-1.0, 1.0, (STEPS + 1, 1))
        many = generator.uniform(-1.0, 1.0, (SERIES, SERIES_STEPS, 1))
        for density in (0.1, 0.01):
            theirs = nodes.Reservoir(UNITS, lr=LEAK, sr=RADIUS, rc_connectivity=density, seed=1)
            theirs.run(x[:2])
            weights = ReservoirWeights(
                sparse.csr_array(theirs.W, dtype=np.float32),
                theirs.Win.toarray().astype(np.float32),
                np.zeros(UNITS, np.float32),
                leak=LEAK,
            )
            ours = Reservoir(weights)

            def start_afresh(node: Any = theirs) -> None:
                node.state = {"out": np.zeros(UNITS)}

            start_afresh()
            difference = float(np.abs(theirs.run(x[:-1]) - ours.run(x[:-1])).max())

            def run_theirs(node: Any = theirs) -> object:
                return node.run(x[:-1])

            def fit_theirs(node: Any = theirs) -> object:
                return (node >> nodes.Ridge(RIDGE)).fit(x[:-1], x[1:], warmup=WASHOUT)

            def fit_ours(reservoir: Reservoir = ours) -> object:
                return _solve(reservoir, x)

            def many_theirs(node: Any = theirs) -> object:
                return node.run(list(many))

            def run_ours(reservoir: Reservoir = ours) -> object:
                return reservoir.run(x[:-1])

            def many_ours(reservoir: Reservoir = ours) -> object:
                return reservoir.run(many)

            for name, mine, other, steps in (
                ("run", run_ours, run_theirs, STEPS),
                ("fit", fit_ours, fit_theirs, STEPS),
                ("16 series", many_ours, many_theirs, SERIES * SERIES_STEPS),
            ):
                found = compare(mine, other, seconds)
                rows.append(
                    {
                        "what": name,
                        "density": density,
                        "ours µs/step": found["ours_ms"] * 1e3 / steps,
                        "reservoirpy µs/step": found["theirs_ms"] * 1e3 / steps,
                        "ratio": found["ratio"],
                        "target": TARGETS[name],
                        "largest difference": difference,
                    }
                )
        large = generator.uniform(-1.0, 1.0, (LARGE_STEPS + 1, 1))
        network = EchoState(ReservoirOptions(units=LARGE_UNITS), ridges=(RIDGE,), washout=WASHOUT)
        network.fit(large[:200], large[1:201])  # the weights are drawn, and their spectral radius found, once
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            network.fit(large[:-1], large[1:])
            taken.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(before)
    result: dict[str, Any] = {
        "benchmark": "esn",
        "units": UNITS,
        "threads": threads or before,
        "large_fit_seconds": round(statistics.median(taken), 2),
        "large_fit": f"{LARGE_UNITS:,} units on {LARGE_STEPS:,} steps, weights already drawn",
        "large_fit_target_seconds": 5.0,
        "rows": rows,
        "machine": machine(),
    }
    result["table"] = table([list(row.values()) for row in rows], list(rows[0]))
    return result


def _solve(reservoir: Any, x: Any) -> object:
    """What fitting a readout on one series takes: run, accumulate, solve (as EchoState.fit does)."""
    from workbench.nn.reservoir.ridge import BackgroundSums

    with BackgroundSums(UNITS, 1) as sums:
        for start, states, _ in reservoir.pieces(x[:-1]):
            skipped = max(0, WASHOUT - start)
            sums.add(states[skipped:], x[1 + start + skipped : 1 + start + len(states)])
    return sums.system().solve(RIDGE)


def _peer() -> Any:
    with contextlib.suppress(ImportError):
        from reservoirpy import nodes

        return nodes
    raise WorkbenchError(
        "reservoirpy is not installed, and there is nothing else to compare with.", fix="pip install reservoirpy"
    )
