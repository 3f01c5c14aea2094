"""An error as one block on the error stream: what, where, why, what to do."""

from __future__ import annotations

from workbench.api import WorkbenchError


def show_error(error: WorkbenchError) -> None:
    """Write ``error`` for a person; plain text when nobody looks at a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    block = Text()
    block.append("Error: ", style="bold red")
    block.append(error.what, style="bold")
    for label, text in (("Where", error.where), ("Why", error.why), ("Do", error.fix)):
        if text:
            block.append(f"\n  {label + ':':<7}", style="dim")
            block.append(text)
    console.print(block)
