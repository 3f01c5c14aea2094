"""How much memory each task takes at size: import, a short training, and the list of the records.

A million labelled texts, pairs and tagged sentences, a running text of 100 MB, and a series of ten million steps, a
window at each. Each part runs in a process of its own, whose highest resident memory is told above what the
program takes before it begins. Trainings stop after a few seconds: what is measured is what they read and keep.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.api import WorkbenchError
from workbench.cli.benchmarks.common import default_catalogue, machine, table

MEBIBYTE = 1 << 20
TRAINING_SECONDS = 3.0
ALLOWED = 500.0
"""MiB above the base: what TASKS.md calls bounded."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is generated for a task, how it is imported and trained; ``count`` is of its records, bytes or steps."""

    task: str
    count: int
    importer: str
    suffix: str
    write: Callable[[Path, int], None]
    options: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = "gru"
    params: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=lambda: {"hidden_size": 16})


def _words(count: int, seed: int = 7) -> tuple[random.Random, list[str]]:
    chance = random.Random(seed)
    return chance, ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(count)]


def _sentences(n: int) -> Iterator[tuple[random.Random, list[str]]]:
    chance, words = _words(20_000)
    for _ in range(n):
        yield chance, chance.choices(words, k=chance.randint(5, 25))


def write_labelled(path: Path, n: int) -> None:
    """A table of ``n`` texts of 5 to 25 words with one of four labels."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("text\tlabel\n")
        file.writelines(f"{' '.join(words)}\t{chance.choice('abcd')}\n" for chance, words in _sentences(n))


def write_pairs(path: Path, n: int) -> None:
    """A table of ``n`` pairs: a sentence of 5 to 25 words and its words in reverse."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("source\ttarget\n")
        file.writelines(f"{' '.join(words)}\t{' '.join(reversed(words))}\n" for _, words in _sentences(n))


def write_tagged(path: Path, n: int) -> None:
    from workbench.data.bench import write_sentences

    write_sentences(path, n)


def write_running(path: Path, n: int) -> None:
    """A text of at least ``n`` bytes in lines of 5 to 25 words."""
    written = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _, words in _sentences(n):
            written += file.write(" ".join(words) + "\n")
            if written >= n:
                return


def write_series(path: Path, n: int) -> None:
    """One channel of ``n`` steps: two waves and some noise."""
    import numpy as np

    chance = np.random.Generator(np.random.PCG64(7))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("value\n")
        for start in range(0, n, 100_000):
            steps = np.arange(start, min(n, start + 100_000))
            values = np.sin(steps / 12) + np.sin(steps / 700) + 0.1 * chance.standard_normal(len(steps))
            file.write("\n".join(f"{value:.4f}" for value in values.tolist()) + "\n")


_SMALL = {"embedding_size": 16}
LOADS: Mapping[str, Load] = {
    "tagging": Load("tagging", 1_000_000, "conll", ".conll", write_tagged,
                    params={"word_embedding_size": 16, "characters": "none", "head": "softmax"}),
    "classification": Load("classification", 1_000_000, "table-labelled", ".tsv", write_labelled,
                           {"text": "text", "label": "label"}, params=_SMALL),
    "translation": Load("translation", 1_000_000, "table-pairs", ".tsv", write_pairs,
                        {"source": "source", "target": "target"}, "encoder_decoder",
                        {"vocabulary": "words", "vocabulary_size": 8000, "embedding_size": 16}),
    "language_modelling": Load("language_modelling", 100_000_000, "text", ".txt", write_running, {"unit": "line"},
                               params={**_SMALL, "units": "words"}),
    "forecasting": Load("forecasting", 10_000_000, "series", ".csv", write_series,
                        params={"lookback": 96, "horizon": 24, "stride": 1, "evaluation_stride": 500}),
}  # fmt: skip


