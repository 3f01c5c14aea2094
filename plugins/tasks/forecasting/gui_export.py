"""Forecasts to files: the chart as a picture with what it shows below it, the numbers as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter
from PySide6.QtWidgets import QFileDialog, QWidget
from workbench_plugins.tasks.forecasting.gui_numbers import export_rows

from workbench.api import Forecast, WorkbenchError
from workbench.api.files import write_atomic
from workbench.shell.sdk import PanelContext, time_text

SCALE = 2.0
"""Pixels of an exported picture for each on the screen."""


def export_csv(
    parent: QWidget, forecasts: Sequence[Forecast], notify: Callable[[WorkbenchError | str], None], path: str = ""
) -> None:
    """Write the numbers where the person says."""
    if not forecasts:
        return
    path = path or QFileDialog.getSaveFileName(parent, "Export the numbers", "forecast.csv", "CSV (*.csv)")[0]
    if not path:
        return
    when = {time: time_text(time, one.clock) for one in forecasts for time in (*one.times, *one.history_times[-1:])}
    try:
        write_atomic(Path(path), export_rows(forecasts, when))
    except WorkbenchError as error:
        notify(error)
        return
    notify(f"Written: {path}")


def export_picture(parent: QWidget, chart: QWidget, facts: str, context: PanelContext, path: str = "") -> None:
    """Write the chart as PNG, twice as fine as on the screen, with ``facts`` below it."""
    path = path or QFileDialog.getSaveFileName(parent, "Export the picture", "forecast.png", "PNG (*.png)")[0]
    if not path:
        return
    theme = context.theme
    font = theme.font(0.88)
    width = chart.width() - 16.0
    text = QFontMetricsF(font).boundingRect(QRectF(0, 0, width, 1e4), int(Qt.TextFlag.TextWordWrap), facts)
    footer = int(text.height()) + 12
    image = QImage(
        int(chart.width() * SCALE), int((chart.height() + footer) * SCALE), QImage.Format.Format_ARGB32
    )
    image.setDevicePixelRatio(SCALE)
    image.fill(theme.color("surface"))
    painter = QPainter(image)
    chart.render(painter, QPoint())
    painter.setPen(theme.color("muted"))
    painter.setFont(font)
    area = QRectF(8, chart.height() + 4, width, footer)
    painter.drawText(area, int(Qt.TextFlag.TextWordWrap), facts)
    painter.end()
    if image.save(path):
        context.notify(f"Written: {path}")
    else:
        context.notify(WorkbenchError("The picture could not be written.", fix="Choose another folder.", file=path))
