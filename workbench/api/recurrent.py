"""The options every stack of recurrent layers has; an architecture's own ``Params`` inherits them and adds its own."""

from __future__ import annotations

from typing import Literal

from workbench.api.params import Params, option


class RecurrentParams(Params):
    """Size, depth and dropout of a stack of recurrent layers, as ``nn.recurrent.build_stack`` reads it."""

    hidden_size: int = option(
        128,
        ge=1,
        le=8192,
        unit="units",
        what="How much each layer can remember at once, in each direction it reads.",
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
