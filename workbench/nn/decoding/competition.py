"""What becomes of a greedy hypothesis that a beam has lost: it is written on, and competes with what the beam found.

So an answer is never worse than greedy decoding's. It is taken up where it was lost, with the state it had there, and
only for as long as it can still come among the best of its sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.nn.contract import State
from workbench.nn.decoding.constraints import Constraints
from workbench.nn.decoding.hypotheses import Hypothesis, final_score
from workbench.nn.decoding.options import Decoding, Symbols
from workbench.nn.decoding.single import greedy
from workbench.nn.decoding.stepper import Begun, Joins, Stepper

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
LEAVE = 0.25
"""Rows that are done leave the batch when they are this share of it."""


@dataclass(slots=True)
class Lost:
    """Greedy hypotheses (L of them) that fell out of their beams at one step, with the symbol they would have written.

    ``history`` (L, t + 1) and ``steps`` (L, t + 1) hold that symbol and its log-probability last; ``attention`` of each
    is (t + 1, S), not cut to its source, or None; ``stuck`` (L,) says where no symbol was possible. ``state`` is that
    after step t, of these rows.
    """

    sentences: Ints
    history: Ints
    steps: Floats
    attention: list[NDArray[np.float32] | None]
    stuck: NDArray[np.bool_]
    state: State


@dataclass(slots=True)
class _Going:
    """Rows that are written on together, each of another sentence, wherever in it they are.

    ``history`` (R, T) and ``steps`` (R, T) end with what was written last and begin, where a row has written less, with
    -1 and 0; ``lengths`` (R,) say how much it has. ``live`` (R,) says which are still written.
    """

    sentences: Ints
    history: Ints
    steps: Floats
    lengths: Ints
    attention: list[list[NDArray[np.float32]]]
    live: NDArray[np.bool_]
    state: State


class Competition:
    """``answers`` of each sentence, best first, are what the lost ones compete with; they are changed in place."""

    def __init__(
        self,
        stepper: Stepper,
        begun: Begun,
        options: Decoding,
        symbols: Symbols,
        rules: Constraints,
        answers: list[list[Hypothesis]],
    ) -> None:
        self.stepper, self.begun, self.options, self.symbols, self.rules = stepper, begun, options, symbols, rules
        self.answers = answers
        normalisers = [options.normaliser(int(bound) + 1) for bound in rules.bounds]
        # what a sum of log-probabilities is to be above: it only falls, and what divides it is largest at the greatest
        # length; coverage only takes away
        worst = [own[options.n_best - 1].score if len(own) >= options.n_best else -np.inf for own in answers]
        least = np.array(worst) * np.array(normalisers)
        # sums in another order differ in their last digits
        self.least = least - 1e-9 * np.abs(least)

    def hold(self, lost: Sequence[Lost]) -> None:
        """All of ``lost`` at once."""
        promising = [part for part in (self._promising(part) for part in lost) if part is not None]
        if not promising:
            return
        state = promising[0].state
        if len(promising) > 1:
            state = self.stepper.join([part.state for part in promising]) if isinstance(self.stepper, Joins) else None
            if state is None:
                self._from_the_start([sentence for part in promising for sentence in part.sentences.tolist()])
                return
        longest = max(part.history.shape[1] for part in promising)
        going: _Going | None = _Going(
            np.concatenate([part.sentences for part in promising]),
            np.concatenate([_aligned(part.history, longest, -1) for part in promising]),
            np.concatenate([_aligned(part.steps, longest, 0.0) for part in promising]),
            np.concatenate([np.full(len(part.sentences), part.history.shape[1]) for part in promising]),
            [[] if looked is None else list(looked) for part in promising for looked in part.attention],
            np.ones(sum(len(part.sentences) for part in promising), dtype=bool),
            state,
        )
        stuck = np.concatenate([part.stuck for part in promising])
        while going is not None:
            self._offer(going, stuck)
            going.live &= going.steps.sum(1) > self.least[going.sentences]
            going = self._remaining(going)
            if going is not None:
                stuck = self._step(going)

    def _promising(self, lost: Lost) -> Lost | None:
        kept = np.flatnonzero(lost.steps.sum(1) > self.least[lost.sentences])
        if len(kept) == len(lost.sentences):
            return lost
        if not len(kept):
            return None
        rows = torch.from_numpy(kept).to(self.begun.device)
        return Lost(
            lost.sentences[kept],
            lost.history[kept],
            lost.steps[kept],
            [lost.attention[row] for row in kept],
            lost.stuck[kept],
            self.stepper.select(lost.state, rows, rows),
        )

    def _step(self, going: _Going) -> NDArray[np.bool_]:
        """One symbol more for every row; says which (R,) could write none."""
        last = torch.from_numpy(np.ascontiguousarray(going.history[:, -1])).to(self.begun.device)
        log_probabilities, going.state, attention = self.stepper.step(last, going.state)
        self.rules.apply(log_probabilities, going.lengths, going.sentences, going.history)
        best, symbols = log_probabilities.max(1)
        chances, written = best.cpu().double().numpy(), symbols.cpu().numpy()
        # where every symbol is forbidden, the hypothesis ends as it is
        stuck = np.isneginf(chances)
        written, chances = np.where(stuck, self.symbols.end, written), np.where(stuck, 0.0, chances)
        going.history = np.concatenate([going.history, written[:, None]], axis=1)
        going.steps = np.concatenate([going.steps, chances[:, None]], axis=1)
        going.lengths = going.lengths + 1
        if attention is not None:
            for rows, looked in zip(going.attention, attention.float().cpu().numpy(), strict=True):
                rows.append(looked)
        return stuck

    def _offer(self, going: _Going, stuck: NDArray[np.bool_]) -> None:
        """Those that have ended take their place among the answers, if they are worth one."""
        ended = going.live & (going.history[:, -1] == self.symbols.end)
        sources = self.begun.source_lengths
        for row in np.flatnonzero(ended).tolist():
            sentence, size, looked = int(going.sentences[row]), int(going.lengths[row]), None
            if going.attention[row]:
                looked = np.stack(going.attention[row])
                looked = looked if sources is None else looked[:, : sources[sentence]]
            steps = tuple(going.steps[row, -size:].tolist())
            total = float(sum(steps))
            cut = bool(stuck[row]) or size > int(self.rules.bounds[sentence])
            score = final_score(total, size, self.options, looked)
            tokens = tuple(going.history[row, -size:-1].tolist())
            self._place(sentence, Hypothesis(tokens, total, score, steps, looked, cut))
        going.live &= ~ended

    def _place(self, sentence: int, hypothesis: Hypothesis) -> None:
        own = self.answers[sentence]
        if all(hypothesis.tokens != other.tokens for other in own):
            own.append(hypothesis)
            own.sort(key=lambda one: -one.score)
            del own[self.options.n_best :]

    def _remaining(self, going: _Going) -> _Going | None:
        """Without the rows that are done, once they are many; None when all are."""
        if (~going.live).mean() < LEAVE:
            return going
        kept = np.flatnonzero(going.live)
        if not len(kept):
            return None
        rows = torch.from_numpy(kept).to(self.begun.device)
        return _Going(
            going.sentences[kept],
            going.history[kept],
            going.steps[kept],
            going.lengths[kept],
            [going.attention[row] for row in kept],
            going.live[kept],
            self.stepper.select(going.state, rows, rows),
        )

    def _from_the_start(self, sentences: list[int]) -> None:
        """For a model whose states cannot be joined: the hypotheses of ``sentences`` are written anew."""
        begun, lost = self.begun, sorted(sentences)
        at = torch.tensor(lost, device=begun.device)

        def of_lost(values: Any) -> Any:
            return None if values is None else [values[sentence] for sentence in lost]

        again = replace(
            begun,
            state=begun.state if begun.state is None else self.stepper.select(begun.state, at, at),
            sentences=len(lost),
            source_lengths=of_lost(begun.source_lengths),
            max_lengths=of_lost(begun.max_lengths),
            prefixes=of_lost(begun.prefixes),
            keys=(),
        )
        for sentence, hypothesis in zip(lost, greedy(self.stepper, again, self.options, self.symbols), strict=True):
            self._place(sentence, hypothesis)


def _aligned(values: NDArray[Any], width: int, filler: float) -> NDArray[Any]:
    """``values`` (L, t) as (L, ``width``), to the right."""
    missing = width - values.shape[1]
    return np.pad(values, ((0, 0), (missing, 0)), constant_values=filler) if missing else values
