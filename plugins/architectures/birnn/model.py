"""Builds the network that the options describe."""

from __future__ import annotations

from workbench_plugins.architectures.birnn import BiRnnParams

from workbench.nn.contract import Encoder
from workbench.nn.recurrent import RecurrentEncoder


def build(params: BiRnnParams, input_size: int) -> Encoder:
    """An encoder of ``input_size`` values a step."""
    return RecurrentEncoder(
        params.cell,
        input_size,
        params.hidden_size,
        layers=params.layers,
        dropout=params.dropout,
        input_dropout=params.input_dropout,
        output_dropout=params.dropout,
        locked=params.dropout_kind == "locked",
        bidirectional=True,
        merge=params.merge,
    )
