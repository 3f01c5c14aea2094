"""Quality of echo state networks on generated series: search on validation, then fresh series and fresh reservoirs.

One search finds the numbers (:data:`BENCHMARKS` says on what); they are then judged on five seeds it has not seen, each
with a series of its own to fit, and a reservoir of its own. The median over these seeds is the figure.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.api import WorkbenchError
from workbench.cli.benchmarks.common import machine, table

if TYPE_CHECKING:
    from workbench.nn.reservoir import EchoState

Notice = Callable[[str], None]
TEST_SEEDS = (101, 102, 103, 104, 105)
SEARCH_SEEDS = (1, 2, 3, 4)
"""Each a reservoir and a series; a promising trial is judged on all of them, and its score is their mean."""
HORIZON = 84
RUNS = 100
LORENZ_INTERVAL = 0.02
LORENZ_RUNS, LORENZ_STEPS = 30, 1000


@dataclass(frozen=True)
class Judged:
    """``score`` (more is better) and the ``value`` people read; ``diverged`` free runs of ``runs``."""

    score: float
    value: float
    diverged: int = 0
    runs: int = 0


@dataclass(frozen=True)
class Variant:
    """How large, what its readout reads, and how long it is searched for (process seconds)."""

    title: str
    units: int
    must: float
    stretch: float
    search_seconds: float
    trials: int = 2000
    squares: bool = False
    reservoirs: int = 1
    density: float = 0.1
    search_units: int = 0
    """Searched at this size where the full one would take too long; 0: at the full one."""
    space: Mapping[str, tuple[float, float, bool]] | None = None
    """Narrower than the benchmark's: about what a search at a smaller size found on its validation seeds."""


@dataclass(frozen=True)
class Benchmark:
    """``judge(values, variant, seed, units)`` makes a series, fits one network on it, and judges it."""

    title: str
    metric: str
    protocol: str
    judge: Callable[[Mapping[str, float], Variant, int, int], Judged]
    less_is_better: bool
    space: Mapping[str, tuple[float, float, bool]]
    variants: Mapping[str, Variant]
    published: tuple[tuple[str, float, str], ...] = ()
    hint: Mapping[str, float] = field(default_factory=dict)


def measure(name: str, *, variant: str = "", variants: bool = False, notice: Notice | None = None, **given: Any) -> Any:
    """A row as the other quality benchmarks have it; ``seconds`` and ``seeds`` make a smaller measurement of it."""
    chosen = BENCHMARKS[name]
    if variant and variant not in chosen.variants:
        raise WorkbenchError(
            f"{name} has no variant {variant!r}.", fix=f"Its variants are: {', '.join(chosen.variants)}."
        )
    seconds, seeds = given.pop("seconds", None), tuple(given.pop("seeds", TEST_SEEDS))
    given.pop("threads", None)  # a reservoir runs on one thread
    if given:
        raise WorkbenchError(f"The benchmark {name} has no option {next(iter(given))!r}.", fix="Leave it out.")
    first = variant or next(iter(chosen.variants))
    names = [first, *(other for other in chosen.variants if variants and other != first)]
    rows = [_measure(name, chosen, one, seconds, seeds, notice or (lambda text: None)) for one in names]
    result: dict[str, Any] = dict(rows[0])
    if len(rows) > 1:
        result["variants"] = rows[1:]
    result["published"] = [{"title": title, "value": value, "note": note} for title, value, note in chosen.published]
    result["table"] = _table(chosen, rows)
    return result


