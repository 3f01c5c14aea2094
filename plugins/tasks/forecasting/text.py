"""Typed and pasted numbers to series: a column, a row, or a small table with names and dates."""

from __future__ import annotations

import numpy as np

from workbench.api import Record, Series, WorkbenchError

_MISSING = frozenset({"", "na", "nan", "null", "none", "-", "?", "n/a"})


def parse_input(text: str) -> list[Record]:
    """One series of the numbers in ``text``: one a line or all in a line; with several columns, several channels.

    A first line without a number names the channels. :class:`WorkbenchError` with the line for what is no number.
    """
    rows: list[list[float]] = []
    names: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = _cells(line)
        if not cells:
            continue
        if not rows and not names and not any(_is_number(cell) for cell in cells):
            names = cells
            continue
        rows.append([_value(cell, number) for cell in cells])
    if not rows:
        raise WorkbenchError("There is no number in the text.", fix="Paste a column of numbers, one a line.")
    if len(rows) == 1:
        rows = [[value] for value in rows[0]]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise WorkbenchError(
            "The lines have different numbers of columns.",
            why=f"Between {min(widths)} and {max(widths)} were found.",
            fix="Give every line the same columns; write NA for a missing value.",
        )
    width = widths.pop()
    channels = names if len(names) == width else ()
    return [Series.of("typed", np.array(rows), channels)]


def _cells(line: str) -> list[str]:
    stripped = line.strip()
    if not stripped:
        return []
    cells = next(
        (stripped.split(separator) for separator in (";", "\t") if separator in stripped),
        None,
    )
    if cells is None:
        cells = stripped.split(",") if "," in stripped else stripped.split()
    return [cell.strip().strip('"') for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.lower() in _MISSING
    return True


def _value(cell: str, line: int) -> float:
    if cell.lower() in _MISSING:
        return float("nan")
    try:
        value = float(cell)
    except ValueError as error:
        raise WorkbenchError(
            f"{cell!r} is not a number.", fix="Write numbers with a point (3.14); NA for a missing value.", line=line
        ) from error
    if not np.isfinite(value):
        raise WorkbenchError(f"{cell!r} is not a finite number.", fix="Write NA for a missing value.", line=line)
    return value
