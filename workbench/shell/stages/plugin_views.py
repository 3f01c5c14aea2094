"""Views of results that plugins bring, framed: what the stages Use, Train and Evaluate show answers in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import Importer, InferenceView, Record, StoredRecord, WorkbenchError
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.sdk import PanelContext
from workbench.shell.stages.model_state import ask_model

if TYPE_CHECKING:
    from workbench.shell.session import Session

MOST_READ = 1000


def plugin_view(session: Session, contribution: InferenceView, settings: Mapping[str, Any]) -> PluginFrame:
    """A plugin's view of results. ``settings`` say where it stands ("place") and whether it has to be small."""
    context = PanelContext(
        theme=session.theme,
        notify=session.notify,
        run=lambda: session.run,
        dataset=lambda: session.dataset,
        submit=session.submit,
        predict=partial(ask_model, session),
        records=partial(records_of_run, session),
        read=partial(read_file, session),
        settings=settings,
    )
    return PluginFrame(
        lambda: contribution.factory.resolve()(context),
        contribution,
        session.problems,
        plugin=session.catalogue.owner(contribution),
    )


def records_of_run(session: Session, start: int, count: int) -> tuple[list[StoredRecord], int]:
    """``count`` records from ``start`` of the data that the selected run learned from, and how many there are."""
    run, project = session.run, session.project
    if run is None or project is None:
        return [], 0
    try:
        ids = project.store.ids(project.store.dataset(run.config.data.dataset).id)
    except WorkbenchError:
        return [], 0  # its data are gone
    return project.store.get([int(one) for one in ids[start : start + count]]), len(ids)


def read_file(
    session: Session,
    path: Path,
    kind: str,
    on_records: Callable[[list[Record]], object],
    on_error: Callable[[WorkbenchError], object],
) -> Any:
    """The first :data:`MOST_READ` records of ``path``, of one kind, read in the background as an import would."""
    catalogue = session.catalogue

    def work(_progress: object, cancelled: Callable[[], bool]) -> list[Record]:
        from workbench.api import validate
        from workbench.data.proposals import explain_unknown, propose

        found = [one for one in propose(catalogue, [path]) if one.importer.record == kind]
        if not found:
            raise _not_this_kind(catalogue.record_type(kind).title, path, explain_unknown(catalogue, [path]))
        importer: Importer = found[0].importer
        params = validate(importer.params, dict(found[0].options), where=importer.id)
        records: list[Record] = []
        for imported in islice(importer.factory.resolve()(path, params), MOST_READ):
            if cancelled():
                break
            records.append(imported.record)
        return records

    return session.run_in_background(work, on_records, on_error, title=f"Reading {path.name}")


def _not_this_kind(title: str, path: Path, unknown: WorkbenchError) -> WorkbenchError:
    if "importer" in unknown.what:  # it is text, and some other importer may know it
        return WorkbenchError(
            f"No {title} was found in this file.",
            why="It does not look like the files this model's data come in.",
            fix="Choose another file, or import it in the Data stage to see what it holds.",
            file=path,
        )
    return unknown
