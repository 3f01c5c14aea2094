"""Writing what a project or a run holds with an exporter chosen by name or by the output's ending."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from workbench.api import Exporter, Report, WorkbenchError
from workbench.api.files import atomic_path, sha256_file
from workbench.cli.context import CliContext, find_run


def export_dataset_to(
    context: CliContext,
    project: Path,
    output: Path,
    exporter_id: str | None,
    dataset: str | None,
    split: str | None,
) -> str:
    """Write a dataset of a project: one file, or, where ``output`` is a folder, a file for each split."""
    from workbench.cli.data import progress_bar
    from workbench.data.exporting import export_dataset, export_splits

    with context.open_project(project, read_only=True) as opened:
        datasets = opened.store.datasets()
        if not datasets:
            raise WorkbenchError("This project has no data yet.", file=project)
        info = opened.store.dataset(dataset) if dataset is not None else datasets[-1]
        folder = output.is_dir() or not output.suffix
        every = [exporter for exporter in context.plugins().catalogue.exporters() if exporter.of == "dataset"]
        fitting = [exporter for exporter in every if exporter.record in ("", info.record)]
        others = {exporter.suffix for exporter in every} - {exporter.suffix for exporter in fitting}
        if exporter_id is None and not folder and output.suffix in others:
            raise WorkbenchError(
                f"{info.name!r} cannot be written as {output.suffix}.",
                why=f"That is a format for other records than {info.record!r}.",
                fix=_known(fitting),
                file=output,
            )
        exporter = _choose(fitting, exporter_id, "" if folder else output.suffix, str(info.format.get("importer", "")))
        with progress_bar(context, "exporting") as progress:
            if folder and split is None:
                reports = export_splits(
                    opened.store,
                    info.id,
                    exporter,
                    output,
                    progress=lambda done, total: progress(done, total, done),
                )
            else:
                target = output / f"{split}{exporter.suffix}" if folder else output
                target.parent.mkdir(parents=True, exist_ok=True)
                reports = [
                    export_dataset(
                        opened.store,
                        info.id,
                        exporter,
                        target,
                        split,
                        progress=lambda done, total: progress(done, total, done),
                    )
                ]
    return "\n".join(f"{report.records:,} records in {report.path}" for report in reports)


def export_run_to(context: CliContext, path: Path, output: Path, exporter_id: str | None, split: str | None) -> str:
    """Write the model of a run or, with ``split`` or an exporter of reports, its report of that split."""
    run = find_run(path)
    exporters = context.plugins().catalogue.exporters()
    chosen = next((exporter for exporter in exporters if exporter.id == exporter_id), None)
    if exporter_id is not None and chosen is None:
        raise WorkbenchError(f"There is no exporter {exporter_id!r}.", fix=_known(list(exporters)))
    if (chosen is not None and chosen.of == "report") or (chosen is None and split is not None):
        source = run.evaluations / f"{split or run.config.data.test}.json"
        if not source.is_file():
            raise WorkbenchError(
                "This run was not evaluated on that split yet.",
                fix=f"Evaluate it first: recurra evaluate {run.path} --split {split or run.config.data.test}",
                file=source,
            )
        reports = [exporter for exporter in exporters if exporter.of == "report"]
        exporter = chosen or _choose(reports, None, output.suffix, "")
        report = Report.from_json(json.loads(source.read_text(encoding="utf-8")))
        with atomic_path(output) as temporary:
            exporter.factory.resolve()(report, temporary)
        return f"report written to {output}"
    if not run.model_folder.is_dir():
        from workbench.runs.outcome import no_model

        raise no_model(run.path)
    check_model(run.model_folder)
    models = [exporter for exporter in exporters if exporter.of == "model"]
    if chosen is not None or output.suffix:
        exporter = chosen or _choose(models, None, output.suffix, "")
        with atomic_path(output) as temporary:
            exporter.factory.resolve()(run.model_folder, temporary)
    else:
        if output.exists():
            raise WorkbenchError("There is already something here.", fix="Name a new folder.", file=output)
        shutil.copytree(run.model_folder, output)
    return f"model written to {output}"


def check_model(folder: Path) -> None:
    """:class:`WorkbenchError` when a file of a finished model is not what its manifest says."""
    why = ""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        digests = dict(manifest["sha256"])
        if not digests or not isinstance(manifest["schema_version"], int):
            why = "Its manifest does not say what it is."
        for name, digest in digests.items():
            if "/" in name or "\\" in name or sha256_file(folder / name) != digest:
                why = f"{name}: its checksum does not match."
                break
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"It cannot be read: {error}."
    if why:
        raise WorkbenchError(
            "This model is damaged, so it was not exported.",
            why=why,
            fix="Resume its run to write it again.",
            file=folder,
        )


def _choose(fitting: list[Exporter], wanted: str | None, suffix: str, like: str) -> Exporter:
    """The exporter named; else the only one of this ending, or the one named like the importer of the data."""
    if wanted is not None:
        found = [exporter for exporter in fitting if exporter.id == wanted]
    else:
        found = [exporter for exporter in fitting if not suffix or exporter.suffix == suffix]
        found = [exporter for exporter in found or fitting if exporter.id == like] or found
    if len(found) == 1:
        return found[0]
    raise WorkbenchError(
        f"There is no fitting exporter {wanted!r}." if wanted else "Which format is this to have?",
        why="" if wanted else f"The ending {suffix!r} does not tell.",
        fix=_known(fitting),
    )


def _known(exporters: list[Exporter]) -> str:
    return "Use --exporter with one of: " + (", ".join(exporter.id for exporter in exporters) or "none is installed")
