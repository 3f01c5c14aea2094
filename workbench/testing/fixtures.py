"""Fixtures for the tests of a plugin.

Switch them on in a ``conftest.py``::

    pytest_plugins = ["workbench.testing.fixtures"]

Rooms that need torch or a database are imported by the fixture that uses them, never with this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workbench.api import Catalogue, TaggedTokens
from workbench.host import LoadedPlugins, load_plugins
from workbench.testing.datasets import Splits, dataset, tagged_sentences
from workbench.testing.fakes import FakeRegistrar, FakeWorker
from workbench.testing.tasks import GeneratedTasks

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.runs.config import RunConfig
    from workbench.runs.folder import RunFolder
    from workbench.runs.journal import JournalWriter


@pytest.fixture
def loaded_plugins() -> LoadedPlugins:
    """Every installed plugin, GUI contributions included; assert that yours is not in ``.problems.problems()``."""
    return load_plugins(gui=True)


@pytest.fixture
def catalogue(loaded_plugins: LoadedPlugins) -> Catalogue:
    return loaded_plugins.catalogue


@pytest.fixture
def generated_plugins() -> LoadedPlugins:
    """Every installed plugin and the generated tasks, one for each shape: what an architecture is tried on.

    ``workbench.testing.datasets.dataset(task.record)`` or the task's own sample has records for each of them.
    """
    return load_plugins(extra=[("generated", GeneratedTasks())])


@pytest.fixture
def generated_catalogue(generated_plugins: LoadedPlugins) -> Catalogue:
    return generated_plugins.catalogue


@pytest.fixture
def registrar() -> FakeRegistrar:
    """What a hook is handed: ``my_plugin.register_tasks(registrar)``, then look at ``registrar.contributions``."""
    return FakeRegistrar()


@pytest.fixture
def fake_worker() -> FakeWorker:
    """A worker in this process; set ``fake_worker.answers["predict"]`` to what it should say."""
    return FakeWorker()


@pytest.fixture
def sentences() -> list[TaggedTokens]:
    """Forty generated sentences with the layers ``ner`` and ``upos``."""
    return tagged_sentences(40)


@pytest.fixture
def tagging_dataset() -> Splits:
    """Generated tagged sentences in the splits train, validation and test."""
    return dataset(TaggedTokens.KIND)


@pytest.fixture
def tmp_project(tmp_path: Path) -> Iterator[Project]:
    """An empty project in a folder of its own."""
    from workbench.project import Project

    project = Project.create(tmp_path / "project", "Test project")
    yield project
    project.close()


@pytest.fixture
def run_config() -> RunConfig:
    """A run of one epoch of a tiny network on the data set "generated"."""
    from workbench.runs.config import parse_config

    values: dict[str, Any] = {
        "name": "a test run",
        "task": {"id": "tagging"},
        "architecture": {"id": "lstm", "params": {"hidden_size": 8}},
        "data": {"dataset": "generated"},
        "training": {"max_epochs": 1, "device": "cpu", "threads": 1},
    }
    return parse_config(values)


@pytest.fixture
def run_folder(tmp_path: Path, run_config: RunConfig) -> RunFolder:
    """A run that has not begun."""
    from workbench.runs.folder import RunFolder

    return RunFolder.create(tmp_path / "runs", run_config)


@pytest.fixture
def journal(run_folder: RunFolder) -> Iterator[JournalWriter]:
    """Writes the journal of ``run_folder``: ``journal.write(StepMetrics, step, epoch=1, loss=0.5, …)``."""
    from workbench.runs.journal import JournalWriter

    with JournalWriter(run_folder.journal_path, run_folder.id) as writer:
        yield writer
