"""A trace: what a model did inside, step by step, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """One recurrent layer in one direction.

    ``states`` (T, H) are in the order of the sequence for both directions. ``gates`` maps a gate's name
    ("input", "forget", "output", "candidate", "reset", "update") to (T, H); ``cell`` is (T, H) or None.
    """

    name: str
    direction: str
    states: Array
    gates: Mapping[str, Array] = field(default_factory=dict)
    cell: Array | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything panels, exporters, the command line and tests show of one record.

    ``steps`` name the T positions (tokens); ``outputs`` (T, K) are probabilities over ``output_labels``;
    ``gradient`` (T,) is |∂L/∂h_t| of the last recurrent layer where it was asked for; ``attention`` (T_out, T_in).
    """

    steps: tuple[str, ...]
    layers: tuple[LayerTrace, ...]
    outputs: Array | None = None
    output_labels: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    attention: Array | None = None
    gradient: Array | None = None

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
            layers.append({"name": layer.name, "direction": layer.direction, "gates": list(layer.gates)})
        for name in ("outputs", "attention", "gradient"):
            value = getattr(self, name)
            if value is not None:
                arrays[name] = value
        return (
            {
                "steps": list(self.steps),
                "layers": layers,
                "output_labels": list(self.output_labels),
                "predicted": list(self.predicted),
            },
            arrays,
        )

    @classmethod
    def from_arrays(cls, description: Mapping[str, Any], arrays: Mapping[str, Array]) -> Trace:
        """The inverse of :meth:`to_arrays`."""
        layers = tuple(
            LayerTrace(
                name=layer["name"],
                direction=layer["direction"],
                states=np.asarray(arrays[f"layer{i}.states"]),
                gates={gate: np.asarray(arrays[f"layer{i}.gate.{gate}"]) for gate in layer["gates"]},
                cell=np.asarray(arrays[f"layer{i}.cell"]) if f"layer{i}.cell" in arrays else None,
            )
            for i, layer in enumerate(description["layers"])
        )
        optional = {
            name: np.asarray(arrays[name]) if name in arrays else None for name in ("outputs", "attention", "gradient")
        }
        return cls(
            steps=tuple(description["steps"]),
            layers=layers,
            output_labels=tuple(description["output_labels"]),
            predicted=tuple(description["predicted"]),
            **optional,
        )