def measure(tasks: str = "", share: float = 1.0, folder: Path | None = None, threads: int = 1) -> dict[str, Any]:
    """Rows of MiB above the base and of seconds, of ``tasks`` (ids with commas; all); ``share`` of the full sizes.

    ``threads`` is 1: memory does not depend on it.
    """
    if threads != 1:
        raise WorkbenchError("The memory of tasks is measured with one thread.", fix="Leave --threads out.")
    names = [name for name in tasks.split(",") if name] or list(LOADS)
    unknown = [name for name in names if name not in LOADS]
    if unknown:
        raise WorkbenchError(f"Nothing is generated for {unknown[0]!r}.", fix=f"There are: {', '.join(LOADS)}.")
    rows = []
    for name in names:
        load = LOADS[name]
        count = max(100, round(load.count * share))
        with tempfile.TemporaryDirectory(dir=folder, prefix="recurra-scale-") as place:
            file = Path(place) / f"data{load.suffix}"
            load.write(file, count)
            row: dict[str, Any] = {"task": name, "count": count}
            for part in ("import", "train", "list"):
                found = in_own_process(part, name, file)
                row |= {part: round(found["above"], 1), f"{part}_seconds": round(found["seconds"], 1)}
        rows.append(row)
    header = list(rows[0])
    return {
        "benchmark": "scale",
        "unit": "MiB above the base",
        "allowed": ALLOWED,
        "rows": rows,
        "machine": machine(),
        "table": table([[row[key] for key in header] for row in rows], header),
    }


_CALL = """
import json, sys
from workbench.cli.benchmarks import scale
print("\\n" + json.dumps(scale.part(*sys.argv[1:])))
"""


def in_own_process(part: str, name: str, file: Path) -> dict[str, float]:
    """{"base", "above", "seconds", …} of one part, from a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", _CALL, part, name, str(file)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["It ended without a word."])[-1]
        raise WorkbenchError(f"The part {part} of {name} could not be measured.", why=last, details=done.stderr)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def part(which: str, name: str, file: str) -> dict[str, float]:
    """Run one part in this process, which has done nothing else."""
    load, path = LOADS[name], Path(file)
    work = {"import": _import, "train": _train, "list": _list}[which](load, path)
    base = peak_bytes()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return {"base": base / MEBIBYTE, "above": (peak_bytes() - base) / MEBIBYTE, "seconds": seconds}


def _import(load: Load, file: Path) -> Callable[[], object]:
    from workbench.data.importing import import_file
    from workbench.project import Project

    importer = default_catalogue().importer(load.importer)
    project = Project.create(file.parent / "project", "scale")

    def work() -> None:
        import_file(project.store, importer, file, dataset_name="scale", options=load.options, split="train")
        project.close()

    return work


def _train(load: Load, file: Path) -> Callable[[], object]:
    from workbench.engine.training import train
    from workbench.project import Project
    from workbench.runs.config import parse_config

    catalogue = default_catalogue()
    for reference in (catalogue.task(load.task).factory, catalogue.architecture(load.architecture).factory):
        reference.resolve()
    project = Project.open(file.parent / "project")
    run = project.new_run(
        parse_config(
            {
                "task": {"id": load.task, "params": dict(load.params)},
                "architecture": {"id": load.architecture, "params": dict(load.hidden)},
                "data": {"dataset": "scale"},
                "training": {
                    "max_epochs": 1,
                    "threads": 1,
                    "device": "cpu",
                    "time_limit": TRAINING_SECONDS,
                    "batch_tokens": 2048,
                },
            }
        )
    )

    def work() -> None:
        ended = train(run, project.store, catalogue, cache=project.path / "cache")
        project.close()
        if ended.error is not None:
            raise WorkbenchError.from_dict(ended.error)

    return work


def _list(load: Load, file: Path) -> Callable[[], object]:
    from workbench.project import Project
    from workbench.shell.stages.data.records_model import RECORD_ROLE, RecordsModel

    project = Project.open(file.parent / "project", read_only=True)

    def work() -> None:
        dataset = project.store.dataset("scale")
        model = RecordsModel()
        model.show(project.store, project.store.ids(dataset.id))
        for row in range(0, model.rowCount(), max(1, model.rowCount() // 50)):
            model.data(model.index(row, 1))
            model.data(model.index(row, 0), RECORD_ROLE)
        project.close()

    return work


def peak_bytes() -> int:
    """The highest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # of this program only; getrusage also counts what the process was before it
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import psutil

    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))
