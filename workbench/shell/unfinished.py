"""Runs of recent projects that have not ended: still trained by a worker that outlived its window, or interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.api import WorkbenchError

NEWEST = 3
"""Runs looked at in each project; one left undone further back was left on purpose."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One such run; ``live`` is False for one that was interrupted."""

    project: Path
    run_id: str
    name: str
    live: bool
    epoch: int
    max_epochs: int

    def text(self) -> str:
        begin = "Training goes on" if self.live else "Interrupted"
        where = f", epoch {self.epoch} of {self.max_epochs}" if self.max_epochs else ""
        return f"{begin}: {self.name}{where}"


def find_unfinished(projects: Iterable[Path], cancelled: Callable[[], bool] = lambda: False) -> list[Unfinished]:
    """Reads lock files and journals, so it is work for the background; what cannot be read is passed over.

    Live runs come first. An interrupted run counts only while it is the newest of its project.
    """
    from workbench.runs.folder import list_runs

    found: list[Unfinished] = []
    for project in projects:
        if cancelled():
            break
        try:
            runs = list_runs(project / "runs")[-NEWEST:]
        except (WorkbenchError, OSError):
            continue
        for run in reversed(runs):
            try:
                state = run.state()
                if state.alive or (state.status == "interrupted" and run is runs[-1]):
                    name = run.config.name or project.name
                    found.append(Unfinished(project, run.id, name, state.alive, state.epoch, state.max_epochs))
                    break
            except (WorkbenchError, OSError):
                continue
    return sorted(found, key=lambda one: not one.live)
