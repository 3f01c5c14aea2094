"""Beam search, batched over sentences and hypotheses alike.

A sentence begins with K places. At each step its best continuations take the places that are left; one that ends gives
its place up for good, so K hypotheses are finished in all and a beam of one is greedy decoding, however lengths are
weighed. A sentence is done when no place is left, or when nothing alive can overtake its n best any more.

A beam may lose the greedy hypothesis on the way and end with worse ones. Where it was lost it is written after all and
competes, so that the answer is never worse than greedy decoding's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.nn.contract import State
from workbench.nn.decoding.constraints import Constraints
from workbench.nn.decoding.hypotheses import Hypothesis, final_score
from workbench.nn.decoding.options import Decoding, Symbols
from workbench.nn.decoding.single import greedy
from workbench.nn.decoding.stepper import Begun, Stepper

Ints = NDArray[np.int64]
REMOVE = 0.15
"""Sentences that are done leave the batch when they are this share of it: leaving copies the memory of the others."""


@dataclass(slots=True)
class _Finished:
    score: float
    tokens: tuple[int, ...]
    steps: tuple[float, ...]
    ancestry: Ints
    cut: bool


@dataclass(slots=True)
class _Rows:
    """The rows being written, ``width`` for each of the sentences ``of``; what dead places hold means nothing.

    ``history`` (R, t) are symbols and ``steps`` (R, t) their log-probabilities; ``ancestry`` (R, t) says in which row
    each was written, to find its attention; ``scores`` (A, width) are summed, -inf for a dead place; ``greedy`` (A,) is
    the place of the greedy hypothesis, -1 once it is lost or finished.
    """

    of: Ints
    width: int
    history: Ints
    steps: NDArray[np.float64]
    ancestry: Ints
    scores: NDArray[np.float64]
    greedy: Ints
    state: State
    last: Tensor


@dataclass(slots=True)
class _Candidates:
    """(A, C) continuations: which live on, from which place, with which symbol; ``matched`` is the greedy one."""

    live: NDArray[np.bool_]
    parents: Ints
    tokens: Ints
    totals: NDArray[np.float64]
    chances: NDArray[np.float64]
    matched: NDArray[np.bool_]


@dataclass(slots=True)
class _Search:
    stepper: Stepper
    begun: Begun
    options: Decoding
    symbols: Symbols
    rules: Constraints
    finished: list[list[_Finished]]
    lost: set[int] = field(default_factory=set)
    """Sentences whose greedy hypothesis fell out of the beam."""
    attended: list[Tensor] = field(default_factory=list)
    """(R, S) of each step."""


@torch.no_grad()
def beam_search(stepper: Stepper, begun: Begun, options: Decoding, symbols: Symbols) -> list[list[Hypothesis]]:
    """For each sentence up to ``options.n_best`` different hypotheses, best score first, at least one."""
    count = begun.sentences
    search = _Search(stepper, begun, options, symbols, Constraints(begun, options, symbols), [[] for _ in range(count)])
    empty = np.zeros((count, 0), dtype=np.int64)
    rows = _Rows(
        of=np.arange(count),
        width=1,
        history=empty,
        steps=empty.astype(np.float64),
        ancestry=empty,
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
    _compete_with_greedy(search, answers)
    return answers


def _advance(search: _Search, rows: _Rows, step: int) -> _Rows | None:
    """One symbol more for every row; None when every sentence is done."""
    width, places = rows.width, search.options.beam
    log_probabilities, state, attention = search.stepper.step(rows.last, rows.state)
    search.rules.apply(log_probabilities, step, np.repeat(rows.of, width), rows.history)
    # the best of each row first, then of those the best of each sentence: the vocabulary is gone through once
    best, symbols = log_probabilities.topk(min(places, log_probabilities.shape[1]), dim=1)
    row_best = best.cpu().double().numpy().reshape(len(rows.of), width, -1)
    row_symbols = symbols.cpu().numpy().reshape(row_best.shape)
    kept = row_best.shape[2]
    sums = (rows.scores[:, :, None] + row_best).reshape(len(rows.of), -1)
    order = np.argsort(-sums, axis=1, kind="stable")[:, :places]
    totals = np.take_along_axis(sums, order, 1)
    chances = np.take_along_axis(row_best.reshape(sums.shape), order, 1)
    tokens = np.take_along_axis(row_symbols.reshape(sums.shape), order, 1)
    parents, possible = order // kept, totals > -np.inf
    if attention is not None:
        search.attended.append(attention)

    left = np.array([places - len(search.finished[sentence]) for sentence in rows.of])
    left[np.isneginf(rows.scores).all(1)] = 0
    taken = possible & (np.arange(order.shape[1]) < left[:, None])
    ends = taken & (tokens == search.symbols.end)
    _finish(search, rows, step, ends, parents, totals, chances)
    _finish_stuck(search, rows, step, taken, left)
    matched = _follow_greedy(search, rows, order, kept, taken, left > 0)
    live = taken & ~ends
    for a, sentence in enumerate(rows.of.tolist()):
        if len(search.finished[sentence]) >= search.options.n_best and _is_done(search, sentence, totals[a][live[a]]):
            live[a] = False
    if not live.any():
        return None
    return _follow(search, rows, state, _Candidates(live, parents, tokens, totals, chances, matched))


def _finish(
    search: _Search,
    rows: _Rows,
    step: int,
    ends: NDArray[np.bool_],
    parents: Ints,
    totals: NDArray[np.float64],
    chances: NDArray[np.float64],
) -> None:
    for a, place in zip(*np.nonzero(ends), strict=True):
        sentence, parent = int(rows.of[a]), int(a * rows.width + parents[a, place])
        cut = bool(step >= search.rules.bounds[sentence])
        _keep(search, rows, sentence, parent, float(totals[a, place]), float(chances[a, place]), cut)


def _finish_stuck(search: _Search, rows: _Rows, step: int, taken: NDArray[np.bool_], left: Ints) -> None:
    """A sentence all of whose continuations are forbidden ends as it is, if it has nothing better."""
    for a in np.flatnonzero(~taken.any(1) & (left > 0)):
        sentence = int(rows.of[a])
        if not search.finished[sentence]:
            place = int(rows.scores[a].argmax())
            _keep(search, rows, sentence, int(a * rows.width + place), float(rows.scores[a, place]), 0.0, True)


def _keep(search: _Search, rows: _Rows, sentence: int, row: int, total: float, chance: float, cut: bool) -> None:
    ancestry = np.append(rows.ancestry[row], row)
    size = len(ancestry)
    attention = _attention(search, sentence, ancestry) if search.options.coverage_penalty else None
    search.finished[sentence].append(
        _Finished(
            final_score(total, size, search.options, attention),
            tuple(rows.history[row].tolist()),
            (*rows.steps[row].tolist(), chance),
            ancestry,
            cut,
        )
    )


def _is_done(search: _Search, sentence: int, alive: NDArray[np.float64]) -> bool:
    """Whether nothing alive (summed log-probabilities) can still come among the n best."""
    finished, wanted = search.finished[sentence], search.options.n_best
    if not len(alive) or len(finished) >= search.options.beam:
        return True
    # a log-probability only falls; what divides it is largest at the greatest length; coverage only takes away
    highest = float(alive.max()) / search.options.normaliser(int(search.rules.bounds[sentence]) + 1)
    return sorted((one.score for one in finished), reverse=True)[wanted - 1] >= highest


def _follow_greedy(
    search: _Search, rows: _Rows, order: Ints, kept: int, taken: NDArray[np.bool_], alive: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which candidate of each sentence is the greedy one; a sentence that does not take it has lost it.

    ``order`` numbers candidates as place · ``kept`` + rank within the place: the greedy one is of rank 0.
    """
    followed = (rows.greedy >= 0) & alive
    matched: NDArray[np.bool_] = (order == (rows.greedy * kept)[:, None]) & taken & followed[:, None]
    search.lost.update(rows.of[followed & ~matched.any(1)].tolist())
    return matched


