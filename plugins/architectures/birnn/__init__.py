"""Any cell, read in both directions: for tasks that know the whole sequence."""

from __future__ import annotations

from typing import Literal

from workbench_plugins.architectures.birnn.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS

from workbench.api import (
    Architecture,
    IOShape,
    Params,
    Preset,
    RecurrentParams,
    Ref,
    Registrar,
    Trait,
    hookimpl,
    option,
)


class CellChoice(Params):
    """Stands before the inherited options, since pydantic takes the fields of the last base first."""

    cell: Literal["lstm", "gru", "rnn", "mogrifier", "min_gru", "min_lstm", "ind_rnn"] = option(
        "lstm",
        what="The kind of cell that reads in both directions.",
        when="GRU for fewer weights, min_gru for long sequences, RNN to compare with the plainest.",
        typical="lstm",
    )


class BiRnnParams(RecurrentParams, CellChoice):
    """Options of the bidirectional network."""

    merge: Literal["concatenate", "sum"] = option(
        "concatenate",
        advanced=True,
        what="How the states of both directions become one.",
        when="sum halves the size of what follows.",
        typical="concatenate",
    )


BIDIRECTIONAL = Architecture(
    id="birnn",
    title="Bidirectional RNN",
    summary="Reads from both ends, so every state knows the whole sequence: the choice for tagging and classification.",
    params=BiRnnParams,
    factory=Ref("workbench_plugins.architectures.birnn.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE}),
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
            values={"cell": "lstm", "hidden_size": 100, "dropout": 0.0, "input_dropout": 0.5},
            note="Lample et al. (2016): bidirectional LSTM of 100 units a way, dropout 0.5 on its input, for tagging.",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(BIDIRECTIONAL)
