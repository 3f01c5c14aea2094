"""How often 90 % intervals hold on generated series, where anything may be tried: what the airline's protocol rests on.

Monthly series of twelve years with a trend, a season that may drift and errors that may cling together; each is
foretold as the benchmark ``conformal`` foretells the airline passengers: the same model, the same parts, the same
refits. One series says little (its coverage varies by several per cent), the mean over many says whether the method
keeps its promise.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.api import Catalogue, Series, WorkbenchError
from workbench.cli.benchmarks import specification
from workbench.cli.benchmarks.common import default_catalogue, machine, table
from workbench.cli.benchmarks.quality import Notice

STEPS = 144
DRAWS: Mapping[str, range] = {"choosing": range(200), "": range(200, 300)}
"""Variant → seeds of the series: those the rate was chosen on, and those it was confirmed on."""
RATES = (0.0, 0.05, 0.1, 0.2, 0.3)
_PATTERN = "conformal"


def measure(
    name: str,
    catalogue: Catalogue | None = None,
    *,
    draws: int = 0,
    variant: str = "",
    notice: Notice | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Coverage over generated series, at the rate in use and at others; ``draws`` limits how many series.

    The ``variant`` "choosing" measures the series that the rate was chosen on.
    """
    from workbench.nn.forecasting.conformal import RATE

    given.pop("threads", None)  # the protocol of the airline says one
    given.pop("data", None)
    if given:
        raise WorkbenchError(f"The benchmark {name} has no option {next(iter(given))!r}.", fix="Leave it out.")
    if variant not in DRAWS:
        raise WorkbenchError(f"{name} has no variant {variant!r}.", fix="Its variant is: choosing.")
    say, chosen = notice or (lambda text: None), specification(_PATTERN)
    catalogue = catalogue or default_catalogue()
    low, high = chosen["must"]
    seeds = list(DRAWS[variant])[: draws or None]
    began = time.process_time()
    found: dict[float, list[tuple[float, float]]] = {rate: [] for rate in RATES}
    for number, seed in enumerate(seeds):
        say(f"series {number + 1} of {len(seeds)}")
        for rate, figures in _one(generate(seed), chosen, catalogue).items():
            found[rate].append(figures)
    rows = [_row(rate, np.array(figures), np.array(found[0.0]), low, high) for rate, figures in found.items()]
    own = next(row for row in rows if row["rate"] == RATE)
    lines = [
        [f"rate {row['rate']:g}" + (" (in use)" if row is own else ""), *(f"{row[key]:.3g}" for key in _KEYS)]
        for row in rows
    ]
    return {
        "benchmark": name,
        "title": "90 % intervals on generated series",
        "metric": "mean coverage of 90 % intervals",
        "variant": variant or "main",
        "value": round(own["coverage"], 2),
        "must": f"{low:g} to {high:g} %",
        "met": low <= own["coverage"] <= high,
        "rates": rows,
        "sizes": {"series": len(seeds), "steps": STEPS},
        "protocol": str(__doc__),
        "machine": machine(),
        "cpu_seconds": round(time.process_time() - began, 1),
        "table": table(lines, [f"{len(seeds)} generated series", *_KEYS.values()]),
    }


_KEYS = {
    "coverage": "coverage %",
    "error": "its standard error",
    "spread": "spread over series",
    "inside": "series within the band %",
    "interval_score": "interval score, to rate 0",
}


def generate(seed: int) -> Series:
    """Twelve years of months: growth of -2 to 10 % a year, a season of 5 to 25 %, errors of 1 to 6 % (half of the
    draws with heavy tails) that cling by 0 to 0.8 from month to month; trend and season wander a little."""
    random = np.random.default_rng(seed)
    t = np.arange(STEPS)
    growth = random.uniform(-0.02, 0.10) / 12
    trend = growth * t + np.cumsum(random.normal(0, random.uniform(0, 0.004), STEPS))
    pattern = random.normal(0, 1, 12)
    pattern -= pattern.mean()
    pattern *= random.uniform(0.05, 0.25) / pattern.std()
    drift = np.cumsum(random.normal(0, random.uniform(0, 0.02), (STEPS // 12 + 1, 12)), axis=0)
    season = (pattern + drift)[t // 12, t % 12]
    cling, size = random.uniform(0, 0.8), random.uniform(0.01, 0.06)
    normal = random.random() < 0.5
    shocks = random.normal(size=STEPS) if normal else random.standard_t(5, size=STEPS) / np.sqrt(5 / 3)
    errors = np.zeros(STEPS)
    for i in range(1, STEPS):
        errors[i] = cling * errors[i - 1] + size * shocks[i]
    months = np.datetime64("1949-01", "M") + t
    values = np.exp(np.log(200) + trend + season + errors)
    return Series.of(f"generated {seed}", values, ("value",), times=months.astype("datetime64[ns]"), frequency="MS")


def _one(series: Series, chosen: Mapping[str, Any], catalogue: Catalogue) -> dict[float, tuple[float, float]]:
    """Rate → coverage in per cent and mean interval score (Gneiting & Raftery 2007), on logarithms."""
    from workbench.cli.backtesting import backtest_of, errors_before, refitting
    from workbench.cli.benchmarks.forecast_quality import configured
    from workbench.engine.predict import load_bundle
    from workbench.engine.training import train
    from workbench.nn.forecasting.backtest import adaptive_intervals
    from workbench.runs import RunFolder
    from workbench.runs.config import parse_config

    pattern = chosen["series"]["airline"]
    values = copy.deepcopy(configured(pattern, "", None, 1, {}))
    level, every = float(chosen["level"]), int(pattern["origins"]["refit"])
    with tempfile.TemporaryDirectory(prefix="recurra-benchmark-") as folder:
        run = RunFolder.create(Path(folder), parse_config(values))
        ended = train(run, {"train": [series]}, catalogue)
        if ended.error is not None:
            raise WorkbenchError.from_dict(ended.error)
        predictor = load_bundle(run.path, catalogue, device="cpu")
    refit = refitting(predictor, catalogue)
    result = backtest_of(predictor, series, level=level, refit=refit, refit_every=every)
    scores = errors_before(predictor, series, level=level)
    mean, truth = np.log(result.mean), np.log(result.truth)
    told: dict[float, tuple[float, float]] = {}
    for rate in RATES:
        lower, upper = adaptive_intervals(mean, truth, result.origins, level, scores, rate=rate)
        told[rate] = _figures(truth, lower, upper, level)
    return told


def _figures(
    truth: NDArray[np.float64], lower: NDArray[np.float64], upper: NDArray[np.float64], level: float
) -> tuple[float, float]:
    inside = (truth >= lower) & (truth <= upper)
    beyond = np.maximum(lower - truth, 0) + np.maximum(truth - upper, 0)
    return 100.0 * float(inside.mean()), float((upper - lower + 2.0 / (1.0 - level) * beyond).mean())


def _row(
    rate: float, figures: NDArray[np.float64], plain: NDArray[np.float64], low: float, high: float
) -> dict[str, float]:
    coverage = figures[:, 0]
    spread = float(coverage.std())
    return {
        "rate": rate,
        "coverage": float(coverage.mean()),
        "error": spread / len(coverage) ** 0.5,
        "spread": spread,
        "inside": 100.0 * float(((coverage >= low) & (coverage <= high)).mean()),
        "interval_score": float(np.exp(np.log(figures[:, 1] / plain[:, 1]).mean())),
    }
