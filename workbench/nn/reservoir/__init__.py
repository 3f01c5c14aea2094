"""Reservoirs: fixed sparse recurrent networks of which only a linear readout is learned, in closed form.

Two layers. The numeric one needs no engine and no task: :class:`EchoState` fits, predicts, runs freely and searches
over NumPy arrays, one series or many at once. :mod:`workbench.nn.reservoir.encoder` puts the same reservoirs behind
the :class:`~workbench.nn.contract.Encoder` contract.

Source: Jaeger (2001), "The 'echo state' approach to analysing and training recurrent neural networks"; Lukoševičius
(2012), "A practical guide to applying echo state networks".
"""

from workbench.nn.reservoir.diagnostics import EchoStateTest, MemoryCapacity, echo_state_test, memory_capacity
from workbench.nn.reservoir.echo_state import EchoState, Generated
from workbench.nn.reservoir.reservoir import Reservoir
from workbench.nn.reservoir.ridge import RidgeSums, RidgeSystem
from workbench.nn.reservoir.search import Trial, propose, search
from workbench.nn.reservoir.weights import ReservoirOptions, ReservoirWeights, draw_weights, spectral_radius

__all__ = [
    "EchoState",
    "EchoStateTest",
    "Generated",
    "MemoryCapacity",
    "Reservoir",
    "ReservoirOptions",
    "ReservoirWeights",
    "RidgeSums",
    "RidgeSystem",
    "Trial",
    "draw_weights",
    "echo_state_test",
    "memory_capacity",
    "propose",
    "search",
    "spectral_radius",
]