def _measure(
    name: str, chosen: Benchmark, which: str, seconds: float | None, seeds: tuple[int, ...], notice: Notice
) -> dict[str, Any]:
    from workbench.nn.reservoir.search import Range, search

    variant = chosen.variants[which]
    units = variant.search_units or variant.units
    began, began_cpu = time.perf_counter(), time.process_time()
    best = -math.inf

    def score(values: dict[str, float]) -> float:
        """The mean over seeds; later ones only where those before come near the best so far."""
        nonlocal best
        found = [chosen.judge(values, variant, SEARCH_SEEDS[0], units).score]
        for seed in SEARCH_SEEDS[1:]:
            if statistics.mean(found) < best - 0.3:
                return statistics.mean(found) - 0.3
            found.append(chosen.judge(values, variant, seed, units).score)
        best = max(best, statistics.mean(found))
        return statistics.mean(found)

    told = 0.0

    def progress(done: int, trials: int, trial: object) -> None:
        nonlocal told
        if time.perf_counter() - told > 5.0:
            told = time.perf_counter()
            notice(f"{which}: trial {done} of about {trials}, best score {best:.2f}")

    space = {key: Range(low, high, log) for key, (low, high, log) in (variant.space or chosen.space).items()}
    limit = variant.search_seconds if seconds is None else seconds
    trials = search(score, trials=variant.trials, seconds=limit, space=space, progress=progress)
    searched, searched_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    values = trials[0].values
    notice(f"{which}: judging on fresh seeds")
    judged = [chosen.judge(values, variant, seed, variant.units) for seed in seeds]
    value = statistics.median(one.value for one in judged)
    diverged = sum(one.diverged > 0 for one in judged)
    met = (value <= variant.must if chosen.less_is_better else value >= variant.must) and diverged == 0
    return {
        "benchmark": name,
        "variant": which,
        "title": f"{chosen.title}, {variant.title}",
        "metric": chosen.metric,
        "split": "test",
        "value": value,
        "must": variant.must,
        "stretch": variant.stretch,
        "met": met,
        "measures": {
            "by_seed": {str(seed): one.value for seed, one in zip(seeds, judged, strict=True)},
            "worst": max((one.value for one in judged), key=lambda v: v if chosen.less_is_better else -v),
            "diverging_seeds": diverged,
            "diverged_runs": sum(one.diverged for one in judged),
            "free_runs": sum(one.runs for one in judged),
        },
        "validation": {"score": trials[0].score, "trials": len(trials)},
        "protocol": chosen.protocol,
        "sizes": {"units": variant.units, "reservoirs": variant.reservoirs, "searched_units": units},
        "seed": SEARCH_SEEDS[0],
        "threads": 1,
        "search_seconds": round(searched, 1),
        "search_cpu_seconds": round(searched_cpu, 1),
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - began_cpu, 1),
        "machine": machine(),
        "config": values,
    }


def _network(values: Mapping[str, float], variant: Variant, seed: int, units: int, washout: int) -> EchoState:
    from workbench.nn.reservoir import EchoState, ReservoirOptions

    options = ReservoirOptions(
        units=units,
        spectral_radius=values["spectral_radius"],
        leak=values["leak"],
        input_scaling=values["input_scaling"],
        bias=values["bias"],
        density=variant.density,
        dtype="float64",  # a free run multiplies every rounding error
    )
    return EchoState(
        options,
        seed=seed,
        reservoirs=variant.reservoirs,
        washout=washout,
        ridges=(values["ridge"],),
        squares=variant.squares,
    )


# -- the three series --------------------------------------------------------------------------------------------------

MACKEY_GLASS_TRAIN, MACKEY_GLASS_WASHOUT = 3000, 200


def _mackey_glass(values: Mapping[str, float], variant: Variant, seed: int, units: int) -> Judged:
    """Free runs of 84 steps from places of the series after those that were fitted."""
    import numpy as np

    from workbench.nn.reservoir import series

    raw = _cached("mackey_glass", MACKEY_GLASS_TRAIN + 2400 + HORIZON, seed)
    x = np.tanh(raw - 1.0)[:, None]
    network = _network(values, variant, seed, units, MACKEY_GLASS_WASHOUT)
    network.fit(x[:MACKEY_GLASS_TRAIN], x[1 : MACKEY_GLASS_TRAIN + 1])
    starts = MACKEY_GLASS_TRAIN + 200 + 22 * np.arange(RUNS)
    run = network.generate(HORIZON, states=_states_at(network, x, starts), first=x[starts])
    predicted = 1.0 + np.arctanh(np.clip(run.values[:, -1, 0], -0.999, 0.999))
    value = series.nrmse(predicted, raw[starts + HORIZON], float(np.var(raw)))
    return Judged(-math.log10(max(value, 1e-12)), value, int((run.diverged >= 0).sum()), RUNS)


