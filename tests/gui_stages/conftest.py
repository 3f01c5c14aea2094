"""A session with a real store of generated sentences, a fake worker and the tagging plugin's widgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.api import InferenceView, RecordEditor, Ref, TaggedTokens, WorkbenchError
from workbench.data import DatasetStore
from workbench.data.importing import import_records
from workbench.host import ProblemList
from workbench.shell.session import Session
from workbench.shell.theme import Theme
from workbench.testing.datasets import tagged_sentences
from workbench.testing.fakes import FakeWorker

GUI = "workbench_plugins.tasks.tagging.gui"


class StageCatalogue:
    """Only what the stages ask for."""

    def __init__(self, importers: tuple[Any, ...] = (), exporters: tuple[Any, ...] = ()) -> None:
        self._importers, self._exporters = importers, exporters

    def importers(self) -> tuple[Any, ...]:
        return self._importers

    def exporters(self) -> tuple[Any, ...]:
        return self._exporters

    def panels(self) -> tuple[Any, ...]:
        return ()

    def doctor_checks(self) -> tuple[Any, ...]:
        return ()

    def tasks(self) -> tuple[Any, ...]:
        return ()

    def architectures(self) -> tuple[Any, ...]:
        return ()

    def task(self, id: str) -> Any:
        return SimpleNamespace(record="tagged_tokens", metrics=())

    def architecture(self, id: str) -> Any:
        raise WorkbenchError(f"no architecture {id}")

    def metric(self, id: str) -> Any:
        raise WorkbenchError(f"no metric {id}")

    def record_type(self, kind: str) -> Any:
        raise WorkbenchError(f"no record type {kind}")

    def record_editor(self, record: str) -> RecordEditor | None:
        return RecordEditor(record=record, factory=Ref(f"{GUI}:TaggedTokensEditor")) if record != "text" else None

    def inference_view(self, result: str) -> InferenceView | None:
        known = result == "token_labels"
        return InferenceView(result=result, factory=Ref(f"{GUI}:TokenLabelsView")) if known else None

    def owner(self, contribution: Any) -> str:
        return "tasks-tagging"


class FakeProject:
    """A store and nothing else: the project room has its own tests."""

    def __init__(self, path: Path, store: DatasetStore) -> None:
        self.path, self.store, self.name = path, store, "test"
        self.runs_folder = path / "runs"

    def runs(self) -> list[Any]:
        return []

    def close(self, *, keep_training: bool = True) -> None:
        self.store.close(keep_backup=False)


def fill(store: DatasetStore, count: int, name: str = "generated") -> int:
    """A dataset of ``count`` sentences in three splits; its id."""
    sentences = tagged_sentences(count)
    split = {8: "validation", 9: "test"}
    rows = ((split.get(i % 10, "train"), f"doc{i // 50}", one) for i, one in enumerate(sentences))
    layers = {"ner": {"kind": "span"}, "upos": {"kind": "label"}}
    return import_records(store, name, TaggedTokens.KIND, rows, layers=layers).dataset.id


@pytest.fixture
def theme() -> Theme:
    return Theme("light")


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def session(qtbot: Any, worker: FakeWorker) -> Iterator[Session]:
    made = Session(
        catalogue=StageCatalogue(), problems=ProblemList(), start_worker=lambda _notice: worker
    )
    yield made
    made.close()


@pytest.fixture
def open_project(session: Session, tmp_path: Path) -> Callable[..., FakeProject]:
    """``open_project(count)`` opens a project with a dataset of ``count`` sentences (0: none)."""

    def open_it(count: int = 60) -> FakeProject:
        path = tmp_path / "data.sqlite"
        store = DatasetStore.open(path) if path.exists() else DatasetStore.create(path)
        if count:
            fill(store, count)
        project = FakeProject(tmp_path, store)
        session._use_project(project)
        return project

    return open_it


@pytest.fixture
def fake_run(tmp_path: Path) -> SimpleNamespace:
    """A run folder with a finished model."""
    folder = tmp_path / "runs" / "20261123-1200-test"
    (folder / "model").mkdir(parents=True)
    config = SimpleNamespace(
        task=SimpleNamespace(id="tagging", params={}),
        architecture=SimpleNamespace(id="lstm", params={}),
        data=SimpleNamespace(dataset="generated"),
        inputs=("John lives in London",),
    )
    return SimpleNamespace(path=folder, id=folder.name, config=config)
