"""The gated recurrent unit, as a plugin: what it is called, its options, and where its network is.

Every architecture plugin looks like this: a class of options, one :class:`Architecture`, one hook. The network itself
is in ``model.py``, which is imported when a model is first built: registering must stay cheap.
"""

from __future__ import annotations

from workbench.api import Architecture, IOShape, Preset, RecurrentParams, Ref, Registrar, Trait, hookimpl


class GruParams(RecurrentParams):
    """Options of the GRU: forms, command-line flags and the run file are derived from them."""


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
