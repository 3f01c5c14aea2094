"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.gru import GruParams

from workbench.nn.contract import Encoder
from workbench.nn.recurrent import build_stack


def build(params: GruParams, input_size: int) -> Encoder:
    """An encoder of ``input_size`` values a step."""
    return build_stack("gru", params, input_size, reset=params.reset)
