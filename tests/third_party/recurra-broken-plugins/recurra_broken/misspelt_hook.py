"""A hook the application does not have."""

from __future__ import annotations

from workbench.api import Registrar, hookimpl


@hookimpl
def register_architecture(registry: Registrar) -> None:
    """It should read register_architectures."""
