"""``recurra check``: what is wrong or doubtful in a dataset, and which records it concerns."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.api import WorkbenchError
from workbench.cli.context import CliContext

if TYPE_CHECKING:
    from workbench.api import Catalogue, DoctorCheck, Finding
    from workbench.data import DatasetInfo, DatasetStore

SHOWN_RECORDS = 5
SHOWN_TEXT = 70
"""Characters of a record's text in the list."""


def check(
    ctx: typer.Context,
    project: Annotated[Path, typer.Argument(help="The project's folder.")],
    dataset: Annotated[str | None, typer.Argument(help="Which dataset (default: all of them).")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the findings as JSON, with every record's id.")
    ] = False,
) -> None:
    """Look for what is wrong or doubtful in the data; ends with status 1 when there is an error among it."""
    from workbench.data.doctor import examine

    context: CliContext = ctx.obj
    console = context.console()
    catalogue = context.plugins().catalogue
    checks = catalogue.doctor_checks()
    report: list[dict[str, Any]] = []
    grave = False
    with context.open_project(project, read_only=True) as opened:
        store = opened.store
        infos = [store.dataset(dataset)] if dataset is not None else store.datasets()
        if not infos:
            raise WorkbenchError(
                "There is no data in this project.", fix=f"Import some: recurra import {project} FILES"
            )
        for info in infos:
            raised: list[tuple[DoctorCheck, Exception]] = []
            found = examine(store, info.id, checks, on_error=partial(_keep, raised))
            if _cut_in_time(catalogue, info):  # validation and test are parts of the records themselves
                found = [finding for finding in found if finding.check != "splits"]
            failed = [f"{one.title}: {error}" for one, error in raised]
            grave = grave or any(finding.severity == "error" for finding in found)
            if as_json:
                report.append({"dataset": info.name, "findings": [_json(one) for one in found], "failed": failed})
                continue
            count = len(found)
            outcome = f"{count:,} finding{'' if count == 1 else 's'}" if count else "nothing was found"
            console.print(f"{info.name}, {info.count:,} records: {outcome}", markup=False)
            for finding in found:
                _show(context, store, info, finding)
            for text in failed:
                context.console(stderr=True).print(f"A plugin's check failed: {text}", markup=False)
    if as_json:
        typer.echo(json.dumps({"schema_version": 1, "datasets": report}, ensure_ascii=False, indent=1))
    if grave:
        raise typer.Exit(1)


def _keep(raised: list[tuple[DoctorCheck, Exception]], check: DoctorCheck, error: Exception) -> None:
    raised.append((check, error))


def _cut_in_time(catalogue: Catalogue, info: DatasetInfo) -> bool:
    """Whether a task for such records cuts them in time, unless its options say otherwise."""
    cuts = [task.time_cut for task in catalogue.tasks() if task.record == info.record and task.time_cut is not None]
    return any(cut.resolve()().cuts({}) for cut in cuts)


def _show(context: CliContext, store: DatasetStore, info: DatasetInfo, finding: Finding) -> None:
    console = context.console()
    console.print(f"{finding.severity}: {finding.message} {finding.fix}".rstrip(), markup=False)
    for stored in store.get(list(finding.record_ids[:SHOWN_RECORDS])):
        text = stored.record.search_text()
        text = text if len(text) <= SHOWN_TEXT else text[:SHOWN_TEXT] + "…"
        console.print(f"  record {stored.position + 1:,} ({stored.split or 'no split'}): {text}", markup=False)
    left = len(finding.record_ids) - SHOWN_RECORDS
    if left > 0:
        console.print(f"  … and {left:,} more")


def _json(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity,
        "message": finding.message,
        "fix": finding.fix,
        "records": list(finding.record_ids),
    }
