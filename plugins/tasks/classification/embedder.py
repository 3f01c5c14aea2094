"""From symbols to vectors, with some symbols hidden in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from workbench_plugins.tasks.classification.codec import ClassificationCodec
from workbench_plugins.tasks.classification.params import ClassificationParams

from workbench.nn.contract import Batch, Embedder
from workbench.nn.dropout import LockedDropout
from workbench.nn.initialisation import initialise_embedding
from workbench.nn.text import PAD, UNKNOWN

_SCALE = 0.3
"""Embeddings begin small: a word seen a few times should not shout."""


class TextEmbedder(Embedder):
    """``x`` (B, T, D). In training a symbol becomes the unknown one with ``word_dropout``, so that this is learned too
    (Iyyer et al., 2015, "Deep unordered composition rivals syntactic methods for text classification")."""

    def __init__(self, params: ClassificationParams, codec: ClassificationCodec) -> None:
        super().__init__()
        self.output_size = params.embedding_size
        self.symbols = nn.Embedding(len(codec.tokeniser), params.embedding_size, padding_idx=PAD)
        initialise_embedding(self.symbols.weight, PAD)
        with torch.no_grad():
            self.symbols.weight.mul_(_SCALE)
        self.word_dropout = params.word_dropout
        self.dropout = LockedDropout(params.input_dropout)

    def forward(self, batch: Batch) -> Tensor:
        tokens = batch.fields["tokens"]
        if self.training and self.word_dropout > 0:
            hidden = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
            tokens = tokens.masked_fill(hidden & (tokens != PAD), UNKNOWN)
        x: Tensor = self.dropout(self.symbols(tokens))
        return x
