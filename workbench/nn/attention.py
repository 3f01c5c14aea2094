"""Attention: where in a memory a decoder looks, for all its steps at once or for one.

What does not depend on the query (the *keys*) is worked out once for each sentence. Queries are (B, T, Q): the T steps
of a target, or the hypotheses of a beam, which then share the keys of their sentence instead of copying them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from workbench.api import WorkbenchError

AttentionKind = Literal["additive", "dot", "general", "concat"]
LARGEST = 1 << 25
"""Hidden values (B, T, S, A) of additive attention that are kept for the backward pass: 128 MB."""


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax of ``scores`` (…, S) over the positions where ``mask`` (broadcastable to it) is True; float32 at least.

    Masked positions get exactly 0, and so does a row without a position: never NaN.
    """
    if mask is None:
        return scores.softmax(-1)
    wide = scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
    weights = wide.masked_fill(~mask, torch.finfo(wide.dtype).min).softmax(-1)
    return weights.masked_fill(~mask, 0.0).to(scores.dtype)


class Attention(nn.Module, ABC):
    """``forward(query, keys, values, mask, coverage)`` → context (B, T, M) and weights (B, T, S).

    ``query`` (B, T, Q); ``keys`` of :meth:`keys`; ``values`` (B, S, M); ``mask`` (B, S) bool, None where no source is
    padded. ``coverage`` (B, T, S), the attention each position has had before, enters the score if the attention was
    built for it (Tu et al., 2016, "Modeling coverage for neural machine translation"; See et al., 2017, "Get to the
    point").
    """

    def forward(
        self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, coverage: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        weights = masked_softmax(self.scores(query, keys, coverage), None if mask is None else mask.unsqueeze(1))
        return torch.bmm(weights, values), weights

    @abstractmethod
    def keys(self, memory: Tensor) -> Tensor:
        """(B, S, M) → (B, S, A): what of the score depends on the memory alone."""

    @abstractmethod
    def scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        """(B, T, S), unmasked."""


class AdditiveAttention(Attention):
    """score = vᵀ tanh(W q + U k + b + w c), with ``size`` units and the coverage c where built for it.

    Bahdanau, Cho & Bengio (2015), "Neural machine translation by jointly learning to align and translate". Luong's
    *concat*, vᵀ tanh(W [q ; k]), is the same without the bias.
    """

    def __init__(
        self, query_size: int, memory_size: int, size: int, *, bias: bool = True, coverage: bool = False
    ) -> None:
        super().__init__()
        self.of_query = nn.Linear(query_size, size, bias=False)
        self.of_memory = nn.Linear(memory_size, size, bias=bias)
        self.score = nn.Parameter(torch.empty(size).uniform_(-1.0, 1.0) / math.sqrt(size))
        self.of_coverage = nn.Parameter(torch.zeros(size)) if coverage else None
        for linear in (self.of_query, self.of_memory):
            nn.init.xavier_uniform_(linear.weight)
        if bias:
            nn.init.zeros_(self.of_memory.bias)

    def keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.of_memory(memory)
        return keys

    def scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        batch, steps = query.shape[:2]
        width = max(1, LARGEST // max(1, batch * keys.shape[1] * keys.shape[2]))
        if steps <= width:
            return self._scores(query, keys, coverage)
        # too large to be kept: some steps at a time, and in training worked out again when their gradient is asked for
        pieces = []
        for first in range(0, steps, width):
            part = slice(first, first + width)
            given = (query[:, part], keys, None if coverage is None else coverage[:, part])
            if torch.is_grad_enabled():
                pieces.append(checkpoint(self._scores, *given, use_reentrant=False, preserve_rng_state=False))
            else:
                pieces.append(self._scores(*given))
        return torch.cat(pieces, dim=1)

    def _scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None) -> Tensor:
        hidden = self.of_query(query).unsqueeze(2) + keys.unsqueeze(1)
        if self.of_coverage is not None and coverage is not None:
            hidden = torch.addcmul(hidden, coverage.unsqueeze(3), self.of_coverage)
        # in place: nothing needs the sum again, and at (B, T, S, A) it is the largest tensor of the model
        return torch.matmul(hidden.tanh_(), self.score)


class DotAttention(Attention):
    """score = qᵀ k (Luong, Pham & Manning, 2015), minus a learned multiple of the coverage where built for it."""

    def __init__(self, query_size: int, memory_size: int, *, coverage: bool = False) -> None:
        super().__init__()
        if query_size != memory_size:
            raise WorkbenchError(
                f"Dot attention cannot compare states of {query_size} units with a memory of {memory_size}.",
                why="A dot product is of two vectors of one size.",
                fix="Choose general attention, or give decoder and encoder states one size.",
            )
        self.of_coverage = nn.Parameter(torch.zeros(())) if coverage else None

    def keys(self, memory: Tensor) -> Tensor:
        return memory

    def scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None = None) -> Tensor:
        scores = torch.bmm(query, keys.transpose(1, 2))
        if self.of_coverage is not None and coverage is not None:
            scores = torch.addcmul(scores, coverage, self.of_coverage)
        return scores


class GeneralAttention(DotAttention):
    """score = qᵀ W k (Luong, Pham & Manning, 2015): the keys are W k, made once."""

    def __init__(self, query_size: int, memory_size: int, *, coverage: bool = False) -> None:
        super().__init__(query_size, query_size, coverage=coverage)
        self.of_memory = nn.Linear(memory_size, query_size, bias=False)
        nn.init.xavier_uniform_(self.of_memory.weight)

    def keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.of_memory(memory)
        return keys


def make_attention(
    kind: AttentionKind, query_size: int, memory_size: int, *, size: int = 0, coverage: bool = False
) -> Attention:
    """An attention by its name; ``size`` (0: that of the query) counts the units of the additive kinds."""
    if kind == "dot":
        return DotAttention(query_size, memory_size, coverage=coverage)
    if kind == "general":
        return GeneralAttention(query_size, memory_size, coverage=coverage)
    return AdditiveAttention(query_size, memory_size, size or query_size, bias=kind == "additive", coverage=coverage)


def coverage_penalty(attention: Tensor, mask: Tensor | None = None) -> Tensor:
    """Σₜ Σₛ min(aₜₛ, cₜₛ), c the attention before step t: what looking at one place again costs (See et al., 2017).

    ``attention`` (B, T, S); ``mask`` (B, T) bool leaves out steps beyond a target's length. A scalar, float32.
    """
    wide = attention.float()
    before = wide.cumsum(1) - wide
    repeated = torch.minimum(wide, before).sum(-1)
    return repeated.sum() if mask is None else repeated.masked_fill(~mask, 0.0).sum()
