"""The plain recurrent network of Elman (1990): where to see gradients vanish."""

from __future__ import annotations

from typing import Literal

from workbench_plugins.architectures.rnn.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS

from workbench.api import Architecture, IOShape, Preset, RecurrentParams, Ref, Registrar, Trait, hookimpl, option


class RnnParams(RecurrentParams):
    """Options of the RNN."""

    nonlinearity: Literal["tanh", "relu"] = option(
        "tanh",
        what="What bends the sum of input and memory.",
        when="ReLU with identity start reaches further back, and may blow up.",
        typical="tanh",
    )
    initialisation: Literal["orthogonal", "identity", "xavier"] = option(
        "orthogonal",
        advanced=True,
        what="How recurrent weights start. identity with ReLU begins as a network that forgets nothing.",
        typical="orthogonal; identity for ReLU",
    )


RNN = Architecture(
    id="rnn",
    title="RNN",
    summary="The plain recurrent network: one line of mathematics, a short memory, quick to train and to understand.",
    params=RnnParams,
    factory=Ref("workbench_plugins.architectures.rnn.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.ONE_TO_MANY, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    equations=EQUATIONS,
    symbols=SYMBOLS,
    diagram=DIAGRAM,
    comparison=COMPARISON,
    presets=(
        Preset(title="small", values={"hidden_size": 64}, note="Trains in seconds; a first look."),
        Preset(title="medium", values={"hidden_size": 128, "dropout": 0.3}, note="A good first choice."),
        Preset(title="large", values={"hidden_size": 256, "layers": 2, "dropout": 0.4}, note="For much data."),
        Preset(
            title="as published",
            values={"hidden_size": 150, "initialisation": "xavier", "dropout": 0.0},
            note="Elman (1990): one layer, 150 hidden units in the experiment with simple sentences.",
        ),
        Preset(
            title="remembering (ReLU)",
            values={"hidden_size": 128, "nonlinearity": "relu", "initialisation": "identity"},
            note="Starts by forgetting nothing; use a small learning rate.",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(RNN)
