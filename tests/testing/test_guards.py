"""The leak guards fail a test that leaks, name the line, and leave a clean one alone."""

from __future__ import annotations

import pytest

LEAKS = """
import threading
import pytest


def test_leaves_a_thread():
    threading.Thread(target=threading.Event().wait, name="left", daemon=True).start()  # the line to name


def test_joins_its_thread():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


@pytest.mark.leaks_allowed("the point of this test")
def test_is_excused():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
"""

QT_LEAKS = """
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QLabel, QWidget

KEPT = []


class LeftWindow(QWidget):
    pass


def test_leaves_a_timer(qtbot):
    timer = QTimer()
    KEPT.append(timer)
    timer.start(1000)  # the line to name


def test_leaves_a_window(qtbot):
    KEPT.append(LeftWindow())


def test_is_clean(qtbot):
    window = LeftWindow()
    qtbot.addWidget(window)
    timer = QTimer(window)
    timer.start(1000)
    QLabel("dropped at once")
"""


@pytest.fixture
def run_inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makeconftest('pytest_plugins = ["workbench.testing.guards"]')
    pytester.makeini("[pytest]\nqt_api = pyside6\n")
    return pytester


def test_a_leaked_thread_fails_its_test_and_names_the_line(run_inner: pytest.Pytester) -> None:
    run_inner.makepyfile(test_inner=LEAKS)
    result = run_inner.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*thread 'left', started at *test_inner.py:6 in test_leaves_a_thread*"])


def test_leaked_timers_and_windows_fail_their_tests(run_inner: pytest.Pytester) -> None:
    run_inner.makepyfile(test_inner=QT_LEAKS)
    result = run_inner.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*running QTimer, started at *test_inner.py:14 in test_leaves_a_timer*",
            "*window LeftWindow of *test_inner.py:7*",
        ]
    )
