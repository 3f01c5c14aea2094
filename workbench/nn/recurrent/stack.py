"""From options to encoders: of like layers, and of layers that are chosen one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psutil

from workbench.api import RecurrentParams, WorkbenchError
from workbench.api.recurrent import LayerParams
from workbench.nn.recurrent.deep import DeepEncoder
from workbench.nn.recurrent.encoder import RecurrentEncoder
from workbench.nn.recurrent.layers import CellKind, RecurrentLayer


def build_stack(
    cell: CellKind | type[RecurrentLayer], params: RecurrentParams, input_size: int, **own: Any
) -> RecurrentEncoder:
    """A :class:`RecurrentEncoder` as ``params`` say; ``own`` are the encoder's arguments only this family has.

    ``cell`` is the name of one of ours, or the class of a plugin's own layer.
    """
    return RecurrentEncoder(
        cell,
        input_size,
        params.hidden_size,
        layers=params.layers,
        dropout=params.dropout,
        input_dropout=params.input_dropout,
        output_dropout=params.dropout,
        locked=params.dropout_kind == "locked",
        weight_dropout=params.weight_dropout,
        **own,
    )


def build_deep_stack(
    layers: Sequence[LayerParams], input_size: int, *, input_dropout: float = 0.0, projection: int = 0
) -> DeepEncoder:
    """A :class:`DeepEncoder` of ``layers``; :class:`WorkbenchError` for one that this machine cannot hold."""
    weights = stack_weights(layers, input_size)
    room = psutil.virtual_memory().total
    if (needed := 8 * weights) > room:
        largest = max(range(len(layers)), key=lambda depth: layers[depth].hidden_size)
        raise WorkbenchError(
            f"A stack of about {weights:,} weights does not fit: it needs {needed / 1e9:,.0f} GB to be trained.",
            why=f"Weights and gradients take 8 bytes each, and this machine has {room / 1e9:,.0f} GB.",
            fix=f"Make layer {largest + 1} smaller (it has {layers[largest].hidden_size:,} units), or take layers out.",
        )
    return DeepEncoder(input_size, layers, input_dropout=input_dropout, projection=projection)


_BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4, "mogrifier": 4, "min_gru": 2, "min_lstm": 3, "ind_rnn": 1}
"""Products of the input (and, in most families, of the state) in a cell: its candidates and gates."""


def stack_weights(layers: Sequence[LayerParams], input_size: int) -> int:
    """About how many weights the matrices of ``layers`` have, without making them."""
    total, size = 0, input_size
    for layer in layers:
        size *= layer.subsampling if layer.subsampling_kind == "concatenate" else 1
        directions = 2 if layer.direction.startswith("both") else 1
        state = 0 if layer.cell in ("min_gru", "min_lstm", "ind_rnn") else layer.hidden_size
        total += directions * _BLOCKS[layer.cell] * layer.hidden_size * (size + state)
        yields = layer.hidden_size * (2 if layer.direction == "both" else 1)
        total += size * yields if layer.residual and size != yields else 0
        size = yields
    return total
