"""Registers well; its factory fails when it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.api import Architecture, Exporter, IOShape, Params, Ref, Registrar, Trait, hookimpl


def build(params: Params, input_size: int) -> Any:
    raise ZeroDivisionError(f"no network for inputs of size {input_size}")


def write(path: Path) -> None:
    raise RuntimeError("cannot write")


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(
        Architecture(
            id="fragile",
            title="Fragile",
            params=Params,
            factory=Ref("recurra_broken.fails_in_use:build"),
            shapes=frozenset({IOShape.MANY_TO_ONE}),
            accepts=frozenset({Trait.SEQUENCE}),
        )
    )


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(
        Exporter(id="nowhere", title="Nowhere", suffix=".x", of="report", factory=Ref("recurra_broken.gone:write"))
    )
