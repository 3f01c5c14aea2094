"""Claims an id of a built-in, beside one of its own."""

from __future__ import annotations

from workbench.api import Architecture, IOShape, Params, Ref, Registrar, Trait, hookimpl


@hookimpl
def register_architectures(registry: Registrar) -> None:
    for name in ("thiefs-own", "lstm"):
        registry.add(
            Architecture(
                id=name,
                title="Stolen",
                params=Params,
                factory=Ref("recurra_broken.fails_in_use:build"),
                shapes=frozenset({IOShape.MANY_TO_ONE}),
                accepts=frozenset({Trait.SEQUENCE}),
            )
        )
