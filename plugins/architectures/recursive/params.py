"""The options of recursive networks."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from workbench.api import Params, option

LARGEST_TENSOR = 160
"""Units of an RNTN at most: it has 4 H³ weights, 16 million at this size."""


class RecursiveParams(Params):
    """Which cell composes a node of its children, and how much a state holds."""

    cell: Literal["binary_lstm", "child_sum_lstm", "rntn", "recursive"] = option(
        "binary_lstm",
        what="How children become their parent. binary_lstm tells left from right; child_sum_lstm adds children up, in "
        "any number and no order; rntn multiplies them with each other; recursive is the plain network. All but "
        "child_sum_lstm take two children: further ones are folded in from left to right.",
        when="child_sum_lstm for dependency trees and for nodes with many children; rntn and recursive to compare.",
        typical="binary_lstm for constituency trees",
    )
    hidden_size: int = option(
        150,
        ge=1,
        le=8192,
        unit="units",
        what="How much a node's state holds. An RNTN grows with its cube: at most 160 there.",
        when="Raise it while both losses stay high; lower it when only the training loss falls.",
        typical="50 to 300; 25 to 35 for an RNTN",
    )
    dropout: float = option(
        0.3,
        ge=0,
        lt=1,
        what="Share of a node's units silenced in training before its label is read off; the way up stays whole.",
        when="Raise it when the validation loss rises while the training loss falls.",
        typical="0.2 to 0.5",
    )
    input_dropout: float = option(
        0.0, ge=0, lt=1, advanced=True, what="The same for the word vectors.", typical="0 to 0.5"
    )
    forget_bias: float = option(
        1.0,
        ge=-10,
        le=10,
        advanced=True,
        what="Bias of a Tree-LSTM's forget gates at the start; above 0 a node begins by keeping its children's cells.",
        when="Raise it for high trees.",
        typical="1",
    )

    @model_validator(mode="after")
    def _tensor_fits(self) -> Self:
        if self.cell == "rntn" and self.hidden_size > LARGEST_TENSOR:
            count = 4 * self.hidden_size**3
            raise ValueError(
                f"an RNTN of {self.hidden_size} units has a tensor of {count:,} weights; "
                f"choose at most {LARGEST_TENSOR} units, or another cell"
            )
        return self
