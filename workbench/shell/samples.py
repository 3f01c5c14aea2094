"""What one click on a sample's card does: a project, the sample's dataset in it, and the configuration to train."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import RecordType, Sample

if TYPE_CHECKING:
    from workbench.runs.config import RunConfig


def sample_folder(sample: Sample) -> Path:
    """Where a sample's project lives (the command line's ``demo`` uses the same)."""
    from platformdirs import user_data_path

    return user_data_path("recurra") / "projects" / f"demo-{sample.id}"


def prepare_sample(sample: Sample, folder: Path, record_types: Iterable[RecordType]) -> Callable[..., Path]:
    """Work for the background: make the project and import the sample's records, the first time."""
    types = tuple(record_types)

    def work(progress: Callable[..., None], _cancelled: Callable[[], bool]) -> Path:
        from workbench.data.importing import import_sample
        from workbench.project import Project

        progress("reading the sample")
        if Project.is_project(folder):
            project = Project.open(folder, record_types=types)
        else:
            project = Project.create(folder, sample.title, record_types=types)
        with project:
            if not any(info.name == sample.id for info in project.store.datasets()):
                import_sample(project.store, sample, dataset_name=sample.id)
        return folder

    return work


def sample_config(sample: Sample) -> RunConfig:
    """The configuration of one click; :class:`WorkbenchError` when the sample's own does not hold."""
    from workbench.runs.config import parse_config

    values: dict[str, Any] = {key: _plain(value) for key, value in sample.run.items()}
    values = copy.deepcopy(values)
    for section, name in (("task", sample.task), ("architecture", sample.architecture)):
        values.setdefault(section, {}).setdefault("id", name)
    values["data"] = {**values.get("data", {}), "dataset": sample.id}
    values.setdefault("inputs", list(sample.inputs))
    values.setdefault("name", sample.title)
    return parse_config(values)


def _plain(value: Any) -> Any:
    return {key: _plain(item) for key, item in value.items()} if hasattr(value, "items") else value
