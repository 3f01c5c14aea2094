"""How a task and an architecture meet: the modules each yields, and what flows between them.

The architecture knows nothing of words, the task nothing of gates; the engine composes any compatible pair::

    batch ──► embedder ──► inputs ──► network ──► Encoded ──► head ──► outputs ──► loss / decode

``inputs`` are of one of three kinds, and a family of networks reads one of them: a plain tensor (B, T, D) for those
that read sequences (:class:`Encoder`), :class:`TreeInputs` for those that compose trees (:class:`TreeEncoder`), and
:class:`PairInputs` for those that write a sequence of their own length (:class:`EncoderDecoder`). All yield
:class:`Encoded`, so a head never asks which it was: the nodes of a tree and the steps of a decoder are steps to it.

What only some networks and tasks need is an optional protocol of :mod:`workbench.nn.protocols`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

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

    ``fields`` are padded arrays as the codec's ``collate`` made them; :meth:`to` moves them to a device. ``extra``
    holds what stays on the host (the plan of a batch of trees).
    """

    fields: dict[str, Tensor]
    lengths: Tensor
    units: int
    extra: dict[str, Any] = field(default_factory=dict, kw_only=True)

    @property
    def size(self) -> int:
        return int(self.lengths.shape[0])

    def to(self, device: torch.device) -> Batch:
        if device.type == "cpu":
            return self
        moved = {name: tensor.pin_memory().to(device, non_blocking=True) for name, tensor in self.fields.items()}
        return Batch(moved, self.lengths, self.units, extra=self.extra)


@dataclass(slots=True)
class TreeInputs:
    """A batch of trees: ``x`` (B, N, D) holds a vector for each node in post-order (zeros where a node has no word).

    ``plan`` says which nodes are composed of which, height by height over the whole batch
    (:class:`workbench.nn.trees.TreePlan`, made by the codec's ``collate`` and kept in ``Batch.extra``).
    """

    x: Tensor
    plan: Any


@dataclass(slots=True)
class PairInputs:
    """A source to read and, in training, a target to write.

    ``source`` (B, S, D), whose lengths are the batch's; an image or a vector is a source of its regions or of one step.
    ``targets`` (B, T, E) are the embedded symbols the decoder is given (the start symbol first), ``target_lengths``
    (B,) int64 on the CPU; both None where there is nothing to be forced to: then the network only reads.
    ``feedback`` turns the decoder's outputs (B, H) of a step into the embedding (B, E) of the symbol the model itself
    would write, without a gradient: for steps at which the teacher is silent (the engine fills it in).
    """

    source: Tensor
    targets: Tensor | None = None
    target_lengths: Tensor | None = None
    feedback: Callable[[Tensor], Tensor] | None = None


Inputs = Tensor | TreeInputs | PairInputs


@dataclass(slots=True)
class Encoded:
    """What a network yields.

    ``states`` (B, T', H): T' may differ from T (time subsampling; the steps of a decoder). Positions ≥ ``lengths`` hold
    zeros. ``final`` (B, H): the last valid state of each direction, concatenated; a tree's root. ``state`` is what
    truncated back-propagation carries on. An encoder-decoder adds its ``memory`` (what its encoder yielded) and, where
    it attends, ``attention`` (B, T', S); without targets its ``states`` are those of its encoder. ``penalty`` is what
    the network wants added to the summed loss in training (coverage), a scalar: the engine adds it, no head does.
    """

    states: Tensor
    lengths: Tensor
    final: Tensor
    state: State = None
    memory: Encoded | None = None
    attention: Tensor | None = None
    penalty: Tensor | None = None


class Encoder(nn.Module, ABC):
    """A network that reads sequences. A batch's answer equals the answers one by one (padding never leaks)."""

    output_size: int
    subsampling: int = 1
    """Input steps that become one state: T' = ⌈T / subsampling⌉."""

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor, state: State = None) -> Encoded:
        """``x`` (B, T, D) on the device, ``lengths`` (B,) int64 on the CPU, each ≥ 1."""

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One step of a causal encoder: ``x_t`` (B, D) → output (B, H) and the new state (None starts afresh)."""
        raise TypeError(f"{type(self).__name__} reads the whole sequence at once and cannot be stepped")

    @abstractmethod
    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        """Hidden states and gates of one sequence ``x`` (1, T, D) as plain arrays, layer by layer."""


class TreeEncoder(nn.Module, ABC):
    """A network that composes the nodes of trees, leaves first. A batch's answer equals the answers one by one."""

    output_size: int

    @abstractmethod
    def forward(self, inputs: TreeInputs, lengths: Tensor, state: State = None) -> Encoded:
        """``lengths`` (B,) nodes of each tree → ``states`` (B, N, H) of the nodes, ``final`` of the roots."""

    @abstractmethod
    def compose(self, children: Sequence[State], token: Tensor | None = None) -> State:
        """The state of nodes from their children's states (each of B rows) and their word vectors (B, D), if any.

        A state is what the cell carries: h (B, H), or (h, c). No children and a token: a leaf.
        """

    @abstractmethod
    def trace(self, inputs: TreeInputs, length: int) -> tuple[LayerTrace, ...]:
        """Node states and gates of one tree, (N, H) in post-order."""


