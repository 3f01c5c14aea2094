"""The independently recurrent network: each unit remembers only itself."""

from __future__ import annotations

from typing import Literal

from workbench_plugins.architectures.ind_rnn.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS

from workbench.api import Architecture, IOShape, Preset, RecurrentParams, Ref, Registrar, Trait, hookimpl, option


class IndRnnParams(RecurrentParams):
    """Options of the IndRNN."""

    nonlinearity: Literal["relu", "tanh"] = option(
        "relu",
        what="What bends the sum of input and memory.",
        when="tanh when the state grows too large.",
        typical="relu",
    )
    recurrent_bound: float = option(
        1.0,
        gt=0,
        le=10,
        advanced=True,
        what="Largest factor by which a unit may multiply its memory at each step.",
        when="A little above 1, the T-th root of 2, to remember over T steps.",
        typical="1",
    )


IND_RNN = Architecture(
    id="ind_rnn",
    title="IndRNN",
    summary="One recurrent weight a unit: gradients stay in hand over thousands of steps, and stacks can be deep.",
    params=IndRnnParams,
    factory=Ref("workbench_plugins.architectures.ind_rnn.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.ONE_TO_MANY, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    equations=EQUATIONS,
    symbols=SYMBOLS,
    diagram=DIAGRAM,
    comparison=COMPARISON,
    presets=(
        Preset(title="small", values={"hidden_size": 64, "layers": 2}, note="Trains in seconds; a first look."),
        Preset(title="medium", values={"hidden_size": 128, "dropout": 0.3, "layers": 2}, note="A good first choice."),
        Preset(title="large", values={"hidden_size": 256, "layers": 4, "dropout": 0.4}, note="For much data."),
        Preset(
            title="as published",
            values={"hidden_size": 128, "layers": 6, "recurrent_bound": 1.0009, "dropout": 0.0},
            note="Li et al. (2018): six layers of 128 units, bound 2^(1/784), for images read pixel by pixel.",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(IND_RNN)
