"""The echo state network, as a plugin: a fixed random reservoir whose readout is solved in closed form."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import field_validator

from workbench.api import (
    Architecture,
    CellDiagram,
    DiagramEdge,
    DiagramNode,
    IOShape,
    Panel,
    Params,
    Preset,
    Ref,
    Registrar,
    Symbol,
    Trait,
    hookimpl,
    option,
)


class EchoStateParams(Params):
    """Options of the echo state network."""

    units: int = option(
        500,
        ge=1,
        le=20_000,
        unit="units",
        what="Units of each reservoir: how many echoes of the past the readout can choose from.",
        when="Raise it while both losses stay high; fitting time grows with its square.",
        typical="300 to 2000",
    )
    spectral_radius: float = option(
        0.9,
        ge=0,
        le=10,
        what="Size of the largest eigenvalue of the recurrent weights: how long an echo lasts.",
        when="Raise it for tasks with a long memory; lower it where the state does not forget its start.",
        typical="0.6 to 1.3",
    )
    leak: float = option(
        1.0,
        gt=0,
        le=1,
        title="Leak rate",
        what="Share of the new value in each step; the rest of the old one stays.",
        when="Lower it for signals that change slowly.",
        typical="0.1 to 1",
    )
    input_scaling: float = option(
        1.0,
        ge=0,
        le=1000,
        what="Half-width of the input weights, divided by the square root of the number of inputs.",
        when="Small keeps the units nearly linear and the memory long; large bends more.",
        typical="0.1 to 2",
    )
    bias: float = option(
        0.2,
        ge=0,
        le=100,
        what="Half-width of the constant that each unit adds.",
        when="Raise it where the answer is not symmetric about zero.",
        typical="0 to 1",
    )
    density: float = option(
        0.1,
        gt=0,
        le=1,
        what="Share of units that each unit listens to (one at least).",
        when="Lower it for speed with many units; quality hardly changes.",
        typical="0.01 to 0.2",
    )
    reservoirs: int = option(
        1,
        ge=1,
        le=32,
        what="Reservoirs drawn apart, each with its own readout; their answers are averaged.",
        when="A few take away the luck of the draw.",
        typical="1 to 5",
    )
    washout: int = option(
        0,
        ge=0,
        le=1_000_000,
        unit="steps",
        what="First steps of every sequence that are left out of the fit, while the state forgets that it began at 0.",
        when="About 100 for long series; 0 for sentences.",
        typical="0 or 100",
    )
    ridges: tuple[float, ...] = option(
        (1e-6, 1e-4, 1e-2, 1e-1, 1.0, 10.0, 100.0),
        what="Ridge penalties to choose from: the one of least error on the validation split is kept.",
        when="Add smaller ones for exact series, larger ones where a free run diverges.",
        typical="1e-8 to 100",
    )
    search_trials: int = option(
        0,
        ge=0,
        le=10_000,
        unit="trials",
        what="Other values of spectral radius, leak, input scaling and bias to try; the best on validation is kept.",
        when="Almost always worth it: each trial takes no longer than one fit.",
        typical="20 to 200",
    )
    input_to_readout: bool = option(
        True, advanced=True, what="The readout sees the input itself beside the states.", typical="on"
    )
    squares: bool = option(
        False,
        advanced=True,
        what="The readout also sees the squares of every other unit.",
        when="For systems with a symmetry that tanh shares, such as Lorenz's.",
    )
    feedback: float = option(
        0.0,
        ge=0,
        le=100,
        advanced=True,
        title="Output feedback",
        what="Half-width of the weights from the last answer back into the reservoir, divided by the square root of "
        "how many numbers it has; 0 for none. The true answer is fed back while the readout is fitted, its own in use.",
        when="Where an answer depends on the answers before it and the inputs do not tell those.",
        typical="0, or 0.1 to 1",
    )
    noise: float = option(
        0.0,
        ge=0,
        le=10,
        advanced=True,
        what="Half-width of noise among what the units sum up, while the readout is fitted.",
        when="Raise it where a free run diverges.",
        typical="0 to 0.001",
    )
    readout: Literal["ridge", "gradient"] = option(
        "ridge",
        advanced=True,
        what="ridge solves the readout at once; gradient trains the task's head (and embedding) step by step on the "
        "fixed reservoir, as is done anyway for a head without a closed form.",
        when="gradient for a loss that squared error stands for badly.",
        typical="ridge",
    )

    @field_validator("ridges")
    @classmethod
    def _positive(cls, ridges: tuple[float, ...]) -> tuple[float, ...]:
        if not ridges or not all(0 < ridge < math.inf for ridge in ridges):
            raise ValueError("every ridge is a finite number above 0, and there is at least one")
        return ridges


EQUATIONS = """
At each step *t* the reservoir reads the input **x**ₜ and its own last state **h**ₜ₋₁, with weights that are drawn once
and never learned:

| | |
|---|---|
| echo | **e**ₜ = tanh(W **h**ₜ₋₁ + W_in **x**ₜ + b + W_fb **y**ₜ₋₁) |
| state | **h**ₜ = (1 − a) **h**ₜ₋₁ + a **e**ₜ |
| readout | **y**ₜ = W_out [**h**ₜ; **x**ₜ] + c |

