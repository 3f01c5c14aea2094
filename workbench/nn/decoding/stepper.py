"""What decoding asks of a model: begin, write one more symbol in every row, keep some rows.

Rows are grouped by sentence: with B sentences and K hypotheses for each, row b·K + k. The search knows nothing else of
a model; :class:`DecoderStepper` and :class:`EncoderStepper` make one of an encoder-decoder and of a language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from workbench.api import WorkbenchError
from workbench.nn.contract import Decoder, Encoded, Encoder, EncoderDecoder, Parts, State, SymbolHead, map_state


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
        """Symbols (R,) written last → log-probabilities (R, V) of the next, the new state, attention (R, S) if any."""
        ...

    def select(self, state: State, rows: Tensor, sentences: Tensor | None = None) -> State:
        """The state of ``rows`` (R',) of the present rows; ``sentences`` are those of the present ones that remain,
        None if all do. The new rows are grouped by them, evenly."""
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

    def start(self, memory: Encoded, **known: object) -> Begun:
        """``memory`` of ``network.read``; ``known`` are further fields of :class:`Begun`."""
        state = {"decoder": self.decoder.start(memory), "memory": memory}
        begun = Begun(state, len(memory.states), memory.states.device, memory.lengths.tolist())
        for name, value in known.items():
            setattr(begun, name, value)
        return begun

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
        memory: Encoded = state["memory"]
        output, after, attention = self.decoder.step(self.embed(tokens), state["decoder"], memory)
        return self.head.log_probabilities(output), {"decoder": after, "memory": memory}, attention

    def select(self, state: State, rows: Tensor, sentences: Tensor | None = None) -> State:
        memory: Encoded = state["memory"]
        if not self.shares:
            memory = self.decoder.select_memory(memory, rows)
        elif sentences is not None:
            memory = self.decoder.select_memory(memory, sentences)
        return {"decoder": self.decoder.select(state["decoder"], rows), "memory": memory}


class EncoderStepper:
    """A causal encoder as a language model: its state is all the memory there is. Use it under ``torch.no_grad``."""

    def __init__(self, parts: Parts) -> None:
        if not isinstance(parts.network, Encoder):
            raise TypeError(f"{type(parts.network).__name__} cannot be stepped")
        self.encoder: Encoder = parts.network
        self.head = _symbol_head(parts)
        self.embed = _symbol_embedding(parts)

    def start(self, sentences: int, device: torch.device, state: State = None, **known: object) -> Begun:
        """``state`` is what a prompt left (of ``forward`` or steps), for ``sentences`` rows; None begins anew."""
        begun = Begun(state, sentences, device)
        for name, value in known.items():
            setattr(begun, name, value)
        return begun

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
        output, after = self.encoder.step(self.embed(tokens), state)
        return self.head.log_probabilities(output), after, None

    def select(self, state: State, rows: Tensor, sentences: Tensor | None = None) -> State:
        return map_state(lambda tensor: tensor.index_select(0, rows), state)


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
