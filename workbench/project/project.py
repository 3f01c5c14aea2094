"""A project is a folder: its datasets, media, runs and what may be deleted."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import tomli_w

from workbench.api import RecordType, WorkbenchError
from workbench.api.files import explain_os_error, write_atomic
from workbench.data import DatasetStore
from workbench.project.media import Media
from workbench.project.migrations import PROJECT_FILE as FILE_NAME
from workbench.project.migrations import Schema

if TYPE_CHECKING:
    from workbench.runs.config import RunConfig
    from workbench.runs.folder import RunFolder

STORE_NAME = "data.sqlite"
SCHEMA = Schema("project", 1)


class Project:
    """An open project folder. Close it, or use it in a ``with`` block."""

    def __init__(self, path: Path, values: dict[str, Any], store: DatasetStore) -> None:
        self._path = path
        self._values = values
        self._store = store
        self.media = Media(path / "media")

    @classmethod
    def create(cls, path: Path, name: str = "", *, record_types: Iterable[RecordType] = ()) -> Self:
        """Make a new project in ``path``, a folder that is not there yet or is empty."""
        path = Path(path).absolute()
        if (path / FILE_NAME).exists():
            raise WorkbenchError(
                "There is already a project here.", fix="Open it, or choose another folder.", file=path
            )
        existed = path.is_dir()
        try:
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise WorkbenchError(
                    "A project needs an empty folder.",
                    why="There are other files here." if path.is_dir() else "This is a file.",
                    fix="Name a folder that is not there yet.",
                    file=path,
                )
            path.mkdir(parents=True, exist_ok=True)
            try:
                store = DatasetStore.create(path / STORE_NAME, record_types=record_types)
                values = {
                    "schema_version": SCHEMA.version,
                    "name": name.strip() or path.name,
                    "created": datetime.now(UTC).isoformat(timespec="seconds"),
                }
                (path / "runs").mkdir(exist_ok=True)
                # last: a folder with a project file is a whole project
                write_atomic(path / FILE_NAME, tomli_w.dumps(values))
            except BaseException:
                if not existed:
                    shutil.rmtree(path, ignore_errors=True)
                raise
        except OSError as error:
            raise explain_os_error(error, path) from error
        return cls(path, values, store)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False, record_types: Iterable[RecordType] = ()) -> Self:
        """Open the project in the folder ``path`` (or at its ``project.toml``).

        :class:`WorkbenchError` when it is no project, is damaged, or was written by a newer version. A project that
        may not be written to opens for reading only.
        """
        path = Path(path).absolute()
        if path.name == FILE_NAME and path.is_file():
            path = path.parent
        values = SCHEMA.upgrade(_read(path), path / FILE_NAME)
        store = DatasetStore.open(path / STORE_NAME, read_only=read_only, record_types=record_types)
        return cls(path, values, store)

    @staticmethod
    def is_project(path: Path) -> bool:
        """Whether ``path`` is a project folder (or its project file)."""
        path = Path(path)
        return path.name == FILE_NAME or (path / FILE_NAME).is_file()

    @property
    def path(self) -> Path:
        return self._path

    @property
    def name(self) -> str:
        return str(self._values.get("name") or self._path.name)

    @property
    def created(self) -> str:
        return str(self._values.get("created", ""))

    @property
    def store(self) -> DatasetStore:
        return self._store

    @property
    def read_only(self) -> bool:
        return self._store.read_only

    @property
    def runs_folder(self) -> Path:
        return self._path / "runs"

    @property
    def cache_folder(self) -> Path:
        """Packed arrays and the like; may be deleted at any time."""
        return self._path / "cache"

    def rename(self, name: str) -> None:
        """Call the project by another name (its folder keeps its own)."""
        if self.read_only:
            raise WorkbenchError("This project is open for reading only.", file=self._path)
        if not name.strip():
            raise WorkbenchError("A project needs a name.")
        values = {**self._values, "name": name.strip()}
        write_atomic(self._path / FILE_NAME, tomli_w.dumps(values))
        self._values = values

    def new_run(self, config: RunConfig) -> RunFolder:
        """A new run folder with the frozen ``config``."""
        from workbench.runs.folder import RunFolder

        if self.read_only:
            raise WorkbenchError(
                "This project is open for reading only.",
                why="A run writes into the project.",
                fix="Copy the project to a folder of your own and open that.",
                file=self._path,
            )
        return RunFolder.create(self.runs_folder, config)

    def runs(self) -> list[RunFolder]:
        """All runs, oldest first."""
        from workbench.runs.folder import list_runs

        return list_runs(self.runs_folder)

    def run(self, id: str) -> RunFolder:
        """The run with that id, or whose id begins so; :class:`WorkbenchError` when there is none, or several."""
        found = [run for run in self.runs() if run.id == id] or [r for r in self.runs() if id and r.id.startswith(id)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(run.id for run in (found or self.runs())[-5:]) or "none yet"
        raise WorkbenchError(
            f"Several runs begin with {id!r}." if found else f"There is no run {id!r}.",
            fix=f"Runs: {known}.",
            file=self._path,
        )

    def close(self) -> None:
        """Close the store (which leaves a backup after changes)."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(path: Path) -> dict[str, Any]:
    file = path / FILE_NAME
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WorkbenchError(
            "This is not a project." if path.exists() else "There is no such folder.",
            why=f"A project is a folder with a {FILE_NAME} in it." if path.exists() else "",
            fix="Open a project folder, or create a new project.",
            file=path,
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkbenchError(
            f"The project file is not valid TOML: {error}.",
            fix=f'Write a new one with two lines: schema_version = {SCHEMA.version} and name = "{path.name}".',
            file=file,
        ) from error
    except OSError as error:
        raise explain_os_error(error, file, "cannot be read") from error