W is sparse and scaled to the spectral radius ρ, the size of its largest eigenvalue. Only the readout is learned, and
not by gradient steps: W_out = Y X⊤ (X X⊤ + λ I)⁻¹ is the best there is for all steps at once, with the ridge λ chosen
on the validation split. So it is ready in seconds. The last term is there with output feedback alone: the answer of
the step before, the true one while W_out is fitted and the network's own in use. Jaeger, 2001, *The "echo state"
approach to analysing and training recurrent neural networks*; leak: Jaeger et al., 2007.
"""

SYMBOLS = (
    Symbol("xₜ", "the input at this step", ("D",)),
    Symbol("hₜ", "the state of the reservoir after this step", ("N",), "states"),
    Symbol("hₜ₋₁", "the state one step before", ("N",), "states"),
    Symbol("eₜ", "what the units would answer without a leak", ("N",)),
    Symbol("yₜ", "the answer of the readout", ("K",), "outputs"),
    Symbol("W", "recurrent weights: sparse, drawn once, scaled to the spectral radius", ("N", "N")),
    Symbol("W_in", "input weights, drawn once", ("N", "D")),
    Symbol("W_fb", "output feedback: weights from the last answer, drawn once; none where it is 0", ("N", "K")),
    Symbol("yₜ₋₁", "the answer one step before, where it is fed back", ("K",)),
    Symbol("b", "the constant of each unit, drawn once", ("N",)),
    Symbol("a", "the leak rate: the share of the new value"),
    Symbol("W_out", "the readout: all that is learned", ("K", "N")),
    Symbol("c", "the readout's constant", ("K",)),
    Symbol("λ", "the ridge: how strongly large readout weights are held back"),
    Symbol("ρ", "the spectral radius of W"),
)

DIAGRAM = CellDiagram(
    nodes=(
        DiagramNode("before", "hₜ₋₁", 0, 0, "value", "hₜ₋₁"),
        DiagramNode("x", "xₜ", 0, 2, "value", "xₜ"),
        DiagramNode("keep", "× 1−a", 2, 0, "operation", "a"),
        DiagramNode("reservoir", "W (fixed)", 2, 1, "memory", "W"),
        DiagramNode("inputs", "W_in (fixed)", 2, 2, "memory", "W_in"),
        DiagramNode("echo", "tanh", 3.5, 1.5, "operation", "eₜ"),
        DiagramNode("new", "× a", 4.5, 1, "operation", "a"),
        DiagramNode("sum", "+", 5.5, 0, "operation"),
        DiagramNode("h", "hₜ", 7, 0, "value", "hₜ"),
        DiagramNode("readout", "W_out (solved)", 7, 1.5, "gate", "W_out"),
        DiagramNode("y", "yₜ", 8.5, 1.5, "value", "yₜ"),
    ),
    edges=(
        DiagramEdge("before", "keep", recurrent=True),
        DiagramEdge("before", "reservoir", recurrent=True),
        DiagramEdge("x", "inputs"),
        DiagramEdge("reservoir", "echo"),
        DiagramEdge("inputs", "echo"),
        DiagramEdge("echo", "new"),
        DiagramEdge("new", "sum"),
        DiagramEdge("keep", "sum"),
        DiagramEdge("sum", "h"),
        DiagramEdge("h", "readout"),
        DiagramEdge("x", "readout"),
        DiagramEdge("readout", "y"),
    ),
)

ESN = Architecture(
    id="esn",
    title="Echo state network",
    summary="A fixed random reservoir whose readout is solved at once: ready in seconds, best for series.",
    params=EchoStateParams,
    factory=Ref("workbench_plugins.architectures.esn.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.ONE_TO_MANY, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    fitting="closed_form",
    equations=EQUATIONS,
    symbols=SYMBOLS,
    diagram=DIAGRAM,
    comparison={
        "key feature": "A fixed random reservoir; only a linear readout is learned, in closed form.",
        "strengths": "Ready in seconds, no vanishing gradient, one best solution; hard to beat on chaotic series.",
        "weaknesses": "Sensitive to a few numbers (hence the search); features are random, so language needs many.",
        "typical use": "Forecasting and control of dynamic systems, signals, quick baselines.",
    },
    search=Ref("workbench_plugins.architectures.esn.search:propose_params"),
    asks=Ref("workbench_plugins.architectures.esn.asks:asks"),
    presets=(
        Preset(title="small", values={"units": 200}, note="Fitted in a moment; a first look."),
        Preset(title="medium", values={"units": 500, "search_trials": 20}, note="A good first choice."),
        Preset(
            title="large",
            values={"units": 2000, "density": 0.02, "search_trials": 10, "reservoirs": 2},
            note="For much data; some minutes with the search.",
        ),
        Preset(
            title="as published (Jaeger 2001)",
            values={
                "units": 400,
                "spectral_radius": 0.79,
                "density": 0.0125,
                "bias": 0.2,
                "washout": 1000,
                "noise": 1e-5,
                "input_to_readout": False,
                "ridges": (1e-9,),
            },
            note="Mackey-Glass, section 5 of the report; here the value to go on from comes in as the input.",
        ),
        Preset(
            title="as published (Jaeger & Haas 2004)",
            values={
                "units": 1000,
                "spectral_radius": 0.8,
                "density": 0.01,
                "bias": 0.2,
                "washout": 1000,
                "ridges": (1e-10, 1e-9, 1e-8),
            },
            note="The thousand units that predicted Mackey-Glass 84 steps ahead to 10⁻⁴·².",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(ESN)


@hookimpl
def register_panels(registry: Registrar) -> None:
    registry.add(
        Panel(
            id="reservoir",
            title="Reservoir",
            area="explain",
            factory=Ref("workbench_plugins.architectures.esn.gui:ReservoirPanel"),
            for_architecture="esn",
        )
    )
