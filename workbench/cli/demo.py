"""``recurra demo``: a shipped sample, ready to train, in the window or on the command line."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.api import WorkbenchError
from workbench.cli.context import CliContext
from workbench.cli.flags import whole

if TYPE_CHECKING:
    from workbench.api import Sample
    from workbench.project import Project


def demo(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A sample by its id or its verb, such as tag; empty lists them.")] = "",
    headless: Annotated[bool, typer.Option("--headless", help="Train in the terminal, without a window.")] = False,
    project: Annotated[Path | None, typer.Option(help="Where to put it (default: the user's data folder).")] = None,
    max_epochs: Annotated[int | None, whole("Train for so many epochs at most.", 1)] = None,
) -> None:
    """Train a model on a sample and show its answers as it learns."""
    context: CliContext = ctx.obj
    samples = context.plugins().catalogue.samples()
    if not name:
        for sample in samples:
            typer.echo(f"{sample.id}: {sample.summary or sample.title}")
        return
    sample = _find(samples, name)
    if not headless:
        from workbench.cli.display import display_problem

        if problem := display_problem():
            typer.echo(f"{problem}; or: recurra demo {name} --headless", err=True)
            raise typer.Exit(1)
    folder = project or _default_folder(sample)
    from workbench.cli.data import open_or_create
    from workbench.cli.train import make_config

    with open_or_create(context, folder) as opened:
        dataset = _dataset(opened, sample)
        values = run_values(sample, dataset)
        if max_epochs is not None:
            values.setdefault("training", {})["max_epochs"] = max_epochs
        run_path = opened.new_run(make_config(context, values)).path
    if headless:
        from workbench.cli.training import train_here
        from workbench.runs.folder import RunFolder

        # the project is whole now: what ends the training early, Ctrl+C too, takes nothing of it away
        with context.open_project(folder) as opened:
            context.console().print(f"project {folder}", markup=False)
            status = train_here(context, opened, RunFolder.open(run_path))
        raise typer.Exit(status)
    from workbench.cli.window import show

    show(folder, safe_mode=context.safe_mode)


def run_values(sample: Sample, dataset: str) -> dict[str, Any]:
    """The run file of one click on the sample's card."""
    values = copy.deepcopy({key: _plain(value) for key, value in sample.run.items()})
    for section, id_ in (("task", sample.task), ("architecture", sample.architecture)):
        part = values.setdefault(section, {})
        part.setdefault("id", id_)
    values["data"] = {**values.get("data", {}), "dataset": dataset}
    values.setdefault("inputs", list(sample.inputs))
    values.setdefault("name", sample.title)
    return values


def _plain(value: Any) -> Any:
    return {key: _plain(item) for key, item in value.items()} if hasattr(value, "items") else value


def _find(samples: tuple[Sample, ...], name: str) -> Sample:
    wanted = name.lower()
    for sample in samples:
        if wanted in (sample.id.lower(), sample.verb.lower()):
            return sample
    known = ", ".join(f"{sample.id} ({sample.verb})" if sample.verb else sample.id for sample in samples)
    raise WorkbenchError(f"There is no sample {name!r}.", fix=f"There are: {known or 'none'}.")


def _default_folder(sample: Sample) -> Path:
    from platformdirs import user_data_path

    return user_data_path("recurra") / "projects" / f"demo-{sample.id}"


def _dataset(project: Project, sample: Sample) -> str:
    """The sample's dataset in the project, imported the first time."""
    if any(info.name == sample.id for info in project.store.datasets()):
        return sample.id
    from workbench.data.importing import import_sample

    return import_sample(project.store, sample, dataset_name=sample.id).dataset.name
