"""Command-line flags derived from options: what a form shows, a flag sets.

A flag is named after its option. A name that occurs twice (in the task and in the architecture, say) is told apart by
the section it belongs to: ``--task-dropout``, ``--architecture-dropout``.
"""

from __future__ import annotations

import inspect
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from workbench.api import Params, ParamSpec, describe
from workbench.api.option_words import what_is_wrong, what_to_do


@dataclass(frozen=True, slots=True)
class Section:
    """A set of options: ``name`` prefixes ambiguous flags and is its key in the run file."""

    name: str
    title: str
    params: type[Params]


@dataclass(frozen=True, slots=True)
class Flag:
    """One option as a flag; ``argument`` is the parameter of the Python function that typer calls."""

    section: str
    spec: ParamSpec
    name: str
    title: str

    @property
    def argument(self) -> str:
        return f"{self.section}__{self.spec.name}"


def flags_of(sections: Iterable[Section], reserved: Iterable[str]) -> list[Flag]:
    """A flag for every option of ``sections``; ``reserved`` names (without dashes) belong to the command itself."""
    sections = tuple(sections)
    names = Counter(spec.name for section in sections for spec in describe(section.params))
    taken = {name.replace("-", "_") for name in reserved}
    flags = []
    for section in sections:
        for spec in describe(section.params):
            plain = names[spec.name] == 1 and spec.name not in taken
            name = spec.flag if plain else f"--{section.name}-{spec.flag[2:]}"
            flags.append(Flag(section.name, spec, name, section.title))
    return flags


def with_flags(
    function: Callable[..., None], flags: Iterable[Flag], *, passed_as: str = "options"
) -> Callable[..., None]:
    """``function`` with a parameter for every flag, for typer to read.

    Its parameter ``passed_as`` receives the values that were given, as {section: {option: value}}.
    """
    flags = tuple(flags)
    own = inspect.signature(function, eval_str=True)
    parameters = [p for p in own.parameters.values() if p.name != passed_as]
    parameters += [
        inspect.Parameter(
            flag.argument,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[_type(flag.spec), _option(flag)],
        )
        for flag in flags
    ]

    def call(*args: Any, **kwargs: Any) -> None:
        options: dict[str, dict[str, Any]] = {}
        for flag in flags:
            value = kwargs.pop(flag.argument, None)
            if value is not None and value != []:
                if flag.spec.kind == "rows":
                    value = rows_of(value, flag)
                options.setdefault(flag.section, {})[flag.spec.name] = value
        function(*args, **{passed_as: options}, **kwargs)

    call.__doc__ = function.__doc__
    call.__name__ = function.__name__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    return call


def rows_of(text: str, flag: Flag) -> list[dict[str, Any]]:
    """The rows that ``text`` writes out, JSON or TOML; ``typer.BadParameter`` for anything else."""
    try:
        rows = json.loads(text)
    except ValueError:
        try:
            rows = tomllib.loads(f"rows = {text}")["rows"]
        except tomllib.TOMLDecodeError as error:
            raise _bad_rows(flag, "this is neither JSON nor TOML") from error
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _bad_rows(flag, "a list of tables is expected")
    return rows


def _bad_rows(flag: Flag, what: str) -> typer.BadParameter:
    assert flag.spec.row is not None
    names = ", ".join(spec.name for spec in describe(flag.spec.row))
    return typer.BadParameter(f"{flag.name}: {what}. {_example(flag.spec)} (options: {names})")


def _example(spec: ParamSpec) -> str:
    """One row as it is written: the first options of the first row of the default."""
    row = dict(list((spec.default or [{}])[0].items())[:2])
    return f"Written as JSON, [{json.dumps(row)}, …], or as TOML."


def merge(values: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The run file's ``values`` with what flags gave; "task" and "architecture" keep their options in params."""
    merged = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for section, given in options.items():
        if section in ("task", "architecture"):
            part = merged.setdefault(section, {"id": ""})
            part["params"] = {**part.get("params", {}), **given}
        else:
            merged[section] = {**merged.get(section, {}), **given}
    return merged


def _option(flag: Flag) -> Any:
    spec = flag.spec
    names = f"{flag.name}/--no-{flag.name[2:]}" if spec.kind == "bool" else flag.name
    default = "" if spec.default is None or spec.default in ("", (), []) else f"default {spec.default}"
    if spec.kind == "rows":
        default = f"default {len(spec.default)} of them. {_example(spec)}"
    typical = f"typically {spec.typical}" if spec.typical else ""
    unit = f"in {spec.unit}" if spec.unit else ""
    note = "; ".join(part for part in (unit, default, typical) if part)
    text = f"{spec.what} ({note})" if note else spec.what
    told = f"{flag.section}: {text}"
    kind = spec.item_kind if spec.kind == "list" else spec.kind
    if kind not in ("int", "float", "choice"):
        return typer.Option(names, help=told, show_default=False)
    shown = "|".join(spec.choices) if kind == "choice" else kind
    return typer.Option(names, help=told, show_default=False, parser=_reader(spec, kind), metavar=f"<{shown}>")


def _reader(spec: ParamSpec, kind: str) -> Callable[[Any], Any]:
    """Reads the text of a flag: what is no number, or none of the choices, is told in our words and not in typer's."""

    def read(text: Any) -> Any:
        try:
            if kind != "choice":
                return int(text) if kind == "int" else float(text)
            if text in spec.choices:
                return text
        except ValueError:
            pass
        raise _refused(spec, {"type": "literal_error" if kind == "choice" else f"{kind}_parsing", "input": text})

    return read


def whole(told: str, low: int | None = None, high: int | None = None) -> Any:
    """A command's own option that is a whole number; ``told`` is its help."""
    return _number(told, "int", low, high)


def real(told: str, low: float | None = None, high: float | None = None) -> Any:
    """A command's own option that is a number; ``told`` is its help."""
    return _number(told, "float", low, high)


def _number(told: str, kind: Literal["int", "float"], low: float | None, high: float | None) -> Any:
    spec = ParamSpec("value", "", kind, None, told, minimum=low, maximum=high)
    plain = _reader(spec, kind)

    def read(text: Any) -> Any:
        value = plain(text)
        for bound, name, beyond in ((low, "greater_than_equal", -1), (high, "less_than_equal", 1)):
            if bound is not None and not (value - bound) * beyond <= 0:  # so that NaN is refused too
                raise _refused(spec, {"type": name, "input": value, "ctx": {"bound": bound}})
        return value

    return typer.Option(help=told, parser=read, metavar=f"<{kind}>")


def _refused(spec: ParamSpec, found: dict[str, Any]) -> typer.BadParameter:
    found["loc"] = (spec.name,)
    return typer.BadParameter(f"{what_is_wrong(found, spec)}. {what_to_do(found, spec)}")


def _type(spec: ParamSpec) -> Any:
    plain: Any = {"bool": bool, "int": int, "float": float}.get(spec.kind, str)
    if spec.kind == "choice":
        plain = Literal[spec.choices]
    elif spec.kind == "list":
        plain = list[{"int": int, "float": float}.get(spec.item_kind or "", str)]  # type: ignore[misc]
    return plain | None
