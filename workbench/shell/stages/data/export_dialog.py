"""What to export, as which kind of file, and where to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from workbench.api import SPLITS, Catalogue, Exporter
from workbench.shell.widgets import Button, Muted

if TYPE_CHECKING:
    from workbench.data import DatasetInfo


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """``split`` None means all records."""

    exporter: Exporter
    path: Path
    split: str | None


class ExportDialog(QDialog):
    """The exporter the data came with is proposed first, so that unedited records are written byte for byte."""

    def __init__(self, catalogue: Catalogue, dataset: DatasetInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Export {dataset.name}")
        self._dataset = dataset
        self.exporters = [
            one for one in catalogue.exporters() if one.of == "dataset" and one.record in ("", dataset.record)
        ]
        came_as = str(dataset.format.get("importer", ""))
        self.exporters.sort(key=lambda one: (one.id != came_as, one.title))
        self.exporter = QComboBox()
        self.exporter.setAccessibleName("Kind of file")
        self.exporter.addItems([f"{one.title} ({one.suffix})" for one in self.exporters])
        self.split = QComboBox()
        self.split.setAccessibleName("Records")
        self.split.addItem("All records", None)
        for name in SPLITS:
            self.split.addItem(f"Split {name}", name)
        self.path = QLineEdit()
        self.path.setAccessibleName("File to write")
        self.path.setMinimumWidth(360)
        browse = Button("Choose…", on_click=self._browse)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        form = QFormLayout()
        form.addRow("As", self.exporter)
        form.addRow("Records", self.split)
        form.addRow("File", row)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self._write = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._write.setText("Export")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(
            Muted(
                "Records that were not edited are written exactly as they were read."
                if self.exporters
                else "No exporter for this kind of record is installed."
            )
        )
        layout.addWidget(self.buttons)
        self.exporter.currentIndexChanged.connect(self._propose_path)
        self.split.currentIndexChanged.connect(self._propose_path)
        self.path.textChanged.connect(self._check)
        self._propose_path()

    def _propose_path(self) -> None:
        index = self.exporter.currentIndex()
        if 0 <= index < len(self.exporters):
            folder = Path(self.path.text()).parent if self.path.text() else Path.home()
            part = f"-{self.split.currentData()}" if self.split.currentData() else ""
            self.path.setText(str(folder / f"{self._dataset.name}{part}{self.exporters[index].suffix}"))
        self._check()

    def _check(self) -> None:
        self._write.setEnabled(bool(self.exporters) and bool(self.path.text().strip()))

    def _browse(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export to", self.path.text())
        if path:
            self.path.setText(path)

    def choice(self) -> ExportChoice:
        split: str | None = self.split.currentData()
        return ExportChoice(self.exporters[self.exporter.currentIndex()], Path(self.path.text().strip()), split)

    def ask(self) -> ExportChoice | None:
        return self.choice() if self.exec() == QDialog.DialogCode.Accepted else None
