"""The options of recurrent layers: of a stack of like ones, which an architecture's ``Params`` inherits, or of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import model_validator

from workbench.api.params import Params, option
from workbench.api.shapes import Trait


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
    weight_dropout: float = option(
        0.0,
        ge=0,
        lt=1,
        advanced=True,
        what="Share of the recurrent weights silenced in training, the same at every step of a sequence.",
        when="For language models and other long runs on little data.",
        typical="0, or 0.2 to 0.5",
    )


class LayerParams(Params):
    """One layer of a stack that is put together layer by layer (:class:`workbench.nn.recurrent.DeepEncoder`)."""

    cell: Literal["rnn", "lstm", "gru", "mogrifier", "min_gru", "min_lstm", "ind_rnn"] = option(
        "lstm",
        what="The kind of cell.",
        when="GRU for fewer weights; min_gru and min_lstm for long sequences; RNN to compare with the plainest.",
        typical="lstm",
    )
    hidden_size: int = option(
        128,
        ge=1,
        le=8192,
        unit="units",
        what="How much this layer can remember at once, in each direction it reads.",
        when="Raise it while both losses stay high.",
        typical="64 to 512",
    )
    direction: Literal["forward", "backward", "both", "both_summed"] = option(
        "forward",
        what="Which way it reads: both puts the states of the two directions beside each other, both_summed adds them.",
        when="Both, where the whole sequence is known before the answer; forward for what comes next.",
        typical="both for tagging",
    )
    dropout: float = option(
        0.2,
        ge=0,
        lt=1,
        what="Share of this layer's units silenced in training, before they are passed on.",
        when="Raise it when the validation loss rises while the training loss falls.",
        typical="0.2 to 0.5",
    )
    residual: bool = option(
        False,
        what="Adds what the layer has read to what it yields, through a learned projection where the sizes differ.",
        when="From three or four layers on: the gradient then has a way around each of them.",
        typical="on in deep stacks",
    )
    layer_norm: bool = option(
        False,
        what="Brings the states of each step to mean 0 and variance 1, with a learned scale and shift.",
        when="When a deep stack is slow to start or its gradient norm jumps.",
        typical="off",
    )
    subsampling: int = option(
        1,
        ge=1,
        le=16,
        unit="steps",
        what="Input steps that become one before this layer reads them.",
        when="For long, slow inputs such as audio; not for a task that answers at each step.",
        typical="1, or 2 in each layer of a pyramid",
    )
    subsampling_kind: Literal["concatenate", "every"] = option(
        "concatenate",
        advanced=True,
        what="concatenate puts neighbouring steps beside each other; every keeps the first of them only.",
        typical="concatenate",
    )
    dropout_kind: Literal["plain", "locked"] = option(
        "locked",
        advanced=True,
        what="plain draws anew at each step; locked silences the same units over the whole sequence.",
        typical="locked",
    )
    weight_dropout: float = option(
        0.0,
        ge=0,
        lt=1,
        advanced=True,
        what="Share of this layer's recurrent weights silenced in training, the same at every step of a sequence.",
        when="For language models and other long runs on little data.",
        typical="0, or 0.2 to 0.5",
    )

    @model_validator(mode="after")
    def _has_weights_to_drop(self) -> Self:
        if self.weight_dropout > 0 and self.cell in ("min_gru", "min_lstm"):
            raise ValueError(
                f"{self.cell} has no recurrent weights to drop. Set the weight dropout to 0, or choose another cell."
            )
        return self

    @property
    def causal(self) -> bool:
        """Whether its state at a step has seen no later one, and there is one for each."""
        return self.direction == "forward" and self.subsampling == 1


def stack_traits(layers: Iterable[LayerParams]) -> frozenset[Trait]:
    """What a stack of ``layers`` offers."""
    layers = tuple(layers)
    found = {Trait.SEQUENCE}
    if all(layer.causal for layer in layers):
        found.add(Trait.CAUSAL)
    if all(layer.subsampling == 1 for layer in layers):
        found.add(Trait.ALIGNED)
    return frozenset(found)
