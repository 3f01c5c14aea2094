"""Recurrent encoders: cells, scans over time, and stacks of layers in one or both directions."""

from workbench.nn.recurrent.encoder import RecurrentEncoder
from workbench.nn.recurrent.gradients import RecordingEncoder, hidden_gradient_norms, step_gradient_norms
from workbench.nn.recurrent.layers import CellKind, GruLayer, LstmLayer, RecurrentLayer, RnnLayer, make_layer
from workbench.nn.recurrent.stack import build_stack

__all__ = [
    "CellKind",
    "GruLayer",
    "LstmLayer",
    "RecordingEncoder",
    "RecurrentEncoder",
    "RecurrentLayer",
    "RnnLayer",
    "build_stack",
    "hidden_gradient_norms",
    "make_layer",
    "step_gradient_norms",
]
