"""A hook that raises after it has added something good."""

from __future__ import annotations

from workbench.api import Exporter, Ref, Registrar, hookimpl


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(
        Exporter(id="half", title="Half", suffix=".half", of="report", factory=Ref("recurra_broken.fails_in_use:write"))
    )
    raise RuntimeError("the hook burst")
