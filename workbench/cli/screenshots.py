"""``recurra screenshots OUT``: every stage as a picture, for eyes, documentation and comparison between versions."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error
from workbench.cli.flags import real

SIZES = re.compile(r"(\d{3,5})x(\d{3,5})")
THEMES = ("light", "dark", "high_contrast", "high_contrast_light")


def screenshots(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to.")],
    theme: Annotated[list[str] | None, typer.Option(help=f"{', '.join(THEMES)}; several are allowed.")] = None,
    size: Annotated[str, typer.Option(help="The window's width and height.", metavar="WxH")] = "1280x800",
    scale: Annotated[float, real("Text size; 2 is twice as large.", 0.5, 3.0)] = 1.0,
) -> None:
    """Write a picture of every stage, empty, filled and in error. It needs no display."""
    match = SIZES.fullmatch(size)
    if match is None:
        raise WorkbenchError(f"{size!r} is no size.", fix="Write width and height in pixels: --size 1280x800")
    themes = tuple(theme or THEMES[:3])
    unknown = [name for name in themes if name not in THEMES]
    if unknown:
        raise WorkbenchError(f"There is no theme {unknown[0]!r}.", fix=f"Themes: {', '.join(THEMES)}.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, out) from error
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        from workbench.shell.render import render_all
    except ImportError as error:
        raise WorkbenchError(
            f"The window cannot be loaded: {error}.",
            why="PySide6 or a system library it needs is missing.",
            fix="See what is missing with: recurra doctor",
        ) from error
    written = render_all(out, themes=themes, size=(int(match[1]), int(match[2])), scale=scale)
    typer.echo(f"{len(written)} pictures written to {out}")
