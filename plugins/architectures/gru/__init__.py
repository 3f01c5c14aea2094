"""The gated recurrent unit, as a plugin: what it is called, its options, and where its network is.

Every architecture plugin looks like this: a :class:`Params` class, one :class:`Architecture`, one hook. The network
itself is in ``model.py``, which is imported when a model is first built: registering must stay cheap.
"""

from __future__ import annotations

from typing import Literal

from workbench.api import Architecture, IOShape, Params, Preset, Ref, Registrar, Trait, hookimpl, option


class GruParams(Params):
    """Options of the GRU: forms, command-line flags and the run file are derived from them."""

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


EQUATIONS = """
At each step *t* the network reads the input **x**ₜ and its own last state **h**ₜ₋₁:

| | |
|---|---|
| reset gate | **r**ₜ = σ(W_r **x**ₜ + U_r **h**ₜ₋₁ + b_r) |
| update gate | **z**ₜ = σ(W_z **x**ₜ + U_z **h**ₜ₋₁ + b_z) |
| candidate | **n**ₜ = tanh(W_n **x**ₜ + b_n + **r**ₜ ∘ (U_n **h**ₜ₋₁ + c_n)) |
| state | **h**ₜ = (1 − **z**ₜ) ∘ **n**ₜ + **z**ₜ ∘ **h**ₜ₋₁ |

An update gate near 1 keeps the old state, near 0 replaces it by the candidate; the reset gate decides how much of the
old state the candidate may see. This is the form with the reset gate after the recurrent product, which is also
cuDNN's. Cho et al., 2014, *Learning phrase representations using RNN encoder–decoder*.
"""

GRU = Architecture(
    id="gru",
    title="GRU",
    summary="Two gates and no separate memory: nearly as strong as an LSTM, with a quarter fewer weights.",
    params=GruParams,
    factory=Ref("workbench_plugins.architectures.gru.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.ONE_TO_MANY, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    equations=EQUATIONS,
    presets=(
        Preset(title="small", values={"hidden_size": 64}, note="Trains in seconds; a first look."),
        Preset(title="medium", values={"hidden_size": 128, "dropout": 0.3}, note="A good first choice."),
        Preset(title="large", values={"hidden_size": 256, "layers": 2, "dropout": 0.4}, note="For much data."),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(GRU)
