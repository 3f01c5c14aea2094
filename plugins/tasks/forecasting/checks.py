"""What the data doctor says of series: times, gaps, infinite values, channels that tell nothing, lengths, shifts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.tasks.forecasting.cutting import params_of_task
from workbench_plugins.tasks.forecasting.mending import grid_of, unsorted
from workbench_plugins.tasks.forecasting.params import ForecastingParams, FreeRunParams, SeriesParams
from workbench_plugins.tasks.forecasting.splitting import bounds

from workbench.api import Finding, Ref, Series, StoredRecord, WorkbenchError

MAX_RECORDS = 1000
"""Ids that a finding names at most."""
SHIFT = 2.0
"""Standard deviations of the training part by which the test part lies elsewhere, to be worth saying."""

_MEND = "workbench_plugins.tasks.forecasting.mending"


@dataclass(slots=True)
class _Kind:
    """Findings of one kind, gathered over all series: the first one is described, the others counted."""

    severity: str
    fix: str
    mend: str = ""
    button: str = ""
    first: str = ""
    ids: dict[int, None] = field(default_factory=dict)

    def add(self, number: int, what: str) -> None:
        self.first = self.first or what
        self.ids[number] = None


def _kinds() -> dict[str, _Kind]:
    return {
        "series-times": _Kind(
            "error",
            "A series has one value at each time, in order. Mended, the steps are sorted and of several at one time "
            "the last counts.",
            "sort_times",
            "Sort the steps",
        ),
        "series-infinite": _Kind(
            "error", "Nothing can be learned from it; mended, it counts as missing.", "drop_infinite", "Mark as missing"
        ),
        "series-short": _Kind("error", "Lower the horizon, shorten validation and test, or bring longer series."),
        "series-part": _Kind("warning", "Lower the horizon, or lengthen that part (Divide…)."),
        "series-empty": _Kind("warning", "Leave the channel out when the file is imported, or give it another role."),
        "series-steps": _Kind(
            "warning",
            "A model counts steps: without them a season slips. Mended, they are put in as missing values.",
            "fill_times",
            "Put the steps in",
        ),
        "series-irregular": _Kind("warning", "A model counts steps: bring the series to even times first."),
        "series-constant": _Kind(
            "warning", "There is nothing to foretell and nothing to learn from: leave the channel out of the targets."
        ),
        "series-twins": _Kind("warning", "If one is learned from and the other tested on, scores are too good."),
        "series-shift": _Kind(
            "warning",
            "What is learned at one level is asked at another. Set the instance normalisation to last, or difference.",
        ),
        "series-missing": _Kind(
            "info",
            "The network is told which values are missing, so they may stay. A straight line through a gap is a guess, "
            "made from what came after it too.",
            "fill_gaps",
            "Fill the gaps",
        ),
    }


def check_series_data(
    records: Iterable[StoredRecord], draft: tuple[str, Mapping[str, Any]] | None = None
) -> Iterator[Finding]:
    """Findings over all series, gravest first; lengths and shifts as the options of ``draft`` cut them."""
    kinds = _kinds()
    params = params_of_task(*draft) if draft is not None else None
    options = params or SeriesParams()
    twins: dict[bytes, tuple[int, str]] = {}
    longest, short = 0, []
    for stored in records:
        series = stored.record
        if not isinstance(series, Series) or not series.size():
            continue
        _look_at_times(series, stored.id, kinds)
        _look_at_values(series, stored.id, kinds)
        digest = hashlib.blake2b(series.data, digest_size=16).digest()
        if digest in twins and series.size() > 1:
            other, name = twins[digest]
            kinds["series-twins"].add(other, f"{series.name!r} has the same values as {name!r}")
            kinds["series-twins"].add(stored.id, "")
        twins.setdefault(digest, (stored.id, series.name))
        parts = _parts(series, stored.split, options)
        if parts is None:
            continue
        length = parts["train"][1] - parts["train"][0]
        longest = max(longest, length)
        if params is not None:
            if length < params.horizon + 1 and (params.split == "time" or stored.split == "train"):
                short.append((stored.id, series.name, length))
            _look_at_parts(series, stored.id, parts, params, kinds)
        if params is None or not _follows_the_level(params):
            _look_at_level(series, stored.id, parts, options, kinds)
    if params is not None and short:
        _tell_short(kinds["series-short"], short, longest, params)
    for check, kind in kinds.items():
        if kind.ids:
            yield _finding(check, kind)


def _finding(check: str, kind: _Kind) -> Finding:
    more = len(kind.ids) - (2 if check == "series-twins" else 1)
    rest = f", and so on in {more:,} more series" if more > 1 else ", and so on in 1 more series" if more else ""
    mend = Ref(f"{_MEND}:{kind.mend}") if kind.mend else None
    return Finding(
        check,
        kind.severity,
        f"{kind.first}{rest}.",
        tuple(list(kind.ids)[:MAX_RECORDS]),
        fix=kind.fix,
        mend=mend,
        mend_title=kind.button,
    )


def _look_at_times(series: Series, number: int, kinds: dict[str, _Kind]) -> None:
    times = series.times()
    if series.clock == "none" or len(times) < 2:
        return
    if unsorted(times):
        steps = np.diff(times)
        late = int(np.flatnonzero(steps <= 0)[0]) + 1
        doubled = int(len(times) - len(np.unique(times)))
        what = f"The times of {series.name!r} go back at step {late + 1:,} ({_when(series, late)})"
        if steps[late - 1] == 0:
            what = f"{series.name!r} has two values at {_when(series, late)}, steps {late:,} and {late + 1:,}"
        kinds["series-times"].add(number, what + (f" ({doubled:,} doubled times in all)" if doubled > 1 else ""))
        return
    if not series.ticks or len(times) < 3:
        return
    grid = grid_of(series)
    if grid is None:
        usual = int(np.median(np.diff(times)))
        odd = np.flatnonzero(np.diff(times) != usual)
        if len(odd):
            what = f"The times of {series.name!r} are irregular: {len(odd):,} of {len(times) - 1:,} steps are not the"
            kinds["series-irregular"].add(number, f"{what} usual one, the first after {_when(series, int(odd[0]))}")
    elif len(grid) > len(times):
        absent = grid[~np.isin(grid, times, assume_unique=True)]
        what = f"{len(absent):,} step{'s are' if len(absent) > 1 else ' is'} left out of {series.name!r}"
        kinds["series-steps"].add(number, f"{what}, the first at {_written(int(absent[0]), series.clock)}")


def _look_at_values(series: Series, number: int, kinds: dict[str, _Kind]) -> None:
    values = series.values
    for column, name in enumerate(series.channels):
        found = values[:, column]
        infinite = np.flatnonzero(np.isinf(found))
        if len(infinite):
            what = f"{name} of {series.name!r} is infinite at {_when(series, int(infinite[0]))}"
            what += f" and {len(infinite) - 1:,} times more" if len(infinite) > 1 else ""
            kinds["series-infinite"].add(number, what)
        known = found[np.isfinite(found)]
        if not len(known):
            kinds["series-empty"].add(number, f"{name} of {series.name!r} has no value at all")
            continue
        if len(found) > 1 and bool((known == known[0]).all()):
            kinds["series-constant"].add(number, f"{name} of {series.name!r} is always {known[0]:g}")
        missing = np.isnan(found)
        if missing.any():
            start, length = _longest_gap(missing)
            what = f"{int(missing.sum()):,} of {len(found):,} values of {name} in {series.name!r} are missing"
            kinds["series-missing"].add(number, f"{what}; the longest gap has {length:,} from {_when(series, start)}")


def _parts(series: Series, split: str, params: SeriesParams) -> dict[str, tuple[int, int]] | None:
    """Split → its steps; None where these options cannot cut (a date that is none: training says so)."""
    if params.split == "records":
        own = (0, series.size())
        return {name: own if name == split else (0, 0) for name in ("train", "validation", "test")}
    try:
        first, second, end = bounds(series, params)
    except WorkbenchError:
        return None
    return {"train": (0, first), "validation": (first, second), "test": (second, end)}


def _look_at_parts(
    series: Series, number: int, parts: dict[str, tuple[int, int]], params: SeriesParams, kinds: dict[str, _Kind]
) -> None:
    if params.split == "records":
        return
    for name in ("validation", "test"):
        steps = parts[name][1] - parts[name][0]
        if 0 < steps < params.horizon:
            what = f"The {name} part of {series.name!r} has {steps:,} steps, less than the horizon of"
            kinds["series-part"].add(number, f"{what} {params.horizon:,}: no forecast can be judged there")


def _tell_short(kind: _Kind, short: list[tuple[int, str, int]], longest: int, params: SeriesParams) -> None:
    """An error where nothing at all can be learned, else a warning: those series are left out."""
    number, name, length = short[0]
    needed = f"a forecast of {params.horizon:,} steps needs one more at least"
    kind.add(number, f"The training part of {name!r} has {length:,} steps; {needed}")
    for other, *_ in short[1:]:
        kind.add(other, "")
    if longest > params.horizon:
        kind.severity = "warning"
        kind.fix = "Nothing is learned from these series, but from the others. " + kind.fix


def _look_at_level(
    series: Series, number: int, parts: dict[str, tuple[int, int]], params: SeriesParams, kinds: dict[str, _Kind]
) -> None:
    """Whether the test part lies far from where the training part was."""
    for channel in (params.targets and [c for c in params.targets if c in series.channels]) or [
        series.channels[i] for i in series.of_role("target")
    ]:
        column = series.values[:, series.index(channel)]
        train, test = (_finite(column[slice(*parts[name])]) for name in ("train", "test"))
        if len(train) < 10 or len(test) < 3:
            continue
        spread = float(train.std())
        moved = float(test.mean() - train.mean())
        if spread > 0 and abs(moved) > SHIFT * spread:
            what = f"{channel} of {series.name!r} lies {abs(moved) / spread:.1f} deviations "
            what += f"{'higher' if moved > 0 else 'lower'} in the test part (mean {test.mean():.4g}) than in training"
            kinds["series-shift"].add(number, f"{what} (mean {train.mean():.4g})")


def _follows_the_level(params: SeriesParams) -> bool:
    """Whether what the network reads is relative to its own window."""
    if params.difference:
        return True
    if isinstance(params, ForecastingParams):
        return params.normalisation != "none"
    return isinstance(params, FreeRunParams) and params.level == "last"


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values[np.isfinite(values)]
    return found


def _longest_gap(missing: NDArray[np.bool_]) -> tuple[int, int]:
    """(start, length) of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]])))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    best = int(lengths.argmax())
    return int(starts[best]), int(lengths[best])


def _when(series: Series, step: int) -> str:
    if series.clock == "none":
        return f"step {step + 1:,}"
    return _written(int(series.times()[step]), series.clock)


def _written(time: int, clock: str) -> str:
    if clock != "datetime":
        return str(time)
    text = str(np.datetime64(time, "ns").astype("datetime64[s]")).replace("T", " ")
    return text.removesuffix(":00").removesuffix(" 00:00")
