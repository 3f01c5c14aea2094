"""Panels of plugins are docks and cards; one that fails is named and the window goes on."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QWidget

from workbench.api import Panel, Ref
from workbench.shell.session import Session
from workbench.shell.window import MainWindow


def hello(context: Any) -> QWidget:
    return QLabel("hello" if context.run() is None else "a run")


def broken(context: Any) -> QWidget:
    raise RuntimeError("no panel today")


@pytest.fixture
def with_panels(session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    panels = (
        Panel(id="greeting", title="Greeting", area="right", factory=Ref(f"{__name__}:hello")),
        Panel(id="broken", title="Broken", area="bottom", factory=Ref(f"{__name__}:broken")),
    )

    class Catalogue:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def panels(self) -> tuple[Panel, ...]:
            return panels

        def owner(self, contribution: Any) -> str:
            return "third-party"

    real = session.catalogue
    monkeypatch.setattr(session, "catalogue", Catalogue())
    return session


def test_panels_become_docks_and_a_broken_one_is_named(with_panels: Session, qtbot: Any) -> None:
    window = MainWindow(with_panels)
    assert window.docks["greeting"].objectName() == "greeting"
    assert window.docks["greeting"].findChild(QLabel, "") is not None
    assert any(label.text() == "hello" for label in window.docks["greeting"].findChildren(QLabel))
    assert any(problem.plugin == "third-party" for problem in with_panels.problems.problems())
    assert any("third-party" in label.text() for label in window.docks["broken"].findChildren(QLabel))
    window.close()
    window.deleteLater()
