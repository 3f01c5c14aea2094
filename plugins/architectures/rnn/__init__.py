"""The plain recurrent network of Elman (1990): where to see gradients vanish."""

from __future__ import annotations

from typing import Literal

from workbench.api import Architecture, IOShape, Params, Preset, Ref, Registrar, Trait, hookimpl, option


class RnnParams(Params):
    """Options of the RNN."""

    hidden_size: int = option(
        128,
        ge=1,
        le=8192,
        unit="units",
        what="How much each layer can remember at once.",
        when="Raise it while both losses stay high; lower it when only the training loss falls.",
        typical="64 to 256",
    )
    layers: int = option(
        1,
        ge=1,
        le=16,
        what="Layers on top of one another; each reads the states of the one below.",
        when="Two help with much data; more rarely do.",
        typical="1 or 2",
    )
    dropout: float = option(
        0.2,
        ge=0,
        lt=1,
        what="Share of units silenced in training, between layers and at the output.",
        when="Raise it when the validation loss rises while the training loss falls.",
        typical="0.2 to 0.5",
    )
    dropout_kind: Literal["plain", "locked"] = option(
        "locked",
        advanced=True,
        what="plain draws anew at each step; locked silences the same units over the whole sequence.",
        when="Locked is the better choice in most published comparisons.",
        typical="locked",
    )
    input_dropout: float = option(
        0.0, ge=0, lt=1, advanced=True, what="The same for what the first layer reads.", typical="0 to 0.5"
    )
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


EQUATIONS = """
At each step *t* the network reads the input **x**ₜ and its own last state **h**ₜ₋₁:

**h**ₜ = φ(W **x**ₜ + U **h**ₜ₋₁ + b), with φ = tanh or ReLU

What the loss at a late step says of an early state passes through U once for each step between: it shrinks or grows
geometrically, so this network learns short memories well and long ones hardly. Elman, 1990, *Finding structure in
time*; identity start: Le, Jaitly & Hinton, 2015.
"""

RNN = Architecture(
    id="rnn",
    title="RNN",
    summary="The plain recurrent network: one line of mathematics, a short memory, quick to train and to understand.",
    params=RnnParams,
    factory=Ref("workbench_plugins.architectures.rnn.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.ONE_TO_MANY, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    equations=EQUATIONS,
    presets=(
        Preset(title="small", values={"hidden_size": 64}, note="Trains in seconds; a first look."),
        Preset(title="medium", values={"hidden_size": 128, "dropout": 0.3}, note="A good first choice."),
        Preset(title="large", values={"hidden_size": 256, "layers": 2, "dropout": 0.4}, note="For much data."),
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
