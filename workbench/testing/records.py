"""Record and result types of the generated tasks that ``workbench.api`` has no type for. Neither torch nor Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class LabelledVector:
    """A point and the class it belongs to; "" where it is not known. Read as a sequence of one step."""

    KIND: ClassVar[str] = "generated_vector"

    values: tuple[float, ...]
    label: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"values": list(self.values), "label": self.label}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(float(value) for value in data["values"]), str(data.get("label", "")))

    def search_text(self) -> str:
        return self.label

    def labels(self) -> dict[str, frozenset[str]]:
        return {"label": frozenset({self.label})} if self.label else {}

    def size(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class ShortSeries:
    """``values`` of a series in order, and (of a window of it) the ``targets`` that follow them."""

    KIND: ClassVar[str] = "generated_series"

    values: tuple[float, ...]
    targets: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"values": list(self.values), "targets": list(self.targets)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        values = (float(value) for value in data["values"])
        return cls(tuple(values), tuple(float(value) for value in data.get("targets", ())))

    def search_text(self) -> str:
        return ""

    def labels(self) -> dict[str, frozenset[str]]:
        return {}

    def size(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class NextValues:
    """What a series is expected to do next, step by step."""

    KIND: ClassVar[str] = "generated_forecast"

    values: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        return {"values": list(self.values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(float(value) for value in data["values"]))

    def summary(self) -> str:
        return " ".join(f"{value:.3f}" for value in self.values)