NARMA_TRAIN, NARMA_TEST, NARMA_WASHOUT = 4000, 2000, 200


def _narma10(values: Mapping[str, float], variant: Variant, seed: int, units: int) -> Judged:
    """Driven by its input throughout, as the task is; the first steps after those that were fitted are judged."""
    from workbench.nn.reservoir import series

    u, y = _cached("narma10", NARMA_TRAIN + NARMA_TEST, seed)
    x, goal = (4.0 * u - 1.0)[:, None], y[:, None]
    network = _network(values, variant, seed, units, NARMA_WASHOUT)
    network.fit(x[:NARMA_TRAIN], goal[:NARMA_TRAIN])
    found = network.predict(x)[NARMA_TRAIN:]
    value = series.nrmse(found, goal[NARMA_TRAIN:])
    return Judged(-math.log10(max(value, 1e-12)), value)


LORENZ_TRAIN, LORENZ_WASHOUT = 6000, 200


def _lorenz(values: Mapping[str, float], variant: Variant, seed: int, units: int) -> Judged:
    """How long free runs stay right, in Lyapunov times."""
    import numpy as np

    from workbench.nn.reservoir import series

    total = LORENZ_TRAIN + 200 + 100 * LORENZ_RUNS + LORENZ_STEPS
    raw = _cached("lorenz", total, seed)
    centre, spread = raw[:LORENZ_TRAIN].mean(axis=0), raw[:LORENZ_TRAIN].std(axis=0)
    x = (raw - centre) / spread
    network = _network(values, variant, seed, units, LORENZ_WASHOUT)
    network.fit(x[:LORENZ_TRAIN], x[1 : LORENZ_TRAIN + 1])
    starts = LORENZ_TRAIN + 200 + 100 * np.arange(LORENZ_RUNS)
    run = network.generate(LORENZ_STEPS, states=_states_at(network, x, starts), first=x[starts])
    wanted = np.stack([x[start + 1 : start + 1 + LORENZ_STEPS] for start in starts])
    steps = series.valid_steps(run.values * spread, wanted * spread, spread)
    times = steps * LORENZ_INTERVAL * series.LORENZ_EXPONENT
    return Judged(float(np.mean(times)), float(np.median(times)), int((run.diverged >= 0).sum()), LORENZ_RUNS)


def _states_at(network: EchoState, x: Any, starts: Any) -> list[Any]:
    """The state (B, N) of every reservoir before it reads the value at each of ``starts``, the true series before."""
    return [reservoir.run(x[: starts[-1]])[starts - 1] for reservoir in network.reservoirs]


_kept: dict[tuple[str, int, int], Any] = {}


def _cached(name: str, steps: int, seed: int) -> Any:
    """A generated series; making it takes longer than fitting it."""
    from workbench.nn.reservoir import series

    key = (name, steps, seed)
    if key not in _kept:
        make = {
            "mackey_glass": lambda: series.mackey_glass(steps, seed=seed),
            "narma10": lambda: series.narma10(steps, seed=seed),
            "lorenz": lambda: series.lorenz(steps, interval=LORENZ_INTERVAL, seed=seed),
        }
        _kept[key] = make[name]()
    return _kept[key]


# -- what is measured --------------------------------------------------------------------------------------------------

_SPACE = {
    "spectral_radius": (0.4, 1.6, False),
    "leak": (0.15, 1.0, False),
    "input_scaling": (0.05, 3.0, True),
    "bias": (0.01, 1.5, True),
}
_MACKEY_GLASS = Variant("300 units", 300, 1e-3, 6.3e-5, search_seconds=140.0)
_NEAR_MACKEY_GLASS = {
    "spectral_radius": (0.7, 1.1, False),
    "leak": (0.4, 0.8, False),
    "input_scaling": (0.4, 1.2, True),
    "bias": (0.01, 0.1, True),
    "ridge": (1e-12, 1e-10, True),
}
_NARMA10 = Variant("300 units", 300, 0.25, 0.10, search_seconds=60.0, squares=True)
_LORENZ = Variant("300 units", 300, 4.0, 8.0, search_seconds=120.0, squares=True)
_SEEDS = "five seeds the search has not seen, each with a series and a reservoir of its own; the median counts"

