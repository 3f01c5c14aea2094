"""How the rows of a search came about: each step notes for every row which one it follows, and with what symbol.

So a step copies no history: what a hypothesis has written is read off from its last row backwards, when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Trail:
    """Lists with an entry for each step; rows of step t are those that write symbol t."""

    parents: list[Ints] = field(default_factory=list)
    """Of the rows of step t + 1: which row of step t each follows."""
    tokens: list[Ints] = field(default_factory=list)
    """Of the rows of step t + 1: symbol t."""
    chances: list[Floats] = field(default_factory=list)
    """Its log-probability."""
    attended: list[Tensor | NDArray[np.float32]] = field(default_factory=list)
    """(R, S) of the rows of step t; empty without attention."""

    def grow(self, parents: Ints, tokens: Ints, chances: Floats) -> None:
        self.parents.append(parents)
        self.tokens.append(tokens)
        self.chances.append(chances)

    def written(self, step: int, rows: Ints) -> tuple[Ints, Floats, Ints]:
        """Symbols (n, ``step``) and log-probabilities of ``rows`` of ``step``, and the rows (n, ``step`` + 1) they went
        through."""
        tokens = np.empty((len(rows), step), dtype=np.int64)
        chances = np.empty((len(rows), step), dtype=np.float64)
        through = np.empty((len(rows), step + 1), dtype=np.int64)
        through[:, step] = rows
        for t in range(step - 1, -1, -1):
            tokens[:, t], chances[:, t] = self.tokens[t][rows], self.chances[t][rows]
            rows = self.parents[t][rows]
            through[:, t] = rows
        return tokens, chances, through

    def attention(self, through: Ints, length: int | None = None) -> NDArray[np.float32] | None:
        """(n, S) of a hypothesis that went ``through`` (n,) rows, cut to its source's ``length``."""
        if not self.attended:
            return None
        found = np.stack([self._looked(t)[row] for t, row in enumerate(through.tolist())])
        return found if length is None else found[:, :length]

    def _looked(self, step: int) -> NDArray[np.float32]:
        looked = self.attended[step]
        if isinstance(looked, Tensor):
            looked = self.attended[step] = looked.float().cpu().numpy()
        return looked
