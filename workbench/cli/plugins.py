"""``recurra plugins``: what is installed, what it adds, and what went wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from workbench.cli.context import CliContext


def plugins(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the plugins, their contributions and their problems."""
    context: CliContext = ctx.obj
    loaded = context.plugins()
    problems = loaded.problems.problems()
    if as_json:
        values = {
            "plugins": [asdict(info) for info in loaded.plugins],
            "problems": [problem.to_json() for problem in problems],
        }
        typer.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    from rich.table import Table

    console = context.console()
    table = Table(box=None, pad_edge=False)
    for heading in ("plugin", "from", "state", "adds"):
        table.add_column(heading, overflow="fold")
    for info in loaded.plugins:
        adds = ", ".join(f"{kind} {name}" for kind, name in info.contributions)
        origin = "built in" if info.builtin else f"{info.distribution} {info.version}".strip()
        table.add_row(info.name, origin, info.status, adds)
    console.print(table)
    for problem in problems:
        console.print(f"problem: {problem}", style="red", markup=False)