def _follow(search: _Search, rows: _Rows, state: State, found: _Candidates) -> _Rows:
    """The rows of the next step: what lives, moved to the front places of its sentence."""
    device = search.begun.device
    going = found.live.any(1)
    shrink = (~going).mean() >= REMOVE
    kept = np.flatnonzero(going) if shrink else np.arange(len(rows.of))
    live = found.live[kept]
    # a stable sort brings the living to the front and leaves them in order
    front = np.argsort(~live, axis=1, kind="stable")[:, : int(live.sum(1).max())]
    alive = np.take_along_axis(live, front, 1)

    def moved(values: NDArray[Any], dead: float) -> NDArray[Any]:
        return np.where(alive, np.take_along_axis(values[kept], front, 1), dead)

    parent, token = moved(found.parents, 0), moved(found.tokens, search.symbols.end)
    greedy_here = moved(found.matched, False).astype(bool)
    old = (kept[:, None] * rows.width + parent).reshape(-1)
    if len(old) != len(rows.last) or bool((old != np.arange(len(old))).any()):
        remaining = torch.from_numpy(kept).to(device) if len(kept) < len(rows.of) else None
        state = search.stepper.select(state, torch.from_numpy(old).to(device), remaining)
    return _Rows(
        of=rows.of[kept],
        width=front.shape[1],
        history=np.concatenate([rows.history[old], token.reshape(-1, 1)], axis=1),
        steps=np.concatenate([rows.steps[old], moved(found.chances, 0.0).reshape(-1, 1)], axis=1),
        ancestry=np.concatenate([rows.ancestry[old], old[:, None]], axis=1),
        scores=moved(found.totals, -np.inf),
        greedy=np.where(greedy_here.any(1), greedy_here.argmax(1), -1),
        state=state,
        last=torch.from_numpy(np.ascontiguousarray(token.reshape(-1))).to(device),
    )


