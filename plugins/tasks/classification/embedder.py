"""From symbols to vectors, with some symbols hidden in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from workbench_plugins.tasks.classification.codec import FIRST, ClassificationCodec
from workbench_plugins.tasks.classification.params import ClassificationParams

from workbench.nn.contract import Batch, Embedder
from workbench.nn.dropout import LockedDropout
from workbench.nn.initialisation import initialise_embedding
from workbench.nn.text import PAD, UNKNOWN
from workbench.nn.vector_embedding import VectorEmbedding


class TextEmbedder(Embedder):
    """``x`` (B, T, D). In training a symbol becomes the unknown one with ``word_dropout``, so that this is learned too
    (Iyyer et al., 2015, "Deep unordered composition rivals syntactic methods for text classification")."""

    ratios: Tensor | None
    fitting = False

    def __init__(self, params: ClassificationParams, codec: ClassificationCodec) -> None:
        super().__init__()
        self._pretrained = codec.pretrained
        self.symbols: nn.Embedding | VectorEmbedding
        if codec.pretrained is None:
            self.output_size = params.embedding_size
            self.symbols = nn.Embedding(codec.size, params.embedding_size, padding_idx=PAD)
            initialise_embedding(self.symbols.weight, PAD)
        else:
            self.output_size = codec.pretrained.size
            self.symbols = VectorEmbedding(
                codec.vector_rows(),
                codec.pretrained.size,
                freeze=params.freeze_vectors,
                fixed_from=len(codec.tokeniser),
                unknown=UNKNOWN,
                padding=PAD,
            )
        self.word_dropout = params.word_dropout
        self.register_buffer("ratios", None, persistent=False)
        if codec.fold_counts is not None:
            ratios = label_ratios(torch.from_numpy(codec.fold_counts))
            # of words that only the vectors know, nothing was counted
            self.ratios = functional.pad(ratios, (0, 0, 0, codec.size - ratios.shape[1]))
            self.output_size += len(codec.labels)
        self.dropout = LockedDropout(params.input_dropout)

    def begin(self) -> None:
        """Take the pretrained vectors from their file. :class:`WorkbenchError` when it is gone or another by now."""
        if self._pretrained is not None and isinstance(self.symbols, VectorEmbedding):
            self._pretrained.begin(self.symbols)

    def forward(self, batch: Batch) -> Tensor:
        tokens = batch.fields["tokens"]
        if self.training and self.word_dropout > 0:
            hidden = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
            tokens = tokens.masked_fill(hidden & (tokens != PAD), UNKNOWN)
        x: Tensor = self.dropout(self.symbols(tokens))
        if self.ratios is None:
            return x
        return torch.cat((x, self._told(tokens, batch)), 2)

    def _told(self, tokens: Tensor, batch: Batch) -> Tensor:
        """(B, T, K) what the counts say; in training, and while a readout is solved, without the fold of the text."""
        assert self.ratios is not None
        if not (self.training or self.fitting):
            return self.ratios[-1][tokens]
        return self.ratios[batch.fields["folds"].unsqueeze(1), tokens]


def label_ratios(counts: Tensor) -> Tensor:
    """(F + 1, V, K) log ratios of how often a symbol stands in texts of a label and of others; the last of all folds.

    Wang and Manning (2012), "Baselines and bigrams: simple, good sentiment and topic classification", with one added
    to every count. ``counts`` (F, K, V + 1) is that of :class:`ClassificationCodec`; entry f leaves fold f out.
    """
    total = counts.sum(0)
    without = torch.cat((total.unsqueeze(0) - counts, total.unsqueeze(0))).double()
    seen, texts = without[:, :, :-1], without[:, :, -1:]
    others, of_others = seen.sum(1, keepdim=True) - seen, texts.sum(1, keepdim=True) - texts
    ratios = ((seen + 1) / (texts + 2)).log() - ((others + 1) / (of_others + 2)).log()
    ratios[:, :, :FIRST] = 0.0
    return ratios.transpose(1, 2).float().contiguous()
