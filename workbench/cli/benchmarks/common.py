"""What benchmarks share: finding the public data, importing it, and saying on what machine a figure was measured."""

from __future__ import annotations

import datetime
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import Catalogue, Record, WorkbenchError

if TYPE_CHECKING:
    from workbench.data.store import DatasetStore
    from workbench.engine.loop import Trainer
    from workbench.runs.config import RunConfig

DATA_VARIABLE = "RECURRA_DATA"
DATASET = "benchmark"


def default_catalogue() -> Catalogue:
    from workbench.host import load_plugins

    return load_plugins(safe_mode=True).catalogue


def data_folder(data: Path | str | None = None) -> Path:
    """Where the public data sets lie: as asked for, as the environment says, or ``shared/data`` beside the checkout."""
    asked = data or os.environ.get(DATA_VARIABLE)
    if asked:
        return Path(asked)
    checkout = Path(str(files("workbench_resources"))).resolve().parent
    for candidate in (Path.cwd(), checkout):
        folder = candidate.parent / "shared" / "data"
        if folder.is_dir():
            return folder
    return Path.cwd().parent / "shared" / "data"


def data_files(section: Mapping[str, Any], data: Path | str | None = None) -> list[tuple[Path, str]]:
    """(path, split) of a benchmark's files; :class:`WorkbenchError` naming the first that is not there."""
    folder = data_folder(data) / section["folder"]
    found = [(folder / name, split) for split, name in section["files"].items()]
    for path, split in found:
        if not path.is_file():
            raise WorkbenchError(
                f"The {split} file of this benchmark is not there.",
                why="The public data sets are not part of the program; their licences forbid it for some.",
                fix=f"Put {section['folder']}/{path.name} into a data folder and name it with {DATA_VARIABLE}=FOLDER.",
                file=path,
            )
    return found


def import_data(
    store: DatasetStore, catalogue: Catalogue, section: Mapping[str, Any], data: Path | str | None = None
) -> None:
    """Import a benchmark's files into ``store`` as the dataset :data:`DATASET`."""
    from workbench.data.importing import import_files

    paths = data_files(section, data)
    importer = catalogue.importer(section["importer"])
    options = dict(section.get("options", {}))
    if not options:
        path = paths[0][0]
        with path.open("rb") as stream:
            sniffed = importer.sniff.resolve()(stream.read(1 << 16), path)
        options = dict(sniffed.options) if sniffed is not None else {}
    import_files(store, importer, paths, dataset_name=DATASET, options=options)


def machine() -> dict[str, Any]:
    """The machine and the versions a figure belongs to."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "recurra": _version("recurra"),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """A Markdown table with columns of even width."""
    cells = [[_cell(value) for value in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if 0 < abs(value) < 0.1:
            return f"{value:.2g}"
        return f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)


@contextmanager
def trainer_in_turns(config: RunConfig, catalogue: Catalogue, records: Sequence[Record]) -> Iterator[Trainer]:
    """The engine's trainer of ``config``, ready for its first step on ``records``; nothing of it is kept afterwards."""
    import torch

    from workbench.engine.checkpoint import CheckpointFolder
    from workbench.engine.compose import compose, make_task
    from workbench.engine.controls import Controls
    from workbench.engine.data import ListSource, prepare
    from workbench.engine.evaluate import Metrics
    from workbench.engine.loop import Trainer
    from workbench.runs import ControlReader, JournalWriter
    from workbench.runs.folder import RunFolder

    before = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="recurra-benchmark-") as folder:
        spec, task = make_task(config, catalogue)
        prepared = prepare(ListSource({"train": records}), config.data, task)
        run = RunFolder.create(Path(folder), config)
        try:
            torch.set_num_threads(config.training.threads)
            with JournalWriter(run.journal_path, run.id) as journal:
                yield Trainer(
                    config=config,
                    model=compose(config, catalogue, prepared.codec),
                    train=prepared.train,
                    validation=None,
                    metrics=Metrics.of(spec.metrics, catalogue),
                    journal=journal,
                    controls=Controls(ControlReader(run.control_path), journal),
                    checkpoints=CheckpointFolder(run.checkpoints),
                )
        finally:
            torch.set_num_threads(before)
