"""A signal from the terminal or the system closes the window as a person would, and asks nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.shell.session import Session
from workbench.shell.signals import QuitSignals
from workbench.shell.window import LeaveDialog, MainWindow

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of this kind are POSIX")

_WINDOW = """
import sys
from workbench.shell import app
print("exit", app.run(start_worker=False, on_painted=lambda _w: (print("painted"), sys.stdout.flush())), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_application_in_order(number: signal.Signals, tmp_path: Path) -> None:
    folders = dict.fromkeys(("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"), str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", _WINDOW],
        env={**os.environ, **folders, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "painted\n"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert rest == "exit 0\n"
    assert process.returncode == 0


def test_the_handlers_of_before_come_back(qtbot: Any) -> None:
    before = signal.getsignal(signal.SIGTERM)
    left: list[int] = []
    signals = QuitSignals(lambda: left.append(1))
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        qtbot.waitUntil(lambda: left == [1])
    finally:
        signals.restore()
    assert signal.getsignal(signal.SIGTERM) is before


def test_leaving_while_a_run_is_trained_asks_nothing_and_lets_it_go_on(
    session: Session, project: Path, workers: list[Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeaveDialog, "ask", classmethod(lambda cls, parent: pytest.fail("asked")))
    window = MainWindow(session)
    window.show()
    qtbot.waitExposed(window)
    window.open_project(project)
    window.train()
    run = session.run
    assert session.training
    assert run is not None
    window.leave()
    assert not window.isVisible()
    assert workers[0].detached
    assert not run.control_path.exists()  # nobody asked it to stop
    window.deleteLater()
