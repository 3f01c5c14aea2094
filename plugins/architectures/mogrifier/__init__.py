"""The Mogrifier LSTM: input and state gate one another before an LSTM reads them."""

from __future__ import annotations

from workbench_plugins.architectures.mogrifier.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS

from workbench.api import Architecture, IOShape, Preset, RecurrentParams, Ref, Registrar, Trait, hookimpl, option


class MogrifierParams(RecurrentParams):
    """Options of the Mogrifier LSTM."""

    rounds: int = option(
        5,
        ge=0,
        le=16,
        what="How often input and state gate one another before each step; 0 is the LSTM itself.",
        when="Lower it for speed: each round is a product more in every step.",
        typical="4 to 6",
    )
    rank: int = option(
        0,
        ge=0,
        le=8192,
        advanced=True,
        what="Makes the weights of each round of two thin matrices of this rank; 0 keeps them whole.",
        when="For large layers, where whole matrices are most of the weights.",
        typical="0, or 40 to 90",
    )
    forget_bias: float = option(
        1.0,
        ge=-10,
        le=10,
        advanced=True,
        what="Bias of the forget gate at the start; above 0 the cell begins by remembering.",
        when="Raise it for long memories.",
        typical="1",
    )


MOGRIFIER = Architecture(
    id="mogrifier",
    title="Mogrifier LSTM",
    summary="An LSTM whose input and state gate one another first: strong language models, slower steps.",
    params=MogrifierParams,
    factory=Ref("workbench_plugins.architectures.mogrifier.model:build"),
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
            values={"hidden_size": 850, "layers": 2, "rounds": 5, "rank": 40, "dropout": 0.5, "input_dropout": 0.5},
            note="Melis, Kočiský & Blunsom (2020): two layers, 5 rounds of low rank for words; the size is ours.",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(MOGRIFIER)
