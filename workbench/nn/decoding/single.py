"""Greedy decoding and sampling: one symbol for each row at a time, nothing is taken back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.nn.decoding.constraints import FORBIDDEN, Constraints
from workbench.nn.decoding.hypotheses import Hypothesis, final_score
from workbench.nn.decoding.options import Decoding, Symbols
from workbench.nn.decoding.stepper import Begun, Stepper

Choose = Callable[[Tensor, int, NDArray[np.int64]], Tensor]
"""(log-probabilities (R, V), step, which of all rows these are (R,)) → symbols (R,) int64."""


@torch.no_grad()
def greedy(stepper: Stepper, begun: Begun, options: Decoding, symbols: Symbols) -> list[Hypothesis]:
    """For each sentence, always the most probable next symbol."""

    def choose(log_probabilities: Tensor, step: int, rows: NDArray[np.int64]) -> Tensor:
        return log_probabilities.argmax(1)

    return _run(stepper, begun, options, symbols, 1, choose)


@torch.no_grad()
def sample(stepper: Stepper, begun: Begun, options: Decoding, symbols: Symbols) -> list[list[Hypothesis]]:
    """For each sentence ``options.samples`` drawn hypotheses, best score first."""
    each = options.samples
    keys = begun.keys or range(begun.sentences)
    longest = options.max_length + max((len(prefix) for prefix in begun.prefixes or ()), default=0)
    chances = np.stack(
        [
            np.random.Generator(np.random.PCG64([options.seed, int(key) & 0xFFFFFFFFFFFF, number])).random(longest + 1)
            for key in keys
            for number in range(each)
        ]
    )

    def choose(log_probabilities: Tensor, step: int, rows: NDArray[np.int64]) -> Tensor:
        return draw(log_probabilities, chances[rows, step], options)

    found = _run(stepper, begun, options, symbols, each, choose)
    groups = [found[first : first + each] for first in range(0, len(found), each)]
    return [sorted(group, key=lambda hypothesis: -hypothesis.score) for group in groups]


def draw(log_probabilities: Tensor, chances: NDArray[np.float64], options: Decoding) -> Tensor:
    """Symbols (R,) for uniform ``chances`` (R,): the inverse of the cumulated distribution, most probable first.

    Temperature divides the log-probabilities; ``top_k`` keeps the k most probable; ``top_p`` the fewest that reach p
    together (Holtzman et al., 2020, "The curious case of neural text degeneration").
    """
    device = log_probabilities.device
    # not every device has float64
    scaled = (log_probabilities.cpu() if device.type == "mps" else log_probabilities).double() / options.temperature
    size = scaled.shape[1]
    ordered, order = scaled.topk(min(options.top_k, size) if options.top_k else size, dim=1)
    probabilities = ordered.softmax(1)
    reached = probabilities.cumsum(1)
    if options.top_p < 1.0:
        probabilities = probabilities.masked_fill(reached - probabilities >= options.top_p, 0.0)
        reached = probabilities.cumsum(1)
    wanted = torch.from_numpy(chances).to(scaled.device) * reached[:, -1]
    place = torch.searchsorted(reached, wanted.unsqueeze(1), right=True)
    possible = (ordered > FORBIDDEN).logical_and_(probabilities > 0).sum(1, keepdim=True)
    return order.gather(1, torch.minimum(place, (possible - 1).clamp_min(0))).squeeze(1).to(device)


def _run(
    stepper: Stepper, begun: Begun, options: Decoding, symbols: Symbols, each: int, choose: Choose
) -> list[Hypothesis]:
    """``each`` rows for every sentence, in order; sentences all of whose rows have ended are taken out."""
    rules = Constraints(begun, options, symbols)
    device, total = begun.device, begun.sentences * each
    longest = int(rules.bounds.max()) + 1
    sentence_of = np.repeat(np.arange(begun.sentences), each)
    tokens = np.full((total, longest), symbols.end, dtype=np.int64)
    steps = np.zeros((total, longest), dtype=np.float64)
    lengths = np.zeros(total, dtype=np.int64)
    cut = np.zeros(total, dtype=bool)
    attended: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    rows: NDArray[np.int64] = np.arange(total)
    """Which of all rows are being written; ``done`` says of each whether it has ended."""
    done = np.zeros(total, dtype=bool)
    state, last = begun.state, torch.full((total,), symbols.start, device=device)
    if each > 1 and state is not None:
        state = stepper.select(state, torch.from_numpy(sentence_of).to(device))
    for step in range(longest):
        log_probabilities, state, attention = stepper.step(last, state)
        rules.apply(log_probabilities, step, sentence_of[rows], tokens[rows, :step])
        last = choose(log_probabilities, step, rows)
        chosen = log_probabilities.gather(1, last.unsqueeze(1)).squeeze(1)
        written, chances = last.cpu().numpy(), chosen.cpu().double().numpy()
        alive = ~done
        # where every symbol is forbidden, the hypothesis ends as it is
        stuck = np.isneginf(chances)
        written, chances = np.where(stuck, symbols.end, written), np.where(stuck, 0.0, chances)
        tokens[rows[alive], step] = written[alive]
        steps[rows[alive], step] = chances[alive]
        lengths[rows[alive]] = step + 1
        if attention is not None:
            attended.append((rows, attention.float().cpu().numpy()))
        ended = alive & (written == symbols.end)
        cut[rows[ended]] = stuck[ended] | (step >= rules.bounds[sentence_of[rows[ended]]])
        done = done | ended
        if done.all():
            break
        whole = done.reshape(-1, each).all(1)
        if whole.mean() >= 0.25:
            remaining = np.flatnonzero(~whole)
            at = (remaining[:, None] * each + np.arange(each)).reshape(-1)
            kept = torch.from_numpy(at).to(device)
            state = stepper.select(state, kept, torch.from_numpy(remaining).to(device))
            rows, done, last = rows[at], done[at], last[kept]
    attention_of = _gathered(attended, total)
    found = []
    for row in range(total):
        size, sentence = int(lengths[row]), int(sentence_of[row])
        looked = _cut(attention_of[row], size, sentence, begun)
        probability = float(steps[row, :size].sum())
        found.append(
            Hypothesis(
                tuple(tokens[row, : size - 1].tolist()),
                probability,
                final_score(probability, size, options, looked),
                tuple(steps[row, :size].tolist()),
                looked,
                bool(cut[row]),
            )
        )
    return found


def _gathered(
    attended: list[tuple[NDArray[np.int64], NDArray[np.float32]]], total: int
) -> list[list[NDArray[np.float32]]]:
    found: list[list[NDArray[np.float32]]] = [[] for _ in range(total)]
    for rows, weights in attended:
        for row, looked in zip(rows.tolist(), weights, strict=True):
            found[row].append(looked)
    return found


def _cut(looked: list[NDArray[np.float32]], size: int, sentence: int, begun: Begun) -> NDArray[np.float32] | None:
    if not looked:
        return None
    stacked: NDArray[np.float32] = np.stack(looked[:size])
    return stacked if begun.source_lengths is None else stacked[:, : begun.source_lengths[sentence]]
