"""Written for a plugin API of the future."""

from __future__ import annotations

from workbench.api import Registrar, hookimpl

requires_api = "7.2"


@hookimpl
def register_tasks(registry: Registrar) -> None:
    raise AssertionError("must not be called")
