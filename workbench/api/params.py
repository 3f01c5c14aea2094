"""Options declared once: forms, command-line flags, the run file and validation all derive from them.

A contribution's options are a :class:`Params` subclass whose fields are made by :func:`option`::

    class LstmParams(Params):
        hidden_size: int = option(128, ge=1, le=8192, unit="units", what="How much the network can remember at once.",
                                  when="Raise it when validation loss stays high.", typical="100 to 300 for tagging")
"""

from __future__ import annotations

import difflib
import types
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticUndefined

from workbench.api.errors import WorkbenchError
from workbench.api.option_words import what_is_wrong, what_to_do

Model = TypeVar("Model", bound=BaseModel)
ParamKind = Literal["bool", "int", "float", "choice", "text", "list", "rows"]


class Params(BaseModel):
    """Base of every set of options: frozen, validated, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def option(
    default: Any,
    *,
    what: str,
    when: str = "",
    typical: str = "",
    unit: str = "",
    title: str = "",
    advanced: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    least: int | None = None,
    most: int | None = None,
) -> Any:
    """A field of a :class:`Params` class.

    ``what`` it does, ``when`` to change it, a ``typical`` value, its ``unit`` and bounds; ``advanced`` ones are
    folded away in forms. Types understood: bool, int, float, str, ``Literal[...]``, enums, ``X | None``,
    ``tuple[X, ...]``, and ``tuple[P, ...]`` of another :class:`Params` P: rows that are edited one by one (the layers
    of a stack). ``least`` and ``most`` bound how many values or rows there are.
    """
    return Field(
        default,
        title=title or None,
        description=what,
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        min_length=least,
        max_length=most,
        json_schema_extra={"when": when, "typical": typical, "unit": unit, "advanced": advanced},
    )


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One option as forms and flags see it.

    Of kind "rows", ``row`` is the :class:`Params` of each row, ``default`` a list of dictionaries of plain values, and
    ``minimum`` and ``maximum`` say how many rows there may be.
    """

    name: str
    title: str
    kind: ParamKind
    default: Any
    what: str
    when: str = ""
    typical: str = ""
    unit: str = ""
    advanced: bool = False
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    choices: tuple[str, ...] = ()
    item_kind: ParamKind | None = None
    row: type[Params] | None = None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def describe(params: type[Params]) -> tuple[ParamSpec, ...]:
    """The options of ``params`` in their order of declaration."""
    return tuple(_describe_field(name, info) for name, info in params.model_fields.items())


def validate(params: type[Model], values: dict[str, Any], *, file: str | None = None, where: str = "") -> Model:
    """Build ``params`` from plain values; :class:`WorkbenchError` naming the first wrong option and its bounds."""
    try:
        return params.model_validate(values)
    except ValidationError as error:
        what, fix = refusal(params, error, where)
        raise WorkbenchError(what, fix=fix, file=file, details=str(error)) from error


def refusal(params: type[BaseModel], error: ValidationError, where: str = "") -> tuple[str, str]:
    """What is wrong with the first option that ``error`` names, and what to do, in our words."""
    first = error.errors(include_url=False)[0]
    place = first["loc"]
    # rows are counted from 1, as a form shows them
    name = ".".join(str(part + 1 if isinstance(part, int) else part) for part in place) or "?"
    full = f"{where + '.' if where else ''}{name}"
    if first["type"] == "extra_forbidden":
        return f"There is no option {full}.", _near(params, place)
    if first["type"] in ("value_error", "assertion_error"):
        said = str(first.get("ctx", {}).get("error", first["msg"]))
        fix = "Change the value and try again."
        return (f"{full}: {said}" if place else f"{where}: {said}" if where else said), fix
    if first["type"] == "missing":
        return f"{full} is missing.", "Add it."
    spec = _spec_at(params, place)
    return f"{full}: {what_is_wrong(first, spec)}.", what_to_do(first, spec)


def _spec_at(params: type[BaseModel], place: tuple[int | str, ...]) -> ParamSpec | None:
    """The option at ``place``, of whichever table inside ``params`` it stands in; None where there is none."""
    names = [part for part in place if isinstance(part, str)]
    for name in names[:-1]:
        inner = params.model_fields[name].annotation if name in params.model_fields else None
        if get_origin(inner) is tuple:
            inner = get_args(inner)[0]
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        params = inner
    if not names or names[-1] not in params.model_fields:
        return None
    return _describe_field(names[-1], params.model_fields[names[-1]])


def _near(params: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """What there is where an unknown option was named, and what it may have meant."""
    for part in place[:-1]:
        if isinstance(part, int):
            continue  # which row of several
        inner = params.model_fields[str(part)].annotation if str(part) in params.model_fields else None
        if get_origin(inner) is tuple:
            inner = get_args(inner)[0]
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        params = inner
    near = difflib.get_close_matches(str(place[-1]), list(params.model_fields), 2)
    known = f"The options are: {', '.join(params.model_fields)}."
    return f"Did you mean {' or '.join(near)}? {known}" if near else known


def _describe_field(name: str, info: Any) -> ParamSpec:
    annotation, optional = _unwrap_optional(info.annotation)
    kind, choices, item = _kind_of(annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    bounds: dict[str, float] = {}
    for constraint in info.metadata:
        for key in ("ge", "gt", "le", "lt", "min_length", "max_length"):
            value = getattr(constraint, key, None)
            if value is not None:
                bounds[key] = value
    default = None if info.default is PydanticUndefined else info.default
    if isinstance(default, Enum):
        default = default.value
    row = _row_of(annotation)
    if row is not None:
        default = [one.model_dump(mode="json") for one in default or ()]
    return ParamSpec(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        kind=kind,
        default=default,
        what=info.description or "",
        when=str(extra.get("when", "")),
        typical=str(extra.get("typical", "")),
        unit=str(extra.get("unit", "")),
        advanced=bool(extra.get("advanced", False)),
        optional=optional,
        minimum=bounds.get("ge", bounds.get("gt", bounds.get("min_length") if row else None)),
        maximum=bounds.get("le", bounds.get("lt", bounds.get("max_length") if row else None)),
        exclusive_minimum="gt" in bounds,
        exclusive_maximum="lt" in bounds,
        choices=choices,
        item_kind=item,
        row=row,
    )


def _row_of(annotation: Any) -> type[Params] | None:
    inner = get_args(annotation)[0] if get_origin(annotation) is tuple else None
    return inner if isinstance(inner, type) and issubclass(inner, Params) else None


def _unwrap_optional(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        if len(inner) == 1:
            return inner[0], True
    return annotation, False


def _kind_of(annotation: Any) -> tuple[ParamKind, tuple[str, ...], ParamKind | None]:
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(a) for a in get_args(annotation)), None
    if _row_of(annotation) is not None:
        return "rows", (), None
    if get_origin(annotation) in (tuple, list):
        return "list", (), _kind_of(get_args(annotation)[0])[0]
    if isinstance(annotation, type):
        if issubclass(annotation, Enum):
            return "choice", tuple(str(member.value) for member in annotation), None
        if issubclass(annotation, bool):
            return "bool", (), None
        if issubclass(annotation, int):
            return "int", (), None
        if issubclass(annotation, float):
            return "float", (), None
    return "text", (), None
