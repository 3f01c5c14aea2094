"""Long short-term memory: gates around a cell that can hold a value for long."""

from __future__ import annotations

from pydantic import ValidationInfo, field_validator
from workbench_plugins.architectures.lstm.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS

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
    peepholes: bool = option(
        False,
        advanced=True,
        what="Lets the gates see the cell as well as the state.",
        when="For exact timing and counting. Without torch's fused kernel a step takes longer.",
        typical="off",
    )
    projection: int = option(
        0,
        ge=0,
        le=8191,
        unit="units",
        advanced=True,
        what="Size of the state that is made of the cell's units and passed on; 0 passes on all of them.",
        when="For many cells at the price of few recurrent weights. Without torch's fused kernel a step takes longer.",
        typical="0, or a half of the hidden size",
    )
    chrono: int = option(
        0,
        ge=0,
        le=1_000_000,
        unit="steps",
        advanced=True,
        what="Starts the gates for memories of up to so many steps, instead of the forget bias; 0 is off.",
        when="When what matters lies some 200 steps back or more.",
        typical="0, or the length of the sequences",
    )

    @field_validator("projection")
    @classmethod
    def _smaller_than_the_cell(cls, value: int, info: ValidationInfo) -> int:
        hidden_size = info.data.get("hidden_size")
        if hidden_size is not None and value >= hidden_size:
            raise ValueError(f"a projection is smaller than the hidden size, {hidden_size}; 0 switches it off")
        return value


LSTM = Architecture(
    id="lstm",
    title="LSTM",
    summary="Gates around a memory cell: the standard choice, with the longest memory of the three.",
    params=LstmParams,
    factory=Ref("workbench_plugins.architectures.lstm.model:build"),
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
            values={"hidden_size": 650, "layers": 2, "dropout": 0.5, "input_dropout": 0.5, "dropout_kind": "plain"},
            note="Zaremba, Sutskever & Vinyals (2014), the medium language model: 2 × 650 units, dropout 0.5.",
        ),
        Preset(
            title="peepholes",
            values={"hidden_size": 64, "peepholes": True, "dropout": 0.0},
            note="Gers & Schmidhuber (2000): gates that see the cell, to tell intervals apart and to count.",
        ),
        Preset(
            title="projected, as published",
            values={"hidden_size": 800, "layers": 2, "projection": 512, "dropout": 0.0},
            note="Sak, Senior & Beaufays (2014): 2 layers of 800 cells projected to 512, for acoustic models.",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(LSTM)
