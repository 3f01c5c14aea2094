"""``recurra benchmark``: measure quality and speed on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from workbench.cli.context import CliContext
from workbench.cli.flags import real, whole


def benchmark(
    ctx: typer.Context,
    kind: Annotated[Literal["quality", "speed", "memory"], typer.Argument(help="What to measure.")],
    name: Annotated[str, typer.Argument(help="Which one; empty lists them. Memory: networks, empty for all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="The folder of the public data sets.")] = None,
    variants: Annotated[bool, typer.Option(help="Quality: also measure the variants of the protocol.")] = False,
    variant: Annotated[str, typer.Option(help="Quality: measure this variant instead.")] = "",
    vectors: Annotated[Path | None, typer.Option(help="Quality: the vectors of a variant with vectors.")] = None,
    threads: Annotated[int, whole("CPU threads (default: as the benchmark says).")] = 0,
    budget: Annotated[float, real("Memory: seconds of computing for each network and problem.")] = 0.0,
    seeds: Annotated[int, whole("Memory: how many seeds; the median counts.")] = 1,
    peer_python: Annotated[str, typer.Option(help="Speed of the tagger: a Python that has flair.")] = "",
) -> None:
    """Measure the quality or the speed of a part, side by side with what it is compared to; or how long each network
    remembers."""
    from workbench.cli import benchmarks

    context: CliContext = ctx.obj
    console = context.console()
    if kind == "memory":
        _memory(context, name, budget, seeds, as_json)
        return
    if not name:
        for known, summary in benchmarks.available(kind).items():
            console.print(f"{known}: {summary}", markup=False)
        return
    given: dict[str, Any] = {"data": data, "variants": variants, "variant": variant, "vectors": vectors}
    given["threads"] = threads
    given["peer_python"] = peer_python
    options = {option: value for option, value in given.items() if value}
    if kind == "quality":
        told = context.console(stderr=True)
        options["notice"] = lambda text: told.print(f"{text} …", markup=False)
    result = benchmarks.run(kind, name, **options)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    for key, value in result.items():
        if key == "table" or isinstance(value, dict | list):
            continue  # the table shows it, or --json does
        console.print(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}", markup=False)
    if "table" in result:
        typer.echo(result["table"])


def _memory(context: CliContext, names: str, budget: float, seeds: int, as_json: bool) -> None:
    """How long each network remembers; what is measured is told on standard error while it runs."""
    from workbench.cli.benchmarks.memory import measure

    told = context.console(stderr=True)
    result = measure(
        names,
        budget=budget,
        seeds=seeds,
        catalogue=context.plugins().catalogue,
        notice=lambda text: told.print(f"{text} …", markup=False),
    )
    typer.echo(json.dumps(result, indent=2) if as_json else result["table"])
