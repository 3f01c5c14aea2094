"""What decoding asks of a model: begin, write one more symbol in every row, keep some rows.

Rows are grouped by sentence: with B sentences and K hypotheses for each, row b·K + k. The search knows nothing else of
a model; :class:`DecoderStepper` and :class:`EncoderStepper` make one of an encoder-decoder and of a language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from workbench.api import WorkbenchError
from workbench.nn.contract import Decoder, Encoded, Encoder, EncoderDecoder, Parts, State, SymbolHead, map_state
from workbench.nn.decoding import products


@dataclass(slots=True)
class Begun:
    """Where decoding starts: the ``state`` of one row for each of ``sentences``, and what is known of them.

    ``source_lengths`` are what attention rows are cut to; ``max_lengths`` bound each sentence by itself (besides the
    options' own bound); ``prefixes`` are symbols each must begin with; ``keys`` tell sentences apart for sampling.
    """

    state: State
    sentences: int
    device: torch.device
    source_lengths: Sequence[int] | None = None
    max_lengths: Sequence[int] | None = None
    prefixes: Sequence[Sequence[int]] | None = None
    keys: Sequence[int] = field(default_factory=tuple)


class Stepper(Protocol):
    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
        """Symbols (R,) written last → log-probabilities (R, V) of the next, the new state, attention (R, S) if any.

        The log-probabilities are the caller's to change, and hold until the next step."""
        ...

    def select(self, state: State, rows: Tensor, sentences: Tensor | None = None) -> State:
        """The state of ``rows`` (R',) of the present rows; ``sentences`` are those of the present ones that remain,
        None if all do. The new rows are grouped by them, evenly."""
        ...


@runtime_checkable
class Joins(Protocol):
    """A stepper whose states can be put together: what one search left off, another takes up beside its own rows."""

    def join(self, states: Sequence[State]) -> State | None:
        """The rows of all, each of a sentence of its own; None where this model's states cannot be joined."""
        ...


class DecoderStepper:
    """An encoder-decoder's decoder, its head and the embedding of its symbols. Use it under ``torch.no_grad``."""

    def __init__(self, parts: Parts) -> None:
        network, self.head = parts.network, _symbol_head(parts)
        if not isinstance(network, EncoderDecoder):
            raise TypeError(f"{type(network).__name__} has no decoder")
        self.network = network
        self.decoder: Decoder = network.decoder
        self.embed = _symbol_embedding(parts)
        # a decoder that can look at one memory from many rows is spared a copy of it for each
        self.shares = bool(getattr(self.decoder, "shares_memory", False))
        self.products = _Products(self.decoder, self.head)

    def start(self, memory: Encoded, **known: object) -> Begun:
        """``memory`` of ``network.read``; ``known`` are further fields of :class:`Begun`."""
        state = {"decoder": self.decoder.start(memory), "memory": memory}
        begun = Begun(state, len(memory.states), memory.states.device, memory.lengths.tolist())
        for name, value in known.items():
            setattr(begun, name, value)
        return begun

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
        memory: Encoded = state["memory"]
        with self.products.of(tokens):
            output, after, attention = self.decoder.step(self.embed(tokens), state["decoder"], memory)
            return self.head.log_probabilities(output), {"decoder": after, "memory": memory}, attention

    def select(self, state: State, rows: Tensor, sentences: Tensor | None = None) -> State:
        memory: Encoded = state["memory"]
        if not self.shares:
            memory = self.decoder.select_memory(memory, rows)
        elif sentences is not None:
            memory = self.decoder.select_memory(memory, sentences)
        return {"decoder": self.decoder.select(state["decoder"], rows), "memory": memory}

    def join(self, states: Sequence[State]) -> State | None:
        # a decoder that selects in a way of its own may keep its rows elsewhere than in front
        return joined(states) if type(self.decoder).select is Decoder.select else None


class EncoderStepper:
    """A causal encoder as a language model: its state is all the memory there is. Use it under ``torch.no_grad``."""

    def __init__(self, parts: Parts) -> None:
        if not isinstance(parts.network, Encoder):
            raise TypeError(f"{type(parts.network).__name__} cannot be stepped")
        self.encoder: Encoder = parts.network
        self.head = _symbol_head(parts)
        self.embed = _symbol_embedding(parts)
        self.products = _Products(self.encoder, self.head)

    def start(self, sentences: int, device: torch.device, state: State = None, **known: object) -> Begun:
        """``state`` is what a prompt left (of ``forward`` or steps), for ``sentences`` rows; None begins anew."""
        begun = Begun(state, sentences, device)
        for name, value in known.items():
            setattr(begun, name, value)
        return begun

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
        with self.products.of(tokens):
            output, after = self.encoder.step(self.embed(tokens), state)
            return self.head.log_probabilities(output), after, None

    def select(self, state: State, rows: Tensor, sentences: Tensor | None = None) -> State:
        return map_state(lambda tensor: tensor.index_select(0, rows), state)

    def join(self, states: Sequence[State]) -> State | None:
        return joined(states)


class _Unlike(Exception):
    pass


def joined(states: Sequence[State]) -> State | None:
    """Rows of all states one after the other: of tensors in tuples, lists, dictionaries and dataclasses.

    None where they hold something besides that differs (a count of steps, say)."""
    try:
        return _joined(states)
    except _Unlike:
        return None


def _joined(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Tensor):
        if not first.dim() or any(part.shape[1:] != first.shape[1:] for part in parts):
            raise _Unlike
        return torch.cat(tuple(parts))
    if isinstance(first, tuple | list):
        return type(first)(_joined(each) for each in zip(*parts, strict=True))
    if isinstance(first, dict):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if is_dataclass(first) and not isinstance(first, type):
        names = [part.name for part in fields(first)]
        return replace(first, **{name: _joined([getattr(part, name) for part in parts]) for name in names})
    if any(part is not first and part != first for part in parts):
        raise _Unlike
    return first


class _Products:
    """Which products a model's step takes for so many rows: torch's own, or oneDNN's where that is worth it."""

    def __init__(self, *modules: nn.Module) -> None:
        self.weights = products.largest_matrix(modules) if products.available() else 0
        self.mode = products.StepProducts()

    def of(self, tokens: Tensor) -> AbstractContextManager[Any]:
        worth = len(tokens) * self.weights >= products.LEAST and tokens.device.type == "cpu"
        if not worth or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
            return nullcontext()
        return self.mode


def _symbol_head(parts: Parts) -> SymbolHead:
    if not isinstance(parts.head, SymbolHead):
        raise WorkbenchError(
            "This model cannot write: it has no vocabulary.",
            why=f"Its head ({type(parts.head).__name__}) does not give probabilities of symbols.",
            fix="Choose a task that writes.",
        )
    return parts.head


class _Embeds(Protocol):
    def __call__(self, tokens: Tensor) -> Tensor: ...


def _symbol_embedding(parts: Parts) -> _Embeds:
    embed: _Embeds | None = getattr(parts.embedder, "embed_targets", None)
    if embed is None:
        raise TypeError(f"{type(parts.embedder).__name__} has no embed_targets(tokens): what is written cannot be read")
    return embed
