"""What the comparison shows, as plain data: the families' own words joined with what was measured. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workbench.api import Architecture

WORDS = ("key feature", "strengths", "weaknesses", "typical use")
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Family:
    """A line of the table."""

    id: str
    title: str
    words: tuple[str, ...]
    """In the order of :data:`WORDS`."""
    speed: float | None = None
    """Sequence steps a second."""
    span: int | None = None
    """Steps."""
    measured: str = ""
    """The day, as YYYY-MM-DD."""
    reason: str = ""
    """Why it is not measured."""


@dataclass(frozen=True, slots=True)
class Bar:
    """How far one network got: the longest length solved of each problem; 0 is none."""

    title: str
    solved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """A result of the memory bench, as the page needs it."""

    bars: tuple[Bar, ...] = ()
    tasks: tuple[tuple[str, str], ...] = ()
    """(id, title)."""
    longest: int = 1000
    """The longest length that was tried."""
    note: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)


def families(architectures: Iterable[Architecture], result: Mapping[str, Any] | None) -> list[Family]:
    """Every architecture, with its figures where there are any. One measured in several forms shows its plain one."""
    rows = {str(row["id"]): row for row in (result or {}).get("rows", ())}
    reasons = {str(one["id"]): str(one["reason"]) for one in (result or {}).get("left_out", ())}
    found = []
    for one in architectures:
        row = rows.get(one.id, {})
        found.append(
            Family(
                one.id,
                one.title,
                tuple(_sentence(one.comparison.get(word, "") or _instead(one, word)) for word in WORDS),
                speed=_number(row.get("steps_per_second")),
                span=None if row.get("memory_span") is None else int(row["memory_span"]),
                measured=str(row.get("date", ""))[:10],
                reason="" if row else reasons.get(one.id, ""),
            )
        )
    return found


def measured(result: Mapping[str, Any] | None) -> Measured:
    """The picture's part of ``result``; nothing where nothing was measured."""
    if not result or not result.get("rows"):
        return Measured()
    rows = result["rows"]
    budgets = sorted({float(row.get("budget", 0)) for row in rows})
    seconds = " to ".join(f"{value:g}" for value in dict.fromkeys((budgets[0], budgets[-1])))
    days = sorted({str(row.get("date", ""))[:10] for row in rows} - {""})
    when = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
    return Measured(
        bars=tuple(Bar(str(row["title"]), {k: int(v) for k, v in row["solved"].items()}) for row in rows),
        tasks=tuple((str(task["id"]), str(task["title"])) for task in result.get("tasks", ())),
        longest=max(result.get("ladder") or (1000,)),
        note=f"Measured {when}: about {int(result.get('weights', 0)):,} weights and {seconds} s of computing each.",
        reasons={str(one["title"]): str(one["reason"]) for one in result.get("left_out", ())},
    )


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def _instead(architecture: Architecture, word: str) -> str:
    """A plugin that compares itself with nothing still says what it is."""
    return architecture.summary if word == WORDS[0] else ""


def _sentence(text: str) -> str:
    """Cells begin alike and end alike, whoever wrote them."""
    return (text[:1].upper() + text[1:]).removesuffix(".")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
