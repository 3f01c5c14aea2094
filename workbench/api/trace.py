"""A trace: what a model did inside, step by step, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy takes 50 ms to import: too long for a command that only lists plugins, or before a window
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = Any

_OPTIONAL = ("outputs", "attention", "gradient", "gradient_steps", "parents")


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """One recurrent layer in one direction, "forward" or "backward"; "" for what each step makes by itself.

    ``states`` (T, H) are in the order of the sequence for both directions. ``gates`` maps a gate's name
    ("input", "forget", "output", "candidate", "reset", "update") to (T, H); ``cell`` is (T, H) or None.
    ``over`` says what T counts: the "steps" of the input (nodes of a tree), or the "outputs" of a decoder.
    """

    name: str
    direction: str
    states: Array
    gates: Mapping[str, Array] = field(default_factory=dict)
    cell: Array | None = None
    over: str = "steps"


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything panels, exporters, the command line and tests show of one record.

    ``steps`` name the T positions (tokens, nodes); ``outputs`` (T, K) are probabilities over ``output_labels``, or
    plain values where these are empty. A model that writes a sequence names what it wrote in ``output_steps``:
    ``outputs`` and ``attention`` (T_out, T_in) then have a row for each of these. ``parents`` (T,) int64 makes the
    steps the nodes of a tree, in post-order; -1 for the root.

    ``gradient_through_time``, where it was asked for: for each direction of the last recurrent layer ("forward",
    "backward") the norms |∂L_s/∂h_t| (S, T), L_s being the loss of step s alone, for the steps s that
    ``gradient_steps`` (S,) names; "input" instead of a direction: |∂L_s/∂x_t|, of a network whose states cannot be
    asked one by one. ``gradient`` (T,) is the last of those rows, its directions together. ``gradient_note`` says
    what the loss was taken against, or why there is no gradient.
    """

    steps: tuple[str, ...]
    layers: tuple[LayerTrace, ...]
    outputs: Array | None = None
    output_labels: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    attention: Array | None = None
    gradient: Array | None = None
    gradient_through_time: Mapping[str, Array] = field(default_factory=dict)
    gradient_steps: Array | None = None
    gradient_note: str = ""
    output_steps: tuple[str, ...] = ()
    parents: Array | None = None

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """JSON-able description and named arrays (for ``numpy.savez``, never pickled)."""
        arrays: dict[str, Array] = {}
        layers: list[dict[str, Any]] = []
        for i, layer in enumerate(self.layers):
            arrays[f"layer{i}.states"] = layer.states
            if layer.cell is not None:
                arrays[f"layer{i}.cell"] = layer.cell
            for gate, values in layer.gates.items():
                arrays[f"layer{i}.gate.{gate}"] = values
            layers.append(
                {"name": layer.name, "direction": layer.direction, "gates": list(layer.gates), "over": layer.over}
            )
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value is not None:
                arrays[name] = value
        for direction, values in self.gradient_through_time.items():
            arrays[f"gradient.{direction}"] = values
        return (
            {
                "steps": list(self.steps),
                "layers": layers,
                "output_labels": list(self.output_labels),
                "predicted": list(self.predicted),
                "gradient_directions": list(self.gradient_through_time),
                "gradient_note": self.gradient_note,
                "output_steps": list(self.output_steps),
            },
            arrays,
        )

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Array]) -> Trace:
        """The inverse of :meth:`to_arrays`."""
        import numpy as np

        layers = tuple(
            LayerTrace(
                name=layer["name"],
                direction=layer["direction"],
                states=np.asarray(arrays[f"layer{i}.states"]),
                gates={gate: np.asarray(arrays[f"layer{i}.gate.{gate}"]) for gate in layer["gates"]},
                cell=np.asarray(arrays[f"layer{i}.cell"]) if f"layer{i}.cell" in arrays else None,
                over=str(layer.get("over", "steps")),
            )
            for i, layer in enumerate(description["layers"])
        )
        optional = {name: np.asarray(arrays[name]) if name in arrays else None for name in _OPTIONAL}
        directions = description.get("gradient_directions", ())
        return cls(
            steps=tuple(description["steps"]),
            layers=layers,
            output_labels=tuple(description["output_labels"]),
            predicted=tuple(description["predicted"]),
            gradient_through_time={name: np.asarray(arrays[f"gradient.{name}"]) for name in directions},
            gradient_note=str(description.get("gradient_note", "")),
            output_steps=tuple(description.get("output_steps", ())),
            **optional,
        )
