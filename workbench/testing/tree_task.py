"""A generated task over trees: the value of every part of a logical expression. No torch here; see ``tree_model``.

Operators stand at inner nodes, so the task needs words there too; "and" and "or" take two or three parts, "not" one.
"""

from __future__ import annotations

import random

from workbench.api import IOShape, LabelledTree, Metric, Ref, Task, Trait, WorkbenchError
from workbench.api.trees import parse_bracketed
from workbench.testing.options import GeneratedParams

VALUES = ("false", "true")
METRIC = "generated_root_accuracy"


def expression_trees(count: int, seed: int = 7, *, most_nodes: int = 15) -> list[LabelledTree]:
    """``count`` expressions of up to ``most_nodes`` nodes, each node tagged with its value, "true" or "false"."""
    choose = random.Random(seed)
    return [_expression(choose, choose.randint(3, most_nodes)) for _ in range(count)]


def _expression(choose: random.Random, size: int) -> LabelledTree:
    """Written from left to right in post-order: a value, or an operator over the last one to three parts."""
    words: list[str] = []
    parents: list[int] = []
    values: list[bool] = []
    parts: list[int] = []
    while len(words) < size or len(parts) > 1:
        ending = len(words) >= size
        kind = choose.choice(("value", "not", "and", "or"))
        if ending or (len(parts) >= 2 and kind in ("and", "or")):
            kind = kind if kind in ("and", "or") else choose.choice(("and", "or"))
            taken = min(len(parts), 3 if choose.random() < 0.25 else 2)
        elif parts and kind == "not" and words[-1] != "not":
            taken = 1
        else:
            kind, taken = choose.choice(VALUES), 0
        below = parts[len(parts) - taken :] if taken else []
        del parts[len(parts) - taken :]
        for child in below:
            parents[child] = len(words)
        of_parts = [values[child] for child in below]
        found = {
            "and": all(of_parts), "or": any(of_parts), "not": not any(of_parts), "true": True, "false": False
        }[kind]  # fmt: skip
        parts.append(len(words))
        words.append(kind)
        parents.append(-1)
        values.append(found)
    return LabelledTree(tuple(words), tuple(parents), tuple(VALUES[value] for value in values))


def tree_task() -> Task:
    """A label for every node; the value of the whole expression, at the root, is what counts."""
    return Task(
        id="generated_trees",
        title="The value of an expression (generated)",
        params=GeneratedParams,
        record=LabelledTree.KIND,
        result="token_labels",
        shape=IOShape.MANY_TO_MANY_ALIGNED,
        needs=frozenset({Trait.TREE}),
        factory=Ref("workbench.testing.tree_model:ExpressionValues"),
        metrics=(METRIC,),
        summary="Trees of and, or, not over true and false: every node has a value, composed of those below it.",
        parse_input=Ref("workbench.testing.tree_task:parse_input"),
    )


def tree_metric() -> Metric:
    return Metric(
        id=METRIC,
        title="Root accuracy",
        result="token_labels",
        higher_is_better=True,
        factory=Ref("workbench.testing.tree_model:RootAccuracy"),
    )


def parse_input(text: str) -> list[LabelledTree]:
    """One bracketed expression a line, labels left out or not: ``("" and ( true) ( false))``."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found.append(parse_bracketed(line))
            except ValueError as error:
                raise WorkbenchError(
                    f"This is not a bracketed tree: {error}.",
                    fix="Write it as (label word) and (label …).",
                    line=number,
                ) from error
    return found
