"""Truncated back-propagation through one running stream: how it is cut, and the state that is carried along.

The stream is laid out in parallel rows of equal length, which are read chunk by chunk, in order and never shuffled;
the state after a chunk is the one the next begins with, without its history. Rows and chunks of an epoch are a
function of (seed, epoch), so a resumed run finds its place with the epoch, the cursor and the carried state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.nn.contract import Encoded, State, map_state


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """``plan[i]`` (R, 2): first and last step (exclusive) of chunk i in each of the rows that begin at ``starts``."""

    starts: NDArray[np.int64]
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, chunk: int) -> NDArray[np.int64]:
        return self.starts[:, None] + self.bounds[chunk : chunk + 2]


@dataclass(frozen=True, slots=True)
class StreamBatches:
    """``budget // chunk`` parallel rows over ``steps`` steps (fewer where a row would be shorter than a chunk).

    What does not divide among the rows (fewer steps than there are rows) is left out, at the start or the end as
    (seed, epoch) have it; the first chunk of an epoch is shorter than the others by as much, drawn likewise, so that
    chunks begin elsewhere in every epoch: nothing is left out for good, and no step is always the first of a chunk.
    """

    steps: int
    chunk: int
    budget: int
    seed: int

    def epoch(self, epoch: int) -> StreamPlan:
        chunk = max(1, self.chunk)
        rows = max(1, min(self.budget // chunk, self.steps // chunk))
        length, rest = divmod(self.steps, rows)
        generator = np.random.Generator(np.random.PCG64([self.seed, epoch]))
        offset = int(generator.integers(0, rest + 1))
        # as many chunks in every epoch: the first takes at least what the last would otherwise have
        last = length - (max(1, -(-length // chunk)) - 1) * chunk
        first = int(generator.integers(last, chunk + 1)) if length > chunk else length
        return StreamPlan(offset + length * np.arange(rows, dtype=np.int64), _bounds(length, first, chunk))


def reading_plan(steps: int, rows: int, chunk: int) -> tuple[StreamPlan, NDArray[np.int64] | None]:
    """How a stream is read to be measured: ``rows`` equal rows in chunks of ``chunk``, and the rest (1, 2), if any."""
    rows = max(1, min(rows, steps))
    length, rest = divmod(steps, rows)
    plan = StreamPlan(length * np.arange(rows, dtype=np.int64), _bounds(length, min(chunk, length), chunk))
    return plan, np.array([[steps - rest, steps]], dtype=np.int64) if rest else None


def _bounds(length: int, first: int, chunk: int) -> NDArray[np.int64]:
    inner = np.arange(first, length, chunk, dtype=np.int64)
    return np.concatenate([[0], inner, [length]]) if length else np.zeros(1, dtype=np.int64)


class Carried:
    """The state between two chunks: detached, begun with the network's own zero state, saved and restored."""

    def __init__(self) -> None:
        self.state: State = None

    def reset(self) -> None:
        """Forget: the stream begins anew."""
        self.state = None

    def keep(self, encoded: Encoded) -> None:
        """Carry on what ``encoded`` left, without its history."""
        self.state = map_state(torch.Tensor.detach, encoded.state)

    def save(self) -> tuple[Any, dict[str, Tensor]]:
        """The state as JSON-able structure and named tensors."""
        tensors: dict[str, Tensor] = {}
        return _flatten(self.state, tensors), tensors

    def restore(self, structure: Any, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        self.state = _unflatten(structure, tensors, device)


def _flatten(state: State, tensors: dict[str, Tensor]) -> Any:
    if isinstance(state, Tensor):
        name = str(len(tensors))
        tensors[name] = state
        return {"tensor": name}
    if isinstance(state, tuple | list):
        kind = "tuple" if isinstance(state, tuple) else "list"
        return {kind: [_flatten(part, tensors) for part in state]}
    if isinstance(state, dict):
        return {"dict": {str(name): _flatten(part, tensors) for name, part in state.items()}}
    if state is None or isinstance(state, bool | int | float | str):
        return {"value": state}
    raise TypeError(f"a carried state may hold tensors and plain values, not {type(state).__name__}")


def _unflatten(structure: Any, tensors: Mapping[str, Tensor], device: torch.device) -> State:
    ((kind, value),) = structure.items()
    if kind == "tensor":
        return tensors[value].to(device)
    if kind == "tuple":
        return tuple(_unflatten(part, tensors, device) for part in value)
    if kind == "list":
        return [_unflatten(part, tensors, device) for part in value]
    if kind == "dict":
        return {name: _unflatten(part, tensors, device) for name, part in value.items()}
    return value
