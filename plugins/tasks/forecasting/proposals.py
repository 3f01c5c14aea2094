"""What to foretell of a dropped file: horizon and lookback that suit its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEFAULT = (96, 24)


def propose(statistics: Any) -> list[tuple[dict[str, Any], str]]:
    """(options, a sentence why): sized by how long the series are, the likeliest first."""
    records, mean = _sizes(statistics)
    if not records or mean < 8:
        return []
    horizon = _horizon(mean)
    lookback = min(_DEFAULT[0], max(2, 2 * horizon))
    several = records > 1
    values: dict[str, Any] = {"lookback": lookback, "horizon": horizon}
    if several:
        values |= {"normalisation": "standard", "scaler": "none"}
    of = f", for {records:,} series at once." if several else "."
    told = f"Foretell {horizon} steps from the {lookback} before{of}"
    return [
        (values, told),
        ({**values, "output": "quantiles"}, told.removesuffix(".") + ", as quantiles."),
    ]


def propose_free_run(statistics: Any) -> list[tuple[dict[str, Any], str]]:
    """The same, step by step: what an echo state network answers at once."""
    records, mean = _sizes(statistics)
    if not records or mean < 8:
        return []
    horizon = _horizon(mean)
    return [
        (
            {"lookback": min(_DEFAULT[0], max(2, 4 * horizon)), "horizon": horizon},
            f"Foretell {horizon} steps one by one, each read as the next input.",
        )
    ]


def _horizon(mean: float) -> int:
    return max(1, min(_DEFAULT[1], int(mean) // 12))


def _sizes(statistics: Any) -> tuple[int, float]:
    """How many series there are, and their mean length."""
    records = sum(_get(statistics, "split_records").values())
    steps = sum(_get(statistics, "split_steps").values())
    return records, steps / records if records else 0.0


def _get(statistics: Any, name: str) -> Mapping[str, Any]:
    found = statistics.get(name) if isinstance(statistics, Mapping) else getattr(statistics, name, None)
    return found or {}
