"""What reservoirs and the solution of their readouts take of the memory, before anything is drawn."""

from __future__ import annotations

import psutil

from workbench.api import WorkbenchError
from workbench.nn.reservoir.weights import ReservoirOptions

WEIGHT_BYTES = 28
"""Of one recurrent weight while it is drawn: value and column, in double and as they are kept."""
GRAM_COPIES = 4
"""Of the float64 matrix X'X while it is solved."""


ARNOLDI_PRODUCTS = 1000
"""Products with W until its spectral radius is found: 500 to 1,700 were counted, for 500 to 4,000 units alike."""
WEIGHT_SECONDS = 1e-9
"""Of one weight in such a product, and in one step of the reservoir."""
GRAM_SECONDS = 3e-11
"""Of one product of two features of one step, summed into X'X."""
EIGEN_SECONDS = 1.4e-10
CHOLESKY_SECONDS = 1e-11
"""Times the cube of the features of one readout. All measured on one thread of a server of 2024."""
LONG_SECONDS = 180.0


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


def seconds_needed(
    options: ReservoirOptions, reservoirs: int, features: int, *, steps: int, ridges: int
) -> tuple[float, float]:
    """About how long drawing takes, and one fit on ``steps`` steps, on one thread; ``features`` are of all readouts.

    No more than the size of it: processors differ several times over, and the Arnoldi iteration is as long as it is.
    """
    weights = reservoirs * options.units * max(1, round(options.density * options.units))
    drawing = ARNOLDI_PRODUCTS * WEIGHT_SECONDS * weights
    solving = reservoirs * (features / reservoirs) ** 3 * (EIGEN_SECONDS if ridges > 1 else CHOLESKY_SECONDS)
    return drawing, steps * (WEIGHT_SECONDS * weights + GRAM_SECONDS * features**2) + solving


def forewarning(
    options: ReservoirOptions, reservoirs: int, features: int, *, steps: int, ridges: int, solve: bool
) -> str:
    """A sentence where that is over :data:`LONG_SECONDS`, else ""."""
    drawing, fitting = seconds_needed(options, reservoirs, features, steps=steps, ridges=ridges)
    if drawing + (fitting if solve else 0.0) <= LONG_SECONDS:
        return ""
    fit = f", and each fit of a readout of {features:,} values about {_minutes(fitting)}" if solve else ""
    what = f"{reservoirs} reservoirs of {options.units:,} units" if reservoirs > 1 else f"{options.units:,} units"
    return (
        f"This takes long: drawing {what} and finding their spectral radius about {_minutes(drawing)}{fit}, "
        "on one thread. Choose fewer units or a lower density; a single ridge is solved several times as fast."
    )


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return "a minute" if seconds > 30 else "half a minute"
    return f"{seconds / 60:,.0f} minutes" if seconds < 5400 else f"{seconds / 3600:,.0f} hours"
