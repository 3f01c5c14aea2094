"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.lstm import LstmParams

from workbench.nn.contract import Encoder
from workbench.nn.recurrent import build_stack


def build(params: LstmParams, input_size: int) -> Encoder:
    """An encoder of ``input_size`` values a step."""
    return build_stack(
        "lstm",
        params,
        input_size,
        forget_bias=params.forget_bias,
        peepholes=params.peepholes,
        projection=params.projection,
        chrono=params.chrono,
    )
