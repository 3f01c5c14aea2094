"""Builds the reservoir that the options describe."""

from __future__ import annotations

import math

from workbench_plugins.architectures.esn import EchoStateParams

from workbench.nn.contract import Encoder
from workbench.nn.reservoir import ReservoirOptions
from workbench.nn.reservoir.encoder import EchoStateEncoder


def build(params: EchoStateParams, input_size: int, feedback_size: int = 0) -> Encoder:
    """An encoder of ``input_size`` values a step, its weights drawn from torch's generator and then fixed.

    The last ``feedback_size`` of them are the answer of the step before.
    """
    options = ReservoirOptions(
        units=params.units,
        spectral_radius=params.spectral_radius,
        leak=params.leak,
        # of many inputs each weighs less, so that the option means the same whatever the task's embedding is
        input_scaling=params.input_scaling / math.sqrt(max(1, input_size - feedback_size)),
        bias=params.bias,
        density=params.density,
        feedback=params.feedback / math.sqrt(max(1, feedback_size)),
        noise=params.noise,
    )
    return EchoStateEncoder(
        options,
        input_size,
        feedback_size=feedback_size,
        reservoirs=params.reservoirs,
        input_to_readout=params.input_to_readout,
        squares=params.squares,
        solve=params.readout == "ridge",
        washout=params.washout,
        ridges=params.ridges,
    )
