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
        self,
        log_probabilities: Tensor,
        step: int | NDArray[np.int64],
        sentences: NDArray[np.int64],
        history: NDArray[np.int64],
    ) -> Tensor:
        """``log_probabilities`` (R, V) of symbol ``step``, in place. ``sentences`` (R,) are whose rows these are,
        ``history`` (R, ``step``) what they have written; it is read only under ``no_repeat``.

        Rows may be at a ``step`` (R,) each: their history then ends at the right and begins with -1.
        """
        end = self.symbols.end
        forced = self._forced(step, sentences)
        given = None if forced is None else log_probabilities[forced[0], forced[1]]
        log_probabilities.index_fill_(1, self.never, FORBIDDEN)
        if isinstance(step, int):
            if step < self.options.min_length:
                log_probabilities[:, end] = FORBIDDEN
        elif (early := step < self.options.min_length).any():
            log_probabilities[torch.from_numpy(np.flatnonzero(early)).to(log_probabilities.device), end] = FORBIDDEN
        if self.options.no_repeat:
            rows, tokens = repeats(history, self.options.no_repeat)
            # a row that has written less than the others begins with what is no symbol
            known = (tokens != end) & (tokens >= 0)
            if not isinstance(step, int):
                known &= step[rows] >= self.options.no_repeat
            rows, tokens = rows[known], tokens[known]
            if len(rows):
                where = (torch.from_numpy(rows), torch.from_numpy(tokens))
                device = log_probabilities.device
                log_probabilities[where[0].to(device), where[1].to(device)] = FORBIDDEN
        if forced is not None and given is not None:
            log_probabilities[forced[0]] = FORBIDDEN
            log_probabilities[forced[0], forced[1]] = given
        return log_probabilities

    def _forced(self, step: int | NDArray[np.int64], sentences: NDArray[np.int64]) -> tuple[Tensor, Tensor] | None:
        """Rows after which one symbol alone may follow, and the symbol: the next of a prefix, or the end at the
        greatest length."""
        forced = np.where(self.bounds[sentences] <= step, self.symbols.end, -1)
        if np.min(step, initial=self.longest_prefix) < self.longest_prefix:
            steps = np.broadcast_to(step, sentences.shape).tolist()
            for row, (sentence, at) in enumerate(zip(sentences.tolist(), steps, strict=True)):
                prefix = self.prefixes[sentence]
                if at < len(prefix):
                    forced[row] = int(prefix[at])
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
