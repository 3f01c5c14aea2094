"""A finished model as one .zip file to hand on: everything it needs to run, nothing pickled."""

from __future__ import annotations

from workbench.api import Exporter, Ref, Registrar, hookimpl

requires_api = "1"


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(
        Exporter(
            id="bundle",
            title="Model as one .zip file",
            suffix=".zip",
            of="model",
            factory=Ref("workbench_plugins.exporters.bundle.archive:pack"),
        )
    )