BENCHMARKS: Mapping[str, Benchmark] = {
    "mackey_glass": Benchmark(
        title="Mackey-Glass, τ = 17",
        metric="NRMSE of the 84th step of a free run",
        protocol="Generated by fourth-order Runge-Kutta (step 0.1, sampled each time unit), read as tanh(x - 1). "
        f"Fitted on {MACKEY_GLASS_TRAIN} steps of which {MACKEY_GLASS_WASHOUT} are washout; {RUNS} free runs of "
        f"{HORIZON} steps from later places, error in the units of the series over its variance (Jaeger & Haas 2004). "
        f"The search sees four other series and reservoirs; then {_SEEDS}. No seed may diverge.",
        judge=_mackey_glass,
        less_is_better=True,
        space={**_SPACE, "ridge": (1e-13, 1e-6, True)},
        variants={
            "main": _MACKEY_GLASS,
            "full": replace(
                _MACKEY_GLASS,
                title="1,000 units",
                units=1000,
                must=6.3e-5,
                search_seconds=150.0,
                space=_NEAR_MACKEY_GLASS,
            ),
        },
        published=(("Jaeger & Haas 2004", 6.3e-5, "1,000 units, 10^-4.2, the readout refined"),),
    ),
    "narma10": Benchmark(
        title="NARMA10",
        metric="NRMSE",
        protocol=f"Inputs even in [0, 0.5]. Fitted on {NARMA_TRAIN} steps of which {NARMA_WASHOUT} are washout, judged "
        f"on the {NARMA_TEST} after. The readout sees the squares of every other unit too. The search sees "
        f"four other series and reservoirs; then {_SEEDS}.",
        judge=_narma10,
        less_is_better=True,
        space={**_SPACE, "input_scaling": (0.01, 1.0, True), "ridge": (1e-12, 1e-3, True)},
        variants={
            "main": _NARMA10,
            "full": replace(
                _NARMA10, title="1,000 units", units=1000, must=0.10, search_units=400, search_seconds=120.0
            ),
        },
        published=(("Jaeger 2003", 0.10, "quadratic readout of 100 units, about"),),
    ),
    "lorenz": Benchmark(
        title="Lorenz system",
        metric="Lyapunov times a free run stays right",
        protocol=f"Sampled every {LORENZ_INTERVAL} time units, each coordinate brought to mean 0 and variance 1. "
        f"Fitted on {LORENZ_TRAIN} steps of which {LORENZ_WASHOUT} are washout; {LORENZ_RUNS} free runs from "
        "later places; a run is right until its error exceeds 0.4 of the series' root mean square about its mean "
        "(Pathak et al. 2018); the median run counts. The readout sees the squares of every other unit too. The search "
        f"sees four other series and reservoirs; then {_SEEDS}.",
        judge=_lorenz,
        less_is_better=False,
        space={**_SPACE, "ridge": (1e-12, 1e-4, True)},
        variants={
            "main": _LORENZ,
            "full": replace(_LORENZ, title="1,000 units", units=1000, must=8.0, search_units=300),
        },
        published=(("Pathak et al. 2018", 8.0, "hybrid and large reservoirs reach about 8 or more"),),
    ),
}
"""Name → what is measured."""


def _table(chosen: Benchmark, rows: list[dict[str, Any]]) -> str:
    lines: list[list[object]] = []
    for row in rows:
        measures = row["measures"]
        how = (
            f"worst seed {measures['worst']:.2g}, {measures['diverging_seeds']} diverging; search "
            f"{row['validation']['trials']} trials in {row['search_cpu_seconds']:.0f} CPU-seconds"
        )
        lines.append([f"Recurra: {row['title']}", row["value"], how])
        lines.append(["  target: must", float(row["must"]), ""])
        lines.append(["  target: stretch", float(row["stretch"]), ""])
    lines += [[title, value, note] for title, value, note in chosen.published]
    return table(lines, [chosen.title, chosen.metric, "how"])
