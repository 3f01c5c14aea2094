"""What the contract suite runs over: every contribution of every plugin, and the options worth trying of each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from workbench.api import (
    SPLITS,
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
from workbench.testing.tasks import GeneratedTasks

EXAMPLE = Path(__file__).parents[1] / "third_party" / "recurra-example-plugin"
SMALL_SIZE = 6
FEW = {"text": 8, "generated_series": 4}
"""Training records of the kinds whose records are long; 24 of every other."""


@cache
def loaded() -> LoadedPlugins:
    """The installed plugins, the generated tasks and, as somebody else's, the example of ``tests/third_party``."""
    if str(EXAMPLE) not in sys.path:
        sys.path.append(str(EXAMPLE))
    return load_plugins(gui=True, extra=[("example", "recurra_example"), ("generated", GeneratedTasks())])


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
        merged = {**candidate, **small_sizes(params, candidate)}
        try:
            validate(params, merged)
        except WorkbenchError:
            continue
        if merged not in seen:
            seen.append(merged)
            yield merged


def small_sizes(params: type[Params], chosen: dict[str, Any] | None = None, size: int = SMALL_SIZE) -> dict[str, Any]:
    """Options that count units, kept small so that the suite takes seconds; those of rows (layers) too."""
    small: dict[str, Any] = {}
    for spec in describe(params):
        if spec.kind == "int" and _counts_units(spec.name, spec.unit):
            if spec.default:
                small[spec.name] = max(size, int(spec.minimum or 1))
            elif (chosen or {}).get(spec.name):  # a part that is off by default, such as a projection
                small[spec.name] = max(size // 2, int(spec.minimum or 1))
        elif spec.row is not None:
            names = [one.name for one in describe(spec.row) if one.kind == "int" and _counts_units(one.name, one.unit)]
            rows = (chosen or {}).get(spec.name, spec.default)
            small[spec.name] = [{**_plain(row), **dict.fromkeys(names, size)} for row in rows]
    return small


def _counts_units(name: str, unit: str) -> bool:
    return name.endswith("_size") or unit in ("units", "dimensions", "features")


def _plain(row: Any) -> dict[str, Any]:
    return dict(row) if isinstance(row, dict) else dict(row.model_dump(mode="json"))


def traits_of(architecture: Architecture, options: dict[str, Any]) -> frozenset[Trait]:
    """What ``architecture`` offers with these options; one whose options decide nothing gives a state for each step."""
    if architecture.traits is None:
        return architecture.accepts | {Trait.ALIGNED}
    return architecture.offers(validate(architecture.params, options))


def families(trait: Trait) -> list[tuple[Architecture, dict[str, Any]]]:
    """Every architecture that offers ``trait``, with every set of options worth trying."""
    return [
        (architecture, options)
        for architecture in contributions(Architecture)
        if trait in architecture.accepts
        for options in options_of(architecture.params, architecture.presets)
    ]


def encoders() -> list[tuple[Architecture, dict[str, Any]]]:
    """Every architecture that reads sequences and nothing else."""
    return [(one, options) for one, options in families(Trait.SEQUENCE) if Trait.DECODER not in one.accepts]


def pairs() -> list[tuple[Task, Architecture]]:
    """Every task with every architecture that its default options fit."""
    return [(task, one) for task, one in all_pairs() if compatibility(task, one, small_sizes(one.params))]


def all_pairs() -> list[tuple[Task, Architecture]]:
    return [(task, architecture) for task in contributions(Task) for architecture in contributions(Architecture)]


def records_for(task: Task) -> dict[str, list[Record]]:
    """A small data set for ``task``: of a sample made for it, generated, or of any sample of its record type."""
    few = FEW.get(task.record, 24)
    samples = [sample for sample in loaded().catalogue.samples() if sample.record == task.record]
    samples.sort(key=lambda sample: sample.task != task.id)
    if samples and (samples[0].task == task.id or task.record not in GENERATORS):
        sizes = {"train": few, "validation": max(3, few // 3), "test": max(3, few // 4)}
        splits: dict[str, list[Record]] = {name: [] for name in SPLITS}
        for split, _document, record in samples[0].factory.resolve()():
            if split in splits and len(splits[split]) < sizes[split]:
                splits[split].append(record)
        # a sample that its task cuts in time has all its records in one split
        splits["test"] = splits["test"] or splits["validation"][: sizes["test"]] or splits["train"]
        return splits
    if task.record in GENERATORS:
        return dataset(task.record, train=few, validation=max(3, few // 3), test=max(3, few // 4))
    raise AssertionError(f"no plugin brings a sample of {task.record!r} records for the task {task.id!r}")
