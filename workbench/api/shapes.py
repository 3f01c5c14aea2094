"""The five input/output shapes of recurrent networks, and whether an architecture can serve a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from workbench.api.params import Params, validate

if TYPE_CHECKING:
    from workbench.api.contributions import Architecture, Task


class IOShape(StrEnum):
    """How many inputs become how many outputs."""

    ONE_TO_ONE = "one_to_one"
    ONE_TO_MANY = "one_to_many"
    MANY_TO_ONE = "many_to_one"
    MANY_TO_MANY_ALIGNED = "many_to_many_aligned"
    MANY_TO_MANY = "many_to_many"

    @property
    def label(self) -> str:
        return {
            "one_to_one": "one to one",
            "one_to_many": "one to many",
            "many_to_one": "many to one",
            "many_to_many_aligned": "many to many, aligned",
            "many_to_many": "many to many, any length",
        }[self.value]


class Trait(StrEnum):
    """What a task may need of an architecture, and an architecture may offer."""

    CAUSAL = "causal"
    """The state at t has seen inputs up to t only, and can be stepped: generation, live series."""
    TREE = "tree"
    """Reads trees, not only sequences."""
    DECODER = "decoder"
    """Writes an output sequence of its own length."""
    SEQUENCE = "sequence"
    """Reads sequences, one state for each position."""
    ALIGNED = "aligned"
    """One state for each step of the input, none left out. Only an architecture whose ``traits`` depend on its options
    names it; every other one that serves the aligned shape has it by that."""
    NUMERIC = "numeric"
    """Answers with numbers at every step, which can be fed back. What a task offers and an architecture may ask for."""


@dataclass(frozen=True, slots=True)
class Compatibility:
    """``ok``, or one teachable sentence why not. Truthy when compatible."""

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok


_REASONS: dict[Trait, str] = {
    Trait.CAUSAL: "A network that also reads from right to left would see the very value it has to predict.",
    Trait.TREE: "This network reads one step after another; the task composes the nodes of a tree.",
    Trait.DECODER: "This network gives one state for each input step; the task writes an output of another length.",
    Trait.SEQUENCE: "This network composes the nodes of a tree; the task is a plain sequence without one.",
    Trait.ALIGNED: "A layer that joins or skips time steps leaves fewer states than inputs; the task needs one each.",
    Trait.NUMERIC: "Output feedback needs numeric answers at every step, and this task gives none.",
}

_ASKED = (Trait.TREE, Trait.DECODER, Trait.SEQUENCE, Trait.ALIGNED, Trait.CAUSAL)
"""In the order of their weight: what kind of input and output it is says more than the direction of reading."""
_WRITTEN = frozenset({IOShape.ONE_TO_MANY, IOShape.MANY_TO_MANY})
"""The shapes of a network that does nothing but write sequences."""
_WANTED: dict[IOShape, str] = {
    IOShape.ONE_TO_ONE: "the task asks for one answer",
    IOShape.MANY_TO_ONE: "the task asks for one answer to the whole input",
    IOShape.MANY_TO_MANY_ALIGNED: "the task asks for one answer at each step of the input",
}


def compatibility(
    task: Task, architecture: Architecture, params: Params | Mapping[str, Any] | None = None
) -> Compatibility:
    """Whether ``architecture`` can serve ``task``: yes, or the reason in a sentence a student understands.

    Without ``params`` this asks whether any of its options can; with them (validated, or plain values) whether these
    do. :class:`WorkbenchError` for plain values that are no options of it.
    """
    needs = task.needs
    if architecture.traits is not None and task.shape is IOShape.MANY_TO_MANY_ALIGNED:
        needs = needs | {Trait.ALIGNED}
    if params is not None and not isinstance(params, Params):
        params = validate(architecture.params, dict(params))
    missing = needs - architecture.offers(params)
    asked = architecture.asked(params) - task.offers
    for trait in _ASKED:
        if trait in missing:
            return Compatibility(False, _REASONS[trait])
        if trait is Trait.SEQUENCE and task.shape in _WANTED and architecture.shapes == _WRITTEN:
            return Compatibility(False, f"This network writes an output of its own length; {_WANTED[task.shape]}.")
    if task.shape not in architecture.shapes:
        return Compatibility(
            False,
            f"{architecture.title} does not do {task.shape.label}, which {task.title} is.",
        )
    for trait in sorted(asked):
        return Compatibility(False, _REASONS[trait])
    return Compatibility(True)