def _attention(search: _Search, sentence: int, ancestry: Ints) -> NDArray[np.float32] | None:
    """(n + 1, S) of one hypothesis, from the rows it was written in."""
    if not search.attended:
        return None
    looked = torch.stack([weights[row] for weights, row in zip(search.attended, ancestry.tolist(), strict=False)])
    found: NDArray[np.float32] = looked.float().cpu().numpy()
    lengths = search.begun.source_lengths
    return found if lengths is None else found[:, : lengths[sentence]]


def _answers(search: _Search, sentence: int) -> list[Hypothesis]:
    best = sorted(search.finished[sentence], key=lambda one: -one.score)[: search.options.n_best]
    return [
        Hypothesis(
            one.tokens, float(sum(one.steps)), one.score, one.steps, _attention(search, sentence, one.ancestry), one.cut
        )
        for one in best
    ]


def _compete_with_greedy(search: _Search, answers: list[list[Hypothesis]]) -> None:
    """Write the greedy hypothesis of the sentences that lost it, and let it take its place among the best."""
    if not search.lost:
        return
    lost, begun = sorted(search.lost), search.begun
    at = torch.tensor(lost, device=begun.device)
    state = begun.state if begun.state is None else search.stepper.select(begun.state, at, at)

    def of_lost(values: Any) -> Any:
        return None if values is None else [values[sentence] for sentence in lost]

    again = replace(
        begun,
        state=state,
        sentences=len(lost),
        source_lengths=of_lost(begun.source_lengths),
        max_lengths=of_lost(begun.max_lengths),
        prefixes=of_lost(begun.prefixes),
        keys=(),
    )
    found = greedy(search.stepper, again, search.options, search.symbols)
    for sentence, hypothesis in zip(lost, found, strict=True):
        own = answers[sentence]
        if all(hypothesis.tokens != other.tokens for other in own):
            own.append(hypothesis)
            own.sort(key=lambda one: -one.score)
            del own[search.options.n_best :]
