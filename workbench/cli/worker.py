"""The worker process: ``python -m workbench.cli.worker``, where plugins, projects and the engine are joined.

It is warmed up as soon as a window is painted and then does its jobs (see ``resources/help/architecture.md``). The
terminal's Ctrl+C is the shell's to answer, so it is ignored here.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.data import DatasetStore
    from workbench.host import LoadedPlugins


def main() -> None:
    """Serve jobs until standard input ends."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from workbench.engine.server import claim_stdio, serve

    stdin, stdout = claim_stdio()
    from workbench.cli.backtesting import backtest_job
    from workbench.cli.context import CliContext
    from workbench.engine.jobs import make_handlers

    plugins = CliContext(safe_mode="--safe-mode" in sys.argv[1:]).plugins()
    handlers = make_handlers(plugins.catalogue, store_opener(plugins))
    serve(stdin, stdout, handlers | {"backtest": backtest_job(plugins.catalogue)})


def store_opener(plugins: LoadedPlugins) -> Callable[[Path], AbstractContextManager[DatasetStore]]:
    """How the engine opens the dataset store of a project folder; training reads it, so reading is all it may do."""

    @contextmanager
    def open_store(folder: Path) -> Iterator[DatasetStore]:
        from workbench.cli.context import record_types
        from workbench.project import Project

        with Project.open(folder, read_only=True, record_types=record_types(plugins)) as project:
            yield project.store

    return open_store


if __name__ == "__main__":
    main()
