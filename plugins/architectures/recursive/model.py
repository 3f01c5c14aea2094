"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.recursive.params import RecursiveParams

from workbench.nn.contract import TreeEncoder
from workbench.nn.trees import CELLS, RecursiveEncoder


def build(params: RecursiveParams, input_size: int) -> TreeEncoder:
    """An encoder of trees whose words are vectors of ``input_size`` values."""
    cell = CELLS[params.cell](input_size, params.hidden_size, params.forget_bias)
    return RecursiveEncoder(cell, dropout=params.dropout, input_dropout=params.input_dropout)
