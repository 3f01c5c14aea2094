"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.ind_rnn import IndRnnParams

from workbench.nn.contract import Encoder
from workbench.nn.recurrent import build_stack


def build(params: IndRnnParams, input_size: int) -> Encoder:
    """An encoder of ``input_size`` values a step."""
    return build_stack(
        "ind_rnn",
        params,
        input_size,
        nonlinearity=params.nonlinearity,
        recurrent_bound=params.recurrent_bound,
    )
