"""Training on this machine: the worker process as it is started here.

A runner's factory turns its options into the command and the environment of a process that speaks the worker's
language on its standard input and output; one that trains elsewhere names, say, ``ssh`` as its command.
"""

from __future__ import annotations

from workbench.api import Params, Ref, Registrar, Runner, hookimpl, option


class LocalParams(Params):
    """How the worker is started here."""

    python: str = option(
        "",
        what="The interpreter that trains; empty is the one the application runs in.",
        when="Name another one where torch with GPU support lives in its own environment.",
        advanced=True,
    )
    threads: int = option(
        0,
        ge=0,
        le=1024,
        unit="threads",
        what="CPU threads the worker may use at most; 0 leaves it to the number of cores.",
        when="Lower it when other programs need the machine.",
        typical="0",
        advanced=True,
    )
    low_priority: bool = option(
        False,
        what="Let other programs go first.",
        when="Switch it on to work undisturbed while a long run trains.",
        typical="off",
    )


LOCAL = Runner(id="local", title="This machine", params=LocalParams, factory=Ref(f"{__name__}.launch:launch"))


@hookimpl
def register_runners(registry: Registrar) -> None:
    registry.add(LOCAL)
