"""``recurra train`` and ``recurra resume``: training on this machine, with the same run file the window writes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.api import WorkbenchError, compatibility, validate
from workbench.cli.context import CliContext, find_run, project_of_run
from workbench.cli.flags import Section, flags_of, merge, whole, with_flags

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.runs import RunConfig, RunFolder

RESERVED = ("project", "dataset", "task", "architecture", "name", "input", "limit", "help", "debug", "safe-mode")


def command(context: CliContext, words: Sequence[str]) -> Callable[..., None]:
    """The command ``train`` with the flags of the task and architecture named in ``words`` (or in the run file)."""
    if not words:
        return with_flags(_train, [])
    from workbench.runs.config import TrainingParams

    sections = []
    run_file = next((word for word in words if word.endswith(".toml")), None)
    written = _read(Path(run_file)) if run_file and Path(run_file).is_file() else {}
    catalogue = context.plugins().catalogue
    for name, look_up in (("task", catalogue.task), ("architecture", catalogue.architecture)):
        part = written.get(name)
        id_ = _value_of(words, f"--{name}") or (part.get("id") if isinstance(part, Mapping) else None)
        if id_:
            contribution = look_up(str(id_))
            sections.append(Section(name, contribution.title, contribution.params))
    sections.append(Section("training", "training", TrainingParams))
    return with_flags(_train, flags_of(sections, RESERVED))


def _train(
    ctx: typer.Context,
    run_file: Annotated[Path | None, typer.Argument(metavar="[RUN.toml]", help="A run file to train.")] = None,
    project: Annotated[Path | None, typer.Option(help="The project's folder.")] = None,
    dataset: Annotated[str | None, typer.Option(help="A dataset of the project (default: its newest).")] = None,
    task: Annotated[str | None, typer.Option(help="What to learn: the id of a task.")] = None,
    architecture: Annotated[str | None, typer.Option(help="The network: the id of an architecture.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for the run.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="Show the answer to this as it learns.")] = None,
    limit: Annotated[int | None, whole("Use only so many training records.")] = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Train a model, from a run file, from flags, or from a run file with some options changed by flags.

    With --task and --architecture, --help also lists their options. Ctrl+C stops and keeps the best model so far; a
    second Ctrl+C ends at once, and the run can be resumed.
    """
    context: CliContext = ctx.obj
    if run_file is not None and run_file.is_dir():
        if (run_file / "project.toml").is_file():
            raise WorkbenchError(
                "A run file is wanted here; this is a project.",
                fix=f"Name the project so: recurra train --project {run_file} --task ID --architecture ID",
                file=run_file,
            )
        run_file = run_file / "run.toml"
    values: dict[str, Any] = _read(run_file) if run_file is not None else {}
    for section, id_ in (("task", task), ("architecture", architecture)):
        if id_ is not None and values.get(section, {}).get("id") != id_:
            values[section] = {"id": id_, "params": {}}
    values = merge(values, options or {})
    given = {"dataset": dataset, "limit": limit}
    values["data"] = {**values.get("data", {}), **{k: v for k, v in given.items() if v is not None}}
    if name is not None:
        values["name"] = name
    if inputs:
        values["inputs"] = inputs
    folder = _project_folder(project, run_file, values["data"].get("project", ""))
    values["data"]["project"] = ""
    with context.open_project(folder) as opened:
        if "dataset" not in values["data"]:
            values["data"]["dataset"] = _newest_dataset(context, opened, values)
        config = make_config(context, values, str(run_file) if run_file else None)
        check_records(context, opened, config)
        from workbench.cli.training import train_here

        raise typer.Exit(train_here(context, opened, opened.new_run(config)))


def resume(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    project: Annotated[Path | None, typer.Option(help="The project, if the run is not in it.")] = None,
) -> None:
    """Go on with a run from its last checkpoint."""
    from workbench.cli.training import train_here

    context: CliContext = ctx.obj
    folder = find_run(run)
    state = folder.state()
    if state.alive:
        raise WorkbenchError("This run is being trained.", why=f"Process {state.pid} trains it.", file=folder.path)
    if state.status == "finished" and state.reason == "completed" and model_is_whole(folder):
        raise WorkbenchError(
            "This run is complete.", fix=f"Train on with more epochs: recurra train {folder.config_path} --max-epochs N"
        )
    with context.open_project(project or project_of_run(folder)) as opened:
        raise typer.Exit(train_here(context, opened, folder, resume=state.status != "queued"))


def model_is_whole(run: RunFolder) -> bool:
    """Whether the finished model of ``run`` is there and undamaged; one that is not is written again by a resume."""
    from workbench.cli.exporting import check_model

    try:
        check_model(run.model_folder)
    except WorkbenchError:
        return False
    return True


