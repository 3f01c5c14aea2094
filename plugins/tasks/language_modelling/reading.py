"""Reading a text with a language model: how probable each symbol was, and what may come next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.language_modelling.codec import NEVER, LanguageCodec

from workbench.nn.contract import Encoder, Parts, State, SymbolHead
from workbench.nn.text import normalise

MOST_READ = 10_000
"""Symbols of a prefix that are read at most, the last ones: what came long before hardly matters any more."""
PIECE_STEPS = 512
"""Steps whose probabilities over the whole vocabulary are held at once."""
MOST_EXPECTED = 2_000
"""Positions for which the likeliest symbols are told."""

Chances = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """What is read: ``text`` as it is normalised, its ``ids`` (n,) and the ``offsets`` of each in it.

    ``dropped`` symbols before were left out.
    """

    text: str
    ids: NDArray[np.int64]
    offsets: tuple[tuple[int, int], ...]
    dropped: int = 0

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self.text[start:end] for start, end in self.offsets)


def prefix_of(codec: LanguageCodec, text: str) -> Prefix:
    """``text`` as symbols, the last :data:`MOST_READ` of them."""
    text = normalise(text)
    if not codec.by_character:
        text = text.rstrip()
    pieces = codec.tokeniser.pieces(text)
    dropped = max(0, len(pieces) - MOST_READ)
    if dropped:
        first = pieces[dropped].start
        text = text[first:]
        pieces = [piece._replace(start=piece.start - first, end=piece.end - first) for piece in pieces[dropped:]]
    ids = np.array([codec.tokeniser.id_of(piece.symbol) for piece in pieces], np.int64)
    return Prefix(text, ids, tuple((piece.start, piece.end) for piece in pieces), dropped)


@dataclass(slots=True)
class Judged:
    """Of each symbol (n,): log-probability, rank from 1, and the likeliest at its place; then what may come ``next``.

    ``following`` (1, V) are the log-probabilities after the last symbol.
    """

    log_probabilities: tuple[float, ...]
    ranks: tuple[int, ...]
    expected: tuple[Chances, ...]
    next: Chances
    following: Tensor


@torch.no_grad()
def judge(
    head: SymbolHead,
    codec: LanguageCodec,
    states: Tensor,
    ids: Sequence[int],
    *,
    expected: int = 0,
    following: int = 10,
) -> Judged:
    """``states`` (n + 1, H): the one before each of ``ids`` (n,), and the last one."""
    logs: list[float] = []
    ranks: list[int] = []
    likely: list[Chances] = []
    last: Tensor | None = None
    for first in range(0, len(states), PIECE_STEPS):
        scores = head.log_probabilities(states[first : first + PIECE_STEPS])
        scores[:, list(NEVER)] = float("-inf")
        told = torch.as_tensor(np.asarray(ids[first : first + PIECE_STEPS]), dtype=torch.int64, device=scores.device)
        rows = scores[: len(told)]
        own = rows.gather(1, told.unsqueeze(1))
        logs += own.squeeze(1).double().tolist()
        ranks += (rows > own).sum(1).add(1).tolist()
        if expected and first < MOST_EXPECTED:
            likely += _best(codec, rows, expected)
        last = scores[-1:]
    assert last is not None
    return Judged(
        tuple(max(-1e4, value) for value in logs), tuple(ranks), tuple(likely), _best(codec, last, following)[0], last
    )


def _best(codec: LanguageCodec, scores: Tensor, count: int) -> list[Chances]:
    best, symbols = scores.topk(min(count, scores.shape[1] - len(NEVER)), dim=1)
    return [
        tuple((codec.shown(symbol), chance) for symbol, chance in zip(row, chances, strict=True))
        for row, chances in zip(symbols.tolist(), best.double().exp().tolist(), strict=True)
    ]


@torch.no_grad()
def read(parts: Parts, codec: LanguageCodec, prefix: Prefix, device: torch.device) -> tuple[Tensor, State]:
    """States (n + 1, H) after the end of what came before and after each symbol, and the state to go on from."""
    network, embedder = parts.network, parts.embedder
    assert isinstance(network, Encoder)
    symbols = torch.from_numpy(np.concatenate([codec.end_ids, prefix.ids])).to(device).unsqueeze(0)
    embed: Any = embedder
    zero = getattr(network, "zero_state", None)
    state: State = None
    if zero is not None:
        state = zero(torch.zeros(1, 1, embedder.output_size, device=device))
    found: list[Tensor] = []
    for first in range(0, symbols.shape[1], PIECE_STEPS):
        x = embed.embed_targets(symbols[:, first : first + PIECE_STEPS])
        encoded = network(x, torch.tensor([x.shape[1]]), state)
        state = encoded.state
        found.append(encoded.states[0])
        if state is None:
            states, state = _stepped(network, embed.embed_targets(symbols))
            return states[len(codec.end_ids) - 1 :], state
    return torch.cat(found)[len(codec.end_ids) - 1 :], state


def _stepped(network: Encoder, x: Tensor) -> tuple[Tensor, State]:
    """The same for a network whose ``forward`` leaves no state behind: step by step."""
    state, outputs = None, []
    for step in range(x.shape[1]):
        output, state = network.step(x[:, step], state)
        outputs.append(output[0])
    return torch.stack(outputs), state
