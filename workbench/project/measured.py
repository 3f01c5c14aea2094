"""What was measured on this machine, kept in the user's data folder: one JSON file for each benchmark.

Rows are kept by their id, each with its date, so that measuring one network again leaves the others as they were.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error, write_atomic

_logger = logging.getLogger(__name__)
SCHEMA_VERSION = 1


def measured_path(benchmark: str, folder: Path | None = None) -> Path:
    """Where the results of ``benchmark`` are kept."""
    base = folder if folder is not None else Path(platformdirs.user_data_dir("recurra", appauthor=False)) / "measured"
    return base / f"{benchmark}.json"


def load_measured(benchmark: str, folder: Path | None = None) -> dict[str, Any] | None:
    """What was measured last, or None. A damaged or newer file counts as nothing measured; it is logged, and stays."""
    path = measured_path(benchmark, folder)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("schema_version") != SCHEMA_VERSION:
            raise ValueError("another schema version")
        if not all(isinstance(row, dict) and "id" in row for row in values["rows"]):
            raise ValueError("its rows are not rows")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _logger.warning("%s is not read: %s", path, error)
        return None
    return values


def keep_measured(benchmark: str, result: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Write ``result``, with the rows of earlier measurements that it has none for; the whole is returned.

    :class:`WorkbenchError` where it cannot be written.
    """
    before = load_measured(benchmark, folder)
    rows = {row["id"]: row for row in (before or {}).get("rows", ())}
    for row in result.get("rows", ()):
        earlier = rows.get(row["id"], {})
        # a measurement of some problems only leaves those of the others
        solved = {**earlier.get("solved", {}), **row.get("solved", {})}
        rows[row["id"]] = {**earlier, **{name: value for name, value in row.items() if value is not None}}
        rows[row["id"]]["solved"] = solved
    tasks = {task["id"]: task for task in (before or {}).get("tasks", ())}
    tasks |= {task["id"]: task for task in result.get("tasks", ())}
    whole = {
        **(before or {}),
        **result,
        "schema_version": SCHEMA_VERSION,
        "rows": list(rows.values()),
        "tasks": list(tasks.values()),
    }
    path = measured_path(benchmark, folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(whole, ensure_ascii=False, indent=1))
    except OSError as error:
        raise explain_os_error(error, path, "cannot be written") from error
    except WorkbenchError:
        raise
    return whole
