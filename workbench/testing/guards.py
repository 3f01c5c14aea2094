"""Guards for a test suite: a test that leaves a thread, a running timer or a window behind fails, and says where.

Switch them on in a ``conftest.py``::

    pytest_plugins = ["workbench.testing.guards"]

They hold for every test. A test that must leave something running (rare) says so:
``@pytest.mark.leaks_allowed("why")``. Qt is looked at only where it has already been imported.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import pytest

THREAD_GRACE_SECONDS = 3.0
"""How long a thread may take to end after its test; threads end as soon as they can, never by a sleep."""

_FAILED: pytest.StashKey[bool] = pytest.StashKey()
_IGNORED_THREADS = ("pytest_timeout", "execnet", "tqdm", "pydevd", "Thread-QtDBus")
_IGNORED_WINDOWS = ("QTipLabel", "QMenu", "ViewBoxMenu", "QRollEffect", "QAlphaWidget", "QDesktopWidget")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "leaks_allowed(why): the leak guards do not look at this test")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    if outcome.get_result().failed:
        item.stash[_FAILED] = True


@pytest.fixture(autouse=True)
def leak_guard(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaks; a test that already failed is left alone, its traceback holds references."""
    if request.node.get_closest_marker("leaks_allowed"):
        yield
        return
    watches: list[Watch] = [ThreadWatch()]
    if "PySide6.QtWidgets" in sys.modules:
        watches.append(QtWatch())
    with pytest.MonkeyPatch.context() as patch:
        for watch in watches:
            watch.begin(patch)
        yield
    if request.node.stash.get(_FAILED, False):
        return
    leaks = [leak for watch in watches for leak in watch.leaks()]
    if leaks:
        pytest.fail("This test leaves behind:\n" + "\n".join(f"- {leak}" for leak in leaks), pytrace=False)


class Watch:
    """Looks at one kind of thing before and after a test."""

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        """Remember what is there already, and note where new ones come from."""
        raise NotImplementedError

    def leaks(self) -> list[str]:
        """What is there now and was not, one sentence each."""
        raise NotImplementedError


class ThreadWatch(Watch):
    """Python threads that outlive their test."""

    def __init__(self) -> None:
        self._before: set[threading.Thread] = set()
        self._origin: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        self._before = set(threading.enumerate())
        start = threading.Thread.start
        origin = self._origin

        def noted_start(thread: threading.Thread) -> None:
            origin[thread] = caller()
            start(thread)

        patch.setattr(threading.Thread, "start", noted_start)

    def leaks(self) -> list[str]:
        deadline = time.monotonic() + THREAD_GRACE_SECONDS
        found = []
        for thread in self._new():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                found.append(f"thread {thread.name!r}, started at {self._origin.get(thread, 'an unknown line')}")
        return found

    def _new(self) -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread not in self._before
            and not isinstance(thread, threading._DummyThread)  # a Qt thread that ran Python; QtWatch sees it
            and not thread.name.startswith(_IGNORED_THREADS)
        ]


class QtWatch(Watch):
    """Running QTimers and QThreads, and windows that were neither deleted nor given to ``qtbot.addWidget``."""

    def __init__(self) -> None:
        from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
        from PySide6.QtWidgets import QApplication
        from shiboken6 import isValid

        self._application = QApplication
        self._flush: Callable[[], None] = lambda: QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self._is_valid: Callable[[Any], bool] = isValid
        self._timer_class, self._thread_class = QTimer, QThread
        self._started: WeakSet[Any] = WeakSet()
        self._origin: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._before: list[Any] = []

    def begin(self, patch: pytest.MonkeyPatch) -> None:
        self._before = list(self._application.topLevelWidgets())
        for cls in (self._timer_class, self._thread_class):
            patch.setattr(cls, "start", self._noting(cls.start))

    def _noting(self, start: Callable[..., None]) -> Callable[..., None]:
        def noted_start(self_: Any, *args: Any) -> None:
            self._started.add(self_)
            self._origin[self_] = caller()
            start(self_, *args)

        return noted_start

    def leaks(self) -> list[str]:
        if self._application.instance() is None:
            return []
        self._flush()
        if not (self._running() or self._windows()):
            return []
        gc.collect()  # Python-owned widgets in a reference cycle go now; only then is it a leak
        self._flush()
        running = [
            f"running {type(item).__name__}, started at {self._origin.get(item, 'an unknown line')}"
            for item in self._running()
        ]
        return running + [f"window {describe_widget(widget)}" for widget in self._windows()]

    def _running(self) -> list[Any]:
        found = []
        for item in list(self._started):
            if not self._is_valid(item):
                continue
            active = item.isActive() if isinstance(item, self._timer_class) else item.isRunning()
            if active and not _is_single_shot(item):
                found.append(item)
        return found

    def _windows(self) -> list[Any]:
        return [
            widget
            for widget in self._application.topLevelWidgets()
            if self._is_valid(widget)
            and widget.parent() is None
            and not any(widget is old for old in self._before)
            and type(widget).__name__ not in _IGNORED_WINDOWS
        ]


def _is_single_shot(item: Any) -> bool:
    """A single-shot timer ends by itself."""
    return bool(getattr(item, "isSingleShot", lambda: False)())


def describe_widget(widget: Any) -> str:
    """The widget's class, name, title and, for a class written in Python, its file and line."""
    parts = [type(widget).__name__]
    if widget.objectName():
        parts.append(repr(widget.objectName()))
    if widget.windowTitle():
        parts.append(f"titled {widget.windowTitle()!r}")
    try:
        file = inspect.getsourcefile(type(widget))
        line = inspect.getsourcelines(type(widget))[1]
        parts.append(f"of {file}:{line}")
    except (TypeError, OSError):
        pass  # a class of Qt itself has no source
    return " ".join(parts)


def caller() -> str:
    """``file:line in function`` of the nearest frame outside this module and the threading module."""
    for frame in reversed(traceback.extract_stack(limit=12)):
        if frame.filename not in (__file__, threading.__file__):
            return f"{frame.filename}:{frame.lineno} in {frame.name}"
    return "an unknown line"
