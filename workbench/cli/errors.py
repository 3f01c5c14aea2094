"""An error as one block on the error stream: what, where, why, what to do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error


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


def unexpected(error: Exception) -> WorkbenchError:
    """What is told of an error nobody foresaw: still one block, and how to see more."""
    if isinstance(error, OSError) and error.filename:
        told = explain_os_error(error, str(error.filename), "cannot be read or written")
        return WorkbenchError(told.what, why=told.why, fix=told.fix, file=told.file)
    return WorkbenchError(
        "Something went wrong that Recurra did not foresee.",
        why=f"{type(error).__name__}: {error}".strip().splitlines()[0],
        fix="Run the command again with --debug for the whole story, and please report it.",
    )


@contextmanager
def log_plainly(debug: bool) -> Iterator[None]:
    """Warnings of our own modules as one line each on the error stream; everything, with tracebacks, for --debug."""
    logger, handler = logging.getLogger("workbench"), _OneLine(debug)
    level = logger.level
    logger.addHandler(handler)
    if debug:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _OneLine(logging.Handler):
    """Writes to whatever the error stream is when something is logged."""

    def __init__(self, debug: bool) -> None:
        super().__init__(logging.DEBUG if debug else logging.WARNING)
        self._debug = debug
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s" if debug else "%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        print(text if self._debug else text.splitlines()[0], file=sys.stderr)
