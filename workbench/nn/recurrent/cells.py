"""The register of cells: what families of recurrent layers there are, and how one is made by its name.

A stack asks for a layer here and knows nothing of its inside. A new cell is a file with a
:class:`~workbench.nn.recurrent.base.RecurrentLayer` (for most, a :class:`~workbench.nn.recurrent.scan_layer.ScanLayer`)
and a line in :data:`CELLS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from workbench.nn.recurrent.base import RecurrentLayer
from workbench.nn.recurrent.gru import GruLayer, make_gru
from workbench.nn.recurrent.ind_rnn import IndRnnLayer
from workbench.nn.recurrent.lstm import LstmLayer, make_lstm
from workbench.nn.recurrent.minimal import MinGruLayer, MinLstmLayer
from workbench.nn.recurrent.mogrifier import MogrifierLayer
from workbench.nn.recurrent.rnn import RnnLayer

CellKind = Literal["rnn", "lstm", "gru", "mogrifier", "min_gru", "min_lstm", "ind_rnn"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A family: ``make(input_size, hidden_size, **options)`` yields a layer; ``options`` are its own, with defaults."""

    make: Callable[..., RecurrentLayer]
    title: str
    gates: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


CELLS: Mapping[str, Cell] = MappingProxyType(
    {
        "rnn": Cell(RnnLayer, "RNN", RnnLayer.gates, {"nonlinearity": "tanh", "initialisation": "orthogonal"}),
        "lstm": Cell(
            make_lstm,
            "LSTM",
            LstmLayer.gates,
            {"forget_bias": 1.0, "peepholes": False, "projection": 0, "chrono": 0},
        ),
        "gru": Cell(make_gru, "GRU", GruLayer.gates, {"reset": "after"}),
        "mogrifier": Cell(
            MogrifierLayer, "Mogrifier LSTM", MogrifierLayer.gates, {"rounds": 5, "rank": 0, "forget_bias": 1.0}
        ),
        "min_gru": Cell(MinGruLayer, "minGRU", MinGruLayer.gates, {"candidate": "linear"}),
        "min_lstm": Cell(MinLstmLayer, "minLSTM", MinLstmLayer.gates, {"candidate": "linear", "forget_bias": 1.0}),
        "ind_rnn": Cell(IndRnnLayer, "IndRNN", IndRnnLayer.gates, {"nonlinearity": "relu", "recurrent_bound": 1.0}),
    }
)
"""Every cell by its name."""


def make_layer(
    cell: str | Callable[..., RecurrentLayer], input_size: int, hidden_size: int, **options: Any
) -> RecurrentLayer:
    """A layer by the name of its cell, or by the class of one that is in no register (a plugin's own).

    Options that another family has are ignored, so that a stack may pass all it knows; one that no family has is a
    ``TypeError``, an unknown cell a ``ValueError``. A plugin's own class is given exactly the options that are passed.
    """
    if not isinstance(cell, str):
        return cell(input_size, hidden_size, **options)
    if cell not in CELLS:
        raise ValueError(f"there is no cell named {cell!r}; the cells are {', '.join(CELLS)}")
    known = {name for entry in CELLS.values() for name in entry.options}
    if unknown := set(options) - known:
        raise TypeError(f"no cell has an option {', '.join(sorted(unknown))}")
    chosen = CELLS[cell]
    return chosen.make(input_size, hidden_size, **{k: v for k, v in options.items() if k in chosen.options})
