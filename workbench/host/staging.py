"""Staging: one plugin's contributions are collected and checked here before any of them is committed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from workbench.api import IOShape, Params, Preset, Ref, Trait, WorkbenchError, validate
from workbench.api.contributions import CONTRIBUTION_TYPES, Architecture, Contribution, Exporter, Panel

ID_PATTERN = re.compile(r"[a-z0-9_-]+")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_CHOICES: tuple[tuple[type[Any], str], ...] = ((Architecture, "fitting"), (Exporter, "of"), (Panel, "area"))


class StagingRegistrar:
    """The registry handed to one plugin's hooks; a wrong contribution is refused where it is added.

    ``faults`` keeps what was refused even when the plugin catches the exception: then nothing of it is committed.
    """

    def __init__(self) -> None:
        self.contributions: list[Contribution] = []
        self.faults: list[WorkbenchError] = []
        self.hook = ""

    def add(self, contribution: Contribution) -> None:
        """Stage ``contribution``; :class:`WorkbenchError` saying what is wrong with it."""
        try:
            check_contribution(contribution, self.hook)
            self._check_new(contribution)
        except WorkbenchError as error:
            self.faults.append(error)
            raise
        self.contributions.append(contribution)

    def _check_new(self, contribution: Contribution) -> None:
        key = key_of(contribution)
        if any(key_of(other) == key for other in self.contributions):
            what = f"The plugin registers the {describe(contribution)} twice."
            raise WorkbenchError(what, fix="Give each its own id.")


def key_of(contribution: Contribution) -> tuple[type[Any], str]:
    """What no two contributions may share."""
    return type(contribution), contribution.id


def kind_of(contribution: Contribution) -> str:
    """``RecordEditor`` → ``record editor``."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(contribution).__name__).lower()


def describe(contribution: Contribution) -> str:
    """``architecture 'lstm'``: how problems name a contribution."""
    return f"{kind_of(contribution)} {contribution.id!r}"


def check_contribution(contribution: Contribution, hook: str) -> None:
    """Raise :class:`WorkbenchError` unless ``contribution`` is well formed and belongs into ``hook``."""
    # what a plugin hands over is whatever it likes: nothing here may trust the annotations
    if not isinstance(contribution, CONTRIBUTION_TYPES):
        names = ", ".join(cls.__name__ for cls in CONTRIBUTION_TYPES)
        raise WorkbenchError(f"{hook} was handed {contribution!r}.", fix=f"A contribution is one of {names}.")
    if hook != contribution.HOOK:
        raise WorkbenchError(
            f"{hook} was handed an {type(contribution).__name__}, which belongs into {contribution.HOOK}.",
            fix=f"Add it in a function called {contribution.HOOK}.",
        )
    faults = list(_faults(contribution))
    if faults:
        raise WorkbenchError(
            f"The {describe(contribution)} is not well formed: {'; '.join(faults)}.",
            fix="Correct the contribution; the plugin guide describes every field.",
        )


def _faults(contribution: Contribution) -> Iterator[str]:
    if not (isinstance(contribution.id, str) and ID_PATTERN.fullmatch(contribution.id)):
        yield "an id is made of small letters, digits, - and _"
    hints = get_type_hints(type(contribution))
    for field in fields(contribution):
        value = getattr(contribution, field.name)
        expected = hints[field.name]
        if expected is Ref or Ref in get_args(expected):
            yield from _ref_faults(field.name, value, optional=expected is not Ref)
        elif expected is str and not isinstance(value, str):
            yield f"{field.name} is {value!r}, not text"
    if getattr(contribution, "title", "-") == "":
        yield "it has no title"
    for cls, name in _CHOICES:
        if isinstance(contribution, cls):
            allowed = get_args(hints[name])
            if getattr(contribution, name) not in allowed:
                yield f"{name} is one of {', '.join(allowed)}, not {getattr(contribution, name)!r}"
    yield from _shape_faults(contribution)
    yield from _params_faults(contribution)


def _ref_faults(name: str, value: Any, *, optional: bool) -> Iterator[str]:
    if optional and value is None:
        return
    if not isinstance(value, Ref):
        yield f'{name} is {value!r}, not a Ref("package.module:Name")'
    elif not (_DOTTED.fullmatch(value.module) and _DOTTED.fullmatch(value.name)):
        yield f"{name} does not name an object: {value.target!r}"


def _shape_faults(contribution: Contribution) -> Iterator[str]:
    for name, member in (("shapes", IOShape), ("accepts", Trait), ("needs", Trait)):
        values: Any = getattr(contribution, name, frozenset())
        if not isinstance(values, frozenset) or not all(isinstance(value, member) for value in values):
            yield f"{name} is not a frozenset of {member.__name__}"
    shape = getattr(contribution, "shape", IOShape.ONE_TO_ONE)
    if not isinstance(shape, IOShape):
        yield f"shape is {shape!r}, not an IOShape"
    extensions = getattr(contribution, "extensions", ())
    if not isinstance(extensions, tuple) or not all(isinstance(e, str) and e.startswith(".") for e in extensions):
        yield 'extensions is not a tuple of suffixes such as ".txt"'


def _params_faults(contribution: Contribution) -> Iterator[str]:
    params = getattr(contribution, "params", Params)
    if not (isinstance(params, type) and issubclass(params, Params)):
        yield f"params is {params!r}, not a subclass of Params"
        return
    for preset in getattr(contribution, "presets", ()):
        if not isinstance(preset, Preset):
            yield f"{preset!r} is not a Preset"
            continue
        try:
            validate(params, dict(preset.values))
        except WorkbenchError as error:
            yield f"its preset {preset.title!r} does not fit its params: {error.what}"
