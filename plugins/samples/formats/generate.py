"""Dates, drawn with a fixed seed: each in one of many styles, and as ISO 8601 writes it."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator

from workbench.api import TextPair

SIZES = {"train": 3000, "validation": 300, "test": 300}
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STYLES = (
    "{day} {month} {year}",
    "{month} {day}, {year}",
    "{weekday}, {day} {month} {year}",
    "{wd}, {mon} {ordinal}, {year}",
    "the {ordinal} of {month} {year}",
    "{day} {mon} '{yy}",
    "{ordinal} {month} {year}",
    "{d}/{m}/{yy}",
    "{dd}.{mm}.{year}",
    "{mon} {day} {year}",
)


def records(seed: int = 11) -> Iterator[tuple[str, str, TextPair]]:
    """(split, document, pair); no source is in two splits."""
    choose = random.Random(seed)
    seen: set[str] = set()
    days = (LAST - FIRST).days
    for split, count in SIZES.items():
        made = 0
        while made < count:
            date = FIRST + datetime.timedelta(days=choose.randint(0, days))
            source = written(date, choose.choice(STYLES))
            if choose.random() < 0.15:
                source = source.lower()
            if source in seen:
                continue
            seen.add(source)
            made += 1
            yield split, "", TextPair(source, date.isoformat())


def written(date: datetime.date, style: str) -> str:
    """``date`` in a style; two-digit years are those from 1950 to 2049."""
    month, weekday = MONTHS[date.month - 1], DAYS[date.weekday()]
    return style.format(
        day=date.day,
        d=date.day,
        dd=f"{date.day:02d}",
        m=date.month,
        mm=f"{date.month:02d}",
        month=month,
        mon=month[:3],
        weekday=weekday,
        wd=weekday[:3],
        year=date.year,
        yy=f"{date.year % 100:02d}",
        ordinal=ordinal(date.day),
    )


def ordinal(day: int) -> str:
    """1st, 2nd, 3rd, 4th, … 11th."""
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
