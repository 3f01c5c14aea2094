"""The fan chart: what was, what the model expects and how surely, what the simple methods say, and what came."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget
from workbench_plugins.tasks.forecasting.gui_numbers import Double, Fan, column

from workbench.api import Forecast
from workbench.shell.sdk import Theme, TimePlot, positions, time_text

HISTORY, LAST, MODEL, BEFORE, ACTUAL = "history", "last points", "forecast", "before the change", "what came"
SHOWN_HORIZONS = 2.5
"""Horizons of history in view at first."""
COMPACT_HEIGHT = 118
_STRENGTHS = (0.14, 0.16, 0.2, 0.24)
_DASHES = (Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DashDotDotLine)


class FanChart(QWidget):
    """Shows one channel of a forecast after its history.

    ``history_dragged(index, value)`` while a point of the history is moved by mouse or by Up and Down (``index`` counts
    from the beginning of the history given to :meth:`show_forecast`).
    """

    history_dragged = Signal(int, float)

    def __init__(self, theme: Theme, *, compact: bool = False) -> None:
        super().__init__()
        self.theme = theme
        self.compact = compact
        self.movable = 0
        """How many of the last points of the history may be dragged."""
        self.chosen = -1
        self._fit: tuple[object, ...] | None = None
        self._shown: Callable[[], None] | None = None
        self._zoomed = False
        self._history: tuple[Double, Double] = (np.empty(0), np.empty(0))
        self.plot = TimePlot("Forecast", theme=theme)
        self.plot.setMinimumHeight(COMPACT_HEIGHT if compact else 150)
        self.plot.grips = {LAST: lambda _index: True}
        self.plot.dragged.connect(self._dragged)
        self.plot.dropped.connect(self._dragged)
        self.plot.on_key = self._key
        self.plot.box.sigResized.connect(lambda *_: self._again())
        self.plot.box.sigRangeChangedManually.connect(lambda *_: self._by_hand())
        if compact:
            self.plot.setMaximumHeight(COMPACT_HEIGHT)
            self.plot.setMouseEnabled(x=False, y=False)
            self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)

    def show_forecast(
        self,
        forecast: Forecast | None,
        channel: int = 0,
        *,
        history: tuple[Double, Double] | None = None,
        baselines: Collection[str] = (),
        intervals: bool = True,
        before: Forecast | None = None,
    ) -> None:
        """Draw ``forecast``. ``history`` (times, values) is more of the past than the forecast itself carries.

        ``before`` is another forecast, drawn faintly, to compare with.
        """
        plot = self.plot
        if forecast is None or not forecast.horizon:
            plot.remove_all()
            self._fit = self._shown = None
            self._history = (np.empty(0), np.empty(0))
            return
        plot.set_clock(forecast.clock)
        x = positions(forecast.times, forecast.clock) if forecast.times else np.arange(float(forecast.horizon))
        if history is None:
            history = np.array(forecast.history_times, np.float64), column(forecast.history, channel)
        past_x, past = positions(history[0], forecast.clock), history[1]
        self._history = past_x, past
        plot.set_line(HISTORY, past_x, past, role="text", width=1.4)
        begin = max(0, len(past_x) - self.movable) if self.movable > 0 else len(past_x)
        plot.set_line(LAST, past_x[begin:], past[begin:], role="text", width=1.4, dots=True)
        wanted = column(forecast.mean, channel)
        # a line from the last known value on, so that nothing seems to be missing in between
        known = np.flatnonzero(~np.isnan(past))
        joint = (past_x[known[-1:]], past[known[-1:]]) if len(known) else (x[:0], wanted[:0])
        label = "" if self.compact else MODEL
        plot.set_line(MODEL, np.append(joint[0], x), np.append(joint[1], wanted), role="0", width=2.4, label=label)
        self._bands(x, Fan.of(forecast, channel), joint, intervals)
        shown = [name for name in forecast.baselines if name in baselines]
        plot.remove(*[name for name in plot.names("baseline ") if name.removeprefix("baseline ") not in shown])
        for i, name in enumerate(forecast.baselines):
            if name in shown:
                y = column(forecast.baselines[name], channel)
                style = _DASHES[i % len(_DASHES)]
                plot.set_line(f"baseline {name}", x, y, role=str(1 + i % 4), width=1.4, style=style, label=name)
        if before is not None and before.horizon == forecast.horizon:
            y = column(before.mean, channel)
            plot.set_line(BEFORE, x, y, role="muted", width=1.2, style=Qt.PenStyle.DotLine, label=BEFORE)
        else:
            plot.remove(BEFORE)
        if forecast.actual is not None:
            label = "" if self.compact else ACTUAL
            plot.set_line(ACTUAL, x, column(forecast.actual, channel), role="text", width=1.4, label=label)
        else:
            plot.remove(ACTUAL)
        if len(past_x):
            plot.set_rule("now", float(past_x[-1]), role="muted")
        self._shown = partial(self._show_range, past_x, x, (forecast.name, channel, forecast.horizon, len(past_x)))
        self._shown()
        self._tell(forecast, channel, shown)

    def _bands(self, x: Double, fan: Fan, joint: tuple[Double, Double], shown: bool) -> None:
        plot = self.plot
        plot.remove(*plot.names("band "))
        if not shown:
            return
        for i, (_title, low, high) in enumerate(fan.bands):
            strength = _STRENGTHS[min(i, len(_STRENGTHS) - 1)]
            ends = [np.append(joint[1], side) for side in (low, high)]
            plot.set_band(f"band {i}", np.append(joint[0], x), ends[0], ends[1], role="0", strength=strength)

    def _show_range(self, past: Double, future: Double, what: tuple[object, ...]) -> None:
        """The forecast and a few horizons before it; what a person zoomed to stays while the same is shown."""
        plot = self.plot
        left = float(past[0]) if len(past) else float(future[0])
        step = float(future[1] - future[0]) if len(future) > 1 else 1.0
        # room to the right of the last step for the widest label
        room = min(0.45, plot.label_room() / max(120.0, plot.box.width()))
        begin = float(past[max(0, len(past) - round(SHOWN_HORIZONS * len(future)))]) if len(past) else left
        last = float(future[-1]) + step
        right = last + (last - begin) * room / (1 - room)
        plot.set_whole(left, right)
        if what != self._fit:
            self._fit = what
            self._zoomed = False
            plot.show_x(begin, right)

    def _by_hand(self) -> None:
        self._zoomed = True

    def _again(self) -> None:
        """The plot has another size: labels take another part of it."""
        if not self._zoomed and self._shown is not None:
            self._fit = None
            self._shown()

    def refit(self) -> None:
        """Show the usual range again with the next forecast."""
        self._fit = None

    def _tell(self, forecast: Forecast, channel: int, baselines: Collection[str]) -> None:
        """The picture in words."""
        if not forecast.times:
            return
        ends = [time_text(forecast.times[i], forecast.clock) for i in (0, -1)]
        y = column(forecast.mean, channel)
        text = f"Forecast of {forecast.channels[channel]}: {y[0]:.4g} at {ends[0]} to {y[-1]:.4g} at {ends[1]}"
        band = Fan.of(forecast, channel).told
        if band is not None:
            text += f"; {band[0]}: {band[1][-1]:.4g} to {band[2][-1]:.4g} at the end"
        if baselines:
            text += f"; beside it {', '.join(baselines)}"
        self.plot.setAccessibleName(text)

    # --- what-if -------------------------------------------------------------------------------------------------

    def _dragged(self, _name: str, index: int, value: float) -> None:
        index += len(self._history[0]) - len(self.plot.line(LAST)[0])
        self.choose(index)
        self.history_dragged.emit(index, value)

    def choose(self, index: int) -> None:
        """Mark one of the points that can be moved; -1 for none."""
        self.chosen = index
        self.plot.set_cursor(float(self._history[0][index]) if 0 <= index < len(self._history[0]) else None)

    def _key(self, event: QKeyEvent) -> bool:
        """Left and Right choose a point, Up and Down move it."""
        count = len(self._history[0])
        if self.movable <= 0 or not count:
            return False
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = -1 if event.key() == Qt.Key.Key_Left else 1
            here = self.chosen if self.chosen >= 0 else count
            self.choose(min(max(here + step, count - self.movable, 0), count - 1))
            return True
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and 0 <= self.chosen < count:
            low, high = self.plot.box.viewRange()[1]
            by = (high - low) * (0.02 if event.key() == Qt.Key.Key_Up else -0.02)
            value = float(self._history[1][self.chosen])
            if not np.isnan(value):
                self.history_dragged.emit(self.chosen, value + by)
            return True
        return False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit = None
