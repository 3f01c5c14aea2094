"""Recursive networks, over trees: what is true of a phrase is composed of what is true of its parts."""

from __future__ import annotations

from workbench_plugins.architectures.recursive.explained import DIAGRAM, EQUATIONS, SYMBOLS
from workbench_plugins.architectures.recursive.params import RecursiveParams

from workbench.api import Architecture, IOShape, Preset, Ref, Registrar, Trait, hookimpl

RECURSIVE = Architecture(
    id="recursive",
    title="Recursive network",
    summary="Composes the nodes of a tree, leaves first, with one cell used at every node: a label for every phrase.",
    params=RecursiveParams,
    factory=Ref("workbench_plugins.architectures.recursive.model:build"),
    shapes=frozenset({IOShape.MANY_TO_ONE, IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.TREE}),
    equations=EQUATIONS,
    symbols=SYMBOLS,
    diagram=DIAGRAM,
    presets=(
        Preset(title="small", values={"hidden_size": 50, "dropout": 0.1}, note="Trains in seconds; a first look."),
        Preset(title="medium", values={"hidden_size": 150, "dropout": 0.3}, note="A good first choice."),
        Preset(title="large", values={"hidden_size": 300, "dropout": 0.5, "input_dropout": 0.2}, note="For much data."),
        Preset(
            title="as published: Tai 2015, constituency",
            values={"cell": "binary_lstm", "hidden_size": 150, "dropout": 0.5, "forget_bias": 0.0},
            note="The binary Tree-LSTM of the sentiment treebank; they trained with AdaGrad at 0.05, batches of 25.",
        ),
        Preset(
            title="as published: Tai 2015, dependencies",
            values={"cell": "child_sum_lstm", "hidden_size": 168, "dropout": 0.5, "forget_bias": 0.0},
            note="The child-sum Tree-LSTM; for trees whose inner nodes are words.",
        ),
        Preset(
            title="as published: RNTN",
            values={"cell": "rntn", "hidden_size": 30, "dropout": 0.0},
            note="Socher 2013: 25 to 35 units. Its words are as long as its states; ours pass a learned matrix first.",
        ),
        Preset(
            title="as published: plain recursive",
            values={"cell": "recursive", "hidden_size": 30, "dropout": 0.0},
            note="Socher 2011 and 2013: the baseline from which the others grew.",
        ),
    ),
    comparison={
        "key feature": "One cell joins the states of a node's children, from the leaves up to the root of a tree.",
        "strengths": "The way from a word to the root is the tree's height, not the sentence's length; every phrase "
        "gets a state, so each can be labelled and looked at.",
        "weaknesses": "Needs a tree for every input, and a wrong tree misleads it; trees of different shapes share "
        "little work, though nodes of one height are computed together.",
        "typical use": "Sentiment of phrases, parsing, programs and formulas, molecules without rings.",
    },
)


@hookimpl
def register_architectures(registry: Registrar) -> None:
    registry.add(RECURSIVE)
