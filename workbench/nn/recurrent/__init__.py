"""Recurrent encoders: cells, scans over time, and stacks of layers in one or both directions."""

from workbench.nn.recurrent.deep import DeepEncoder
from workbench.nn.recurrent.encoder import RecurrentEncoder
from workbench.nn.recurrent.gradients import RecordingEncoder, hidden_gradient_norms, step_gradient_norms
from workbench.nn.recurrent.layers import CellKind, GruLayer, LstmLayer, RecurrentLayer, RnnLayer, make_layer
from workbench.nn.recurrent.scan import Program, Stage
from workbench.nn.recurrent.scan_layer import ScanLayer
from workbench.nn.recurrent.stack import build_deep_stack, build_stack
from workbench.nn.recurrent.weight_dropout import WeightDropout

__all__ = [
    "CellKind",
    "DeepEncoder",
    "GruLayer",
    "LstmLayer",
    "Program",
    "RecordingEncoder",
    "RecurrentEncoder",
    "RecurrentLayer",
    "RnnLayer",
    "ScanLayer",
    "Stage",
    "WeightDropout",
    "build_deep_stack",
    "build_stack",
    "hidden_gradient_norms",
    "make_layer",
    "step_gradient_norms",
]
