"""Training in this process, for the command line: the engine in the main thread, its journal told beside it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbench.api import WorkbenchError
from workbench.cli.context import CliContext
from workbench.cli.errors import show_error
from workbench.cli.progress import Teller, make_teller

if TYPE_CHECKING:
    from types import FrameType

    from workbench.project import Project
    from workbench.runs import RunFolder

POLL_SECONDS = 0.1
SUCCESS = ("completed", "stopped", "discarded")


def train_here(context: CliContext, project: Project, run: RunFolder, *, resume: bool = False) -> int:
    """Train ``run`` to its end and return the exit status: 0 kept a model or was discarded, 1 failed, 130 aborted."""
    from workbench.runs import Control

    console = context.console()
    teller = make_teller(console, run, context.plugins().catalogue)
    if resume:
        Control(run.control_path).clear()
    try:
        with teller, following(run, teller, skip_old=resume), stop_on_interrupt(run, teller):
            teller.note("starting")
            from workbench.engine.training import train

            finished = train(run, project.store, context.plugins().catalogue, resume=resume)
    except KeyboardInterrupt:
        console.print(f"Ended at once. Go on with: recurra resume {run.path}", markup=False)
        return 130
    if finished.error:
        show_error(WorkbenchError.from_dict(finished.error))
        if run.state().resumable and not resume:
            console.print(f"Once that is mended, go on with: recurra resume {run.path}", markup=False)
    if (run.model_folder).is_dir() and finished.reason != "discarded":
        console.print(f'Use it: recurra predict {run.path} "…"', markup=False)
    return 0 if finished.reason in SUCCESS else 1


@contextmanager
def following(run: RunFolder, teller: Teller, *, skip_old: bool) -> Iterator[None]:
    """Tell the journal's new events from a thread while the block runs, and the last of them at its end."""
    from workbench.runs import JournalReader

    reader = JournalReader(run.journal_path)
    if skip_old:
        reader.poll()
    done = threading.Event()

    def tell() -> None:
        while True:
            last = done.wait(POLL_SECONDS)
            for event in reader.poll():
                teller.tell(event)
            if last:
                return

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def stop_on_interrupt(run: RunFolder, teller: Teller) -> Iterator[None]:
    """The first Ctrl+C asks the run to stop and keep its best model; the second ends at once."""
    from workbench.runs import Control

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        teller.note("stopping and keeping the best model; Ctrl+C again ends at once")
        Control(run.control_path).write("stop")

    before: Any = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
