"""One recurrent layer in one direction, for each family of cells: all of them under one name.

The weights of RNN, LSTM and GRU live in torch's own modules under their usual names. On a CPU the LSTM runs torch's
fused kernel, the others the scans of :mod:`.scans` and :mod:`.scan`; on a GPU those that can run cuDNN.
"""

from workbench.nn.recurrent.base import Array, RecurrentLayer, State, TorchLayer
from workbench.nn.recurrent.cells import CELLS, Cell, CellKind, make_layer
from workbench.nn.recurrent.gru import GruLayer
from workbench.nn.recurrent.lstm import LstmLayer
from workbench.nn.recurrent.rnn import RnnLayer

__all__ = [
    "CELLS",
    "Array",
    "Cell",
    "CellKind",
    "GruLayer",
    "LstmLayer",
    "RecurrentLayer",
    "RnnLayer",
    "State",
    "TorchLayer",
    "make_layer",
]
