"""A series as it is: a lane for each channel over one time axis, gaps marked, points that can be dragged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.api import Series
from workbench.shell.plots.series import Floats, gaps
from workbench.shell.plots.time_axis import positions, time_text
from workbench.shell.plots.time_plot import TimePlot, nearest_index
from workbench.shell.theme import Theme
from workbench.shell.widgets.labels import Elided
from workbench.shell.widgets.scroll import ScrollColumn

LANE_LINES = 6
"""Lines of text that a lane is high, at least."""
MOST_LANES = 24
_LINE = "values"


class _Lane(QWidget):
    """One channel: its name above its plot."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.channel = -1
        self.name = Elided("", muted=True)
        self.plot = TimePlot("Channel", theme=theme)
        self.plot.selectable = True
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.name)
        layout.addWidget(self.plot, 1)
        self._fit()

    def _fit(self) -> None:
        """Room for the name, the times, and a few lines of curve at the present text size."""
        self.setMinimumHeight(LANE_LINES * self.fontMetrics().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()


class SeriesLanes(QWidget):
    """Shows a :class:`~workbench.api.Series`; what is done to it comes as signals, the owner decides.

    ``cursor_moved(step, channel)`` after a click or an arrow key; ``dragged`` and ``dropped`` carry (step, channel,
    wanted value). ``selection_changed`` after Shift was dragged or pressed with an arrow: see :meth:`selection`.
    Arrows move the cursor, PageUp/PageDown pan, + and − zoom, 0 shows all.
    """

    cursor_moved = Signal(int, int)
    dragged = Signal(int, int, float)
    dropped = Signal(int, int, float)
    selection_changed = Signal()
    nudged = Signal(int)
    """Up (+1) or Down (−1) was pressed at the cursor."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.series: Series | None = None
        self.read_only = False
        self.step = 0
        self.channel = 0
        self._x: Floats = np.empty(0)
        self._columns: list[Floats] = []
        self._shown: tuple[int, ...] = ()
        self._rules: list[str] = []
        self._selected: tuple[int, int] | None = None
        self._lanes: list[_Lane] = []
        self._following = False
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._scroll = ScrollColumn(holder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._scroll)
        self.setAccessibleName("Series")
        self._keys_later = QTimer(self, singleShot=True, interval=0)
        self._keys_later.timeout.connect(self._say)

    # --- what is shown -------------------------------------------------------------------------------------------

    def set_series(self, series: Series | None, *, keep_view: bool = False) -> None:
        """Show another series, or a changed one (``keep_view``: the zoom, cursor and channels stay)."""
        before = self.series
        same = keep_view and before is not None and series is not None and before.channels == series.channels
        same = same and before is not None and series is not None and before.size() == series.size()
        self.series = series
        if series is None:
            self._x, self._columns = np.empty(0), []
            self.set_shown(())
            return
        self._x = positions(series.times(), series.clock)
        values = series.values
        self._columns = [np.ascontiguousarray(values[:, c]) for c in range(len(series.channels))]
        if not same:
            self.step, self._selected = 0, None
            targets = series.of_role("target") or tuple(range(len(series.channels)))
            self.channel = targets[0]
            self.set_shown(targets[:3], show_all=True)
        else:
            self._fill()

    def shown(self) -> tuple[int, ...]:
        """The channels shown, by number."""
        return self._shown

    def set_shown(self, channels: Sequence[int], *, show_all: bool = False) -> None:
        """Show these channels, a lane for each."""
        view = None if show_all or not self._lanes or not self._shown else self._lanes[0].plot.x_range()
        self._shown = tuple(channels)[:MOST_LANES]
        while len(self._lanes) < len(self._shown):
            self._add_lane()
        for i, lane in enumerate(self._lanes):
            lane.setVisible(i < len(self._shown))
            lane.channel = self._shown[i] if i < len(self._shown) else -1
            # only the lowest lane has the times below it
            lane.plot.getPlotItem().showAxis("bottom", i == len(self._shown) - 1)
        if self._shown and self.channel not in self._shown:
            self.channel = self._shown[0]
        self._fill()
        if view is not None:
            self._lanes[0].plot.box.setXRange(*view, padding=0)
        elif self._shown:
            self._lanes[0].plot.show_all()

    def set_rules(self, rules: Sequence[tuple[float, str]]) -> None:
        """Vertical lines at positions of the time axis, with a word: where a split begins."""
        names = [f"rule {i}" for i in range(len(rules))]
        for lane in self._lanes[: len(self._shown)]:
            lane.plot.remove(*self._rules)
            for name, (x, label) in zip(names, rules, strict=True):
                lane.plot.set_rule(name, x, label)
        self._rules = names

    def plots(self) -> list[TimePlot]:
        """The plots of the lanes in view."""
        return [lane.plot for lane in self._lanes[: len(self._shown)]]

    def set_value(self, step: int, channel: int, value: float) -> None:
        """Show another value while it is dragged; nothing is stored."""
        self._columns[channel][step] = value
        for lane in self._lanes:
            if lane.channel == channel:
                self._fill_lane(lane)

    def _add_lane(self) -> None:
        lane = _Lane(self.theme)
        plot = lane.plot
        if self._lanes:
            plot.box.setXLink(self._lanes[0].plot.box)
        plot.dragged.connect(lambda _n, i, y, lane=lane: self.dragged.emit(i, lane.channel, y))
        plot.dropped.connect(lambda _n, i, y, lane=lane: self.dropped.emit(i, lane.channel, y))
        plot.clicked.connect(lambda x, lane=lane: self._clicked(lane, x))
        plot.on_key = self._key
        plot.range_chosen.connect(lambda lane=lane: self._range_chosen(lane))
        self._lanes.append(lane)
        self._column.addWidget(lane, 1)

    def _fill(self) -> None:
        series = self.series
        if series is None or not len(self._x):
            return
        for lane in self._lanes[: len(self._shown)]:
            missing = int(np.isnan(self._columns[lane.channel]).sum())
            role = {"past": " · known up to now", "future": " · known ahead"}.get(series.roles[lane.channel], "")
            gap = f" · {missing:,} missing" if missing else ""
            lane.name.setText(f"{series.channels[lane.channel]}{role}{gap}")
            lane.plot.set_clock(series.clock)
            lane.plot.set_whole(float(self._x[0]), float(self._x[-1]))
            self._fill_lane(lane)
        self._mark()

    def _fill_lane(self, lane: _Lane) -> None:
        y = self._columns[lane.channel]
        lane.plot.set_line(_LINE, self._x, y, role=str(lane.channel % 6), dots=True)
        lane.plot.grips = {} if self.read_only else {_LINE: lambda _index: True}
        runs = gaps(y)
        if len(runs):
            half = (self._x[-1] - self._x[0]) / max(1, len(self._x) - 1) / 2
            runs = np.column_stack([self._x[runs[:, 0]] - half, self._x[runs[:, 1] - 1] + half])
        lane.plot.set_spans(np.asarray(runs, dtype=np.float64).reshape(-1, 2))

    # --- cursor and selection ------------------------------------------------------------------------------------

    def move_cursor(self, step: int, *, channel: int | None = None, extend: bool = False, tell: bool = True) -> None:
        """Put the cursor on a step; ``extend`` chooses what lies between."""
        if self.series is None or not len(self._x):
            return
        step = min(max(0, step), len(self._x) - 1)
        if extend:
            start, stop = self._selected or (self.step, self.step + 1)
            anchor = start if self.step >= stop - 1 else stop - 1
            self._selected = (min(anchor, step), max(anchor, step) + 1)
        else:
            self._selected = None
        self.step = step
        self.channel = channel if channel is not None else self.channel
        for plot in self.plots()[:1]:
            plot.bring_into_view(float(self._x[step]))
        self._mark()
        self._keys_later.start()
        if tell:
            self.cursor_moved.emit(self.step, self.channel)
            self.selection_changed.emit()

    def selection(self) -> tuple[int, int]:
        """The chosen steps, start and stop (exclusive): that of the cursor where none were chosen."""
        return self._selected or (self.step, self.step + 1)

    def select(self, start: int, stop: int) -> None:
        """Choose steps ``start`` to ``stop`` (exclusive)."""
        self._selected = (start, stop)
        self.step = start
        self._mark()
        self.selection_changed.emit()

    def next_gap(self, forward: bool = True) -> tuple[int, int] | None:
        """The gap of the active channel after (or before) the cursor, going round; None where there is none."""
        if self.series is None:
            return None
        runs = gaps(self._columns[self.channel])
        if not len(runs):
            return None
        here = self.selection()[0]
        later = runs[runs[:, 0] > here] if forward else runs[runs[:, 0] < here][::-1]
        start, stop = later[0] if len(later) else (runs[0] if forward else runs[-1])
        return int(start), int(stop)

    def show_steps(self, start: int, stop: int, around: float = 3.0) -> None:
        """Bring steps into view with ``around`` times their width on each side."""
        if not self.plots() or not len(self._x):
            return
        room = max(20, int(around * (stop - start)))
        left, right = max(0, start - room), min(len(self._x) - 1, stop - 1 + room)
        self.plots()[0].show_x(float(self._x[left]), float(self._x[right]))

    def _key(self, event: QKeyEvent) -> bool:
        extend = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        far = 24 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1
        moves: dict[int, int] = {
            Qt.Key.Key_Left: self.step - far,
            Qt.Key.Key_Right: self.step + far,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: len(self._x) - 1,
        }
        if event.key() in moves:
            self.move_cursor(moves[event.key()], extend=extend)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.nudged.emit(1 if event.key() == Qt.Key.Key_Up else -1)
        else:
            return False
        return True

    def value_span(self) -> float:
        """How much the values of the active channel in view differ: the measure of a nudge."""
        for lane in self._lanes:
            if lane.channel == self.channel:
                low, high = lane.plot.box.viewRange()[1]
                return float(high - low)
        return 1.0

    def _clicked(self, lane: _Lane, x: float) -> None:
        lane.plot.setFocus()
        self.move_cursor(nearest_index(self._x, x), channel=lane.channel)

    def _range_chosen(self, lane: _Lane) -> None:
        chosen = lane.plot.selection()
        if chosen is not None:
            start = int(np.searchsorted(self._x, chosen[0]))
            stop = int(np.searchsorted(self._x, chosen[1], side="right"))
            if stop > start:
                self.channel = lane.channel
                self._selected, self.step = (start, stop), start
        self._mark()
        self.selection_changed.emit()

    def _mark(self) -> None:
        x = float(self._x[self.step]) if len(self._x) else None
        for lane in self._lanes[: len(self._shown)]:
            lane.plot.set_cursor(x if self._selected is None else None)
            if self._selected is None:
                lane.plot.clear_selection()
            else:
                start, stop = self._selected
                lane.plot.select(float(self._x[start]), float(self._x[stop - 1]))

    def _say(self) -> None:
        """The cursor in words, for those who do not see it."""
        series = self.series
        if series is None or not len(self._x):
            return
        value = float(self._columns[self.channel][self.step])
        said = "missing" if np.isnan(value) else f"{value:.6g}"
        when = time_text(int(series.times()[self.step]), series.clock)
        text = f"{series.channels[self.channel]} at {when}: {said}"
        for lane in self._lanes:
            if lane.channel == self.channel:
                lane.plot.setAccessibleName(text)
