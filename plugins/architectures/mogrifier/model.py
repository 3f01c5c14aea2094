"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.mogrifier import MogrifierParams

from workbench.nn.contract import Encoder
from workbench.nn.recurrent import build_stack


def build(params: MogrifierParams, input_size: int) -> Encoder:
    """An encoder of ``input_size`` values a step."""
    return build_stack(
        "mogrifier",
        params,
        input_size,
        rounds=params.rounds,
        rank=params.rank,
        forget_bias=params.forget_bias,
    )
