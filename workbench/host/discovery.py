"""Which plugins are installed: the entry points of the group ``workbench.plugins``, none of them imported yet."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from workbench.api.hooks import ENTRY_POINT_GROUP

BUILT_IN_DISTRIBUTION = "recurra"

Extra = tuple[str, Any]
"""A plugin that is not installed: its name, and the object or the dotted name of the module to import."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin found, not loaded: ``load()`` imports it and may raise anything."""

    name: str
    distribution: str
    version: str
    module: str
    builtin: bool
    load: Callable[[], Any]


def discover(extra: Iterable[Extra] = ()) -> tuple[Candidate, ...]:
    """Built-ins first, as their distribution lists them, then the others by distribution and name, then ``extra``.

    The order decides who owns an id two plugins claim, so it is the same every time. A name that is taken gets its
    distribution's name added, so that every plugin can be named and switched off.
    """
    return tuple(_with_unique_names([*_installed(), *(_extra(name, target) for name, target in extra)]))


def _installed() -> list[Candidate]:
    found = []
    for entry_point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        distribution = entry_point.dist
        name = _normalised(distribution.name) if distribution is not None else ""
        found.append(
            Candidate(
                name=entry_point.name,
                distribution=name,
                version=distribution.version if distribution is not None else "",
                module=entry_point.value,
                builtin=name == BUILT_IN_DISTRIBUTION,
                load=entry_point.load,
            )
        )
    # sorted() is stable: built-ins keep the order of their distribution
    return sorted(found, key=lambda c: ("", "") if c.builtin else (c.distribution or "?", c.name))


def _normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _extra(name: str, target: Any) -> Candidate:
    if isinstance(target, str):
        return Candidate(name, "", "", target, False, lambda: importlib.import_module(target))
    return Candidate(name, "", "", getattr(target, "__name__", type(target).__name__), False, lambda: target)


def _with_unique_names(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    taken: set[str] = set()
    for candidate in candidates:
        name, count = candidate.name, 1
        while name in taken:
            count += 1
            name = f"{candidate.name}@{candidate.distribution or count}" + (f"-{count}" if count > 2 else "")
        taken.add(name)
        if name == candidate.name:
            yield candidate
        else:
            yield Candidate(
                name,
                candidate.distribution,
                candidate.version,
                candidate.module,
                candidate.builtin,
                candidate.load,
            )
