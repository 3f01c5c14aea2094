"""A series in the Data stage: looked at closely, its points and gaps mended; every change is one undoable edit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QVBoxLayout, QWidget
from workbench_plugins.tasks.forecasting.params import ForecastingParams, FreeRunParams, SeriesParams
from workbench_plugins.tasks.forecasting.splitting import bounds

from workbench.api import Series, StoredRecord, WorkbenchError
from workbench.shell.sdk import Button, EditorContext, Muted, SeriesLanes, positions, time_text

OFTEN = {
    "s": "every second",
    "min": "every minute",
    "10min": "every ten minutes",
    "15min": "every quarter of an hour",
    "30min": "every half hour",
    "h": "hourly",
    "D": "daily",
    "B": "on working days",
    "W": "weekly",
    "MS": "monthly",
    "QS": "quarterly",
    "YS": "yearly",
}
"""Frequencies in words."""
NUDGE = 0.02
"""Part of the visible range by which Up and Down change a value."""
NUDGE_PAUSE_MS = 700
"""Presses of Up and Down that follow one another within this time are one edit."""


class SeriesEditor(QWidget):
    """One series: lanes above, and below them the chosen step with its value to type and its gap to fill.

    The dataset editor calls :meth:`show_stored` and shows ``keys`` below; ``share`` is its part of the height.
    """

    share = 0.66
    keys = (
        "Drag a point, or type its value · ← → step, Shift extends · ↑ ↓ change · Delete missing · F fill · G next gap"
        " · + − 0 zoom"
    )

    def __init__(self, context: EditorContext) -> None:
        super().__init__()
        self._context = context
        self._record_id: int | None = None
        self._split = ""
        self._nudged: dict[tuple[int, int], float] = {}
        self._nudge_by = 0.0
        self.lanes = SeriesLanes(context.theme)
        self.lanes.read_only = context.read_only
        self.lanes.cursor_moved.connect(self._moved)
        self.lanes.selection_changed.connect(self._follow)
        self.lanes.dragged.connect(self._dragging)
        self.lanes.dropped.connect(self._dropped)
        self.lanes.nudged.connect(self._nudge)

        self.facts = Muted("", wrap=False)
        self.channels_button = Button("Channels", kind="quiet", tip="Choose the channels that are shown")
        self.channels_menu = QMenu(self)
        self.channels_button.setMenu(self.channels_menu)
        self.channels_menu.aboutToShow.connect(self._list_channels)
        closer = Button("+", kind="quiet", tip="Closer (+)", on_click=lambda: self._zoom(0.5))
        closer.setAccessibleName("Zoom in")
        wider = Button("−", kind="quiet", tip="Wider (−)", on_click=lambda: self._zoom(2.0))
        wider.setAccessibleName("Zoom out")
        whole = Button("All", kind="quiet", tip="The whole series (0)", on_click=self._show_all)
        whole.setAccessibleName("Show the whole series")
        above = QHBoxLayout()
        above.setSpacing(4)
        above.addWidget(self.facts, 1)
        for button in (self.channels_button, closer, wider, whole):
            above.addWidget(button)

        self.place = Muted("", wrap=False)
        self.value = QLineEdit()
        self.value.setAccessibleName("Value of the chosen step")
        self.value.setToolTip("Type a number and press Enter; empty means missing")
        self.value.setMinimumHeight(28)
        self.value.setMaximumWidth(self.value.fontMetrics().horizontalAdvance("0") * 18)
        self.value.returnPressed.connect(self.type_value)
        self.fill_button = Button("Fill gap", on_click=self.fill, tip="A straight line between the known values (F)")
        self.missing_button = Button("Mark missing", on_click=self.mark_missing, tip="These values are not known (Del)")
        self.gap_button = Button("Next gap", kind="quiet", on_click=self.go_to_gap, tip="To the next missing value (G)")
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.place, 1)
        for widget in (self.value, self.fill_button, self.missing_button, self.gap_button):
            below.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(above)
        layout.addWidget(self.lanes, 1)
        layout.addLayout(below)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._store_nudges = QTimer(self, singleShot=True, interval=NUDGE_PAUSE_MS)
        self._store_nudges.timeout.connect(self._commit_nudges)
        for widget in (self.value, self.missing_button, self.fill_button):
            widget.setVisible(not context.read_only)

    # --- what is shown -------------------------------------------------------------------------------------------

    @property
    def series(self) -> Series | None:
        return self.lanes.series

    def show_stored(self, stored: StoredRecord | None, *, keep_cursor: bool = False) -> None:
        """Show a record of the dataset, or none."""
        self._commit_nudges()
        series = stored.record if stored is not None and isinstance(stored.record, Series) else None
        same = stored is not None and stored.id == self._record_id
        self._record_id = stored.id if stored is not None else None
        self._split = stored.split if stored is not None else ""
        self.lanes.set_series(series, keep_view=keep_cursor or same)
        self._show_splits()
        self._follow()

    def setFocus(self, *arguments: object) -> None:
        """The dataset editor asks for the focus: the plot takes it."""
        plots = self.lanes.plots()
        if plots:
            plots[0].setFocus()

    def _moved(self, step: int, channel: int) -> None:
        if (step, channel) not in self._nudged:
            self._commit_nudges()
        self._follow()

    def _show_splits(self) -> None:
        """Where the draft divides this series in time."""
        series, config = self.series, self._context.draft()
        kind = {"forecasting": ForecastingParams, "forecasting_free_run": FreeRunParams}.get(
            config.task.id if config is not None else ""
        )
        rules: list[tuple[float, str]] = []
        if series is not None and series.size() and kind is not None:
            try:
                params: SeriesParams = kind.model_validate(dict(config.task.params))
                if params.split == "time":
                    first, second, end = bounds(series, params)
                    x = positions(series.times(), series.clock)
                    marks = ((first, second, "validation"), (second, end, "test"))
                    rules = [(float(x[at]), word) for at, stop, word in marks if at < min(stop, len(x))]
            except (ValueError, WorkbenchError):
                rules = []  # the Model stage says what is wrong with the options
        self.lanes.set_rules(rules)

    def _follow(self) -> None:
        """Say where the cursor is and what can be done there."""
        series = self.series
        active = series is not None and series.size() > 0
        for widget in (self.value, self.fill_button, self.missing_button, self.gap_button):
            widget.setEnabled(active)
        if series is None or not active:
            self.facts.setText("")
            self.place.setText("")
            self.value.clear()
            return
        start, stop = self.lanes.selection()
        channel = self.lanes.channel
        times = series.times()
        missing = series.missing()
        facts = [f"{series.size():,} steps", f"{len(series.channels)} channels" if len(series.channels) > 1 else ""]
        often = OFTEN.get(series.frequency, f"every {series.frequency}" if series.frequency else "")
        facts += [often, f"{missing:,} missing" if missing else ""]
        self.facts.setText(" · ".join(fact for fact in facts if fact))
        self.channels_button.setVisible(len(series.channels) > 1)
        values = series.values[start:stop, channel]
        where = time_text(int(times[start]), series.clock)
        if stop - start > 1:
            gone = int(np.isnan(values).sum())
            known = values[~np.isnan(values)]
            mean = f", mean {known.mean():.6g}" if len(known) else ""
            text = f"{series.channels[channel]} · {stop - start:,} steps from {where}{mean}"
            self.place.setText(text + (f", {gone:,} missing" if gone else ""))
            self.value.setPlaceholderText("one value for all")
            self.value.clear()
        else:
            self.place.setText(f"{series.channels[channel]} · {where}")
            self.value.setPlaceholderText("missing")
            self.value.setText("" if np.isnan(values[0]) else f"{values[0]:.10g}")
        self.fill_button.setEnabled(self._gap() is not None)
        self.gap_button.setVisible(bool(missing))

    def _list_channels(self) -> None:
        self.channels_menu.clear()
        series = self.series
        if series is None:
            return
        for i, name in enumerate(series.channels):
            action = self.channels_menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(i in self.lanes.shown())
            action.toggled.connect(lambda on, i=i: self.show_channel(i, on))

    def show_channel(self, channel: int, shown: bool) -> None:
        """Show or hide one channel; one always stays."""
        chosen = set(self.lanes.shown()) | {channel} if shown else set(self.lanes.shown()) - {channel}
        if chosen:
            self.lanes.set_shown(sorted(chosen))
            self._show_splits()
            self._follow()

    def _zoom(self, factor: float) -> None:
        for plot in self.lanes.plots()[:1]:
            plot.zoom(factor)

    def _show_all(self) -> None:
        for plot in self.lanes.plots()[:1]:
            plot.show_all()

    # --- edits ---------------------------------------------------------------------------------------------------

    def _store(
        self, steps: slice | NDArray[np.int64], values: ArrayLike, name: str, channel: int | None = None
    ) -> None:
        series = self.series
        if series is None or self._context.read_only:
            return
        changed = series.values.copy()
        changed[steps, self.lanes.channel if channel is None else channel] = np.asarray(values, np.float64)
        if np.array_equal(changed, series.values, equal_nan=True):
            self.lanes.set_series(series, keep_view=True)
            return
        record = series.with_values(changed)
        self.lanes.set_series(record, keep_view=True)
        self._show_splits()
        self._context.commit(record, name)
        self._follow()

    def _named(self, start: int, stop: int, number: int | None = None) -> str:
        """What an edit is about, in words."""
        series = self.series
        assert series is not None
        channel = series.channels[self.lanes.channel if number is None else number]
        if stop - start == 1:
            return f"{channel} at {time_text(int(series.times()[start]), series.clock)}"
        return f"{stop - start:,} values of {channel}"

    def type_value(self) -> None:
        """Store what was typed for the chosen steps; empty is missing."""
        text = self.value.text().strip().replace(",", "")
        start, stop = self.lanes.selection()
        if not text or text.lower() in ("missing", "nan"):
            if stop - start == 1 or text:
                self.mark_missing()
            return
        try:
            number = float(text)
        except ValueError:
            number = math.inf
        if not math.isfinite(number):
            self._context.notify(f"“{self.value.text()}” is not a number; nothing was changed.")
            self._follow()
            return
        self._store(slice(start, stop), number, f"set {self._named(start, stop)}")

    def mark_missing(self) -> None:
        start, stop = self.lanes.selection()
        self._store(slice(start, stop), np.nan, f"mark {self._named(start, stop)} as missing")

    def fill(self) -> None:
        """Put a straight line through the gap at the cursor, or through those among the chosen steps."""
        series, found = self.series, self._gap()
        if series is None or found is None:
            return
        start, stop = found
        column = series.values[:, self.lanes.channel]
        known = np.flatnonzero(~np.isnan(column))
        if not len(known):
            self._context.notify("This channel has no value at all to fill gaps from.")
            return
        missing = start + np.flatnonzero(np.isnan(column[start:stop]))
        x = series.times().astype(np.float64)
        filled = np.interp(x[missing], x[known], column[known])
        count = f"{len(missing):,} value{'s' if len(missing) > 1 else ''}"
        self._store(missing, filled, f"fill {count} of {series.channels[self.lanes.channel]}")

    def _gap(self) -> tuple[int, int] | None:
        """The steps a fill would go over: the selection if something is missing in it, else the gap at the cursor."""
        series = self.series
        if series is None or not series.size():
            return None
        column = series.values[:, self.lanes.channel]
        start, stop = self.lanes.selection()
        if stop - start > 1:
            return (start, stop) if bool(np.isnan(column[start:stop]).any()) else None
        if not math.isnan(column[start]):
            return None
        known = ~np.isnan(column)
        before, after = np.flatnonzero(known[:start]), np.flatnonzero(known[start:])
        return int(before[-1]) + 1 if len(before) else 0, start + int(after[0]) if len(after) else len(column)

    def go_to_gap(self) -> None:
        """To the next gap of the active channel; of another one where it has none."""
        found = self.lanes.next_gap()
        series = self.series
        if found is None and series is not None:
            gone = np.flatnonzero(np.isnan(series.values).any(axis=0))
            if not len(gone):
                return
            self.show_channel(int(gone[0]), True)
            self.lanes.channel = int(gone[0])
            found = self.lanes.next_gap()
        if found is not None:
            self.lanes.show_steps(*found)
            self.lanes.select(*found)

    # --- by mouse and keys ---------------------------------------------------------------------------------------

    def _dragging(self, step: int, channel: int, value: float) -> None:
        self.lanes.set_value(step, channel, value)
        if (step, channel) != (self.lanes.step, self.lanes.channel):
            self.lanes.move_cursor(step, channel=channel)
        self.value.setText(f"{value:.6g}")

    def _dropped(self, step: int, channel: int, value: float) -> None:
        self.lanes.move_cursor(step, channel=channel, tell=False)
        self._store(slice(step, step + 1), float(f"{value:.6g}"), f"drag {self._named(step, step + 1)}")

    def _nudge(self, direction: int) -> None:
        """Up and Down change the value; several presses in a row become one edit."""
        series = self.series
        if series is None or self._context.read_only or self.lanes.selection()[1] - self.lanes.selection()[0] > 1:
            return
        key = (self.lanes.step, self.lanes.channel)
        if key not in self._nudged:
            self._commit_nudges()
            self._nudge_by = NUDGE * self.lanes.value_span()
        value = self._nudged.get(key, float(series.values[key]))
        if math.isnan(value):
            return
        value = float(f"{value + direction * self._nudge_by:.6g}")
        self._nudged[key] = value
        self.lanes.set_value(*key, value)
        self.value.setText(f"{value:.6g}")
        self._store_nudges.start()

    def _commit_nudges(self) -> None:
        self._store_nudges.stop()
        nudged, self._nudged = self._nudged, {}
        for (step, channel), value in nudged.items():
            self._store(slice(step, step + 1), value, f"set {self._named(step, step + 1, channel)}", channel)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.mark_missing()
        elif event.key() == Qt.Key.Key_F and plain:
            self.fill()
        elif event.key() == Qt.Key.Key_G and plain:
            self.go_to_gap()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self.value.setFocus()
            self.value.selectAll()
        elif event.text() and event.text() in "123456789." and self.value.isVisible():
            self.value.setFocus()
            self.value.setText(event.text())
        else:
            event.ignore()

    def hideEvent(self, event: QHideEvent) -> None:
        self._commit_nudges()
        super().hideEvent(event)
