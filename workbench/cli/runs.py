"""``recurra runs``: the runs of a project and what became of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.api import WorkbenchError
from workbench.cli.context import CliContext
from workbench.cli.errors import show_error

if TYPE_CHECKING:
    from workbench.runs import RunFolder, RunState


def runs(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List the runs of a project, oldest first."""
    from workbench.runs import list_runs
    from workbench.runs.outcome import FAILED, failure, outcome

    context: CliContext = ctx.obj
    if not (project / "project.toml").is_file():
        raise WorkbenchError(
            "There is no project here.", why="A project is a folder with a project.toml in it.", file=project
        )
    listed = [(run, _state(run)) for run in list_runs(project / "runs")]
    if as_json:
        hidden = ("last_events",)
        values = [
            {"id": run.id, "path": str(run.path), **{k: v for k, v in asdict(state).items() if k not in hidden}}
            for run, state in listed
        ]
        typer.echo(json.dumps(values, indent=2))
        return
    from rich.table import Table

    console = context.console()
    if not listed:
        console.print("No runs yet.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "state", "epoch", "steps", "best", "time"):
        table.add_column(heading, no_wrap=heading == "run")
    for run, state in listed:
        best = ", ".join(f"{name} {value:.4g}" for name, value in list(state.best_metrics.items())[:1])
        epoch = f"{state.epoch}/{state.max_epochs}" if state.max_epochs else "-"
        best = f"{best} (epoch {state.best_epoch})" if best else "-"
        table.add_row(run.id, outcome(state), epoch, str(state.step), best, f"{state.seconds:.0f} s")
    console.print(table)
    for run, state in listed:
        if (failed := failure(state)) is not None:
            console.print(f"{run.id} {FAILED[state.reason]}: {failed}", markup=False)


def _state(run: RunFolder) -> RunState:
    """The state of a run; one whose files cannot be read is told about and does not hide the others."""
    from workbench.runs import RunState

    try:
        return run.state()
    except WorkbenchError as error:
        show_error(error)
        return RunState("interrupted", "its files cannot be read")
