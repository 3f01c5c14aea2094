"""What every command is handed: the global options, the plugins once they are asked for, and where to write."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.api import WorkbenchError

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.api import RecordType
    from workbench.host import LoadedPlugins
    from workbench.project import Project
    from workbench.runs import RunFolder


@dataclass
class CliContext:
    """One call of the program."""

    debug: bool = False
    safe_mode: bool = False
    _plugins: LoadedPlugins | None = field(default=None, repr=False)

    def plugins(self) -> LoadedPlugins:
        """The plugins, loaded the first time."""
        if self._plugins is None:
            from workbench.host import load_plugins
            from workbench.project.settings import Settings

            self._plugins = load_plugins(safe_mode=self.safe_mode, disabled=Settings.load().disabled_plugins)
        return self._plugins

    def console(self, *, stderr: bool = False) -> Console:
        from rich.console import Console

        return Console(stderr=stderr, highlight=False, soft_wrap=True)

    def open_project(self, path: Path, *, read_only: bool = False) -> Project:
        """The project at ``path``, with the record types of the plugins."""
        from workbench.project import Project

        return Project.open(path, read_only=read_only, record_types=record_types(self.plugins()))


def record_types(plugins: LoadedPlugins) -> tuple[RecordType, ...]:
    """The kinds of records that plugins declare, for the store to read."""
    types = {kind.kind: kind for task in plugins.catalogue.tasks() for kind in task.record_types}
    return tuple(types.values())


def project_of_run(run: RunFolder) -> Path:
    """The project a run belongs to: the one it names, or the one it stands in."""
    named = run.config.data.project
    project = (run.path / named).resolve() if named else run.path.resolve().parent.parent
    if not (project / "project.toml").is_file():
        raise WorkbenchError(
            "The project of this run is not there.",
            why="Its records are needed: " + str(project),
            fix="Name the project with --project, or move the run back into its project.",
            file=run.path,
        )
    return project


def find_run(path: Path) -> RunFolder:
    """A run by its folder, its ``run.toml``, or a project's folder (its newest run)."""
    from workbench.runs import RunFolder, list_runs

    if (path / "project.toml").is_file():
        runs = list_runs(path / "runs")
        if not runs:
            raise WorkbenchError("This project has no run yet.", fix=f"Train one: recurra train --project {path}")
        return runs[-1]
    return RunFolder.open(path)
