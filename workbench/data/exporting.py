"""Exporting a dataset to a file: whole or not at all, with progress and cancel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.api import Cancelled, Exporter, StoredRecord, WorkbenchError
from workbench.api.files import atomic_path
from workbench.data.store import DatasetStore

Progress = Callable[[int, int], None]
"""``(records done, records in all)``."""

_EVERY = 1000


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written where."""

    path: Path
    records: int


def export_dataset(
    store: DatasetStore,
    dataset_id: int,
    exporter: Exporter,
    path: Path,
    split: str | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ExportReport:
    """Write a split (None: the whole dataset) with a dataset exporter.

    The exporter's factory is called with (records: Iterator[StoredRecord], format, layers, path, options). Records
    that were not edited since their import come out byte for byte when exporter and importer are of one format.
    :class:`WorkbenchError` when there is nothing to export, the exporter does not fit, or the file cannot be written.
    """
    info = store.dataset(dataset_id)
    if exporter.of != "dataset":
        raise WorkbenchError(f"{exporter.title} does not export datasets.", fix="Choose another exporter.")
    if exporter.record and exporter.record != info.record:
        raise WorkbenchError(
            f"{exporter.title} does not export {store.record_type(info.record).plural}.", fix="Choose another exporter."
        )
    total = info.count if split is None else store.split_counts(dataset_id).get(split, 0)
    if total == 0:
        raise WorkbenchError(
            f"The split {split!r} of {info.name} is empty."
            if split
            else f"The dataset {info.name} has no such records.",
            fix="Choose a split that has records, or export the whole dataset.",
        )
    write = exporter.factory.resolve()
    path = Path(path)
    done = 0

    def records() -> Iterator[StoredRecord]:
        nonlocal done
        for stored in store.iterate(dataset_id, split):
            if done % _EVERY == 0:
                if cancelled is not None and cancelled():
                    raise Cancelled("The export was cancelled; no file was written.")
                if progress is not None:
                    progress(done, total)
            done += 1
            yield stored

    with atomic_path(path) as temporary:
        write(records(), info.format, info.layers, temporary, dict(options or {}))
    if progress is not None:
        progress(done, total)
    return ExportReport(path, done)


def export_splits(
    store: DatasetStore,
    dataset_id: int,
    exporter: Exporter,
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[ExportReport]:
    """Write every split as a file of its own into ``folder``, named as it was imported, or after the split."""
    imported = store.dataset(dataset_id).format
    sources = imported.get("sources", [])
    # a table goes out as it came, whatever its exporter is otherwise called after
    as_it_came = exporter.id == imported.get("importer") and all(one.get("kind") == "table" for one in sources)
    names = {str(source.get("split", "")): str(source.get("file", "")) for source in sources}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        export_dataset(
            store,
            dataset_id,
            exporter,
            folder / _file_name(names.get(split, ""), split, exporter.suffix, as_it_came),
            split,
            options=options,
            progress=progress,
            cancelled=cancelled,
        )
        for split in store.split_counts(dataset_id)
    ]


def _file_name(imported: str, split: str, suffix: str, keep: bool) -> str:
    plain = bool(imported) and re.fullmatch(r"[\w.\- ]+", imported) is not None
    return imported if plain and (keep or Path(imported).suffix == suffix) else f"{split or 'rest'}{suffix}"