def make_config(context: CliContext, values: dict[str, Any], file: str | None = None) -> RunConfig:
    """A configuration whose task and architecture exist, fit each other and know all their options."""
    from workbench.runs import parse_config

    catalogue = context.plugins().catalogue
    for section, known in (("task", catalogue.tasks()), ("architecture", catalogue.architectures())):
        if not values.get(section, {}).get("id"):
            listed = ", ".join(item.id for item in known) or "none is installed"
            raise WorkbenchError(
                f"Which {section}?", why=f"There are: {listed}.", fix=f"Add --{section} ID.", file=file
            )
    with located(file):
        config = parse_config(values, file)
    task, architecture = catalogue.task(config.task.id), catalogue.architecture(config.architecture.id)
    with located(file):
        validate(task.params, dict(config.task.params), file=file, where="task")
        params = validate(architecture.params, dict(config.architecture.params), file=file, where="architecture")
    fits = compatibility(task, architecture, params)
    if not fits:
        able = [item.id for item in catalogue.architectures() if compatibility(task, item)]
        others = ", ".join(name for name in able if name != architecture.id)
        choose = f"These can: {others}." if others else "Choose another task."
        raise WorkbenchError(
            f"{architecture.title} cannot do {task.title}.",
            why=fits.reason,
            fix=f"With other options it can. {choose}" if architecture.id in able else choose,
            file=file,
        )
    return config


@contextmanager
def located(file: str | None) -> Iterator[None]:
    """Give an error about an option of a run file the line on which the option stands."""
    from workbench.runs.config import line_of_option

    try:
        yield
    except WorkbenchError as error:
        named = re.search(r"(?:^|option )(\w+(?:\.\w+)+)[:.]", error.what)
        if file is not None and error.line is None and named:
            error.line = line_of_option(Path(file), named[1])
        raise


def _read(path: Path) -> dict[str, Any]:
    from workbench.runs import load_config

    with located(str(path)):
        load_config(path)  # says what is wrong with it, and where
    return tomllib.loads(path.read_text(encoding="utf-8-sig"))


def _value_of(words: Sequence[str], flag: str) -> str | None:
    for i, word in enumerate(words):
        if word == flag and i + 1 < len(words):
            return words[i + 1]
        if word.startswith(flag + "="):
            return word.partition("=")[2]
    return None


def _project_folder(asked: Path | None, run_file: Path | None, written: str) -> Path:
    """The project asked for, the one the run file names, the one it stands in, or the current folder."""
    candidates = [asked] if asked is not None else []
    if asked is None and run_file is not None:
        candidates += [run_file.parent / written] if written else []
        candidates += list(run_file.resolve().parents)[:3]
    if asked is None:
        candidates.append(Path())
    for candidate in candidates:
        if (candidate / "project.toml").is_file():
            return candidate
    raise WorkbenchError(
        "There is no project here.",
        why="A run needs the records of a project.",
        fix="Name its folder with --project, or make one: recurra import PROJECT FILES…",
        file=candidates[0],
    )


def _newest_dataset(context: CliContext, project: Project, values: Mapping[str, Any]) -> str:
    """The newest dataset whose records the task can read, or simply the newest."""
    datasets = project.store.datasets()
    if not datasets:
        raise WorkbenchError(
            "This project has no data yet.", fix=f"Import some: recurra import {project.path} FILES…", file=project.path
        )
    wanted = str(values.get("task", {}).get("id", ""))
    records = {task.id: task.record for task in context.plugins().catalogue.tasks()}
    fitting = [info for info in datasets if info.record == records.get(wanted)]
    return (fitting or datasets)[-1].name


def _cuts_by_time(context: CliContext, config: RunConfig) -> bool:
    """Whether every record is in every split, each cut by time: then a dataset needs none."""
    from workbench.engine.compose import make_task
    from workbench.nn.protocols import SplitsInTime

    _, task = make_task(config, context.plugins().catalogue)
    return isinstance(task, SplitsInTime) and task.splits_in_time


def check_records(context: CliContext, project: Project, config: RunConfig) -> None:
    """:class:`WorkbenchError` where the dataset is not there, is of another kind, or has no training records."""
    info = project.store.dataset(config.data.dataset)
    task = context.plugins().catalogue.task(config.task.id)
    if info.record != task.record:
        raise WorkbenchError(
            f"{task.title} cannot learn from the dataset {info.name!r}.",
            why=f"It holds records of the kind {info.record!r}; needed is {task.record!r}.",
            fix="Name another dataset with --dataset, or import the file with another importer.",
            file=project.path,
        )
    counts = project.store.split_counts(info.id)
    if not counts.get(config.data.train) and not (counts and _cuts_by_time(context, config)):
        have = ", ".join(f"{count:,} {split or 'in no split'}" for split, count in counts.items())
        raise WorkbenchError(
            f"There is nothing to train on: the split {config.data.train!r} of {info.name!r} is empty.",
            why=f"The dataset has {have or 'no records'}.",
            fix="Assign splits in the window's Data stage, or import again with --split random.",
            file=project.path,
        )
