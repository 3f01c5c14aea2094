"""Rolling-origin backtests on public series: how often the intervals hold what they promise."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from workbench.api import Catalogue, WorkbenchError
from workbench.cli.backtesting import backtest_of, refitting
from workbench.cli.benchmarks.common import DATASET, import_data, machine, table
from workbench.cli.benchmarks.quality import Notice


def measure_backtests(
    name: str,
    chosen: Mapping[str, Any],
    catalogue: Catalogue,
    *,
    data: Path | str | None,
    seed: int | None,
    threads: int,
    notice: Notice,
) -> dict[str, Any]:
    """Coverage of each series of the benchmark, with the errors of the model and of the simple methods."""
    level, (low, high) = float(chosen["level"]), chosen["must"]
    rows = {}
    for key, series in chosen["series"].items():
        # a seed that was asked for stands for all of the protocol's
        seeds = series.get("seeds", [None]) if seed is None else [seed]
        rows[key] = _mean([_one(key, series, level, catalogue, data, one, threads, notice) for one in seeds])
    for row in rows.values():
        row["met"] = low <= row["coverage"] <= high
    lines: list[list[object]] = []
    for row in rows.values():
        simple = {name: errors["mae"] for name, errors in row["errors"].items() if name != "this model"}
        best = min(simple, key=simple.__getitem__)
        lines.append(
            [
                row["title"],
                f"{row['coverage']:.1f}",
                row["origins"],
                f"{row['errors']['this model']['mae']:.3g}",
                f"{row['errors'][best]['mae']:.3g} ({best})",
                f"{row['seconds']:.0f} s, {row['fits']} fit(s), {_seeds(row)}",
            ]
        )
    return {
        "benchmark": name,
        "title": chosen["title"],
        "metric": "coverage of 90 % intervals",
        "value": {key: round(row["coverage"], 2) for key, row in rows.items()},
        "must": f"{low:g} to {high:g} %",
        "met": all(row["met"] for row in rows.values()),
        "series": rows,
        "protocol": chosen["protocol"],
        "machine": machine(),
        "table": table(lines, [chosen["title"], "coverage %", "origins", "MAE", "best simple method", "how"]),
    }


def _mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of several seeds: the mean coverage and error, and each coverage by itself."""
    first = dict(rows[0])
    if len(rows) == 1:
        return first
    own = "this model"
    errors = {name: fmean(row["errors"][own][name] for row in rows) for name in first["errors"][own]}
    return {
        **first,
        "coverage": fmean(row["coverage"] for row in rows),
        "errors": {**first["errors"], own: errors},
        "seconds": sum(row["seconds"] for row in rows),
        "cpu_seconds": sum(row["cpu_seconds"] for row in rows),
        "by_seed": {str(row["seed"]): round(row["coverage"], 2) for row in rows},
    }


def _seeds(row: dict[str, Any]) -> str:
    told = row.get("by_seed")
    if told is None:
        return f"seed {row['seed']}"
    return f"mean of seeds {', '.join(told)}: {', '.join(f'{value:.1f}' for value in told.values())}"


def _one(
    key: str,
    series: Mapping[str, Any],
    level: float,
    catalogue: Catalogue,
    data: Path | str | None,
    seed: int | None,
    threads: int,
    notice: Notice,
) -> dict[str, Any]:
    from workbench.api.events import FinishReason
    from workbench.cli.benchmarks.forecast_quality import configured
    from workbench.engine.predict import load_bundle
    from workbench.engine.training import train
    from workbench.project import Project
    from workbench.runs.config import parse_config

    config = parse_config(configured(series, "", seed, threads, {}))
    began, began_cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="recurra-benchmark-") as folder:
        project = Project.create(Path(folder) / "project", key)
        try:
            notice(f"{key}: importing")
            import_data(project.store, catalogue, series["data"], data)
            run = project.new_run(config)
            notice(f"{key}: training")
            ended = train(run, project.store, catalogue)
            if ended.reason != FinishReason.COMPLETED.value:
                raise WorkbenchError.from_dict(ended.error or {"what": f"The training ended: {ended.reason}."})
            predictor = load_bundle(run.model_folder, catalogue, device="cpu")
            stored = next(iter(project.store.iterate(project.store.dataset(DATASET).id)))
        finally:
            project.close()
    notice(f"{key}: the backtest")
    options = series.get("origins", {})
    found = backtest_of(
        predictor,
        stored.record,
        stride=int(options.get("stride", 1)),
        count=int(options.get("count", 0)),
        level=level,
        refit=refitting(predictor, catalogue) if options.get("refit") else None,
        refit_every=int(options.get("refit", 0)),
    )
    return {
        "title": series["title"],
        "coverage": 100.0 * found.coverage(),
        "origins": len(found.origins),
        "horizon": found.mean.shape[1],
        "fits": found.fits,
        "errors": found.errors(),
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - began_cpu,
        "seed": config.training.seed,
        "config": config.model_dump(mode="json"),
    }
