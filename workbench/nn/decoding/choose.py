"""One door to every method."""

from __future__ import annotations

from workbench.nn.decoding.beam import beam_search
from workbench.nn.decoding.hypotheses import Hypothesis
from workbench.nn.decoding.options import Decoding, Symbols
from workbench.nn.decoding.single import greedy, sample
from workbench.nn.decoding.stepper import Begun, Stepper


def decode(stepper: Stepper, begun: Begun, options: Decoding, symbols: Symbols) -> list[list[Hypothesis]]:
    """For each sentence its hypotheses, best first: ``n_best`` of a beam, ``samples`` drawn ones, or the greedy one."""
    if options.method == "beam":
        return beam_search(stepper, begun, options, symbols)
    if options.method == "sample":
        return sample(stepper, begun, options, symbols)
    return [[hypothesis] for hypothesis in greedy(stepper, begun, options, symbols)]