class Decoder(nn.Module, ABC):
    """Writes a sequence step by step, looking at a memory. A batch's answer equals the answers one by one."""

    output_size: int

    @abstractmethod
    def start(self, memory: Encoded) -> State:
        """The state before the first symbol, (…, B, …)."""

    @abstractmethod
    def step(self, y_t: Tensor, state: State, memory: Encoded) -> tuple[Tensor, State, Tensor | None]:
        """``y_t`` (B, E), the symbol before → output (B, H), the new state and the attention (B, S), if any."""

    @abstractmethod
    def forward(
        self, targets: Tensor, lengths: Tensor, memory: Encoded, feedback: Callable[[Tensor], Tensor] | None = None
    ) -> Encoded:
        """Teacher forced over ``targets`` (B, T, E), vectorised where it can be; ``feedback`` as in PairInputs."""

    def select(self, state: State, rows: Tensor) -> State:
        """``state`` with its batch rows replaced by ``rows`` (R,): what a beam keeps (every part: caches, coverage)."""
        return map_state(lambda tensor: tensor.index_select(0, rows), state)

    def select_memory(self, memory: Encoded, rows: Tensor) -> Encoded:
        """``memory`` for those rows, with what :meth:`start` may have cached in it."""
        return Encoded(
            memory.states.index_select(0, rows),
            memory.lengths.index_select(0, rows.cpu()),
            memory.final.index_select(0, rows),
            None if memory.state is None else map_state(lambda tensor: tensor.index_select(0, rows), memory.state),
        )


class EncoderDecoder(nn.Module, ABC):
    """An encoder and a decoder behind one ``forward``; its factory is called with ``target_size`` besides."""

    output_size: int
    encoder: Encoder
    decoder: Decoder

    def forward(self, inputs: PairInputs, lengths: Tensor, state: State = None) -> Encoded:
        memory = self.read(inputs.source, lengths)
        if inputs.targets is None or inputs.target_lengths is None:
            return Encoded(memory.states, memory.lengths, memory.final, memory=memory)
        decoded: Encoded = self.decoder(inputs.targets, inputs.target_lengths, memory, inputs.feedback)
        decoded.memory = memory
        return decoded

    def read(self, source: Tensor, lengths: Tensor) -> Encoded:
        memory: Encoded = self.encoder(source, lengths)
        return memory

    @abstractmethod
    def trace(self, inputs: PairInputs, length: int) -> tuple[LayerTrace, ...]:
        """States and gates of the encoder's layers; with targets also the decoder's (``over="outputs"``)."""


Network = Encoder | TreeEncoder | EncoderDecoder


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """``function`` of every tensor of a state (tensors in tuples, lists and dictionaries; None stays None)."""
    if isinstance(state, Tensor):
        return function(state)
    if isinstance(state, tuple | list):
        return type(state)(map_state(function, part) for part in state)
    if isinstance(state, dict):
        return {name: map_state(function, part) for name, part in state.items()}
    return state


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
    """``forward(batch) -> inputs``: x (B, T, D), or what trees and pairs need besides."""

    output_size: int
    """D."""

    extra_sizes: Mapping[str, int] = MappingProxyType({})
    """What an architecture's factory is told besides D (``target_size`` of a pair)."""

    @abstractmethod
    def forward(self, batch: Batch) -> Inputs: ...


class PairEmbedder(Embedder, ABC):
    """Embeds a source and the symbols of a target."""

    target_size: int
    """E."""

    @abstractmethod
    def embed_targets(self, tokens: Tensor) -> Tensor:
        """(…) int64 symbols → (…, E)."""


class Head(nn.Module, ABC):
    """From a network's states to outputs, their loss, and plain results."""

    @abstractmethod
    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        """Whatever ``loss`` and ``decode`` of the same task read; (B, …)."""

    @abstractmethod
    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        """The sum over this batch; computed in float32."""

    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """(B,) loss sums and (B,) unit counts of each record at once; None where only row by row will do."""
        return None

    def features(self, encoded: Encoded, batch: Batch) -> Tensor:
        """What the linear readout reads: (B, T', H), or (B, H) for one answer a record."""
        return encoded.states

    def regression_targets(self, batch: Batch) -> Tensor | None:
        """Targets (B, T', K) or (B, K) for :meth:`features`, NaN where none, if a readout can be solved in closed form.

        None where it cannot (a CRF, a vocabulary too large), and the head is then trained by gradient steps.
        """
        return None

    def readout(self) -> nn.Linear | None:
        """The linear map that :meth:`regression_targets` are the wanted outputs of; a solution is written into it."""
        return None


class SymbolHead(Head, ABC):
    """A head over a vocabulary, for models that write: language models and decoders."""

    @abstractmethod
    def log_probabilities(self, states: Tensor) -> Tensor:
        """(…, H) → (…, V), float32."""


@dataclass(slots=True)
class DecodeOptions:
    n_best: int = 1
    alternatives: int = 0
    probabilities: bool = True
    """False for validation inside training: decoding alone, which is faster; results then carry 1.0."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What a task's own views and flags ask for ("beam", "temperature", "seed", …), plain values."""


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


class MetricState(Protocol):
    """``update`` with each prediction and its gold record, then ``compute``."""

    def update(self, result: Result, record: Record) -> None: ...

    def compute(self) -> dict[str, float]: ...

    def reset(self) -> None: ...

    # optional: def update_loss(self, total: float, count: int) -> None, told the summed loss of every validation batch;
    # a metric that has it (perplexity) is exact over the split whatever the batches


@dataclass(slots=True)
class Parts:
    """A model's parts as a task that generates is given them."""

    embedder: Embedder
    network: Network
    head: Head
    codec: Codec
