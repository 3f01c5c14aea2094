"""Deep stacks, put together layer by layer: cell, size, direction, dropout, skip, norm and time subsampling of each."""

from __future__ import annotations

from workbench_plugins.architectures.deep.explained import COMPARISON, DIAGRAM, EQUATIONS, SYMBOLS
from workbench_plugins.architectures.deep.presets import PRESETS

from workbench.api import Architecture, IOShape, Params, Ref, Registrar, Trait, hookimpl, option
from workbench.api.recurrent import LayerParams, stack_traits


class DeepParams(Params):
    """Options of a deep stack."""

    stack: tuple[LayerParams, ...] = option(
        (LayerParams(), LayerParams(residual=True)),
        title="Layers",
        least=1,
        most=16,
        what="The layers, bottom first; each reads what the one before it yields.",
        when="Add a layer when both losses stay high, with a residual connection from the third on.",
        typical="2 to 4 layers",
    )
    input_dropout: float = option(
        0.0,
        ge=0,
        lt=1,
        advanced=True,
        what="Share of what the first layer reads silenced in training, the same over the whole sequence.",
        typical="0 to 0.5",
    )
    projection: int = option(
        0,
        ge=0,
        le=8192,
        unit="units",
        advanced=True,
        what="Size of a learned projection of what the last layer yields; 0 is none.",
        when="As wide as the embedding, where a language model shares the embedding's weights with its output.",
        typical="0",
    )


def traits(params: DeepParams) -> frozenset[Trait]:
    """A layer that reads backwards makes the stack not causal, one that joins or skips steps not aligned either."""
    return stack_traits(params.stack)


DEEP = Architecture(
    id="deep",
    title="Deep stack",
    summary="Layers put together one by one: any cell, size and direction, with skips, norms and pyramids in time.",
    params=DeepParams,
    factory=Ref("workbench_plugins.architectures.deep.model:build"),
    traits=Ref("workbench_plugins.architectures.deep:traits"),
    shapes=frozenset({IOShape.ONE_TO_ONE, IOShape.ONE_TO_MANY, IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.SEQUENCE, Trait.CAUSAL, Trait.ALIGNED}),
    equations=EQUATIONS,
    symbols=SYMBOLS,
    diagram=DIAGRAM,
    comparison=COMPARISON,
    presets=PRESETS,
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(DEEP)
