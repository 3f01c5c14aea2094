"""The best path of a linear chain, and the n best, for a whole batch at once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def viterbi(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Best paths (B, T) int64 (0 beyond the end) and their scores (B,), on the CPU.

    Only the best scores are kept on the way; which label they came from is asked again, for one label a sentence,
    on the way back: cheaper than an argmax over all K² pairs at every step.
    """
    emissions = emissions.detach()
    emissions = emissions if emissions.dtype == torch.float64 else emissions.float()
    transitions, start, end = (part.detach().to(emissions.dtype) for part in (transitions, start, end))
    batch, steps, size = emissions.shape
    into = transitions.t().contiguous()  # [to, from], so that the maximum runs over the last axis
    best = emissions.new_empty(steps, batch, size)
    best[0] = emissions[:, 0] + start
    candidates = emissions.new_empty(batch, size, size)
    for step in range(1, steps):
        torch.add(best[step - 1].unsqueeze(1), into, out=candidates)
        torch.amax(candidates, 2, out=best[step])
        best[step].add_(emissions[:, step])
    best, into, lengths = best.cpu(), into.cpu(), lengths.cpu()
    rows = torch.arange(batch)
    score, last = (best[lengths - 1, rows] + end.cpu()).max(1)

    scores_at, table = best.numpy(), into.numpy()
    ends, last_label = (lengths - 1).numpy(), last.numpy()
    paths = torch.zeros(batch, steps, dtype=torch.int64)
    filled = paths.numpy()
    label = last_label
    for step in range(steps - 1, -1, -1):
        if step < steps - 1:
            came_from = (scores_at[step] + table[label]).argmax(1)
            inside = step < ends
            label = came_from * inside + last_label * ~inside
        filled[:, step] = label
    return paths.mul_(torch.arange(steps) < lengths.unsqueeze(1)), score


def n_best_paths(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, n: int
) -> list[list[tuple[list[int], float]]]:
    """For each sentence up to ``n`` distinct legal paths with their scores, best first: exact.

    Each label keeps its ``n`` best ways of being reached (B, K, n); fewer come back where fewer paths are legal.
    """
    scores = emissions.detach().double().cpu()
    transitions, start, end = (part.detach().double().cpu() for part in (transitions, start, end))
    lengths = lengths.cpu()
    batch, steps, size = scores.shape
    kept = torch.full((batch, size, n), float("-inf"), dtype=torch.float64)
    kept[:, :, 0] = scores[:, 0] + start
    history = [kept]
    origins: list[NDArray[np.int64]] = []
    for step in range(1, steps):
        reach = (kept.unsqueeze(3) + transitions.unsqueeze(1)).reshape(batch, size * n, size)  # (B, from·n, to)
        kept, origin = reach.topk(n, dim=1)
        kept = kept.transpose(1, 2) + scores[:, step].unsqueeze(2)
        history.append(kept)
        origins.append(origin.transpose(1, 2).numpy())
    found: list[list[tuple[list[int], float]]] = []
    for row in range(batch):
        final = int(lengths[row]) - 1
        totals, cells = (history[final][row] + end.unsqueeze(1)).reshape(-1).topk(n)
        paths: list[tuple[list[int], float]] = []
        for total, cell in zip(totals.tolist(), cells.tolist(), strict=True):
            if total == float("-inf"):
                break
            path = [cell // n]
            for step in range(final, 0, -1):
                cell = int(origins[step - 1][row, cell // n, cell % n])
                path.append(cell // n)
            paths.append((path[::-1], total))
        found.append(paths)
    return found
