"""Series ↔ arrays: scaling fitted on the training part, windows, and the way back from a forecast to its own units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from workbench_plugins.tasks.forecasting.calendar import calendar_features
from workbench_plugins.tasks.forecasting.params import ForecastingParams, FreeRunParams, SeriesParams
from workbench_plugins.tasks.forecasting.splitting import FIRST, SCALE, own_static, with_static

from workbench.api import Record, Series, WorkbenchError
from workbench.nn.contract import Batch, Encoding
from workbench.nn.forecasting.baselines import LinearForecast
from workbench.nn.protocols import Role

DEVIATION = "deviation of "
"""Static note on a gold window, before a channel's name: what a z-scored error divides by."""
HISTORY = "history"
"""Static note on a window: how many of its steps were read; the rest is what was to be foretold."""

Double = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(slots=True)
class SeriesCodec:
    """What the training part taught: channels, means and deviations, the season, and the linear baseline.

    A window (start, stop) reads the ``lookback`` steps before ``stop``; what is not there (a short series) is missing.
    """

    params: SeriesParams
    targets: tuple[str, ...]
    past: tuple[str, ...]
    future: tuple[str, ...]
    calendar: tuple[str, ...]
    numbers: tuple[str, ...]
    """Static covariates that are numbers."""
    categories: Mapping[str, tuple[str, ...]]
    """Static covariates that are names, with those seen in training."""
    mean: Mapping[str, float]
    deviation: Mapping[str, float]
    season: int = 1
    missing: bool = False
    """Whether a value was missing in training: the network is then told which are."""
    linear: LinearForecast | None = None
    _places: dict[tuple[str, ...], tuple[list[int], list[int], list[int]]] = field(default_factory=dict, repr=False)

    # -- sizes -----------------------------------------------------------------------------------------------------

    @property
    def apart(self) -> bool:
        return isinstance(self.params, ForecastingParams) and self.params.channels == "apart"

    @property
    def segment(self) -> int:
        return self.params.segment if isinstance(self.params, ForecastingParams) else 1

    @property
    def known_ahead(self) -> int:
        """Features of a step that are known ahead: the calendar and the future covariates."""
        return len(self.calendar) + len(self.future)

    @property
    def statics(self) -> int:
        return len(self.numbers) + sum(len(known) for known in self.categories.values())

    @property
    def features(self) -> int:
        """Numbers a step of one row has."""
        rows = 1 if self.apart else len(self.targets)
        return rows * (2 if self.missing else 1) + len(self.past) + self.known_ahead + self.statics

    @property
    def context(self) -> int:
        """Steps before the first foretold one that a forecast looks at."""
        return self.params.lookback + self.params.difference

    # -- records to arrays -----------------------------------------------------------------------------------------

    def length(self, record: Record) -> int:
        return record.size()

    def known(self, record: Record) -> Series:
        """``record`` with its channels under the names of training, where it can only be those: a single channel, or
        typed numbers without names in as many columns."""
        series = as_series(record)
        if all(name in series.channels for name in (*self.targets, *self.past, *self.future)):
            return series
        names = (*self.targets, *self.past, *self.future)
        nameless = all(name.startswith(("channel ", "value")) for name in series.channels)
        if len(series.channels) == len(names) and (nameless or len(names) == 1):
            return replace(series, channels=names)
        return series

    def encode(self, record: Record) -> Encoding:
        series = self.known(record)
        targets, past, future = self._columns(series)
        values = series.values
        encoding: dict[str, NDArray[Any]] = {
            "values": self.scaled(values[:, targets], self.targets).astype(np.float32),
            FIRST: np.array([int(series.static.get(FIRST, -1))], np.int64),
        }
        horizon = self.params.horizon
        if self.past:
            encoding["past"] = np.nan_to_num(self._standard(values[:, past], self.past)).astype(np.float32)
        if self.known_ahead:
            ahead = np.zeros((series.size() + horizon, self.known_ahead), np.float32)
            if self.calendar and series.clock == "datetime":
                times = np.concatenate([series.times(), series.times_after(horizon)])
                ahead[:, : len(self.calendar)] = calendar_features(times, self.calendar)
            if self.future:
                known = np.nan_to_num(self._standard(values[:, future], self.future))
                ahead[: len(known), len(self.calendar) :] = known
            encoding["ahead"] = ahead
        if self.statics:
            encoding["static"] = self._static(series)
        return encoding

    def _columns(self, series: Series) -> tuple[list[int], list[int], list[int]]:
        """The columns of the targets, the past and the future covariates."""
        found = self._places.get(series.channels)
        if found is None:
            missing = [name for name in (*self.targets, *self.past, *self.future) if name not in series.channels]
            if missing:
                raise WorkbenchError(
                    f"The series {series.name!r} has no channel {missing[0]!r}.",
                    why=f"The model learned {', '.join(self.targets)}; this series has {', '.join(series.channels)}.",
                    fix="Name the channels as they were in training.",
                )
            at = series.channels.index
            found = ([at(n) for n in self.targets], [at(n) for n in self.past], [at(n) for n in self.future])
            self._places[series.channels] = found
        return found

    def _standard(self, values: Double, names: Sequence[str]) -> Double:
        mean = np.array([self.mean[name] for name in names])
        return (values - mean) / np.array([self.deviation[name] for name in names])

    def _static(self, series: Series) -> NDArray[np.float32]:
        found = own_static(series)
        numbers = [_number(found.get(name), self.mean[_static_key(name)]) for name in self.numbers]
        scaled = [
            (value - self.mean[_static_key(name)]) / self.deviation[_static_key(name)]
            for value, name in zip(numbers, self.numbers, strict=True)
        ]
        flags = [float(found.get(name) == value) for name, known in self.categories.items() for value in known]
        return np.array([*scaled, *flags], np.float32)

    def scaled(self, values: Double, names: Sequence[str]) -> Double:
        """(…, C) in the units of the data → as the network sees them (logarithm, then z-scores)."""
        if self.params.log:
            with np.errstate(invalid="ignore", divide="ignore"):
                values = np.log(np.where(values > 0, values, np.nan))
        return self._standard(values, names)

    def unscaled(self, values: Double) -> Double:
        """(…, C) of the targets, back in the units of the data."""
        deviation = np.array([self.deviation[name] for name in self.targets])
        found: Double = values * deviation + np.array([self.mean[name] for name in self.targets])
        return np.exp(np.minimum(found, 700.0)) if self.params.log else found

    # -- windows ---------------------------------------------------------------------------------------------------

    def windows(self, encoding: Encoding, role: Role) -> NDArray[np.int64]:
        """(W, 2): the steps that are read; those foretold come after ``stop``."""
        values, horizon, lookback = encoding["values"], self.params.horizon, self.params.lookback
        steps = len(values)
        if role == "predict":
            known = np.flatnonzero(~np.isnan(values).all(axis=1))
            stop = int(known[-1]) + 1 if len(known) else steps
            return np.array([[max(0, stop - lookback), stop]], np.int64)
        last = steps - horizon
        first = int(encoding[FIRST][0]) if role == "evaluate" else -1
        if first < 0:
            first = min(self.context, last)
        stride = self.params.stride if role == "train" else self.params.evaluation_stride
        stops = np.arange(max(1, first), last + 1, stride, dtype=np.int64)
        return np.stack([np.maximum(stops - lookback, 0), stops], axis=1)

    def window(self, encoding: Encoding, start: int, stop: int) -> Encoding:
        lookback, horizon = self.params.lookback, self.params.horizon
        cut: dict[str, NDArray[Any]] = {"values": _slice(encoding["values"], stop - self.context, stop + horizon)}
        if "past" in encoding:
            cut["past"] = _slice(encoding["past"], stop - lookback, stop, 0.0)
        if "ahead" in encoding:
            cut["ahead"] = _slice(encoding["ahead"], stop - lookback, stop + horizon, 0.0)
        if "static" in encoding:
            cut["static"] = encoding["static"]
        return cut

    def window_length(self, start: int, stop: int) -> int:
        """Recurrent steps of all rows of a window."""
        return self.params.lookback // self.segment * (len(self.targets) if self.apart else 1)

    def window_record(self, record: Record, start: int, stop: int) -> Record:
        series = self.known(record)
        start = max(0, stop - self.context)
        found = series.part(start, min(stop + self.params.horizon, series.size()))
        notes: dict[str, float | str] = {HISTORY: float(stop - start)}
        for name in self.targets:
            if self.params.scaler == "standard" and not self.params.log:
                notes[DEVIATION + name] = self.deviation[name]
            if SCALE + name in series.static:
                notes[SCALE + name] = series.static[SCALE + name]
        return with_static(found, {**own_static(series), **notes})

    def collate(self, items: Sequence[Encoding]) -> Batch:
        """Rows are windows, or with channels apart each channel of each window (window by window)."""
        return self._batch({name: np.stack([item[name] for item in items]) for name in items[0]})

    def collate_windows(self, encodings: Sequence[Encoding], rows: Indices, spans: Indices) -> Batch:
        """What :meth:`collate` makes of :meth:`window` of each span, cut out of each series at once."""
        lookback, horizon = self.params.lookback, self.params.horizon
        # steps before the stop and after it, and what stands where there is none
        reach = {"values": (self.context, horizon, np.nan), "past": (lookback, 0, 0.0)}
        reach["ahead"] = (lookback, horizon, 0.0)
        stops = spans[:, 1]
        series = [(int(row), np.flatnonzero(rows == row)) for row in np.unique(rows)]
        cut: dict[str, NDArray[Any]] = {}
        for name, first in encodings[int(rows[0])].items():
            if name == "static":
                cut[name] = np.stack([encodings[row][name] for row in rows.tolist()])
            elif name in reach:
                before, after, fill = reach[name]
                found = np.empty((len(rows), before + after, *first.shape[1:]), first.dtype)
                for row, places in series:
                    found[places] = _windows_of(encodings[row][name], stops[places] - before, before + after, fill)
                cut[name] = found
        return self._batch(cut)

    def _batch(self, cut: Mapping[str, NDArray[Any]]) -> Batch:
        """A batch of windows, from their arrays (B, …) by the names of an encoding."""
        lookback, horizon, lag = self.params.lookback, self.params.horizon, self.params.difference
        z = torch.from_numpy(cut["values"])  # (B, lag + L + H, C)
        history = z[:, : lag + lookback]
        x, base = history, z.new_zeros(len(z), horizon, z.shape[2])
        y = z[:, lag + lookback :]
        if lag:
            x = history[:, lag:] - history[:, :lookback]
            ahead = torch.arange(horizon)
            base = z[:, lag + lookback + ahead - lag * (ahead // lag + 1)]
            y = y - base
        known = ~torch.isnan(x)
        shift, scale = self._instance(x, known)
        if self._shifts:
            x, y = (x - shift) / scale, (y - shift) / scale
        x = torch.where(known, x, 0.0)
        extra: list[torch.Tensor] = []
        for name in ("past", "ahead"):
            if name in cut:
                stacked = torch.from_numpy(cut[name])
                # what is known ahead is known of the step that is foretold next
                after = name == "ahead" and not isinstance(self.params, ForecastingParams)
                extra.append(stacked[:, 1 : lookback + 1] if after else stacked[:, :lookback])
        future = torch.from_numpy(cut["ahead"])[:, lookback:] if "ahead" in cut else None
        if "static" in cut:
            extra.append(torch.from_numpy(cut["static"])[:, None].expand(-1, lookback, -1))
        flags = (~known).to(x.dtype) if self.missing else x
        if self.apart:
            count = x.shape[2]
            x, flags, y = (_rows(t) for t in (x, flags, y))
            extra = [part.repeat_interleave(count, dim=0) for part in extra]
            future = future.repeat_interleave(count, dim=0) if future is not None else None
        parts = [x, flags, *extra] if self.missing else [x, *extra]
        inputs = torch.cat(parts, dim=2) if len(parts) > 1 else x
        rows, segment = len(inputs), self.segment
        if segment > 1:
            inputs = inputs.reshape(rows, lookback // segment, segment * inputs.shape[2])
        fields = {"inputs": inputs.contiguous(), "targets": y.contiguous(), "history": history}
        fields |= {"base": base, "shift": shift, "scale": scale}
        if future is not None:
            fields["future"] = future.contiguous()
        lengths = torch.full((rows,), inputs.shape[1], dtype=torch.int64)
        return Batch(fields, lengths, rows * inputs.shape[1], extra={"missing": self.missing})

    @property
    def _kind(self) -> str:
        """What is taken from every window."""
        if isinstance(self.params, FreeRunParams):
            return "first" if self.params.level == "last" else "none"
        assert isinstance(self.params, ForecastingParams)
        return self.params.normalisation

    @property
    def _shifts(self) -> bool:
        return self._kind != "none"

    def _instance(self, x: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is taken from every window and channel, (B, 1, C) each: a shift and a scale."""
        zero, one = x.new_zeros(len(x), 1, x.shape[2]), x.new_ones(len(x), 1, x.shape[2])
        kind = self._kind
        if kind == "none":
            return zero, one
        if kind in ("last", "first"):
            steps = torch.arange(x.shape[1]).view(1, -1, 1).expand_as(x)
            place = torch.where(known, steps, -1).amax(1, keepdim=True).clamp_min(0)
            if kind == "first":
                place = torch.where(known, steps, x.shape[1] - 1).amin(1, keepdim=True)
            return torch.nan_to_num(x.gather(1, place)), one
        count = known.sum(1, keepdim=True).clamp_min(1)
        shift = torch.where(known, x, 0.0).sum(1, keepdim=True) / count
        if kind == "mean":
            return shift, one
        spread = (torch.where(known, x - shift, 0.0).square().sum(1, keepdim=True) / count).sqrt()
        # a constant window has no spread of its own: its level is the next best measure of what is large
        floor = torch.maximum(1e-3 * shift.abs(), x.new_tensor(1e-5))
        return shift, torch.maximum(spread, floor)

    # -- the way back ----------------------------------------------------------------------------------------------

    def restored(self, predicted: torch.Tensor, batch: Batch) -> Double:
        """Normalised forecasts (…, B, H, C) → (…, B, H, C) in the units of the data."""
        fields = batch.fields
        z = predicted.double() * fields["scale"] + fields["shift"]
        if self.params.difference:
            z = z + fields["base"]
        return self.unscaled(z.detach().cpu().numpy())

    # -- JSON ------------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        return {
            "direct": isinstance(self.params, ForecastingParams),
            "params": self.params.model_dump(mode="json"),
            "targets": list(self.targets),
            "past": list(self.past),
            "future": list(self.future),
            "calendar": list(self.calendar),
            "numbers": list(self.numbers),
            "categories": {name: list(known) for name, known in self.categories.items()},
            "mean": dict(self.mean),
            "deviation": dict(self.deviation),
            "season": self.season,
            "missing": self.missing,
            "linear": None if self.linear is None else self.linear.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SeriesCodec:
        kind = ForecastingParams if data["direct"] else FreeRunParams
        linear = data.get("linear")
        return cls(
            params=kind.model_validate(data["params"]),
            targets=tuple(data["targets"]),
            past=tuple(data["past"]),
            future=tuple(data["future"]),
            calendar=tuple(data["calendar"]),
            numbers=tuple(data["numbers"]),
            categories={name: tuple(known) for name, known in data["categories"].items()},
            mean=dict(data["mean"]),
            deviation=dict(data["deviation"]),
            season=int(data["season"]),
            missing=bool(data["missing"]),
            linear=None if linear is None else LinearForecast.from_json(linear),
        )


def as_series(record: Record) -> Series:
    if not isinstance(record, Series):
        raise WorkbenchError(
            f"Forecasting reads series, not records of the kind {record.KIND!r}.", fix="Choose a dataset of series."
        )
    return record


def _rows(t: torch.Tensor) -> torch.Tensor:
    """(B, T, C) → (B · C, T, 1)."""
    return t.transpose(1, 2).reshape(-1, t.shape[1], 1)


def _slice(values: NDArray[Any], start: int, stop: int, fill: float = np.nan) -> NDArray[Any]:
    """``values[start:stop]`` with what lies outside filled in."""
    if start >= 0 and stop <= len(values):
        return values[start:stop]
    found = np.full((stop - start, *values.shape[1:]), fill, values.dtype)
    first, last = max(0, start), min(len(values), stop)
    if last > first:
        found[first - start : last - start] = values[first:last]
    return found


def _windows_of(values: NDArray[Any], starts: Indices, steps: int, fill: float) -> NDArray[Any]:
    """(N, ``steps``, …): ``values[start : start + steps]`` of each start, with what lies outside filled in."""
    at = starts[:, None] + np.arange(steps)
    if int(starts.min()) >= 0 and int(starts.max()) + steps <= len(values):
        return values.take(at, axis=0)
    outside = (at < 0) | (at >= len(values))
    found = values.take(at, axis=0, mode="clip")
    found[outside] = fill
    return found


def _static_key(name: str) -> str:
    return f"static {name}"


def _number(value: float | str | None, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default
