"""Versions of plain-value documents (TOML files): refuse newer ones, bring older ones up to date step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.api import WorkbenchError

PROJECT_FILE = "project.toml"
"""What makes a folder a project."""

Migrator = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Schema:
    """A kind of document, its present version, and ``migrators[n]``, which take one from version n to n + 1."""

    title: str
    version: int
    migrators: Mapping[int, Migrator] = field(default_factory=dict)

    def upgrade(self, values: Mapping[str, Any], file: Path) -> dict[str, Any]:
        """``values`` in the present version; :class:`WorkbenchError` for a newer, or an unreadable, version."""
        version = values.get("schema_version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise WorkbenchError(
                f"This is not a {self.title}.",
                why="It does not state its schema_version.",
                fix="Check that the file was copied whole.",
                file=file,
            )
        if version > self.version:
            raise WorkbenchError(
                f"This {self.title} was written by a newer version (schema {version}; this one reads up to "
                f"{self.version}).",
                fix="Update Recurra to open it.",
                file=file,
            )
        upgraded = dict(values)
        for step in range(version, self.version):
            upgraded = {**self.migrators[step](upgraded), "schema_version": step + 1}
        return upgraded
