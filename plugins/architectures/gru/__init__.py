"""The gated recurrent unit, as a plugin: what it is called, its options, and where its network is.

Every architecture plugin looks like this: a class of options, one :class:`Architecture`, one hook. The network itself
is in ``model.py``, which is imported when a model is first built: registering must stay cheap. Equations, symbols and
the picture of the cell are in ``explained.py``.
"""

from __future__ import annotations

from typing import Literal

from workbench_plugins.architectures.gru.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS

from workbench.api import Architecture, IOShape, Preset, RecurrentParams, Ref, Registrar, Trait, hookimpl, option


class GruParams(RecurrentParams):
    """Options of the GRU: forms, command-line flags and the run file are derived from them."""

    reset: Literal["after", "before"] = option(
        "after",
        advanced=True,
        what="Whether the reset gate works after the recurrent product (cuDNN's form) or before it (the paper's).",
        when="before, to repeat published results; it takes two products in a row at each step.",
        typical="after",
    )


GRU = Architecture(
    id="gru",
    title="GRU",
    summary="Two gates and no separate memory: nearly as strong as an LSTM, with a quarter fewer weights.",
    params=GruParams,
    factory=Ref("workbench_plugins.architectures.gru.model:build"),
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
            values={"hidden_size": 1000, "reset": "before", "dropout": 0.0},
            note="Cho et al. (2014): 1000 units, the reset gate before the recurrent product.",
        ),
    ),
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(GRU)
