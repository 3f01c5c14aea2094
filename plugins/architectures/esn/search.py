"""What to try next when the decisive numbers of a reservoir are searched for."""

from __future__ import annotations

from collections.abc import Sequence

from workbench_plugins.architectures.esn import EchoStateParams

from workbench.nn.reservoir.search import SPACE, Trial, propose


def propose_params(
    params: EchoStateParams, tried: Sequence[tuple[EchoStateParams, float]], seed: int
) -> EchoStateParams | None:
    """First the options as they are, then ``search_trials`` others; None when all were tried."""
    if not tried:
        return params
    if len(tried) > params.search_trials:
        return None
    trials = [Trial({name: float(getattr(one, name)) for name in SPACE}, score) for one, score in tried]
    values = propose(trials, trials=params.search_trials + 1, seed=seed)
    return params.model_copy(update=values)
