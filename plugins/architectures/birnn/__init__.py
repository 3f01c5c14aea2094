"""Any cell, read in both directions: for tasks that know the whole sequence."""

from __future__ import annotations

from typing import Literal

from workbench.api import Architecture, IOShape, Params, Preset, Ref, Registrar, Trait, hookimpl, option


class BiRnnParams(Params):
    """Options of the bidirectional network."""

    cell: Literal["lstm", "gru", "rnn"] = option(
        "lstm",
        what="The kind of cell that reads in both directions.",
        when="GRU for fewer weights, RNN to compare with the plainest.",
        typical="lstm",
    )
    hidden_size: int = option(
        128,
        ge=1,
        le=8192,
        unit="units",
        what="How much each direction of a layer can remember at once.",
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
    merge: Literal["concatenate", "sum"] = option(
        "concatenate",
        advanced=True,
        what="How the states of both directions become one.",
        when="sum halves the size of what follows.",
        typical="concatenate",
    )


EQUATIONS = """
Two networks of the same kind of cell read the sequence, one from the left and one from the right, and each position
gets both states:

| | |
|---|---|
| forward | **f**ₜ = cell(**x**ₜ, **f**ₜ₋₁) |
| backward | **b**ₜ = cell(**x**ₜ, **b**ₜ₊₁) |
| state | **h**ₜ = [**f**ₜ ; **b**ₜ] or **f**ₜ + **b**ₜ |

Every state has seen the whole sequence, which is why it cannot predict the next value of one that is still going on.
Schuster & Paliwal, 1997, *Bidirectional recurrent neural networks*.
"""

BIDIRECTIONAL = Architecture(
    id="birnn",
    title="Bidirectional RNN",
    summary="Reads from both ends, so every state knows the whole sequence: the choice for tagging and classification.",
    params=BiRnnParams,
    factory=Ref("workbench_plugins.architectures.birnn.model:build"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE}),
    equations=EQUATIONS,
    presets=(
        Preset(title="small", values={"hidden_size": 64}, note="Trains in seconds; a first look."),
        Preset(title="medium", values={"hidden_size": 128, "dropout": 0.3}, note="A good first choice."),
        Preset(title="large", values={"hidden_size": 256, "layers": 2, "dropout": 0.4}, note="For much data."),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(BIDIRECTIONAL)
