"""What the contract suite runs over: every contribution of every plugin, and the options worth trying of each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from workbench.api import (
    Architecture,
    Contribution,
    Params,
    Record,
    Ref,
    Task,
    Trait,
    WorkbenchError,
    compatibility,
    describe,
    validate,
)
from workbench.host import LoadedPlugins, load_plugins
from workbench.testing import dataset
from workbench.testing.datasets import GENERATORS

EXAMPLE = Path(__file__).parents[1] / "third_party" / "recurra-example-plugin"
SMALL_SIZE = 6


@cache
def loaded() -> LoadedPlugins:
    """The installed plugins and, as somebody else's, the example of ``tests/third_party``."""
    if str(EXAMPLE) not in sys.path:
        sys.path.append(str(EXAMPLE))
    return load_plugins(gui=True, extra=[("example", "recurra_example")])


def contributions(*types: type[Any]) -> list[Any]:
    return [one for one in loaded().catalogue.contributions() if not types or isinstance(one, types)]


def name_of(value: Any) -> str:
    """A readable test id."""
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items()) or "defaults"
    if isinstance(value, Ref):
        return value.target.removeprefix("workbench_plugins.")
    return str(getattr(value, "id", value))


def references() -> list[tuple[Contribution, Ref]]:
    found = []
    for contribution in contributions():
        values = (getattr(contribution, field.name) for field in fields(contribution))
        found += [(contribution, value) for value in values if isinstance(value, Ref)]
    return found


def options_of(params: type[Params], presets: tuple[Any, ...] = ()) -> Iterator[dict[str, Any]]:
    """The defaults, each preset, and every other choice of a choice or a switch, one at a time; sizes kept small.

    Combinations that the options themselves refuse are left out.
    """
    small = small_sizes(params)
    candidates: list[dict[str, Any]] = [{}, *(dict(preset.values) for preset in presets)]
    for spec in describe(params):
        values: tuple[Any, ...] = ()
        if spec.kind == "choice":
            values = tuple(choice for choice in spec.choices if choice != spec.default)
        elif spec.kind == "bool":
            values = (not spec.default,)
        elif spec.name in ("layers", "depth", "n_layers", "num_layers") and (spec.maximum or 2) >= 2:
            values = (2,)
        candidates += [{spec.name: value} for value in values]
    seen: list[dict[str, Any]] = []
    for candidate in candidates:
        merged = {**candidate, **small}
        try:
            validate(params, merged)
        except WorkbenchError:
            continue
        if merged not in seen:
            seen.append(merged)
            yield merged


def small_sizes(params: type[Params]) -> dict[str, Any]:
    """Options that count units, kept small so that the suite takes seconds."""
    return {
        spec.name: max(SMALL_SIZE, int(spec.minimum or 1))
        for spec in describe(params)
        if spec.kind == "int" and (spec.name.endswith("_size") or spec.unit in ("units", "dimensions", "features"))
    }


def encoders() -> list[tuple[Architecture, dict[str, Any]]]:
    """Every architecture that reads sequences, with every set of options worth trying."""
    return [
        (architecture, options)
        for architecture in contributions(Architecture)
        if Trait.SEQUENCE in architecture.accepts
        for options in options_of(architecture.params, architecture.presets)
    ]


def pairs() -> list[tuple[Task, Architecture]]:
    return [
        (task, architecture)
        for task in contributions(Task)
        for architecture in contributions(Architecture)
        if compatibility(task, architecture)
    ]


def records_for(task: Task) -> dict[str, list[Record]]:
    """A small data set for ``task``: generated, or a sample of its own record type, some tens of records."""
    if task.record in GENERATORS:
        return dataset(task.record, train=48, validation=12, test=12)
    for sample in loaded().catalogue.samples():
        if sample.record == task.record:
            splits: dict[str, list[Record]] = {"train": [], "validation": [], "test": []}
            for split, _document, record in sample.factory.resolve()():
                if split in splits and len(splits[split]) < 48:
                    splits[split].append(record)
            return splits
    raise AssertionError(f"no plugin brings a sample of {task.record!r} records for the task {task.id!r}")
