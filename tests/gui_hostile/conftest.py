"""The real window over the real plugins, with a worker that stands still, for whoever means it no good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.host import LoadedPlugins, load_plugins
from workbench.project import Settings
from workbench.shell.session import Session
from workbench.shell.theme import Theme
from workbench.shell.window import MainWindow
from workbench.testing.fakes import FakeWorker

SENTENCES = "".join(f"Anna{i} B-PER\nlives O\nin O\nRome B-LOC\n\n" for i in range(30))


@pytest.fixture(scope="session")
def plugins() -> LoadedPlugins:
    return load_plugins(gui=True)


@pytest.fixture
def notices() -> list[Callable[[dict[str, Any]], None]]:
    """What the workers started so far are heard through: call one with ``{"kind": "died", …}``."""
    return []


@pytest.fixture
def session(qapp: Any, plugins: LoadedPlugins, notices: list[Any], tmp_path: Path) -> Iterator[Session]:
    def start(on_notice: Any) -> FakeWorker:
        notices.append(on_notice)
        return FakeWorker()

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
    Theme("light").apply(qapp)


@pytest.fixture
def window(session: Session, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setattr("workbench.shell.window_commands.projects_folder", lambda: tmp_path / "projects")
    monkeypatch.setattr(MainWindow, "confirm_close", lambda _self: True)  # nobody is there to answer
    made = MainWindow(session)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def project(session: Session, window: MainWindow, qtbot: Any, tmp_path: Path) -> Path:
    """A project with thirty sentences to train on, open in the window."""
    file = tmp_path / "people.train.conll"
    file.write_text(SENTENCES, encoding="utf-8")
    window.import_paths([file])
    importing: Any = window.pages.stage("data")
    qtbot.waitUntil(importing.importing.start_button.isEnabled)
    importing.importing.start()
    qtbot.waitUntil(lambda: session.dataset is not None)
    assert session.project is not None
    return session.project.path
