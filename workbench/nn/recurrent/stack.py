"""From the options every recurrent architecture has to its encoder."""

from __future__ import annotations

from typing import Any

from workbench.api import RecurrentParams
from workbench.nn.recurrent.encoder import RecurrentEncoder
from workbench.nn.recurrent.layers import CellKind


def build_stack(cell: CellKind, params: RecurrentParams, input_size: int, **own: Any) -> RecurrentEncoder:
    """A :class:`RecurrentEncoder` as ``params`` say; ``own`` are the encoder's arguments only this family has."""
    return RecurrentEncoder(
        cell,
        input_size,
        params.hidden_size,
        layers=params.layers,
        dropout=params.dropout,
        input_dropout=params.input_dropout,
        output_dropout=params.dropout,
        locked=params.dropout_kind == "locked",
        **own,
    )
