"""The problems list: every failure of a plugin, named, explained and counted, while the application goes on."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from logging import getLogger
from typing import Any

from workbench.api import WorkbenchError

_log = getLogger(__name__)

Subscriber = Callable[["Problem"], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """One distinct failure of a plugin; ``count`` says how often it happened.

    ``where`` says what the plugin was doing ("import", "register_panels", "architecture 'lstm'"). ``what``, ``why`` and
    ``fix`` are words for its reader, ``details`` the traceback for its author.
    """

    plugin: str
    where: str
    what: str
    why: str = ""
    fix: str = ""
    details: str = ""
    count: int = 1

    def __str__(self) -> str:
        times = f" ({self.count} times)" if self.count > 1 else ""
        head = f"{self.plugin}, {self.where}: {self.what}{times}"
        return " ".join(part for part in (head, self.why, self.fix) if part)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class ProblemList:
    """All problems in the order of their first occurrence; may be reported to from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problems: dict[tuple[str, str, str], Problem] = {}
        self._subscribers: list[Subscriber] = []

    def report(self, plugin: str, where: str, error: BaseException) -> Problem:
        """Add ``error``, or count it again if the same plugin failed the same way in the same place before.

        A :class:`WorkbenchError` keeps its own words; anything else gets words of ours. Subscribers hear of both.
        """
        fresh = _problem(plugin, where, error)
        key = (plugin, where, fresh.what)
        with self._lock:
            known = self._problems.get(key)
            problem = fresh if known is None else replace(known, count=known.count + 1)
            self._problems[key] = problem
            subscribers = tuple(self._subscribers)
        if known is None:
            _log.info("%s\n%s", problem, problem.details)  # the list itself is what people see
        for subscriber in subscribers:
            try:
                subscriber(problem)
            except Exception:  # the list must outlive whoever watches it
                _log.exception("a subscriber of the problems list failed")
        return problem

    def problems(self) -> tuple[Problem, ...]:
        with self._lock:
            return tuple(self._problems.values())

    def __len__(self) -> int:
        return len(self._problems)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call ``callback(problem)`` on every report, in the reporting thread; returns how to stop that."""
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._subscribers:
                    self._subscribers.remove(callback)

        return unsubscribe


def _problem(plugin: str, where: str, error: BaseException) -> Problem:
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, WorkbenchError):
        what = f"{error.where}: {error.what}" if error.where else error.what
        return Problem(plugin, where, what, error.why, error.fix, error.details or trace)
    what = f"{type(error).__name__}: {error}" if str(error) else f"{type(error).__name__}."
    if isinstance(error, ImportError):
        why = "Something the plugin needs is not installed, or not in the version it was written for."
        return Problem(plugin, where, what, why, "Install it beside Recurra, or update the plugin.", trace)
    return Problem(
        plugin,
        where,
        what,
        why="This is a fault in the plugin, not in your data.",
        fix="Update the plugin, switch it off, or send its author the details.",
        details=trace,
    )
