"""Symbols of both sides as vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from workbench_plugins.tasks.translation.codec import TranslationCodec
from workbench_plugins.tasks.translation.params import TranslationParams

from workbench.nn.contract import Batch, PairEmbedder, PairInputs
from workbench.nn.text import END, PAD, UNKNOWN


class TranslationEmbedder(PairEmbedder):
    """A matrix for each side, or one for both where the vocabulary is joint."""

    def __init__(self, params: TranslationParams, codec: TranslationCodec) -> None:
        super().__init__()
        size = params.embedding_size
        self.symbols = _embedding(len(codec.target), size)
        self.words = self.symbols if codec.joint else _embedding(len(codec.source), size)
        self.word_dropout = params.word_dropout
        self.output_size = size
        self.target_size = size
        self.extra_sizes = {"target_size": size}

    def forward(self, batch: Batch) -> PairInputs:
        source, symbols = batch.fields["source"], batch.fields["symbols"]
        if self.training and self.word_dropout:
            source, symbols = self._hide(source), self._hide(symbols)
        lengths = torch.tensor(batch.extra["target_lengths"])
        return PairInputs(self.words(source), self.embed_targets(symbols), lengths)

    def embed_targets(self, tokens: Tensor) -> Tensor:
        embedded: Tensor = self.symbols(tokens)
        return embedded

    def symbol_weight(self) -> Tensor:
        return self.symbols.weight

    def _hide(self, symbols: Tensor) -> Tensor:
        """Some real symbols (neither padding nor start nor end) become the unknown one."""
        hidden = (torch.rand(symbols.shape, device=symbols.device) < self.word_dropout) & (symbols > END)
        return symbols.masked_fill(hidden, UNKNOWN)


def _embedding(symbols: int, size: int) -> nn.Embedding:
    """Rows of length about one: as output weights too, when tied, they then begin with scores of about one."""
    table = nn.Embedding(symbols, size, padding_idx=PAD)
    with torch.no_grad():
        table.weight.normal_(0.0, size**-0.5)
        table.weight[PAD].zero_()
    return table
