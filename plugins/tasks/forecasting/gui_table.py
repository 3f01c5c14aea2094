"""The numbers beside the fan chart: a row for each step of the forecast."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView
from workbench_plugins.tasks.forecasting.gui_numbers import Fan

from workbench.api import Forecast
from workbench.shell.sdk import Theme, time_text

_Index = QModelIndex | QPersistentModelIndex


class ForecastModel(QAbstractTableModel):
    """Times down; forecast, its interval, and what came, across."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, ...]] = []
        self._titles: tuple[str, ...] = ("Time", "Forecast")

    def show_forecast(self, forecast: Forecast | None, channel: int = 0) -> None:
        self.beginResetModel()
        self._rows = []
        if forecast is not None and len(forecast.times) == forecast.horizon:
            band = Fan.of(forecast, channel).told
            level = band[0].split(" (")[0] if band is not None else ""
            titles = ["Time", "Forecast", *([f"{level} from", "to"] if band is not None else [])]
            titles += ["Came"] if forecast.actual is not None else []
            self._titles = tuple(titles)
            for step in range(forecast.horizon):
                row = [time_text(forecast.times[step], forecast.clock), _number(forecast.mean[step][channel])]
                if band is not None:
                    row += [_number(float(band[1][step])), _number(float(band[2][step]))]
                if forecast.actual is not None:
                    row.append(_number(forecast.actual[step][channel]))
                self._rows.append(tuple(row))
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self._titles[section] if 0 <= section < len(self._titles) else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def text(self) -> str:
        """Everything, tab by tab, for the clipboard."""
        return "\n".join("\t".join(row) for row in (self._titles, *self._rows))


class ForecastTable(QTableView):
    """The whole is copied with Ctrl+C."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.numbers = ForecastModel(self)
        self.setModel(self.numbers)
        self.setAccessibleName("Numbers of the forecast")
        self.setToolTip("Ctrl+C copies the table")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setHighlightSections(False)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)

    def show_forecast(self, forecast: Forecast | None, channel: int = 0) -> None:
        self.numbers.show_forecast(forecast, channel)

    def wanted_width(self) -> int:
        """Wide enough for every column."""
        header = self.horizontalHeader()
        bar = self.verticalScrollBar().sizeHint().width()
        return sum(header.sectionSizeHint(i) for i in range(header.count())) + bar + self._content_width()

    def _content_width(self) -> int:
        metrics, model = self.fontMetrics(), self.numbers
        extra = 0
        for column in range(model.columnCount()):
            text = str(model.data(model.index(0, column)) or "")
            extra += max(0, metrics.horizontalAdvance(text) + 12 - self.horizontalHeader().sectionSizeHint(column))
        return extra

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.numbers.text())
            return
        super().keyPressEvent(event)


def _number(value: float) -> str:
    """Four digits or so, without exponents where people would not write them."""
    if math.isnan(value):
        return "–"
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-3:
        return f"{value:.3e}"
    decimals = 0 if size >= 10_000 else 1 if size >= 100 else 2 if size >= 10 else 3 if size >= 1 else 4
    return f"{value:,.{decimals}f}"
