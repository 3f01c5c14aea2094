"""Where the series of a forecast comes from: the data that the run learned from, or a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QSpinBox

from workbench.api import Record, Series, WorkbenchError
from workbench.shell.sdk import Button, Card, PanelContext

_KINDS = "Tables (*.csv *.tsv *.parquet *.txt);;All files (*)"


class SeriesSource(Card):
    """``chosen(series)`` when another series is to be forecast; ``told(sentence)`` while a file is read, or fails."""

    chosen = Signal(object)
    told = Signal(str)

    def __init__(self, context: PanelContext) -> None:
        super().__init__("Series")
        self._context = context
        self._loaded: list[Series] = []
        """Series of a file; empty while those of the data are shown."""
        self._file = ""
        self._count = 0
        self.channel = QComboBox()
        self.channel.setAccessibleName("Channel shown")
        self.channel.setMinimumHeight(28)
        self.number = QSpinBox()
        self.number.setMinimumHeight(28)
        self.number.setRange(1, 1)
        self.number.setPrefix("No. ")
        self.number.setAccessibleName("Number of the series")
        self.number.setToolTip("Which series of the data")
        self.number.setKeyboardTracking(False)
        self.number.valueChanged.connect(lambda _n: self._choose())
        self.file_button = Button(
            "Open a file…", on_click=self.choose_file, tip="A CSV or another table of numbers; or drop it here"
        )
        self.data_button = Button("Back to the data", kind="quiet", on_click=self.use_data)
        for widget in (self.channel, self.number, self.data_button, self.file_button):
            self.header.addWidget(widget)
        self.data_button.hide()

    def use_data(self) -> None:
        """Offer the series the selected run learned from."""
        self._loaded, self._file = [], ""
        self.data_button.hide()
        _, self._count = self._context.records(0, 0)
        self._set_count()

    def choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a series", "", _KINDS)
        if path:
            self.open_file(Path(path))

    def open_file(self, path: Path) -> None:
        """Offer the series of a file."""
        self.told.emit(f"Reading {path.name}…")

        def show(records: list[Record]) -> None:
            found = [one for one in records if isinstance(one, Series) and one.size()]
            if not found:
                self.told.emit(f"{path.name} holds no series.")
                return
            self._loaded, self._file, self._count = found, path.name, len(found)
            self.data_button.show()
            self._set_count()

        def failed(error: WorkbenchError) -> None:  # the window shows the error itself
            self.told.emit(f"{path.name} was not read: {error.what}")

        self._context.read(path, Series.KIND, show, failed)

    def offer_channels(self, names: list[str]) -> None:
        """The channels that are foretold; the choice stays where they are the same."""
        if [self.channel.itemText(i) for i in range(self.channel.count())] != names:
            self.channel.blockSignals(True)
            self.channel.clear()
            self.channel.addItems(names)
            self.channel.blockSignals(False)
        self.channel.setVisible(len(names) > 1)

    def _set_count(self) -> None:
        self.number.blockSignals(True)
        self.number.setRange(1, max(1, self._count))
        self.number.setSuffix(f" of {self._count:,}")
        self.number.setValue(1)
        self.number.blockSignals(False)
        self.number.setVisible(self._count > 1)
        self._choose()

    def _choose(self) -> None:
        place = self.number.value() - 1
        if self._loaded:
            series: object = self._loaded[place]
        else:
            found, _ = self._context.records(place, 1)
            series = found[0].record if found else None
        if isinstance(series, Series) and series.size():
            where = f" · {self._file}" if self._file else ""
            self.set_title(series.name or "Series", f"{series.size():,} steps{where}")
            self.chosen.emit(series)
        else:
            self.set_title("Series", "the data of this run are gone or empty; open a file")
            self.chosen.emit(None)
