"""The head of models that write: a softmax over a vocabulary, for language models and decoders alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.api import WorkbenchError
from workbench.nn.contract import Batch, Embedder, Encoded, LossSum, SymbolHead
from workbench.nn.dropout import LockedDropout
from workbench.nn.masks import is_full, sequence_mask
from workbench.nn.symbols import AdaptiveSoftmax, FullSoftmax, OutputLayer

SoftmaxKind = Literal["full", "adaptive"]
LARGEST_READOUT = 1024
"""A vocabulary beyond this is not solved for in closed form: its one-hot targets would be too large."""


class VocabularyHead(SymbolHead):
    """``forward`` yields the (dropped) states (B, T, H); scores are made piece by piece, where they are needed.

    ``targets`` names the field of the batch with the gold symbols (B, T) int64, one for each of the ``Encoded``'s
    ``lengths``. The loss is summed over symbols; ``label_smoothing`` is part of it in training only, so that in
    evaluation it means a perplexity. ``softmax`` "adaptive" takes symbols ordered by falling frequency and has its own
    ``cutoffs``. With ``embedding_size`` E the weights may be tied to an embedder's (see :meth:`tie`).
    """

    def __init__(
        self,
        input_size: int,
        vocabulary_size: int,
        *,
        targets: str = "targets",
        label_smoothing: float = 0.0,
        dropout: float = 0.0,
        softmax: SoftmaxKind = "full",
        cutoffs: Sequence[int] = (2000, 10000),
        tied: bool = False,
        embedding_size: int = 0,
    ) -> None:
        super().__init__()
        if vocabulary_size < 2:
            raise WorkbenchError(
                "There is no vocabulary to write with.",
                why="The training split holds no target symbol.",
                fix="Import data whose records have targets, or choose another task.",
            )
        if softmax == "adaptive" and (label_smoothing or tied):
            raise WorkbenchError(
                "An adaptive softmax has neither label smoothing nor tied weights.",
                why="Its rare symbols share narrow layers.",
                fix="Choose the full softmax, or switch these off.",
            )
        self.vocabulary_size = vocabulary_size
        self.targets = targets
        self.label_smoothing = label_smoothing
        self.dropout = LockedDropout(dropout)
        self.tied = tied
        self.output: OutputLayer
        if softmax == "adaptive":
            self.output = AdaptiveSoftmax(input_size, vocabulary_size, cutoffs)
        else:
            self.output = FullSoftmax(input_size, vocabulary_size, embedding_size if tied else 0)

    def tie(self, embedder: Embedder) -> None:
        """Share the weights of ``embedder.symbol_weight()`` (V, E), if this head was built to (Press & Wolf, 2017)."""
        if not self.tied:
            return
        weight = getattr(embedder, "symbol_weight", None)
        if weight is None or not isinstance(self.output, FullSoftmax):
            raise WorkbenchError(
                "This task's embedding cannot be tied to its output layer.",
                why="It has no method symbol_weight().",
                fix="Switch tied weights off.",
            )
        self.output.tie(weight())

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        states: Tensor = self.dropout(encoded.states)
        return states

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        states, targets = self._real(outputs, encoded, batch)
        total = self.output.loss(states, targets, self.label_smoothing if self.training else 0.0)
        return LossSum(total, int(encoded.lengths.sum()))

    @torch.no_grad()
    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
        losses = self.symbol_losses(outputs, encoded, batch)
        return losses.sum(1), encoded.lengths.to(losses.device)

    @torch.no_grad()
    def symbol_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> Tensor:
        """(B, T) negative log-probabilities of the gold symbols, zero beyond a length."""
        steps = outputs.shape[1]
        flat = self.output.losses(*self._real(outputs, encoded, batch))
        if is_full(encoded.lengths, steps):
            return flat.view(outputs.shape[0], steps)
        losses = outputs.new_zeros(outputs.shape[:2], dtype=flat.dtype)
        return losses.masked_scatter_(sequence_mask(encoded.lengths, steps, outputs.device), flat)

    def log_probabilities(self, states: Tensor) -> Tensor:
        return self.output.log_probabilities(states)

    def regression_targets(self, batch: Batch) -> Tensor | None:
        """One-hot symbols (B, T, V), NaN beyond a length; None for a large, tied or adaptive output layer."""
        if self.readout() is None or self.vocabulary_size > LARGEST_READOUT:
            return None
        targets = batch.fields[self.targets]
        return functional.one_hot(targets.clamp(min=0), self.vocabulary_size).float().masked_fill(
            ~sequence_mask(batch.lengths, targets.shape[1], targets.device).unsqueeze(2), torch.nan
        )

    def readout(self) -> nn.Linear | None:
        full = self.output
        return full.scores if isinstance(full, FullSoftmax) and full.project is None else None

    def _real(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor]:
        """States (N, H) and targets (N,) of the real positions: no softmax is spent on padding."""
        steps = outputs.shape[1]
        states, targets = outputs.reshape(-1, outputs.shape[2]), batch.fields[self.targets].reshape(-1)
        if is_full(encoded.lengths, steps):
            return states, targets
        real = sequence_mask(encoded.lengths, steps).reshape(-1).nonzero().squeeze(1)
        real = real.to(states.device, non_blocking=True)
        return states.index_select(0, real), targets.index_select(0, real)
