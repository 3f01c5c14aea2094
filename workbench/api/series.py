"""Series: numbers over time, in one or several channels, with gaps, roles and a clock.

The numbers are kept as the bytes of a little-endian float64 array and shown as a view of it, so that ten million steps
cost their 80 MB and no more, and a series equals another byte by byte (a missing value, NaN, equals itself). JSON holds
the same bytes as base64. NumPy is imported where an array is asked for, never when this module is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Clock = Literal["none", "ordinal", "datetime"]
"""What the times of a series count: nothing is known, plain numbers (a year, a sample), or ns since 1970 in UTC."""

ChannelRole = Literal["target", "past", "future"]
"""A channel is forecast itself, known only up to now (past covariate), or known ahead (a calendar, a plan)."""

SEASONS: Mapping[str, int] = MappingProxyType(
    {"s": 60, "min": 60, "10min": 144, "15min": 96, "30min": 48, "h": 24, "D": 7, "B": 5, "W": 52, "MS": 12, "QS": 4}
)
"""Frequency → steps in its natural season (a day of hours, a year of months); "" and "YS" have none (1)."""


def season_of(frequency: str) -> int:
    """Steps in one natural season of a frequency ("h" → 24); 1 where none is known."""
    return SEASONS.get(frequency, 1)


@dataclass(frozen=True, slots=True)
class Series:
    """``channels`` over time; make one with :meth:`of`, read it with :attr:`values` and :meth:`times`.

    ``data`` holds T × C little-endian float64 (row by row), NaN where a value is missing. Times are either regular
    (``start`` and ``step``, in what ``clock`` counts) or listed in ``ticks`` (T little-endian int64); a calendar
    frequency such as months ("MS") is listed. ``frequency`` is "" where it is not known. ``roles`` has one for each
    channel. ``static`` holds what never changes along the series (a shop's size, a region's name).
    """

    KIND: ClassVar[str] = "series"

    name: str
    channels: tuple[str, ...]
    data: bytes
    clock: Clock = "none"
    start: int = 0
    step: int = 1
    ticks: bytes = b""
    frequency: str = ""
    roles: tuple[ChannelRole, ...] = ()
    static: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "roles", tuple(self.roles) or ("target",) * len(self.channels))
        object.__setattr__(self, "static", MappingProxyType(dict(self.static)))
        if not self.channels:
            raise ValueError(f"series {self.name!r} has no channel")
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"series {self.name!r} has two channels of the same name")
        if len(self.roles) != len(self.channels):
            raise ValueError(f"series {self.name!r} has {len(self.roles)} roles for {len(self.channels)} channels")
        if unknown := set(self.roles) - set(get_args(ChannelRole)):
            raise ValueError(f"series {self.name!r}: no such role as {sorted(unknown)[0]!r}")
        if self.clock not in get_args(Clock):
            raise ValueError(f"series {self.name!r}: no such clock as {self.clock!r}")
        if len(self.data) % (8 * len(self.channels)):
            raise ValueError(f"series {self.name!r} does not hold whole steps of {len(self.channels)} channels")
        if self.ticks and len(self.ticks) != 8 * self.size():
            raise ValueError(f"series {self.name!r} has {len(self.ticks) // 8} times for {self.size()} steps")

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.name, self.channels, self.data, self.clock, self.start, self.step, self.ticks, self.frequency)
        return (type(self), (*values, self.roles, dict(self.static)))

    def __hash__(self) -> int:
        return hash((self.name, self.channels, self.data, self.ticks, self.start))

    @classmethod
    def of(
        cls,
        name: str,
        values: ArrayLike,
        channels: Sequence[str] = (),
        *,
        times: ArrayLike | None = None,
        clock: Clock | None = None,
        frequency: str = "",
        roles: Sequence[ChannelRole] = (),
        static: Mapping[str, float | str] | None = None,
    ) -> Self:
        """A series of ``values`` (T,) or (T, C); ``times`` (T,) datetime64 or whole numbers, regular or not.

        ``clock`` is read off ``times`` where it is not given (whole numbers count as "ordinal").
        """
        import numpy as np

        array = np.asarray(values, dtype="<f8")
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2:
            raise ValueError(f"values of shape {array.shape}; (T,) or (T, C) was expected")
        if not channels:
            channels = ("value",) if array.shape[1] == 1 else [f"channel {i + 1}" for i in range(array.shape[1])]
        if len(channels) != array.shape[1]:
            raise ValueError(f"{len(channels)} names for {array.shape[1]} channels")
        start, step, ticks = 0, 1, b""
        if times is not None:
            found = np.asarray(times)
            if np.issubdtype(found.dtype, np.datetime64):
                clock = clock or "datetime"
                found = found.astype("datetime64[ns]").astype(np.int64)
            found = found.astype("<i8", copy=False)
            if found.shape != (array.shape[0],):
                raise ValueError(f"{found.size} times for {array.shape[0]} steps")
            start, step, ticks = _regular(found)
        return cls(
            name=name,
            channels=tuple(channels),
            data=np.ascontiguousarray(array).tobytes(),
            clock=clock or ("none" if times is None else "ordinal"),
            start=start,
            step=step,
            ticks=ticks,
            frequency=frequency,
            roles=tuple(roles),
            static=dict(static or {}),
        )

    @property
    def values(self) -> NDArray[np.float64]:
        """(T, C) float64, NaN where missing: a read-only view, nothing is copied."""
        import numpy as np

        return np.frombuffer(self.data, dtype="<f8").reshape(-1, len(self.channels))

    def times(self) -> NDArray[np.int64]:
        """(T,) int64 in what ``clock`` counts; 0, 1, 2, … where nothing is known."""
        import numpy as np

        if self.ticks:
            return np.frombuffer(self.ticks, dtype="<i8")
        return self.start + self.step * np.arange(self.size(), dtype=np.int64)

    def times_after(self, count: int) -> NDArray[np.int64]:
        """(count,) the times that follow the last step: a calendar's months and years, else the usual step again."""
        import numpy as np

        n = self.size()
        if not self.ticks or n < 2:
            return self.start + self.step * np.arange(n, n + count, dtype=np.int64)
        ticks = np.frombuffer(self.ticks, dtype="<i8")
        months = {"MS": 1, "QS": 3, "YS": 12}.get(self.frequency) if self.clock == "datetime" else None
        ahead = np.arange(1, count + 1, dtype=np.int64)
        if months is not None:
            last = ticks[-1:].view("datetime64[ns]")
            month = last.astype("datetime64[M]")
            rest = last - month.astype("datetime64[ns]")
            following: NDArray[np.int64] = ((month + months * ahead).astype("datetime64[ns]") + rest).astype(np.int64)
            return following
        usual = int(np.median(np.diff(ticks[-10_000:])))
        return int(ticks[-1]) + max(usual, 1) * ahead

    def index(self, channel: str) -> int:
        return self.channels.index(channel)

    def of_role(self, role: ChannelRole) -> tuple[int, ...]:
        """The numbers of the channels with this role."""
        return tuple(i for i, found in enumerate(self.roles) if found == role)

    def missing(self) -> int:
        """How many values are missing."""
        import numpy as np

        return int(np.isnan(self.values).sum())

    def with_values(self, values: ArrayLike) -> Self:
        """The same series with other numbers of the same shape (an edit, a filled gap)."""
        import numpy as np

        array = np.ascontiguousarray(values, dtype="<f8")
        if array.ndim == 1:
            array = array[:, None]
        if array.shape != (self.size(), len(self.channels)):
            raise ValueError(f"values of shape {array.shape} for {self.size()} steps of {len(self.channels)} channels")
        return replace(self, data=array.tobytes())

    def with_value(self, step: int, channel: int | str, value: float) -> Self:
        """The same series with one value changed; NaN makes it missing."""
        array = self.values.copy()
        array[step, self.index(channel) if isinstance(channel, str) else channel] = value
        return self.with_values(array)

    def with_roles(self, roles: Sequence[ChannelRole]) -> Self:
        return replace(self, roles=tuple(roles))

    def part(self, start: int, stop: int) -> Self:
        """Steps ``start`` to ``stop`` (exclusive), with their times."""
        start, stop, _ = slice(start, stop).indices(self.size())
        width = 8 * len(self.channels)
        ticks = self.ticks[8 * start : 8 * stop]
        first = self.start if self.ticks else self.start + self.step * start
        return replace(self, data=self.data[width * start : width * stop], ticks=ticks, start=first)

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {"name": self.name, "channels": list(self.channels)}
        data["values"] = base64.b64encode(self.data).decode("ascii")
        if self.clock != "none":
            data["clock"] = self.clock
        if self.ticks:
            data["ticks"] = base64.b64encode(self.ticks).decode("ascii")
        elif (self.start, self.step) != (0, 1):
            data["start"], data["step"] = self.start, self.step
        if self.frequency:
            data["frequency"] = self.frequency
        if any(role != "target" for role in self.roles):
            data["roles"] = list(self.roles)
        if self.static:
            data["static"] = dict(self.static)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """``values`` and ``ticks`` may also be plain lists (rows, null where missing), as a person writes them."""
        values, ticks = data["values"], data.get("ticks", "")
        if not isinstance(values, str):
            return cls._from_lists(data, values)
        return cls(
            name=str(data.get("name", "")),
            channels=tuple(str(name) for name in data["channels"]),
            data=binascii.a2b_base64(values),  # straight from the text: ten million steps are 100 MB of it
            clock=data.get("clock", "none"),
            start=int(data.get("start", 0)),
            step=int(data.get("step", 1)),
            ticks=binascii.a2b_base64(ticks),
            frequency=str(data.get("frequency", "")),
            roles=tuple(data.get("roles", ())),
            static=dict(data.get("static", {})),
        )

    @classmethod
    def _from_lists(cls, data: Mapping[str, Any], values: Sequence[Any]) -> Self:
        def number(value: Any) -> float:
            return float("nan") if value is None else float(value)

        rows = [[number(v) for v in row] if isinstance(row, Sequence) else [number(row)] for row in values]
        made = cls.of(
            str(data.get("name", "")),
            rows,
            [str(name) for name in data.get("channels", ())],
            times=data.get("ticks"),
            clock=data.get("clock"),
            frequency=str(data.get("frequency", "")),
            roles=tuple(data.get("roles", ())),
            static=dict(data.get("static", {})),
        )
        if "start" in data or "step" in data:
            return replace(made, start=int(data.get("start", 0)), step=int(data.get("step", 1)))
        return made

    def search_text(self) -> str:
        words = [self.name, *self.channels, *(str(v) for v in self.static.values() if isinstance(v, str))]
        return " ".join(words)

    def labels(self) -> dict[str, frozenset[str]]:
        return {}

    def size(self) -> int:
        """Time steps."""
        return len(self.data) // (8 * len(self.channels))


def _regular(times: NDArray[np.int64]) -> tuple[int, int, bytes]:
    """(start, step, b"") where the times are evenly spaced and rising, else (0, 1, their bytes)."""
    if times.size == 0:
        return 0, 1, b""
    if times.size == 1:
        return int(times[0]), 1, b""
    step = int(times[1]) - int(times[0])
    if step > 0 and bool(((times[1:] - times[:-1]) == step).all()):
        return int(times[0]), step, b""
    return 0, 1, times.tobytes()
