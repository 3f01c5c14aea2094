"""Registers a panel that raises while it paints."""

from __future__ import annotations

from workbench.api import Panel, Ref, Registrar, hookimpl


@hookimpl
def register_panels(registry: Registrar) -> None:
    registry.add(
        Panel(
            id="bad-painter",
            title="Bad painter",
            area="explain",
            factory=Ref("recurra_broken.paints_badly_gui:BadPainter"),
        )
    )
