"""The command ``recurra``: each command in a module of its own, everything heavy imported when it is used.

``recurra --help`` and ``recurra plugins`` import neither torch nor Qt. A first word that is no command is a project to
open, so the commands are looked up here before typer sees the words.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from workbench.api import WorkbenchError
from workbench.cli import (
    backtesting,
    benchmark,
    check,
    data,
    demo,
    doctor,
    plugins,
    runs,
    screenshots,
    train,
    use,
    window,
)
from workbench.cli.context import CliContext
from workbench.cli.errors import log_plainly, show_error, unexpected

HELP = """Recurra: build, train, use and understand recurrent networks.

Without a command it opens the window: recurra [PROJECT]"""
_GLOBAL_FLAGS = ("--debug", "--safe-mode")
BUILT_IN = {
    "open": window.open_window,
    "demo": demo.demo,
    "import": data.import_files,
    "export": data.export,
    "check": check.check,
    "train": None,  # made for the words given: its flags depend on task and architecture
    "resume": train.resume,
    "predict": use.predict,
    "evaluate": use.evaluate,
    "backtest": backtesting.backtest,
    "runs": runs.runs,
    "plugins": plugins.plugins,
    "doctor": doctor.doctor,
    "benchmark": benchmark.benchmark,
    "screenshots": screenshots.screenshots,
}


def main() -> None:
    """The entry point of the script ``recurra``."""
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Obey a command line; returns the exit status."""
    words = list(words)
    end = words.index("--") if "--" in words else len(words)
    given = {flag for flag in _GLOBAL_FLAGS if flag in words[:end]}
    words = [word for i, word in enumerate(words) if i >= end or word not in _GLOBAL_FLAGS]
    context = CliContext(debug="--debug" in given, safe_mode="--safe-mode" in given)
    try:
        with log_plainly(context.debug):
            app, words = _app(context, words)
            app(args=words, prog_name="recurra", obj=context)
    except SystemExit as end_of_program:
        code = end_of_program.code
        return code if isinstance(code, int) else (0 if code is None else 1)
    except WorkbenchError as error:
        if context.debug:
            raise
        show_error(error)
        return 1
    except BrokenPipeError:  # the reader (head, less) has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if context.debug:
            raise
        show_error(unexpected(error))
        return 1
    return 0


def _app(context: CliContext, words: list[str]) -> tuple[typer.Typer, list[str]]:
    command = next((word for word in words if not word.startswith("-")), None)
    app = typer.Typer(
        name="recurra",
        # tables of help cut long names, and those derived from options are long
        rich_markup_mode=None if command == "train" else "rich",
        help=HELP,
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_globals)
    for name, function in BUILT_IN.items():
        if function is None:
            function = train.command(context, words[words.index(name) + 1 :] if command == name else [])
        app.command(name, hidden=name == "open")(function)
    wants_help = command is None and bool({"-h", "--help", "--version"} & set(words))
    if command in BUILT_IN or (command is not None and Path(command).exists()):
        pass
    elif command is not None or wants_help:
        for contribution in context.plugins().catalogue.commands():
            if contribution.name not in BUILT_IN:
                _add_plugin_command(app, contribution, needed=contribution.name == command)
    known = {*BUILT_IN, *(info.name for info in app.registered_commands if info.name)}
    if command in known or wants_help:
        return app, words
    if command is not None and not Path(command).exists():
        near = difflib.get_close_matches(command, known, 1)
        raise WorkbenchError(
            f"There is neither a command nor a project {command!r}.",
            fix=f"Did you mean: recurra {near[0]}" if near else "See all commands with: recurra --help",
        )
    return app, ["open", *words]


def _add_plugin_command(app: typer.Typer, contribution: object, *, needed: bool) -> None:
    """A command of a plugin; its code is imported only when it is the one asked for."""
    from workbench.api import Command

    assert isinstance(contribution, Command)
    if needed:
        app.command(contribution.name, help=contribution.summary)(contribution.factory.resolve())
    else:
        app.command(contribution.name, help=contribution.summary, rich_help_panel="Commands of plugins")(lambda: None)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"recurra {version('recurra')}")
        except PackageNotFoundError:
            typer.echo("recurra (not installed)")
        raise typer.Exit


def _globals(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    safe_mode: Annotated[bool, typer.Option("--safe-mode", help="Load the built-in plugins only.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """The words of every command; debug and safe mode were taken out before typer sees them."""


if __name__ == "__main__":
    main()
