"""What is wrong with the value of an option, in our words: its bound or what it may be, and what to do about it.

The validator's own sentences ("Input should be less than or equal to 8192") speak to programmers, and name neither
unit nor typical value. This module is told its finding and the option, and says it to the person who chose the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.api.params import ParamSpec

_KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "text": "text", "list": "a list"}
_MANY = {"int": "whole numbers", "float": "numbers", "text": "texts", "bool": "truth values"}
_TABLES = ("dict_type", "model_type", "model_attributes_type", "mapping_type")
_LISTS = ("tuple_type", "list_type", "set_type", "iterable_type")
_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
_OURS = ("greater", "less", "bool", "int", "float", "string", "literal", "enum", "finite", "tuple", "list", "set")
"""How the validator's own findings begin whose remedy is a value of another kind or size."""
_FIX = "Change the value and try again."


def what_is_wrong(found: Mapping[str, Any], spec: ParamSpec | None) -> str:
    """The end of a sentence that begins with the option's name: "9,000 is too large, it is at most 8,192 units (…)"."""
    kind, context = str(found["type"]), found.get("ctx", {})
    got = f"(got {_short(found.get('input'))})"
    in_list = spec is not None and spec.kind == "list" and isinstance(found["loc"][-1], int)
    if kind in _BOUNDS:
        (bound,) = context.values()
        far = "too small" if kind.startswith("greater") else "too large"
        limit = {"greater_than": "above", "greater_than_equal": "at least", "less_than": "below"}.get(kind, "at most")
        return f"{_short(found.get('input'))} is {far}, it must be {limit} {_figure(bound)}{_unit(spec, bound)}"
    if kind in ("too_short", "too_long"):
        few = kind == "too_short"
        limit = context.get("min_length" if few else "max_length")
        said = "there must be more of them: at least" if few else "there are too many of them: at most"
        return f"{said} {limit} (got {context.get('actual_length')})"
    if kind in _TABLES:
        return f"a table is expected {got}"
    if kind in _LISTS:
        return f"a list is expected {got}"
    if kind == "finite_number":
        return f"a finite number is expected {got}"
    if kind == "int_from_float":
        return f"a whole number is expected {got}"
    if kind in ("literal_error", "enum") and spec is not None and spec.choices:
        return f"there is no choice {_short(found.get('input'))}"
    wanted = kind.split("_")[0]
    words = {**_KINDS, "string": "text"}
    if in_list and spec is not None and spec.item_kind is not None:
        wanted = spec.item_kind
    if wanted not in words:  # a rule of the option's own, in the words of its author
        return f"{found.get('msg', 'another value is expected')} {got}"
    return f"{words[wanted]} is expected {got}"


def what_to_do(found: Mapping[str, Any], spec: ParamSpec | None) -> str:
    """What the option may be, with its unit and a typical value."""
    kind = str(found["type"])
    if spec is None or kind in (*_TABLES, "too_short", "too_long") or kind.split("_")[0] not in _OURS:
        return _FIX
    if spec.choices:
        wanted = f"one of {', '.join(spec.choices)}"
    elif spec.kind == "list":
        wanted = f"a list of {_MANY.get(spec.item_kind or '', 'values')}"
    elif spec.kind in _KINDS:
        wanted = _KINDS[spec.kind] + _range(spec)
    else:
        return _FIX
    if spec.optional:
        wanted += ", or leave it out"
    typical = f" Typical: {spec.typical}." if spec.typical and spec.kind != "bool" else ""
    return f"Change the value to {wanted}.{typical}"


def _range(spec: ParamSpec) -> str:
    """Both bounds, so that the next try is right."""
    low, high = spec.minimum, spec.maximum
    if low is not None and high is not None and not spec.exclusive_minimum and not spec.exclusive_maximum:
        return f" from {_figure(low)} to {_figure(high)}{_unit(spec)}"
    parts = []
    if low is not None:
        parts.append(f"{'above' if spec.exclusive_minimum else 'at least'} {_figure(low)}")
    if high is not None:
        parts.append(f"{'below' if spec.exclusive_maximum else 'at most'} {_figure(high)}")
    last = high if high is not None else low
    return f", {' and '.join(parts)}{_unit(spec, last or 0)}" if parts else ""


def _unit(spec: ParamSpec | None, of: float = 0) -> str:
    return f" {spec.unit}" if spec is not None and spec.unit and of != 1 else ""  # units are named in the plural


def _figure(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:g}"


def _short(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _figure(value) if value == value and abs(value) != float("inf") else str(value)
    return f"{value!r:.80}"
