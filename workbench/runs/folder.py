"""The run folder: the interface between whoever trains a run and whoever follows it."""

from __future__ import annotations

import os
import re
import shutil
from datetime import datetime
from functools import cached_property
from pathlib import Path

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error, write_atomic
from workbench.runs.config import RunConfig, dump_config, load_config
from workbench.runs.lock import RunLock
from workbench.runs.state import RunState, read_state

CONFIG_NAME = "run.toml"
TRASH_NAME = ".trash"


class RunFolder:
    """``runs/ID/``. Cheap to make: the configuration is read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, parent: Path, config: RunConfig) -> RunFolder:
        """Make a new run of ``config`` in ``parent``; its id is unique there, like 20261123-1412-birnn-tagging."""
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M")
        stem = "-".join([stamp, _slug(config.architecture.id), _slug(config.task.id)])
        parent = Path(parent)
        try:
            parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while True:
                path = parent / (stem if number == 1 else f"{stem}-{number}")
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    number += 1
        except OSError as error:
            raise explain_os_error(error, parent) from error
        folder = cls(path)
        try:
            write_atomic(folder.config_path, dump_config(config))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The run at ``path`` (the folder or its ``run.toml``); :class:`WorkbenchError` when there is none."""
        path = Path(path)
        if path.name == CONFIG_NAME:
            path = path.parent
        folder = cls(path)
        if not folder.config_path.is_file():
            raise WorkbenchError(
                "There is no run here.",
                why="A run is a folder with a run.toml in it.",
                fix="List the runs of a project with: recurra runs PROJECT",
                file=path,
            )
        return folder

    @property
    def id(self) -> str:
        return self.path.name

    @cached_property
    def config(self) -> RunConfig:
        """The frozen configuration; :class:`WorkbenchError` when the file is damaged or from a newer version."""
        return load_config(self.config_path)

    @property
    def config_path(self) -> Path:
        return self.path / CONFIG_NAME

    @property
    def journal_path(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def control_path(self) -> Path:
        return self.path / "control.json"

    @property
    def lock_path(self) -> Path:
        return self.path / "lock.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model_folder(self) -> Path:
        return self.path / "model"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations"

    def lock(self) -> RunLock:
        """The lock the training process holds: ``with run.lock(): …``; raises while another process trains it."""
        return RunLock(self.lock_path, self.journal_path)

    def state(self) -> RunState:
        """What the run is doing, from its lock and its journal."""
        return read_state(self.lock_path, self.journal_path, self.checkpoints)

    def delete(self) -> Path:
        """Move the run to the trash beside it and return where it is; :class:`WorkbenchError` while it is training."""
        if self.state().alive:
            raise WorkbenchError("This run is being trained.", fix="Stop it first, then delete it.", file=self.path)
        return _move(self.path, self.path.parent / TRASH_NAME)

    def restore(self) -> RunFolder:
        """Take a run out of the trash; ``self`` is the run there, as :meth:`delete` returned it."""
        if self.path.parent.name != TRASH_NAME:
            raise WorkbenchError("This run is not in the trash.", file=self.path)
        return RunFolder(_move(self.path, self.path.parent.parent))


def list_runs(folder: Path) -> list[RunFolder]:
    """The runs in ``folder``, oldest first; those in the trash and half-made ones are left out."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WorkbenchError(f"Cannot list the runs: {error.strerror or error}.", file=folder) from error
    runs = [RunFolder(Path(folder) / name) for name in names]
    return sorted((run for run in runs if run.config_path.is_file()), key=_age)


def _age(run: RunFolder) -> tuple[str, int, str]:
    """Ids sort by their minute; within it by when the configuration was written (never again after that)."""
    try:
        written = run.config_path.stat().st_mtime_ns
    except OSError:
        written = 0
    return run.id[:13], written, run.id


def _slug(text: str) -> str:
    """``text`` as a part of a folder name on every system."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "run"


def _move(path: Path, folder: Path) -> Path:
    try:
        folder.mkdir(exist_ok=True)
        target, number = folder / path.name, 1
        while target.exists():
            number += 1
            target = folder / f"{path.name}-{number}"
        os.rename(path, target)
    except OSError as error:
        raise explain_os_error(error, path) from error
    return target
