"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.deep import DeepParams

from workbench.nn.contract import Encoder
from workbench.nn.recurrent import build_deep_stack


def build(params: DeepParams, input_size: int) -> Encoder:
    """An encoder of ``input_size`` values a step."""
    return build_deep_stack(
        params.stack, input_size, input_dropout=params.input_dropout, projection=params.projection
    )
