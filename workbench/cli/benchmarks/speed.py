"""Speed benchmarks that a room measures itself: here they are only called and put into words."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from workbench.api import WorkbenchError
from workbench.cli.benchmarks import check_options
from workbench.cli.benchmarks.common import default_catalogue, machine, table


def crf(threads: int = 0, **options: Any) -> dict[str, Any]:
    """On one and on two threads, or on ``threads`` alone."""
    if threads:
        options["threads"] = (threads,)
    return _rows("crf", _measured("workbench.nn.bench", "measure_crf", options))


def recurrent(threads: int = 0, **options: Any) -> dict[str, Any]:
    """On one and on two threads, or on ``threads`` alone."""
    if threads:
        options["threads"] = (threads,)
    return _rows("recurrent", _measured("workbench.nn.bench", "measure_recurrent", options))


def bidirectional(threads: int = 0, **options: Any) -> dict[str, Any]:
    """On one and on two threads, or on ``threads`` alone."""
    if threads:
        options["threads"] = (threads,)
    return _rows("bidirectional", _measured("workbench.nn.bench", "measure_bidirectional", options))


def store(**options: Any) -> dict[str, Any]:
    importer = default_catalogue().importer("conll")
    return _rows("store", _measured("workbench.data.bench", "measure_store", {"importer": importer, **options}))


def startup(**options: Any) -> dict[str, Any]:
    """In a process of its own: the window must not meet what this one has imported."""
    return _rows("startup", _in_own_process("measure_startup", options))


def lateness(**options: Any) -> dict[str, Any]:
    return _rows("lateness", _in_own_process("measure_lateness", options))


def kills(**options: Any) -> dict[str, Any]:
    return _rows("kills", _measured("workbench.cli.kills", "measure", options))


def _measured(module: str, function: str, options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        measure = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise WorkbenchError(
            f"This installation cannot measure that: {module}.{function} is not there.",
            fix="Update the program.",
            details=str(error),
        ) from error
    check_options(function, measure, options)
    return _plain(measure(**options))


_CALL = """
import dataclasses, json, sys
from workbench.shell import bench
found = getattr(bench, sys.argv[1])(**json.loads(sys.argv[2]))
print("\\n" + json.dumps(dataclasses.asdict(found) if dataclasses.is_dataclass(found) else found))
"""


def _in_own_process(function: str, options: Mapping[str, Any], timeout: float = 600.0) -> dict[str, Any]:
    environment = dict(os.environ)
    if not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY") or sys.platform in ("win32", "darwin")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CALL, function, json.dumps(dict(options))],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WorkbenchError(f"The window did not finish within {timeout:.0f} s.") from error
    if done.returncode != 0:
        raise WorkbenchError(
            "The window could not be measured.",
            why=(done.stderr.strip().splitlines() or ["It ended without a word."])[-1],
            details=done.stderr,
        )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _plain(found: Any) -> dict[str, Any]:
    import dataclasses

    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        return dataclasses.asdict(found)
    return dict(found)


def _rows(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """``found`` with the machine and a table of its rows (or of its figures)."""
    result = {"benchmark": name, **found, "machine": machine()}
    rows = found.get("rows")
    if isinstance(rows, list) and rows and isinstance(rows[0], Mapping):
        header = list(rows[0])
        result["table"] = table([[row.get(key) for key in header] for row in rows], header)
    else:
        figures = [(key, value) for key, value in found.items() if isinstance(value, int | float | str)]
        result["table"] = table(figures, ["measure", "value"])
    return result
