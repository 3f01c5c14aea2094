"""Long short-term memory: gates around a cell that can hold a value for long."""

from __future__ import annotations

from workbench.api import Architecture, IOShape, Preset, RecurrentParams, Ref, Registrar, Trait, hookimpl, option


class LstmParams(RecurrentParams):
    """Options of the LSTM."""

    forget_bias: float = option(
        1.0,
        ge=-10,
        le=10,
        advanced=True,
        what="Bias of the forget gate at the start; above 0 the cell begins by remembering.",
        when="Raise it for long memories.",
        typical="1",
    )


EQUATIONS = """
At each step *t* the network reads the input **x**ₜ, its last state **h**ₜ₋₁ and its cell **c**ₜ₋₁:

| | |
|---|---|
| input gate | **i**ₜ = σ(W_i **x**ₜ + U_i **h**ₜ₋₁ + b_i) |
| forget gate | **f**ₜ = σ(W_f **x**ₜ + U_f **h**ₜ₋₁ + b_f) |
| candidate | **g**ₜ = tanh(W_g **x**ₜ + U_g **h**ₜ₋₁ + b_g) |
| output gate | **o**ₜ = σ(W_o **x**ₜ + U_o **h**ₜ₋₁ + b_o) |
| cell | **c**ₜ = **f**ₜ ∘ **c**ₜ₋₁ + **i**ₜ ∘ **g**ₜ |
| state | **h**ₜ = **o**ₜ ∘ tanh(**c**ₜ) |

The cell is changed by adding and not by multiplying with weights, so with a forget gate near 1 its value, and the
gradient through it, last for many steps.

Hochreiter & Schmidhuber, 1997, *Long short-term memory*; forget gate: Gers et al., 2000.
"""

LSTM = Architecture(
    id="lstm",
    title="LSTM",
    summary="Gates around a memory cell: the standard choice, with the longest memory of the three.",
    params=LstmParams,
    factory=Ref("workbench_plugins.architectures.lstm.model:build"),
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
    registry.add(LSTM)
