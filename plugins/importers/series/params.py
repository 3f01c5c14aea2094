"""Options of the import of series."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, option
from workbench.api.textfiles import Encoding


class SeriesImportParams(Params):
    """Where time and numbers stand, and what to do with what is odd."""

    layout: Literal["auto", "wide", "long", "rows"] = option(
        "auto",
        what="wide: a line for each step, a column for each channel. long: a column names the series of each line. "
        "rows: a line for each series, its name first (M4).",
        when="The proposal shows steps where series should be.",
        typical="auto",
    )
    time: str = option(
        "",
        what="Column of the time; empty: recognised; - when there is none.",
        when="Another column was taken for the time.",
        typical="date, timestamp, month",
    )
    series: str = option(
        "", what="Long layout: column that names the series. Empty: recognised.", typical="unique_id, store, item"
    )
    channels: tuple[str, ...] = option(
        (), what="Columns to read; empty reads every column of numbers.", typical="empty"
    )
    past: tuple[str, ...] = option((), what="Channels that are known only up to now, and not foretold.")
    future: tuple[str, ...] = option((), what="Channels that are known ahead: plans, prices, holidays.")
    frequency: str = option(
        "",
        what="min, 15min, 30min, h, D, B, W, MS, QS, YS; empty: recognised from the times.",
        when="The series has no dates, but a season: h gives hours, MS months.",
        typical="empty",
    )
    continuation: str = option(
        "",
        what="Rows layout: a file of the same folder whose rows continue these series (M4's test file).",
        typical="Hourly-test.csv",
        advanced=True,
    )
    gaps: Literal["missing", "keep"] = option(
        "missing",
        what="Steps left out in regular times: put in as missing values, or left as they are.",
        when="keep for times that are truly irregular.",
        typical="missing",
    )
    delimiter: Literal["auto", "comma", "semicolon", "tab"] = option(
        "auto", what="What stands between two cells.", typical="auto", advanced=True
    )
    decimal: Literal["point", "comma"] = option(
        "point", what="What stands before the decimals.", when="Numbers are written 3,14.", advanced=True
    )
    encoding: Encoding = option(
        "utf-8", what="How the file's characters are written as bytes.", typical="utf-8", advanced=True
    )
    skip_bad: bool = option(
        False,
        what="Go on past what is wrong, with a report: text in a column of numbers becomes a missing value, of steps "
        "with the same time the last counts, unsorted steps are sorted.",
        advanced=True,
    )
