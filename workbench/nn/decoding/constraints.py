"""What may not be written next: the same rules for every method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.nn.decoding.options import Decoding, Symbols
from workbench.nn.decoding.stepper import Begun

FORBIDDEN = float("-inf")


class Constraints:
    """Rules of one call of a search; :meth:`apply` takes what they forbid from the log-probabilities."""

    def __init__(self, begun: Begun, options: Decoding, symbols: Symbols) -> None:
        self.options, self.symbols = options, symbols
        bounds = [options.max_length] * begun.sentences
        if begun.max_lengths is not None:
            bounds = [min(bound, max(1, int(own))) for bound, own in zip(bounds, begun.max_lengths, strict=True)]
        self.prefixes: list[Sequence[int]] = [()] * begun.sentences
        if begun.prefixes is not None:
            self.prefixes = list(begun.prefixes)
        forced = np.array([len(prefix) for prefix in self.prefixes], dtype=np.int64)
        self.bounds: NDArray[np.int64] = np.maximum(np.array(bounds, dtype=np.int64), forced)
        """The most symbols each sentence may have."""
        self.longest_prefix = int(forced.max(initial=0))
        never = {symbols.start, *symbols.never}
        if options.ban_unknown and symbols.unknown is not None:
            never.add(symbols.unknown)
        self.never = torch.tensor(sorted(never - {symbols.end}), dtype=torch.int64, device=begun.device)

    def apply(
        self, log_probabilities: Tensor, step: int, sentences: NDArray[np.int64], history: NDArray[np.int64]
    ) -> Tensor:
        """``log_probabilities`` (R, V) of symbol ``step``, in place. ``sentences`` (R,) are whose rows these are,
        ``history`` (R, ``step``) what they have written."""
        end = self.symbols.end
        forced = self._forced(step, sentences)
        given = None if forced is None else log_probabilities[forced[0], forced[1]]
        log_probabilities.index_fill_(1, self.never, FORBIDDEN)
        if step < self.options.min_length:
            log_probabilities[:, end] = FORBIDDEN
        if self.options.no_repeat and step >= self.options.no_repeat:
            rows, tokens = repeats(history, self.options.no_repeat)
            ends = tokens == end
            rows, tokens = rows[~ends], tokens[~ends]
            if len(rows):
                where = (torch.from_numpy(rows), torch.from_numpy(tokens))
                device = log_probabilities.device
                log_probabilities[where[0].to(device), where[1].to(device)] = FORBIDDEN
        if forced is not None and given is not None:
            log_probabilities[forced[0]] = FORBIDDEN
            log_probabilities[forced[0], forced[1]] = given
        return log_probabilities

    def _forced(self, step: int, sentences: NDArray[np.int64]) -> tuple[Tensor, Tensor] | None:
        """Rows after which one symbol alone may follow, and the symbol: the next of a prefix, or the end at the
        greatest length."""
        forced = np.where(self.bounds[sentences] <= step, self.symbols.end, -1)
        if step < self.longest_prefix:
            for row, sentence in enumerate(sentences.tolist()):
                prefix = self.prefixes[sentence]
                if step < len(prefix):
                    forced[row] = int(prefix[step])
        rows = np.flatnonzero(forced >= 0)
        if not len(rows):
            return None
        device = self.never.device
        return torch.from_numpy(rows).to(device), torch.from_numpy(forced[rows]).to(device)


def repeats(history: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and symbols that would complete ``size`` symbols which the row of ``history`` (R, T) already holds."""
    rows, steps = history.shape
    if steps < size or not rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if size == 1:
        return np.repeat(np.arange(rows), steps), history.reshape(-1)
    windows = np.lib.stride_tricks.sliding_window_view(history, size, axis=1)
    same = (windows[:, :, :-1] == history[:, None, steps - size + 1 :]).all(2)
    row, at = np.nonzero(same)
    return row.astype(np.int64), np.ascontiguousarray(windows[row, at, -1])
