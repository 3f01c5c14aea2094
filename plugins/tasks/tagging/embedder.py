"""From words to vectors: word embedding, spelling and casing side by side, with dropout for the network to come."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from workbench_plugins.tasks.tagging.codec import CASINGS, FIRST_WORD, PADDING, UNKNOWN, TaggingCodec
from workbench_plugins.tasks.tagging.params import TaggingParams

from workbench.nn.chars import CharacterCnn, CharacterLstm
from workbench.nn.contract import Batch, Embedder
from workbench.nn.dropout import LockedDropout
from workbench.nn.initialisation import initialise_embedding
from workbench.nn.vector_embedding import VectorEmbedding


class TaggingEmbedder(Embedder):
    """``x`` (B, T, D): D = word embedding + spelling + casing.

    In training a word seen n times becomes the unknown word with probability a / (a + n), where a is
    ``unknown_replacement``, and any word with ``word_dropout``; its spelling and casing stay, so the network learns to
    tag new words by them. Source: Kiperwasser and Goldberg (2016), "Simple and accurate dependency parsing using
    bidirectional LSTM feature representations", section 4.
    """

    hide: Tensor

    def __init__(self, params: TaggingParams, codec: TaggingCodec) -> None:
        super().__init__()
        self._pretrained = codec.pretrained
        self.words: nn.Embedding | VectorEmbedding
        rows = codec.vector_rows()
        if codec.pretrained is None:
            size = params.word_embedding_size
            self.words = nn.Embedding(codec.n_words, size, padding_idx=PADDING)
            initialise_embedding(self.words.weight, PADDING)
        else:
            size = codec.pretrained.size
            self.words = VectorEmbedding(
                rows, size, freeze=params.freeze_vectors, fixed_from=codec.n_words, unknown=UNKNOWN, padding=PADDING
            )
        rare = torch.zeros(len(rows))
        seen = torch.tensor(codec.frequencies, dtype=torch.float32)
        rare[FIRST_WORD : codec.n_words] = params.unknown_replacement / (params.unknown_replacement + seen)
        # a word that has a vector will not be unknown later: the unknown word is learned from those without one
        rare[torch.tensor(rows) >= 0] = 0.0
        hide = 1.0 - (1.0 - params.word_dropout) * (1.0 - rare)
        hide[:FIRST_WORD] = 0.0
        self.hides = bool(hide.any())
        self.register_buffer("hide", hide, persistent=False)
        self.characters: CharacterCnn | CharacterLstm | None = None
        if params.characters == "cnn":
            self.characters = CharacterCnn(
                codec.n_characters,
                params.character_embedding_size,
                params.character_features,
                widths=(params.character_width | 1,),
                padding_idx=PADDING,
            )
        elif params.characters == "lstm":
            self.characters = CharacterLstm(
                codec.n_characters, params.character_embedding_size, params.character_features // 2, padding_idx=PADDING
            )
        if self.characters is not None:
            size += self.characters.output_size
        self.casing: nn.Embedding | None = None
        if params.casing_embedding_size:
            self.casing = nn.Embedding(CASINGS, params.casing_embedding_size, padding_idx=PADDING)
            initialise_embedding(self.casing.weight, PADDING)
            size += params.casing_embedding_size
        self.dropout = LockedDropout(params.input_dropout)
        self.output_size = size

    def begin(self) -> None:
        """Take the pretrained vectors from their file. :class:`WorkbenchError` when it is gone or another by now."""
        if self._pretrained is not None and isinstance(self.words, VectorEmbedding):
            self._pretrained.begin(self.words)

    def forward(self, batch: Batch) -> Tensor:
        words = batch.fields["words"]
        parts = [self.words(self._hide(words) if self.training else words)]
        if self.characters is not None:
            spelled = batch.fields["characters"]
            lengths = getattr(batch, "character_lengths", None)
            if lengths is None:  # a batch rebuilt by other hands: the padding tells
                lengths = (spelled != PADDING).sum(1)
            vectors = self.characters(spelled, lengths)
            rows = batch.fields["form_rows"]
            parts.append(vectors.index_select(0, rows.reshape(-1)).reshape(*rows.shape, -1))
        if self.casing is not None:
            parts.append(self.casing(batch.fields["casing"]))
        x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        x = self.dropout(x)
        return x

    def _hide(self, words: Tensor) -> Tensor:
        """``words`` (B, T) with some as unknown."""
        if not self.hides:
            return words
        return words.masked_fill(torch.rand(words.shape, device=words.device) < self.hide[words], UNKNOWN)
