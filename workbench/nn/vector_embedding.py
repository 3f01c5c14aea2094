"""An embedding some of whose rows come from a file of pretrained vectors: learned on, or left as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workbench.nn.initialisation import initialise_embedding
from workbench.nn.vectors import VectorFile


class VectorEmbedding(nn.Module):
    """Word ids → vectors: ``rows`` (V,) says for each id its row in a vector file, -1 for a word without one.

    Ids from ``fixed_from`` on are words that training does not have: their vectors cannot be learned on and stay as
    the file has them; with ``freeze`` so do all others that have one. Both kinds are kept in the weights, so that
    the finished model needs no file. Until :meth:`begin` has read them, or weights are loaded, they are NaN.
    """

    place: Tensor
    fixed: Tensor

    def __init__(
        self, rows: Sequence[int], size: int, *, freeze: bool, fixed_from: int, unknown: int, padding: int
    ) -> None:
        super().__init__()
        of_file = np.asarray(rows, dtype=np.int64)
        ids = np.arange(len(of_file))
        fixed = (of_file >= 0) & (freeze | (ids >= fixed_from))
        self._fixed_rows = of_file[fixed]
        self._own_rows = of_file[~fixed]
        self.unknown = unknown
        own = int((~fixed).sum())
        place = np.empty(len(of_file), dtype=np.int64)
        place[~fixed] = np.arange(own)
        place[fixed] = own + np.arange(int(fixed.sum()))
        self.own = nn.Embedding(own, size, padding_idx=padding)
        initialise_embedding(self.own.weight, padding)
        with torch.no_grad():
            self.own.weight[torch.from_numpy(self._own_rows >= 0)] = torch.nan
        self.register_buffer("fixed", torch.full((len(self._fixed_rows), size), torch.nan))
        self.register_buffer("place", torch.from_numpy(place), persistent=False)

    @torch.no_grad()
    def begin(self, file: VectorFile) -> None:
        """Take the vectors from ``file``; the unknown word's begins as their mean."""
        learned = self._own_rows >= 0
        fixed = torch.from_numpy(file.read(self._fixed_rows))
        own = torch.from_numpy(file.read(self._own_rows[learned]))
        self.fixed.copy_(fixed)
        self.own.weight[torch.from_numpy(learned)] = own.to(self.own.weight)
        if len(own) + len(fixed):
            self.own.weight[self.unknown] = torch.cat([own, fixed]).mean(0).to(self.own.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """(…) int64 → (…, D)."""
        place = self.place[ids]
        count = self.own.num_embeddings
        if not len(self.fixed):
            vectors: Tensor = self.own(place)
            return vectors
        learned = self.own(place.clamp(max=count - 1))
        kept = self.fixed[(place - count).clamp(min=0)]
        return torch.where((place < count).unsqueeze(-1), learned, kept)
