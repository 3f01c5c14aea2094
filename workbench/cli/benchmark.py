"""``recurra benchmark``: measure quality and speed on this machine."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from workbench.cli.context import CliContext


def benchmark(
    ctx: typer.Context,
    kind: Annotated[Literal["quality", "speed"], typer.Argument(help="What to measure.")],
    name: Annotated[str, typer.Argument(help="Which benchmark; empty lists them.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Measure the quality or the speed of a part, side by side with what it is compared to."""
    from workbench.cli import benchmarks

    context: CliContext = ctx.obj
    console = context.console()
    if not name:
        for known, summary in benchmarks.available(kind).items():
            console.print(f"{known}: {summary}", markup=False)
        return
    result = benchmarks.run(kind, name)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    for key, value in result.items():
        if key == "table":
            continue
        console.print(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}", markup=False)
    if "table" in result:
        typer.echo(result["table"])
