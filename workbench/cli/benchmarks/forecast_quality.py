"""Quality of forecasts on public series: trained, evaluated once, beside the simple methods of the same run."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.api import Catalogue, WorkbenchError
from workbench.cli.benchmarks import specification
from workbench.cli.benchmarks.common import DATASET, default_catalogue, import_data, machine, table
from workbench.cli.benchmarks.quality import Notice

MODEL = "this model"


def measure(
    name: str,
    catalogue: Catalogue | None = None,
    *,
    data: Path | str | None = None,
    seed: int | None = None,
    threads: int = 0,
    split: str = "test",
    variant: str = "",
    variants: bool = False,
    overrides: Mapping[str, Any] | None = None,
    notice: Notice | None = None,
) -> dict[str, Any]:
    """One row: the measure of benchmark ``name``, of the simple methods beside it, and how it was done.

    ``split`` "validation" leaves the test part alone, for choosing options; ``variant`` is another set of options.
    """
    chosen = specification(name)
    catalogue = catalogue or default_catalogue()
    say = notice or (lambda text: None)
    if chosen.get("backtest"):
        from workbench.cli.benchmarks.forecast_backtest import measure_backtests

        return measure_backtests(name, chosen, catalogue, data=data, seed=seed, threads=threads, notice=say)
    known = chosen.get("variants", {})
    if variant and variant not in known:
        raise WorkbenchError(
            f"{name} has no variant {variant!r}.", fix=f"Its variants are: {', '.join(known) or 'none'}."
        )
    names = [variant, *(one for one in known if variants and one != variant)]
    rows = [_measure(name, chosen, one, catalogue, data, seed, threads, split, overrides or {}, say) for one in names]
    result = rows[0]
    if len(rows) > 1:
        result["variants"] = rows[1:]
    result["published"] = chosen.get("published", [])
    result["table"] = _table(chosen, rows)
    return result


def configured(
    chosen: Mapping[str, Any], variant: str, seed: int | None, threads: int, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """The run of a benchmark as plain values."""
    values = merged(copy.deepcopy(dict(chosen["run"])), chosen["variants"][variant] if variant else {})
    values.pop("title", None)
    values = merged(values, overrides)
    training = values.setdefault("training", {})
    if seed is not None:
        training["seed"] = seed
    if threads:
        training["threads"] = threads
    values["data"] = {"dataset": DATASET}
    return values


def merged(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``changes`` laid over ``values``, table by table."""
    for key, change in changes.items():
        if isinstance(change, Mapping) and isinstance(values.get(key), dict):
            values[key] = merged(values[key], change)
        else:
            values[key] = copy.deepcopy(change)
    return values


def _measure(
    name: str,
    chosen: Mapping[str, Any],
    variant: str,
    catalogue: Catalogue,
    data: Path | str | None,
    seed: int | None,
    threads: int,
    split: str,
    overrides: Mapping[str, Any],
    notice: Notice,
) -> dict[str, Any]:
    from workbench.api.events import EpochMetrics, FinishReason, RunStarted
    from workbench.engine.data import StoreSource
    from workbench.engine.predict import load_bundle
    from workbench.engine.training import train
    from workbench.project import Project
    from workbench.runs import JournalReader
    from workbench.runs.config import parse_config

    config = parse_config(configured(chosen, variant, seed, threads, overrides))
    with tempfile.TemporaryDirectory(prefix="recurra-benchmark-") as folder:
        project = Project.create(Path(folder) / "project", name)
        try:
            notice("importing")
            import_data(project.store, catalogue, chosen["data"], data)
            run = project.new_run(config)
            notice("training")
            began, began_cpu = time.perf_counter(), time.process_time()
            ended = train(run, project.store, catalogue)
            seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
            if ended.reason != FinishReason.COMPLETED.value:
                raise WorkbenchError.from_dict(ended.error or {"what": f"The training ended: {ended.reason}."})
            events = JournalReader(run.journal_path).poll()
            started = next(event for event in events if isinstance(event, RunStarted))
            epochs = [event for event in events if isinstance(event, EpochMetrics)]
            notice("evaluating")
            report = load_bundle(run.model_folder, catalogue, device="cpu").evaluate(
                StoreSource(project.store, DATASET), split
            )
        finally:
            project.close()
    target = chosen["target"]
    metric = target["metric"]
    rows = {str(row["label"]): row for row in report.table}
    value = float(report.metrics[metric])
    best = next((event for event in epochs if event.epoch == ended.best_epoch), epochs[-1])
    must, why = _must(target, rows, metric)
    return {
        "benchmark": name,
        "variant": variant or "main",
        "title": chosen["variants"][variant]["title"] if variant else chosen["title"],
        "metric": target["title"],
        "split": split,
        "value": round(value, 4),
        "must": round(must, 4),
        "must_is": why,
        "met": value <= must,
        "measures": {key: round(v, 4) for key, v in report.metrics.items()},
        "methods": {
            label: {key: round(float(row[key]), 4) for key in row if key != "label"} for label, row in rows.items()
        },
        "validation": {key: round(v, 4) for key, v in best.metrics.items()},
        "protocol": chosen["protocol"],
        "sizes": {"windows": report.n_records, "parameters": started.parameters},
        "seed": config.training.seed,
        "threads": started.threads,
        "device": started.device,
        "epochs": len(epochs),
        "best_epoch": ended.best_epoch,
        "training_seconds": round(ended.seconds, 1),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "machine": machine(),
        "config": config.model_dump(mode="json"),
    }


def _must(target: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]], metric: str) -> tuple[float, str]:
    """The largest value that is good enough: a number, and what a simple method of the same run reached."""
    limits = []
    if "must" in target:
        limits.append((float(target["must"]), f"{target['must']}"))
    for method, factor in target.get("at_most", {}).items():
        limits.append((float(factor) * float(rows[method][metric]), f"{factor} × {method}"))
    return min(limits)[0], " and at most ".join(why for _, why in limits)


def _table(chosen: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    columns = ["mse", "mae", "mase", "smape", "mape"]
    told = [key for key in columns if any(key in method for row in rows for method in row["methods"].values())]
    lines: list[list[object]] = []
    for row in rows:
        how = (
            f"{row['split']}, seed {row['seed']}, {row['threads']} thread(s), {row['epochs']} epochs, "
            f"{row['cpu_seconds']:.0f} CPU-seconds, {row['sizes']['parameters']:,} parameters"
        )
        own = row["methods"][MODEL]
        lines.append([f"Recurra: {row['title']}", *(_digits(own.get(key)) for key in told), how])
    for method, values in rows[0]["methods"].items():
        if method != MODEL:
            lines.append([f"{method} (same run)", *(_digits(values.get(key)) for key in told), ""])
    for entry in chosen.get("published", []):
        place = [_digits(entry["value"]) if key == chosen["target"]["metric"] else None for key in told]
        lines.append([entry["title"], *place, entry.get("note", "")])
    return table(lines, [chosen["title"], *told, "how"])


def _digits(value: Any) -> str | None:
    return None if value is None else f"{float(value):.3f}"
