"""Beam search, batched over sentences and hypotheses alike.

A sentence begins with K places. At each step its best continuations take the places that are left; one that ends gives
its place up for good, so K hypotheses are finished in all and a beam of one is greedy decoding, however lengths are
weighed. A sentence is done when no place is left, or when nothing alive can overtake its n best any more.

A beam may lose the greedy hypothesis on the way and end with worse ones. Where it was lost it is written on and
competes, so that the answer is never worse than greedy decoding's (see :mod:`~workbench.nn.decoding.competition`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.nn.contract import State
from workbench.nn.decoding.candidates import best_continuations
from workbench.nn.decoding.competition import Competition, Lost
from workbench.nn.decoding.constraints import Constraints
from workbench.nn.decoding.hypotheses import Hypothesis, final_score
from workbench.nn.decoding.options import Decoding, Symbols
from workbench.nn.decoding.stepper import Begun, Stepper
from workbench.nn.decoding.trail import Floats, Ints, Trail

Bools = NDArray[np.bool_]
REMOVE = 0.15
"""Sentences that are done leave the batch when they are this share of it: leaving copies the memory of the others."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """A hypothesis that ended in ``row`` of ``step``, where the end had the log-probability ``chance``."""

    score: float
    step: int
    row: int
    chance: float
    cut: bool


@dataclass(slots=True)
class _Rows:
    """The rows being written, ``width`` for each of the sentences ``of``; what dead places hold means nothing.

    ``history`` (R, t) are symbols, kept only where a rule asks for them; ``scores`` (A, width) are summed
    log-probabilities, -inf for a dead place; ``greedy`` (A,) is the place of the greedy hypothesis, -1 once it is lost
    or finished.
    """

    of: Ints
    width: int
    history: Ints
    scores: Floats
    greedy: Ints
    state: State
    last: Tensor


@dataclass(slots=True)
class _Candidates:
    """(A, C) continuations: which live on, from which place, with which symbol; ``matched`` is the greedy one."""

    live: Bools
    parents: Ints
    tokens: Ints
    totals: Floats
    chances: Floats
    matched: Bools


@dataclass(slots=True)
class _Search:
    stepper: Stepper
    begun: Begun
    options: Decoding
    symbols: Symbols
    rules: Constraints
    finished: list[list[_Finished]]
    ended: Ints
    """(B,) how many of each sentence's have finished."""
    trail: Trail = field(default_factory=Trail)
    lost: list[Lost] = field(default_factory=list)
    """Greedy hypotheses that fell out of their beams, by step."""

    def source_length(self, sentence: int) -> int | None:
        lengths = self.begun.source_lengths
        return None if lengths is None else int(lengths[sentence])


@torch.no_grad()
def beam_search(stepper: Stepper, begun: Begun, options: Decoding, symbols: Symbols) -> list[list[Hypothesis]]:
    """For each sentence up to ``options.n_best`` different hypotheses, best score first, at least one."""
    count = begun.sentences
    rules = Constraints(begun, options, symbols)
    search = _Search(
        stepper, begun, options, symbols, rules, [[] for _ in range(count)], np.zeros(count, dtype=np.int64)
    )
    rows = _Rows(
        of=np.arange(count),
        width=1,
        history=np.zeros((count, 0), dtype=np.int64),
        scores=np.zeros((count, 1)),
        # a beam of one is greedy decoding: there is nothing to follow beside it
        greedy=np.full(count, 0 if options.beam > 1 else -1, dtype=np.int64),
        state=begun.state,
        last=torch.full((count,), symbols.start, device=begun.device),
    )
    step = 0
    while True:
        following = _advance(search, rows, step)
        if following is None:
            break
        rows, step = following, step + 1
    answers = [_answers(search, sentence) for sentence in range(count)]
    if search.lost:
        Competition(stepper, begun, options, symbols, rules, answers).hold(search.lost)
    return answers


def _advance(search: _Search, rows: _Rows, step: int) -> _Rows | None:
    """One symbol more for every row; None when every sentence is done."""
    places, wanted = search.options.beam, search.options.n_best
    log_probabilities, state, attention = search.stepper.step(rows.last, rows.state)
    search.rules.apply(log_probabilities, step, np.repeat(rows.of, rows.width), rows.history)
    parents, tokens, totals, chances = best_continuations(log_probabilities, rows.scores, places)
    if attention is not None:
        search.trail.attended.append(attention)

    left = places - search.ended[rows.of]
    left[np.isneginf(rows.scores).all(1)] = 0
    taken = (totals > -np.inf) & (np.arange(totals.shape[1]) < left[:, None])
    ends = taken & (tokens == search.symbols.end)
    for a, place in zip(*(found.tolist() for found in np.nonzero(ends)), strict=True):
        row = a * rows.width + int(parents[a, place])
        _keep(search, rows, step, row, float(totals[a, place]), float(chances[a, place]))
    _finish_stuck(search, rows, step, taken, left)
    matched = _follow_greedy(rows, parents, taken, left > 0)
    lost = np.flatnonzero((rows.greedy >= 0) & (left > 0) & ~matched.any(1))
    _note_lost(search, rows, step, lost, log_probabilities, state)
    live = taken & ~ends
    for a in np.flatnonzero(search.ended[rows.of] >= wanted).tolist():
        if _is_done(search, int(rows.of[a]), totals[a][live[a]]):
            live[a] = False
    if not live.any():
        return None
    return _follow(search, rows, state, _Candidates(live, parents, tokens, totals, chances, matched))


