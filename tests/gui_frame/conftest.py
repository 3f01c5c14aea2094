"""A session over the real plugins and a worker that stands still, and runs whose story is written by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.host import LoadedPlugins, load_plugins
from workbench.project import Settings
from workbench.shell.session import Session
from workbench.shell.theme import Theme


class Worker:
    """Keeps the jobs it was handed; the test answers them with ``say``."""

    def __init__(self, on_notice: Callable[[dict[str, Any]], None]) -> None:
        self.on_notice = on_notice
        self.jobs: list[dict[str, Any]] = []
        self.callbacks: list[Callable[[dict[str, Any]], None]] = []
        self.cancelled: list[int] = []
        self.closed = self.detached = False

    def submit(self, job: dict[str, Any], on_message: Callable[[dict[str, Any]], None]) -> Job:
        self.jobs.append(dict(job))
        self.callbacks.append(on_message)
        return Job(self, len(self.jobs) - 1)

    def say(self, number: int, **message: Any) -> None:
        self.callbacks[number](message)

    def close(self, *, keep_training: bool = True) -> None:
        self.closed = True

    def detach(self) -> None:
        self.closed = self.detached = True


class Job:
    """A handle as the training thread and the session use it."""

    def __init__(self, worker: Worker, number: int) -> None:
        self.worker, self.number = worker, number
        self.last: dict[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.last is not None

    def cancel(self) -> None:
        self.worker.cancelled.append(self.number)


@pytest.fixture(scope="session")
def plugins() -> LoadedPlugins:
    return load_plugins(gui=True)


@pytest.fixture
def workers() -> list[Worker]:
    return []


@pytest.fixture
def session(qapp: Any, plugins: LoadedPlugins, workers: list[Worker], tmp_path: Path) -> Iterator[Session]:
    def start(on_notice: Any) -> Worker:
        workers.append(Worker(on_notice))
        return workers[-1]

    theme = Theme("light")
    theme.apply(qapp)
    made = Session(
        catalogue=plugins.catalogue,
        problems=plugins.problems,
        settings=Settings.load(tmp_path / "settings.toml"),
        theme=theme,
        start_worker=start,
    )
    yield made
    made.close(wait=True)
    made.deleteLater()


@pytest.fixture
def project(session: Session, tmp_path: Path) -> Path:
    """A project with a small dataset of the shipped sample, not open."""
    from workbench.data.importing import import_records
    from workbench.project import Project

    sample = next(one for one in session.catalogue.samples() if one.task == "tagging")
    records = [record for record, _ in zip(sample.factory.resolve()(), range(40), strict=False)]
    path = tmp_path / "news"
    with Project.create(path, "news") as made:
        import_records(made.store, "small", sample.record, records)
    return path


@pytest.fixture(autouse=True)
def plain_look_afterwards(qapp: Any) -> Iterator[None]:
    """Leave the one application as other tests expect it: light, text at its usual size."""
    yield
    Theme("light").apply(qapp)
