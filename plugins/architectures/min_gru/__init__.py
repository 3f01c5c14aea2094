"""minGRU and minLSTM: gates that see only the input, so that a whole sequence is computed at once."""

from __future__ import annotations

from typing import Literal

from workbench_plugins.architectures.min_gru.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS

from workbench.api import Architecture, IOShape, Preset, RecurrentParams, Ref, Registrar, Trait, hookimpl, option


class MinimalParams(RecurrentParams):
    """Options of minGRU and minLSTM."""

    cell: Literal["min_gru", "min_lstm"] = option(
        "min_gru",
        what="One gate that keeps or replaces (min_gru), or one to keep and one to write (min_lstm).",
        when="min_lstm when training of the other is unsteady, or the reverse.",
        typical="min_gru",
    )
    candidate: Literal["linear", "positive"] = option(
        "linear",
        advanced=True,
        what="What the state moves towards: a linear map of the input, or one kept above zero.",
        when="positive, to repeat published results in their log-space form.",
        typical="linear",
    )


MINIMAL = Architecture(
    id="min_gru",
    title="minGRU and minLSTM",
    summary="Gates that see only the input: no step waits for the one before, so long sequences train fast.",
    params=MinimalParams,
    factory=Ref("workbench_plugins.architectures.min_gru.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.ONE_TO_MANY, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    equations=EQUATIONS,
    symbols=SYMBOLS,
    diagram=DIAGRAM,
    comparison=COMPARISON,
    presets=(
        Preset(title="small", values={"hidden_size": 64, "layers": 2}, note="Trains in seconds; a first look."),
        Preset(title="medium", values={"hidden_size": 128, "dropout": 0.3, "layers": 2}, note="A good first choice."),
        Preset(title="large", values={"hidden_size": 256, "layers": 3, "dropout": 0.4}, note="For much data."),
        Preset(
            title="as published",
            values={"hidden_size": 384, "layers": 3, "candidate": "positive", "dropout": 0.2},
            note="Feng et al. (2024): three layers, positive candidates, as for characters; without their wide layers.",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(MINIMAL)
