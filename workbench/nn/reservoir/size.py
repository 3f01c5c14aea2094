"""What reservoirs and the solution of their readouts take of the memory, before anything is drawn."""

from __future__ import annotations

import psutil

from workbench.api import WorkbenchError
from workbench.nn.reservoir.weights import ReservoirOptions

WEIGHT_BYTES = 28
"""Of one recurrent weight while it is drawn: value and column, in double and as they are kept."""
GRAM_COPIES = 4
"""Of the float64 matrix X'X while it is solved."""


def bytes_needed(options: ReservoirOptions, reservoirs: int, features: int, *, solve: bool) -> int:
    """About how many bytes ``reservoirs`` take whose readouts together read ``features`` values."""
    each = max(1, round(options.density * options.units))
    weights = reservoirs * options.units * each * WEIGHT_BYTES
    return weights + (8 * GRAM_COPIES * features**2 if solve else 0)


def refuse_too_large(options: ReservoirOptions, reservoirs: int, features: int, *, solve: bool) -> None:
    """:class:`WorkbenchError`, with the estimate, where this machine cannot hold them."""
    needed, room = bytes_needed(options, reservoirs, features, solve=solve), psutil.virtual_memory().total
    if needed <= room:
        return
    count = f"{reservoirs} reservoirs" if reservoirs > 1 else "A reservoir"
    raise WorkbenchError(
        f"{count} of {options.units:,} units would take {needed / 2**30:,.0f} GiB of memory.",
        why=f"This machine has {room / 2**30:,.0f} GiB"
        + (f", and a readout of {features:,} values needs all their products at once." if solve else "."),
        fix="Choose fewer units, fewer reservoirs, or a lower density.",
    )
