"""How a task and an architecture meet: the modules each yields, and what flows between them.

The architecture knows nothing of words, the task nothing of gates; the engine composes any compatible pair::

    batch ──► embedder ──► x (B, T, D), lengths (B,) ──► encoder ──► Encoded ──► head ──► outputs ──► loss / decode
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import LayerTrace, Record, Report, Result

State = Any
"""What a recurrent network carries from one chunk to the next: a pytree (tuples, lists) of tensors (…, B, …)."""


@dataclass(slots=True)
class Batch:
    """Named tensors of ``size`` records; ``lengths`` (B,) int64 on the CPU; ``units`` counts what throughput counts.

    ``fields`` are padded arrays as the codec's ``collate`` made them; :meth:`to` moves them to a device.
    """

    fields: dict[str, Tensor]
    lengths: Tensor
    units: int

    @property
    def size(self) -> int:
        return int(self.lengths.shape[0])

    def to(self, device: torch.device) -> Batch:
        if device.type == "cpu":
            return self
        moved = {name: tensor.pin_memory().to(device, non_blocking=True) for name, tensor in self.fields.items()}
        return Batch(moved, self.lengths, self.units)


@dataclass(slots=True)
class Encoded:
    """What an encoder yields.

    ``states`` (B, T', H): T' may differ from T (time subsampling). Positions ≥ ``lengths`` hold zeros.
    ``final`` (B, H): the last valid state of each direction, concatenated. ``state`` is what truncated
    back-propagation carries on.
    """

    states: Tensor
    lengths: Tensor
    final: Tensor
    state: State = None


class Encoder(nn.Module, ABC):
    """A network that reads sequences. A batch's answer equals the answers one by one (padding never leaks)."""

    output_size: int

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        """``x`` (B, T, D) on the device, ``lengths`` (B,) int64 on the CPU, each ≥ 1."""

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One step of a causal encoder: ``x_t`` (B, D) → output (B, H) and the new state (None starts afresh)."""
        raise TypeError(f"{type(self).__name__} reads the whole sequence at once and cannot be stepped")

    @abstractmethod
    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        """Hidden states and gates of one sequence ``x`` (1, T, D) as plain arrays, layer by layer."""


@dataclass(slots=True)
class LossSum:
    """``total`` is the sum over ``count`` units (tokens, sentences): right under accumulation and several devices."""

    total: Tensor
    count: int


Encoding = Mapping[str, NDArray[Any]]
"""One record as named NumPy arrays, first axis free: what is packed flat and memory-mapped."""


class Codec(Protocol):
    """Records ↔ arrays, fitted on the training split only; JSON-able."""

    def encode(self, record: Record) -> Encoding:
        """Every call yields the same names and dtypes. A record without labels (prediction) gets padding labels."""
        ...

    def length(self, record: Record) -> int:
        """Steps of the encoded sequence."""
        ...

    def collate(self, items: Sequence[Encoding]) -> Batch: ...

    def to_json(self) -> dict[str, Any]: ...


class Embedder(nn.Module, ABC):
    """``forward(batch) -> x (B, T, D)``."""

    output_size: int

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor: ...


class Head(nn.Module, ABC):
    """From encoder states to outputs, their loss, and plain results."""

    @abstractmethod
    def forward(self, encoded: Encoded, batch: Batch) -> Tensor: ...

    @abstractmethod
    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        """The sum over this batch; computed in float32."""

    def regression_targets(self, batch: Batch) -> Tensor | None:
        """(B, T, K) targets where a linear readout can be solved in closed form, else None."""
        return None


@dataclass(slots=True)
class DecodeOptions:
    n_best: int = 1
    alternatives: int = 0
    probabilities: bool = True
    """False for validation inside training: decoding alone, which is faster; results then carry 1.0."""
    extra: dict[str, Any] = field(default_factory=dict)


class TaskModel(Protocol):
    """What a task's factory yields: ``factory(params) -> TaskModel``."""

    def check(self, records: Iterable[Record]) -> None:
        """Refuse data this task cannot learn from, with a :class:`WorkbenchError`."""
        ...

    def fit_codec(self, records: Iterable[Record]) -> Codec: ...

    def load_codec(self, data: Mapping[str, Any]) -> Codec: ...

    def embedder(self, codec: Codec) -> Embedder: ...

    def head(self, codec: Codec, input_size: int) -> Head: ...

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: Codec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]: ...

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        """An evaluation from (record id, gold record, result, loss per unit)."""
        ...

    def steps(self, record: Record) -> tuple[str, ...]:
        """Names of the positions of a record, for a trace (tokens)."""
        ...

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        """(B, T, K) probabilities for a trace."""
        ...

    def output_labels(self, codec: Codec) -> tuple[str, ...]: ...


@runtime_checkable
class KnowsGold(Protocol):
    """What a task may have besides: the gold answers of a record, for the loss of a single step in a trace."""

    def gold(self, record: Record, codec: Codec) -> NDArray[np.int64] | None:
        """(T,) indices into ``output_labels``, -1 for a label the model does not know; None without labels."""
        ...


class MetricState(Protocol):
    """``update`` with each prediction and its gold record, then ``compute``."""

    def update(self, result: Result, record: Record) -> None: ...

    def compute(self) -> dict[str, float]: ...

    def reset(self) -> None: ...
