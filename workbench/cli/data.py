"""``recurra import`` and ``recurra export``: files in, files out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.api import Params, WorkbenchError, describe
from workbench.cli.context import CliContext, record_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from workbench.api import Finding
    from workbench.data.importing import ImportReport
    from workbench.project import Project

SHOWN_PROBLEMS = 10
CUT_BY_TIME = frozenset({"series"})
"""Records that a task divides itself, each by time: they need no split."""
DIVIDING = ("random", "document")
"""Ways to divide one file into train, validation and test."""


def import_files(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project's folder; made if it is not there.")],
    files: Annotated[list[Path], typer.Argument(help="Files, or a folder of files, for one dataset.")],
    importer: Annotated[str | None, typer.Option(help="How to read them (default: told from their content).")] = None,
    name: Annotated[str | None, typer.Option(help="What to call the dataset.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, validation or test (default: told from names); random or document: divide them."),
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="An option of the importer, as key=value.")] = None,
    skip_bad: Annotated[bool, typer.Option(help="Leave out records that cannot be read, instead of stopping.")] = False,
) -> None:
    """Import files into a project as one dataset; if it fails, nothing is left behind."""
    context: CliContext = ctx.obj
    console = context.console()
    with open_or_create(context, project) as opened, progress_bar(context, "importing") as progress:
        try:
            named = None if split in DIVIDING else split
            report = _import(context, opened, files, importer, name, named, option or [], skip_bad, progress)
            counts = _divide(opened, report, str(split)) if split in DIVIDING else report.splits
        except KeyboardInterrupt:
            context.console(stderr=True).print("Cancelled; nothing was imported.")
            raise
    splits = ", ".join(f"{count:,} {split or 'in no split'}" for split, count in counts.items())
    console.print(
        f"{report.dataset.name}: {report.records:,} records ({splits}) in {report.seconds:.2f} s", markup=False
    )
    show_problems(console, report.problems)
    if "train" not in counts and report.dataset.record not in CUT_BY_TIME:
        console.print("To train on it, records must be in a split: import with --split random, or use the window.")


def show_problems(console: Console, problems: Sequence[Finding]) -> None:
    """What was strange in a file but did not stop its reading, what was left out among it: a line each."""
    for finding in problems[:SHOWN_PROBLEMS]:
        where = f"line {finding.line}: " if finding.line else ""
        console.print(f"{finding.severity}: {where}{finding.message} {finding.fix}".rstrip(), markup=False)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"… and {len(problems) - SHOWN_PROBLEMS} more")


def export(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A project (for its data) or a run (for its model or report).")],
    output: Annotated[Path, typer.Argument(help="The file or folder to write.")],
    exporter: Annotated[str | None, typer.Option(help="How to write it (default: told from the ending).")] = None,
    dataset: Annotated[str | None, typer.Option(help="Which dataset of a project (default: its newest).")] = None,
    split: Annotated[str | None, typer.Option(help="Only this split; of a run, the split of the report.")] = None,
) -> None:
    """Export a dataset of a project, or the model or a report of a run."""
    from workbench.cli.exporting import export_dataset_to, export_run_to

    context: CliContext = ctx.obj
    if (source / "project.toml").is_file():
        written = export_dataset_to(context, source, output, exporter, dataset, split)
    else:
        written = export_run_to(context, source, output, exporter, split)
    context.console().print(written, markup=False)


@contextmanager
def open_or_create(context: CliContext, path: Path) -> Iterator[Project]:
    """The project at ``path``; a new one named after the folder where there is none, gone again if the block fails."""
    from workbench.project import Project

    if (path / "project.toml").is_file():
        with context.open_project(path) as project:
            yield project
        return
    existed = path.is_dir()
    project = Project.create(path, path.resolve().name, record_types=record_types(context.plugins()))
    try:
        with project:
            yield project
    except BaseException:  # the project was made for this alone: nothing of it stays
        if existed:
            for entry in list(path.iterdir()):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def progress_bar(context: CliContext, title: str) -> Iterator[Callable[[int, int, int], None]]:
    """A bar on a terminal, nothing in a pipe: call it with (done, total, records)."""
    console: Console = context.console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None, count="")

        def show(done: int, total: int, records: int = 0) -> None:
            bar.update(task, completed=done, total=total, count=f"{records:,}" if records else "")

        yield show


def _import(
    context: CliContext,
    project: Project,
    files: Sequence[Path],
    importer_id: str | None,
    name: str | None,
    split: str | None,
    given: Sequence[str],
    skip_bad: bool,
    progress: Callable[[int, int, int], None],
) -> ImportReport:
    from workbench.data.importing import import_files as import_into
    from workbench.data.proposals import explain_unknown, propose

    catalogue = context.plugins().catalogue
    options: dict[str, Any] = {}
    if importer_id is not None:
        importer = catalogue.importer(importer_id)
        pairs = _pairs(files)
    else:
        proposals = propose(catalogue, files)
        if not proposals:
            raise explain_unknown(catalogue, files)
        importer, pairs, options = proposals[0].importer, list(proposals[0].files), dict(proposals[0].options)
        context.console(stderr=True).print(f"{importer.title}: {proposals[0].reason}", markup=False)
    if split is not None:
        pairs = [(path, split) for path, _ in pairs]
    options.update(parse_options(importer.params, given))
    return import_into(
        project.store, importer, pairs, dataset_name=name, options=options, progress=progress, skip_bad=skip_bad
    )


def parse_options(params: type[Params], given: Sequence[str]) -> Mapping[str, Any]:
    """Options of ``params`` from key=value texts; lists are written a,b,c."""
    lists = {spec.name for spec in describe(params) if spec.kind == "list"}
    options: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise WorkbenchError(f"An option is written key=value, not {text!r}.")
        key = key.strip().replace("-", "_")
        options[key] = [part for part in value.split(",") if part] if key in lists else value
    return options


def _divide(project: Project, report: ImportReport, method: str) -> Mapping[str, int]:
    """Divide a dataset that was just imported; where that cannot be done, it is taken out again."""
    try:
        project.store.assign_splits(report.dataset.id, method)
    except WorkbenchError:
        project.store.delete_dataset(report.dataset.id)
        raise
    return project.store.split_counts(report.dataset.id)


def _pairs(files: Sequence[Path]) -> list[tuple[Path, str]]:
    from workbench.data.proposals import guess_split

    found: list[Path] = []
    for path in files:
        found += sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    return [(path, guess_split(path)) for path in found]
