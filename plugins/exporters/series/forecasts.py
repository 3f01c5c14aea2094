"""Forecasts as a table: a line for each step, with quantiles, intervals and what the simple methods say."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from workbench.api import Forecast, Record, Result, WorkbenchError


def write(pairs: Iterable[tuple[Record, Result]], path: Path) -> None:
    """Columns series, time, channel, forecast, then q0.1 …, lower and upper of each interval, and each method."""
    header: list[str] | None = None
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for _, result in pairs:
            if not isinstance(result, Forecast):
                raise WorkbenchError(f"Only forecasts can be written as this table, not {result.KIND}.")
            columns = _columns(result)
            if header is None:
                header = list(columns)
                writer.writerow(["series", "time", "channel", *header])
            for step in range(result.horizon):
                time = result.times[step] if step < len(result.times) else step + 1
                for number, channel in enumerate(result.channels):
                    cells = [_cell(columns[name][step][number]) if name in columns else "" for name in header]
                    writer.writerow([result.name, _time(result.clock, time), channel, *cells])


def _columns(result: Forecast) -> dict[str, tuple[tuple[float, ...], ...]]:
    found = {"forecast": result.mean}
    found |= {f"q{level:g}": table for level, table in zip(result.levels, result.quantiles, strict=True)}
    for interval in result.intervals:
        found[f"lower {interval.level:.0%}"] = interval.lower
        found[f"upper {interval.level:.0%}"] = interval.upper
    return found | dict(result.baselines)


def _time(clock: str, time: int) -> str:
    if clock != "datetime":
        return str(time)
    return str(np.datetime64(time, "ns").astype("datetime64[s]")).removesuffix("T00:00:00")


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.8g}"
