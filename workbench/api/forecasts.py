"""Forecast: what a model says comes after a series, how sure it is, and what the simple methods would have said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

Table = tuple[tuple[float, ...], ...]
"""Rows of steps, columns of channels; NaN where missing (JSON: null)."""


@dataclass(frozen=True, slots=True)
class Interval:
    """``lower`` to ``upper`` (each (H, C)) is meant to hold the truth with probability ``level`` (0.9), at each step.

    ``method`` says where it comes from: "conformal" (measured errors of the validation split), "model" (its own
    distribution).
    """

    level: float
    lower: Table
    upper: Table
    method: str = "conformal"

    def to_json(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "lower": _plain(self.lower),
            "upper": _plain(self.upper),
            "method": self.method,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        method = str(data.get("method", "conformal"))
        return cls(float(data["level"]), _table(data["lower"]), _table(data["upper"]), method)


@dataclass(frozen=True, slots=True)
class Forecast:
    """``horizon`` steps of the target ``channels`` after the end of series ``name``, in the series' own units.

    ``times`` (H,) are the forecast steps and ``history_times`` (N,) those of ``history`` (N, C), the end of what was
    read, both in what ``clock`` counts ("none", "ordinal", "datetime": ns since 1970, UTC). ``mean`` (H, C) is the
    point forecast; ``quantiles[q]`` (H, C) belongs to ``levels[q]`` (0.1, 0.5, …), rising. ``baselines`` are what the
    naive, seasonal naive, drift and linear methods say, (H, C) each. ``actual`` (H, C) is what really came, where it
    is known (a backtest). ``notice`` is a sentence for the person ("two gaps were filled").
    """

    KIND: ClassVar[str] = "forecast"

    name: str
    channels: tuple[str, ...]
    times: tuple[int, ...]
    mean: Table
    history: Table = ()
    history_times: tuple[int, ...] = ()
    clock: str = "none"
    levels: tuple[float, ...] = ()
    quantiles: tuple[Table, ...] = ()
    intervals: tuple[Interval, ...] = ()
    baselines: Mapping[str, Table] = field(default_factory=dict)
    actual: Table | None = None
    notice: str = ""

    @property
    def horizon(self) -> int:
        return len(self.mean)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "channels": list(self.channels),
            "clock": self.clock,
            "times": list(self.times),
            "mean": _plain(self.mean),
            "history_times": list(self.history_times),
            "history": _plain(self.history),
            "levels": list(self.levels),
            "quantiles": [_plain(table) for table in self.quantiles],
            "intervals": [interval.to_json() for interval in self.intervals],
            "baselines": {name: _plain(table) for name, table in self.baselines.items()},
            "actual": None if self.actual is None else _plain(self.actual),
            "notice": self.notice,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        actual = data.get("actual")
        return cls(
            name=str(data["name"]),
            channels=tuple(str(name) for name in data["channels"]),
            times=tuple(int(time) for time in data["times"]),
            mean=_table(data["mean"]),
            history=_table(data.get("history", ())),
            history_times=tuple(int(time) for time in data.get("history_times", ())),
            clock=str(data.get("clock", "none")),
            levels=tuple(float(level) for level in data.get("levels", ())),
            quantiles=tuple(_table(table) for table in data.get("quantiles", ())),
            intervals=tuple(Interval.from_json(interval) for interval in data.get("intervals", ())),
            baselines={str(name): _table(table) for name, table in data.get("baselines", {}).items()},
            actual=None if actual is None else _table(actual),
            notice=str(data.get("notice", "")),
        )

    def summary(self) -> str:
        """The first channel's next values, and how wide its first interval is at the next step."""
        first = [row[0] for row in self.mean]
        shown = ", ".join(f"{value:.4g}" for value in first[:6]) + (", …" if len(first) > 6 else "")
        text = f"{self.name or 'series'} · {self.channels[0]}: {shown}"
        if self.intervals and first:
            interval = self.intervals[0]
            low, high = interval.lower[0][0], interval.upper[0][0]
            text += f" ({interval.level:.0%}: {low:.4g} to {high:.4g} at the next step)"
        return text


def _plain(table: Table) -> list[list[float | None]]:
    """NaN has no place in JSON: null."""
    return [[value if math.isfinite(value) else None for value in row] for row in table]


def _table(rows: Sequence[Sequence[float | None]]) -> Table:
    return tuple(tuple(math.nan if value is None else float(value) for value in row) for row in rows)
