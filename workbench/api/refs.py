"""Lazy references: name a heavy object by text, import it only when it is first used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from workbench.api.errors import WorkbenchError


@dataclass(frozen=True, slots=True)
class Ref:
    """``Ref("package.module:Name")``; :meth:`resolve` imports the module and returns the object."""

    target: str

    def __post_init__(self) -> None:
        module, colon, name = self.target.partition(":")
        if not (module and colon and name):
            raise ValueError(f"a reference is written 'package.module:Name', not {self.target!r}")

    @property
    def module(self) -> str:
        return self.target.partition(":")[0]

    @property
    def name(self) -> str:
        return self.target.partition(":")[2]

    def resolve(self) -> Any:
        """Import and return the object; :class:`WorkbenchError` when it is not there."""
        try:
            value: Any = importlib.import_module(self.module)
            for part in self.name.split("."):
                value = getattr(value, part)
        except (ImportError, AttributeError) as error:
            raise WorkbenchError(
                f"{self.target} cannot be loaded: {error}.",
                why="The plugin names something that is not installed or was renamed.",
                fix="Update or disable the plugin; the problems list names it.",
            ) from error
        return value
