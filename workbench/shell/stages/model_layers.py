"""What a described model is made of: its real layers with direction and size, and the numbers of its letters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_UNITS = ("hidden_size", "units", "reservoir_size", "size", "state_size")
_RECURRENT = re.compile(r"(^|[._])(weight_)?(hh|recurrent|reservoir)")
_INPUT = re.compile(r"(^|[._])(weight_)?(ih|input)")


@dataclass(frozen=True, slots=True)
class StackLayer:
    """One layer; ``part`` is "embedder", "network", "decoder" or "head", and ``size`` 0 where it is not known."""

    part: str
    name: str
    direction: str = ""
    size: int = 0
    inputs: int = 0
    parameters: int = 0

    @property
    def arrow(self) -> str:
        return {"forward": "→", "backward": "←"}.get(self.direction, "")


def stack_of(described: Mapping[str, Any] | None, units: int = 0) -> list[StackLayer]:
    """The layers from input to output, from the ``describe`` job's answer: its ``stack`` where the engine gives one,
    else what the names and shapes of the parameters tell. ``units`` is the size where these do not (no recurrent
    weights, or fixed ones)."""
    if not described:
        return []
    given = described.get("stack")
    if given:
        return [_given(one) for one in given]
    found: dict[tuple[str, str, str], StackLayer] = {}
    for row in described.get("layers") or ():
        key = _key(str(row.get("name", "")))
        layer = found.get(key, StackLayer(*key))
        found[key] = _with_parameter(layer, row)
    for part, name, _ in [key for key in found if key[0] == "network" and not key[2]]:
        # norms and skips stand beside the cells of a layer and have no direction: they count with the first of them
        cell = next((key for key in found if key[:2] == (part, name) and key[2]), None)
        if cell is not None:
            beside = found.pop((part, name, ""))
            found[cell] = replace(found[cell], parameters=found[cell].parameters + beside.parameters)
    if found and units and not any(part == "network" for part, _, _ in found):
        place = sum(part == "embedder" for part, _, _ in found)
        rows = list(found.values())
        return [*rows[:place], StackLayer("network", "", "", units), *rows[place:]]  # nothing of it is learned
    sized = (replace(one, size=units) if one.part == "network" and not one.size else one for one in found.values())
    return list(sized)


def _given(row: Mapping[str, Any]) -> StackLayer:
    return StackLayer(
        str(row.get("part", "network")),
        str(row.get("name", "")),
        str(row.get("direction", "")),
        int(row.get("size", 0)),
        int(row.get("inputs", 0)),
        int(row.get("parameters", 0)),
    )


def _key(name: str) -> tuple[str, str, str]:
    """(part, layer, direction) of a parameter by its dotted name."""
    parts = name.lower().split(".")
    top = parts[0]
    if top not in ("encoder", "network"):
        return ("embedder" if "embed" in top else "head"), "", ""
    inner = parts[1:]
    part = "decoder" if any("decoder" in one for one in inner) else "network"
    direction = next(
        (way for one in inner for way, marks in _DIRECTIONS.items() if any(mark in one for mark in marks)), ""
    )
    number = next((int(one) + 1 for one in inner if one.isdigit()), 0)
    if part == "decoder" and not number:  # its bridge, its attention
        after = inner[next(i for i, one in enumerate(inner) if "decoder" in one) + 1 :]
        return part, after[0].replace("_", " ") if len(after) > 1 else "", ""
    return part, f"layer {number}" if number else "", direction


_DIRECTIONS = {"backward": ("backward", "reverse"), "forward": ("forward",)}


def _with_parameter(layer: StackLayer, row: Mapping[str, Any]) -> StackLayer:
    shape = [int(one) for one in row.get("shape") or ()] if not isinstance(row.get("shape"), str) else []
    name = str(row.get("name", ""))
    layer = replace(layer, parameters=layer.parameters + int(row.get("parameters", 0)))
    if len(shape) == 2:
        if _RECURRENT.search(name) and not layer.size:
            return replace(layer, size=min(shape))
        if _INPUT.search(name) and not layer.inputs:
            return replace(layer, inputs=shape[1])
        if layer.part == "head" and not layer.size:
            return replace(layer, size=shape[0], inputs=shape[1])
        if layer.part == "embedder" and not layer.size:
            return replace(layer, size=shape[1])
    return layer


def sizes_of(params: Mapping[str, Any], described: Mapping[str, Any] | None) -> dict[str, int]:
    """The letters of the equations as numbers: H units, D inputs, L layers, K outputs, and what the engine names."""
    sizes: dict[str, int] = {}
    for name in _UNITS:
        if isinstance(params.get(name), int):
            sizes["H"] = sizes["N"] = int(params[name])
            break
    if isinstance(params.get("layers"), int):
        sizes["L"] = int(params["layers"])
    stack = stack_of(described, sizes.get("H", 0))
    network = [one for one in stack if one.part == "network"]
    if network:
        embedded = next((one.size for one in stack if one.part == "embedder" and one.size), 0)
        inputs = network[0].inputs or embedded
        sizes.update({"D": inputs} if inputs else {})
        sizes.update({"H": network[0].size, "N": network[0].size} if network[0].size else {})
    decoder = next((one for one in stack if one.part == "decoder" and one.inputs), None)
    if decoder is not None:
        sizes["E"] = decoder.inputs
    head = next((one for one in stack if one.part == "head" and one.size), None)
    if head is not None:
        sizes["K"] = sizes["V"] = head.size
    sizes.update({str(name): int(value) for name, value in dict((described or {}).get("sizes") or {}).items()})
    return sizes


def notes_of(described: Mapping[str, Any] | None) -> list[str]:
    """What the engine has to say of this model, one sentence each."""
    notes: Iterable[Any] = (described or {}).get("notes") or ()
    return [notes] if isinstance(notes, str) else [str(one) for one in notes if str(one).strip()]
