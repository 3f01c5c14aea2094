"""``recurra [PROJECT]``: the window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.api import WorkbenchError


def open_window(
    ctx: typer.Context,
    project: Annotated[Path | None, typer.Argument(help="A project folder to open.")] = None,
) -> None:
    """Open the window, with a project or the welcome page."""
    show(project, safe_mode=ctx.obj.safe_mode)


def show(project: Path | None, *, safe_mode: bool, **options: Any) -> None:
    """Show the window until it is closed; one clear line where there is no display."""
    from workbench.cli.display import display_problem

    problem = display_problem()
    if problem:
        typer.echo(problem, err=True)
        raise typer.Exit(1)
    try:
        from workbench.shell import app
    except ImportError as error:
        raise WorkbenchError(
            f"The window cannot be loaded: {error}.",
            why="PySide6 or a system library it needs is missing.",
            fix="See what is missing with: recurra doctor",
        ) from error
    raise typer.Exit(app.run(project_path=project, safe_mode=safe_mode, **options) or 0)
