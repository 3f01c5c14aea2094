"""Quality on public data: import, train through the engine, evaluate the test split once, say how it was done."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.api import Catalogue, WorkbenchError
from workbench.cli.benchmarks import specification
from workbench.cli.benchmarks.common import DATASET, default_catalogue, import_data, machine, table

Notice = Callable[[str], None]


def run_quality(
    name: str,
    catalogue: Catalogue | None = None,
    *,
    variant: str = "",
    variants: bool = False,
    data: Path | str | None = None,
    seed: int | None = None,
    threads: int = 0,
    split: str = "test",
    overrides: Mapping[str, Any] | None = None,
    vectors: Path | str | None = None,
    notice: Notice | None = None,
) -> dict[str, Any]:
    """One row: the metric in per cent, how it was measured, and a ``table`` beside the published figures.

    ``variant`` measures one variation of the protocol, ``variants`` all of them after the main one. ``split``
    "validation" leaves the test split alone, for choosing options; ``overrides`` are merged into the run. ``vectors``
    is a file of pretrained word vectors for the variants that need one; without it, ``variants`` leaves them out.
    """
    chosen = specification(name)
    catalogue = catalogue or default_catalogue()
    known = chosen.get("variants", {})
    if variant and variant not in known:
        raise WorkbenchError(
            f"{name} has no variant {variant!r}.", fix=f"Its variants are: {', '.join(known) or 'none'}."
        )
    if variant and known[variant].get("needs_vectors") and not vectors:
        raise WorkbenchError(
            f"The variant {variant!r} needs a file of pretrained word vectors.",
            why="Vectors are not part of the program.",
            fix="Name a text file of vectors (GloVe, word2vec, fastText .vec) with --vectors FILE.",
        )
    others = [v for v in known if variants and v != variant and (vectors or not known[v].get("needs_vectors"))]
    names = [variant, *others]
    given = dict(overrides or {})
    rows = [
        _measure(
            name,
            chosen,
            v,
            catalogue,
            data,
            seed,
            threads,
            split,
            _with_vectors(given, vectors) if v and known[v].get("needs_vectors") else given,
            notice or _silent,
        )
        for v in names
    ]
    result = rows[0]
    if len(rows) > 1:
        result["variants"] = rows[1:]
    result["published"] = chosen.get("published", [])
    result["table"] = _table(chosen, rows)
    return result


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
    from workbench.engine.predict import load_bundle
    from workbench.engine.training import train
    from workbench.project import Project
    from workbench.runs import JournalReader
    from workbench.runs.config import parse_config

    values = _merge(copy.deepcopy(dict(chosen["run"])), chosen["variants"][variant] if variant else {})
    for told in ("title", "protocol", "needs_vectors"):
        values.pop(told, None)
    values = _merge(values, overrides)
    training = values.setdefault("training", {})
    if seed is not None:
        training["seed"] = seed
    if threads:
        training["threads"] = threads
    values["data"] = {"dataset": DATASET}
    config = parse_config(values)
    target = chosen["target"]
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
                error = WorkbenchError.from_dict(ended.error or {"what": f"The training ended: {ended.reason}."})
                raise error
            events = JournalReader(run.journal_path).poll()
            started = next(event for event in events if isinstance(event, RunStarted))
            epochs = [event for event in events if isinstance(event, EpochMetrics)]
            notice("evaluating")
            predictor = load_bundle(run.model_folder, catalogue, device="cpu")
            report = predictor.evaluate(_records(project.store, split), split)
            counts = project.store.split_counts(project.store.dataset(DATASET).id)
        finally:
            project.close()
    best = next((event for event in epochs if event.epoch == ended.best_epoch), epochs[-1])
    scale = float(target.get("scale", 100.0))
    value = scale * report.metrics[target["metric"]]
    return {
        "benchmark": name,
        "variant": variant or "main",
        "title": chosen["variants"][variant]["title"] if variant else chosen["title"],
        "metric": target["title"],
        "split": split,
        "value": round(value, 2),
        "must": target["must"],
        "stretch": target["stretch"],
        "met": value <= target["must"] if target.get("lower_is_better") else value >= target["must"],
        "measures": {key: round(scale * v, 2) for key, v in report.metrics.items()},
        "validation": {key: round(scale * v, 2) for key, v in best.metrics.items()},
        "by_label": [dict(row) for row in report.table],
        "protocol": (chosen["variants"][variant] if variant else chosen).get("protocol", chosen["protocol"]),
        "scoring": dict(report.protocol or {}),
        "sizes": {"records": counts, "test_tokens": report.n_tokens, "parameters": started.parameters},
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


def _records(store: Any, split: str) -> list[Any]:
    return [stored.record for stored in store.iterate(store.dataset(DATASET).id, split)]


def _merge(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``changes`` laid over ``values``, table by table."""
    for key, change in changes.items():
        if isinstance(change, Mapping) and isinstance(values.get(key), dict):
            values[key] = _merge(values[key], change)
        else:
            values[key] = copy.deepcopy(change)
    return values


def _with_vectors(overrides: dict[str, Any], vectors: Path | str | None) -> dict[str, Any]:
    return _merge(copy.deepcopy(overrides), {"task": {"params": {"vectors": str(Path(str(vectors)).resolve())}}})


def _table(chosen: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    target = chosen["target"]
    lines: list[list[object]] = [
        [
            f"Recurra: {row['title'] if row['variant'] != 'main' else 'this run'}",
            row["value"],
            row["training_seconds"],
            f"{row['split']}, seed {row['seed']}, {row['threads']} thread(s), {row['epochs']} epochs, "
            f"{row['cpu_seconds']:.0f} CPU-seconds, {row['sizes']['parameters']:,} parameters",
        ]
        for row in rows
    ]
    lines.append(["target: must", float(target["must"]), None, ""])
    lines.append(["target: stretch", float(target["stretch"]), None, ""])
    lines += [[entry["title"], float(entry["value"]), None, entry.get("note", "")] for entry in chosen["published"]]
    return table(lines, [chosen["title"], f"{target['title']} {target.get('unit', '%')}".strip(), "training s", "how"])


def _silent(text: str) -> None:
    """For callers who watch nothing."""