def _finish_stuck(search: _Search, rows: _Rows, step: int, taken: Bools, left: Ints) -> None:
    """A sentence all of whose continuations are forbidden ends as it is, if it has nothing better."""
    for a in np.flatnonzero(~taken.any(1) & (left > 0)).tolist():
        if not search.ended[rows.of[a]]:
            place = int(rows.scores[a].argmax())
            _keep(search, rows, step, a * rows.width + place, float(rows.scores[a, place]), 0.0, stuck=True)


def _keep(
    search: _Search, rows: _Rows, step: int, row: int, total: float, chance: float, *, stuck: bool = False
) -> None:
    """The hypothesis in ``row`` has ended, with a sum of ``total``."""
    sentence = int(rows.of[row // rows.width])
    attention = None
    if search.options.coverage_penalty and search.trail.attended:
        _, _, through = search.trail.written(step, np.array([row]))
        attention = search.trail.attention(through[0], search.source_length(sentence))
    score = final_score(total, step + 1, search.options, attention)
    cut = stuck or bool(step >= search.rules.bounds[sentence])
    search.finished[sentence].append(_Finished(score, step, row, chance, cut))
    search.ended[sentence] += 1


def _is_done(search: _Search, sentence: int, alive: Floats) -> bool:
    """Whether nothing alive (summed log-probabilities) can still come among the n best."""
    finished, wanted = search.finished[sentence], search.options.n_best
    if not len(alive) or len(finished) >= search.options.beam:
        return True
    # a log-probability only falls; what divides it is largest at the greatest length; coverage only takes away
    highest = float(alive.max()) / search.options.normaliser(int(search.rules.bounds[sentence]) + 1)
    return sorted((one.score for one in finished), reverse=True)[wanted - 1] >= highest


def _follow_greedy(rows: _Rows, parents: Ints, taken: Bools, alive: Bools) -> Bools:
    """Which candidate of each sentence is the greedy one: the first of those from its place, where that is taken."""
    from_it = taken & (parents == rows.greedy[:, None]) & alive[:, None]
    matched: Bools = from_it & (from_it.cumsum(1) == 1)
    return matched


def _note_lost(
    search: _Search, rows: _Rows, step: int, lost: Ints, log_probabilities: Tensor, state: State
) -> None:
    """The greedy hypotheses of the present sentences ``lost`` are out of the beam: what it takes to write them on."""
    if not len(lost):
        return
    device = search.begun.device
    own = lost * rows.width + rows.greedy[lost]
    at = torch.from_numpy(own).to(device)
    best, symbols = log_probabilities.index_select(0, at).max(1)
    chances, written = best.cpu().double().numpy(), symbols.cpu().numpy()
    stuck = np.isneginf(chances)
    written, chances = np.where(stuck, search.symbols.end, written), np.where(stuck, 0.0, chances)
    history, steps, through = search.trail.written(step, own)
    search.lost.append(
        Lost(
            rows.of[lost],
            np.concatenate([history, written[:, None]], axis=1),
            np.concatenate([steps, chances[:, None]], axis=1),
            [search.trail.attention(each) for each in through],
            stuck,
            search.stepper.select(state, at, torch.from_numpy(lost).to(device)),
        )
    )


def _follow(search: _Search, rows: _Rows, state: State, found: _Candidates) -> _Rows:
    """The rows of the next step: what lives, moved to the front places of its sentence."""
    device = search.begun.device
    going = found.live.any(1)
    shrink = (~going).mean() >= REMOVE
    kept = np.flatnonzero(going) if shrink else np.arange(len(rows.of))
    live = found.live[kept]
    # a stable sort brings the living to the front and leaves them in order
    front = np.argsort(~live, axis=1, kind="stable")[:, : int(live.sum(1).max())]
    at = kept[:, None] * found.live.shape[1] + front
    alive = found.live.reshape(-1)[at]
    parent = np.where(alive, found.parents.reshape(-1)[at], 0)
    token = np.where(alive, found.tokens.reshape(-1)[at], search.symbols.end).reshape(-1)
    greedy_here = alive & found.matched.reshape(-1)[at]
    old = (kept[:, None] * rows.width + parent).reshape(-1)
    if len(old) != len(rows.last) or bool((old != np.arange(len(old))).any()):
        remaining = torch.from_numpy(kept).to(device) if len(kept) < len(rows.of) else None
        state = search.stepper.select(state, torch.from_numpy(old).to(device), remaining)
    search.trail.grow(old, token, np.where(alive, found.chances.reshape(-1)[at], 0.0).reshape(-1))
    history = rows.history
    if search.options.no_repeat:
        history = np.concatenate([history[old], token[:, None]], axis=1)
    return _Rows(
        of=rows.of[kept],
        width=front.shape[1],
        history=history,
        scores=np.where(alive, found.totals.reshape(-1)[at], -np.inf),
        greedy=np.where(greedy_here.any(1), greedy_here.argmax(1), -1),
        state=state,
        last=torch.from_numpy(token).to(device),
    )


def _answers(search: _Search, sentence: int) -> list[Hypothesis]:
    best = sorted(search.finished[sentence], key=lambda one: -one.score)[: search.options.n_best]
    found = []
    for one in best:
        (tokens,), (chances,), (through,) = search.trail.written(one.step, np.array([one.row]))
        steps = (*chances.tolist(), one.chance)
        attention = search.trail.attention(through, search.source_length(sentence))
        found.append(Hypothesis(tuple(tokens.tolist()), float(sum(steps)), one.score, steps, attention, one.cut))
    return found
