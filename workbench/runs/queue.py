"""Runs waiting for their turn: one trains at a time, the order survives a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from workbench.api import WorkbenchError
from workbench.runs.files import exclusive, read_json, write_json
from workbench.runs.folder import RunFolder
from workbench.runs.training_thread import TrainingThread

SCHEMA_VERSION = 1


class RunQueue:
    """``queue.json`` of a project: ids of the runs in ``runs_folder`` that are to be trained, first in line first."""

    def __init__(self, path: Path, runs_folder: Path) -> None:
        self._path = Path(path)
        self._runs_folder = Path(runs_folder)

    def ids(self) -> tuple[str, ...]:
        data = read_json(self._path)
        items = data.get("runs", []) if isinstance(data, Mapping) else []
        return tuple(dict.fromkeys(item for item in items if isinstance(item, str)))

    def add(self, run: RunFolder) -> None:
        """Put a run at the end of the line; one already in it keeps its place."""
        with exclusive(self._path):
            if run.id not in (ids := self.ids()):
                self._save((*ids, run.id))

    def remove(self, run_id: str) -> None:
        with exclusive(self._path):
            self._save(tuple(other for other in self.ids() if other != run_id))

    def move(self, run_id: str, place: int) -> None:
        """Give a waiting run another place (0 is next)."""
        with exclusive(self._path):
            others = [other for other in self.ids() if other != run_id]
            if len(others) == len(self.ids()):
                raise WorkbenchError("This run does not wait in the queue.", why=run_id)
            others.insert(max(0, place), run_id)
            self._save(tuple(others))

    def take(self) -> RunFolder | None:
        """The next run, taken out of the line; runs that were deleted or have begun meanwhile are passed over."""
        with exclusive(self._path):
            ids = list(self.ids())
            while ids:
                run = RunFolder(self._runs_folder / ids.pop(0))
                if run.config_path.is_file() and run.state().status == "queued":
                    self._save(tuple(ids))
                    return run
            self._save(())
        return None

    def advance(
        self, current: TrainingThread | None, start: Callable[[RunFolder], TrainingThread]
    ) -> TrainingThread | None:
        """Once ``current`` has ended, start the next run and return it; call it from a timer."""
        if current is not None and not current.ended:
            return current
        run = self.take()
        return start(run) if run is not None else current

    def _save(self, ids: tuple[str, ...]) -> None:
        write_json(self._path, {"schema_version": SCHEMA_VERSION, "runs": list(ids)})
