"""Writing a report to a file, with the exporter that the file's suffix chooses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QWidget

from workbench.api import Exporter, Report, WorkbenchError
from workbench.api.files import atomic_path
from workbench.host import use

if TYPE_CHECKING:
    from workbench.shell.session import Session


def report_exporters(session: Session) -> list[Exporter]:
    """The installed exporters of reports; :class:`WorkbenchError` where there is none."""
    found = [one for one in session.catalogue.exporters() if one.of == "report"]
    if not found:
        raise WorkbenchError("No exporter of reports is installed.", fix="Switch its plugin on.")
    return found


def kinds_text(exporters: list[Exporter]) -> str:
    """The kinds of files for a dialog."""
    return ";;".join(f"{one.title} (*{one.suffix})" for one in exporters)


def write_report(session: Session, exporters: list[Exporter], report: Report, path: Path) -> None:
    """Write ``report`` to ``path``, whole or not at all; :class:`WorkbenchError` where that fails."""
    exporter = next((one for one in exporters if path.suffix == one.suffix), exporters[0])
    with atomic_path(path) as temporary:
        use(exporter, session.problems, session.catalogue, lambda: exporter.factory.resolve()(report, temporary))


def ask_export_path(parent: QWidget, proposed: str, kinds: str) -> str:
    return QFileDialog.getSaveFileName(parent, "Export the report", proposed, kinds)[0]
