"""Symbols to vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from workbench_plugins.tasks.language_modelling.params import LanguageModellingParams

from workbench.nn.contract import Batch, Embedder
from workbench.nn.dropout import LockedDropout


class LanguageEmbedder(Embedder):
    """A vector for each symbol, of unit variance as the network reads it.

    The matrix itself has entries of variance 1/E, so that it serves as the output layer too; what is read is scaled by
    √E. ``embedding_dropout`` silences whole words of the vocabulary for a batch (Gal & Ghahramani, 2016).
    """

    def __init__(self, params: LanguageModellingParams, vocabulary: int) -> None:
        super().__init__()
        self.output_size = params.embedding_size
        self.table = nn.Embedding(vocabulary, params.embedding_size)
        nn.init.normal_(self.table.weight, std=params.embedding_size**-0.5)
        self.scale = params.embedding_size**0.5
        self.embedding_dropout = params.embedding_dropout
        self.dropout = LockedDropout(params.input_dropout)

    def forward(self, batch: Batch) -> Tensor:
        tokens = batch.fields["symbols"]
        x = self.embed_targets(tokens)
        if self.training and self.embedding_dropout > 0:
            keep = 1.0 - self.embedding_dropout
            kept = torch.empty(self.table.num_embeddings, device=x.device, dtype=x.dtype).bernoulli_(keep)
            x = x * kept.div_(keep)[tokens].unsqueeze(-1)
        dropped: Tensor = self.dropout(x)
        return dropped

    def embed_targets(self, tokens: Tensor) -> Tensor:
        """(…) int64 symbols → (…, E), as the network reads them."""
        embedded: Tensor = self.table(tokens)
        return embedded * self.scale

    def symbol_weight(self) -> Tensor:
        """(V, E), for the output layer that shares it."""
        return self.table.weight
