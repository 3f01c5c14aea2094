"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.min_gru import MinimalParams

from workbench.nn.contract import Encoder
from workbench.nn.recurrent import build_stack


def build(params: MinimalParams, input_size: int) -> Encoder:
    """An encoder of ``input_size`` values a step."""
    return build_stack(params.cell, params, input_size, candidate=params.candidate)
