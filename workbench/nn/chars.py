"""Words read as characters: a vector for each distinct word of a batch.

Each distinct word is read once and the vectors are then looked up by position, which in text saves most of the work.
Both readers take ``ids`` (U, W) int64 of U distinct words and ``lengths`` (U,) int64, each ≥ 1, and yield
(U, ``output_size``). What stands beyond a word's length does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workbench.nn.initialisation import initialise_embedding, initialise_lstm
from workbench.nn.masks import last_state, reversal_index, reverse_by_length, zero_padding
from workbench.nn.pooling import masked_max


class CharacterCnn(nn.Module):
    """Convolutions over characters and the maximum over a word's positions.

    Source: Ma & Hovy (2016), "End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF", section 2.1.
    ``channels`` filters for each of ``widths`` (odd numbers of characters); ``output_size`` is their product.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_size: int,
        channels: int,
        widths: Sequence[int] = (3,),
        padding_idx: int = 0,
    ) -> None:
        super().__init__()
        if any(width < 1 or width % 2 == 0 for width in widths):
            raise ValueError(f"widths are odd numbers of characters, not {tuple(widths)}")
        self.embedding = nn.Embedding(vocabulary, embedding_size, padding_idx=padding_idx)
        initialise_embedding(self.embedding.weight, padding_idx)
        self.convolutions = nn.ModuleList()
        for width in widths:
            convolution = nn.Conv1d(embedding_size, channels, width, padding=width // 2)
            nn.init.xavier_uniform_(convolution.weight)
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
            self.convolutions.append(convolution)
        self.output_size = channels * len(self.convolutions)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        # zeros beyond the end: a filter at the last character sees the same there as at the edge of the batch
        x = zero_padding(self.embedding(ids), lengths).transpose(1, 2)
        maxima = [masked_max(convolution(x).transpose(1, 2), lengths) for convolution in self.convolutions]
        return maxima[0] if len(maxima) == 1 else torch.cat(maxima, dim=1)


class CharacterLstm(nn.Module):
    """The last states of an LSTM that reads the characters forwards and of one that reads them backwards.

    Source: Lample et al. (2016), section 4.1. ``output_size`` is 2 · ``hidden_size``.
    """

    def __init__(self, vocabulary: int, embedding_size: int, hidden_size: int, padding_idx: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding_size, padding_idx=padding_idx)
        initialise_embedding(self.embedding.weight, padding_idx)
        self.forwards = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backwards = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        initialise_lstm(self.forwards)
        initialise_lstm(self.backwards)
        self.output_size = 2 * hidden_size

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        x = self.embedding(ids)
        # turned round within each word, so that the backward reader meets the last character first, not the padding
        turned = reverse_by_length(x, reversal_index(lengths, x.shape[1], x.device))
        return torch.cat(
            (last_state(self.forwards(x)[0], lengths), last_state(self.backwards(turned)[0], lengths)), dim=1
        )
