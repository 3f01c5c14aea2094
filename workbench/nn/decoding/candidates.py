"""The best continuations of a sentence, over all its rows and the whole vocabulary.

On a processor the vocabulary is cut into blocks: the best C values lie in the C blocks with the highest maxima, so that
what is sorted is those blocks and not the vocabulary. That is exact, and a fraction of the time of a ``topk``.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK, SMALL = 64, 8
"""Symbols of a block, and of a block of a vocabulary below their product: blocks are to outnumber what is kept."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def best_continuations(log_probabilities: Tensor, scores: Floats, places: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Parents, symbols, totals and log-probabilities of the best, each (A, C), best first; C is ``places`` at most.

    ``log_probabilities`` (A · W, V) are of the rows; ``scores`` (A, W) their sums so far, -inf where a place is dead.
    Of equals the first come first, by place and then (on a processor) by symbol.
    """
    if log_probabilities.device.type != "cpu" or log_probabilities.dtype not in (torch.float32, torch.float64):
        return _by_rows(log_probabilities, scores, places)
    sentences, width = scores.shape
    values = log_probabilities.detach().contiguous().numpy()
    size = values.shape[1]
    block = BLOCK if size >= BLOCK * SMALL else SMALL
    blocks = -(-size // block)
    if blocks * width <= places:
        columns = np.broadcast_to(np.arange(width * size), (sentences, width * size))
        sums = (values.reshape(sentences, width, size) + scores[:, :, None]).reshape(sentences, -1)
        return _cut(values, scores, columns, sums, places)
    whole = size // block
    highest = log_probabilities[:, : whole * block].view(-1, whole, block).amax(2)
    if whole < blocks:
        highest = torch.cat([highest, log_probabilities[:, whole * block :].amax(1, keepdim=True)], dim=1)
    bounds = (highest.numpy().reshape(sentences, width, blocks) + scores[:, :, None]).reshape(sentences, -1)
    chosen = _highest(bounds, places)
    place, first = chosen // blocks, chosen % blocks * block
    within = first[:, :, None] + np.arange(block)
    beyond = within >= size
    columns = (place[:, :, None] * size + np.where(beyond, 0, within)).reshape(sentences, -1)
    found = values.reshape(-1)[columns + _starts(sentences, width * size)]
    sums = found + scores.reshape(-1)[place + _starts(sentences, width)].repeat(block, axis=1)
    if whole < blocks:
        sums[beyond.reshape(sentences, -1)] = -np.inf
    return _cut(values, scores, columns, sums, places)


def _highest(values: Floats, count: int) -> Ints:
    """The places (A, ``count``) of the highest of each row, in order of place; of equals the first."""
    size = values.shape[1]
    if size <= count:
        return np.broadcast_to(np.arange(size), values.shape)
    found: Ints = np.argpartition(values, size - count, axis=1)[:, size - count :]
    least = values.reshape(-1)[found[:, 0] + np.arange(len(values)) * size]
    # which of equals a partition takes is left to chance; what is impossible may be any
    tied = np.flatnonzero(((values >= least[:, None]).sum(1) > count) & (least > -np.inf))
    if len(tied):
        found[tied] = np.argsort(-values[tied], axis=1, kind="stable")[:, :count]
    return np.sort(found, axis=1)


def _cut(
    values: NDArray[np.floating], scores: Floats, columns: Ints, sums: Floats, places: int
) -> tuple[Ints, Ints, Floats, Floats]:
    """The best of ``sums``, which are of ``columns`` = place · V + symbol."""
    size = values.shape[1]
    start, size = _starts(*sums.shape), values.shape[1]
    chosen = _highest(sums, places)
    order = np.argsort(-sums.reshape(-1)[chosen + start], axis=1, kind="stable")
    chosen = chosen.reshape(-1)[order + _starts(*chosen.shape)] + start
    columns, totals = columns.reshape(-1)[chosen], sums.reshape(-1)[chosen]
    chances = values.reshape(-1)[columns + _starts(len(scores), scores.shape[1] * size)].astype(np.float64)
    return columns // size, columns % size, totals, chances


def _starts(rows: int, width: int) -> Ints:
    """Where the rows of a matrix begin when it is flat: indexing that is several times as fast as by row."""
    found: Ints = np.arange(0, rows * width, width or 1)[:, None]
    return found


def _by_rows(log_probabilities: Tensor, scores: Floats, places: int) -> tuple[Ints, Ints, Floats, Floats]:
    """The best of each row on its device first, then of those the best of each sentence."""
    sentences, width = scores.shape
    best, symbols = log_probabilities.topk(min(places, log_probabilities.shape[1]), dim=1)
    row_best = best.cpu().double().numpy().reshape(sentences, width, -1)
    kept = row_best.shape[2]
    sums = (scores[:, :, None] + row_best).reshape(sentences, -1)
    order = np.argsort(-sums, axis=1, kind="stable")[:, :places]
    tokens = np.take_along_axis(symbols.cpu().numpy().reshape(sums.shape), order, 1)
    chances = np.take_along_axis(row_best.reshape(sums.shape), order, 1)
    return order // kept, tokens, np.take_along_axis(sums, order, 1), chances
