"""A network unrolled over one input, as plain data: columns of steps, rows of layers, attention. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.api import LayerTrace, Record, Trace

START = "⟨start⟩"
_SUBSCRIPTS = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")


@dataclass(frozen=True, slots=True)
class UnrolledRow:
    """One layer in one direction; ``states`` (T, H) once there is a trained model, else None."""

    name: str
    direction: str = "forward"
    states: NDArray[np.float64] | None = None

    @property
    def backward(self) -> bool:
        return self.direction == "backward"

    @property
    def recurrent(self) -> bool:
        """A row without a direction is computed anew at each step: what a readout reads."""
        return bool(self.direction)


@dataclass(frozen=True, slots=True)
class UnrolledSide:
    """Steps that run through the same layers. ``outputs`` has a word for each step, "" where nothing is answered."""

    title: str
    steps: tuple[str, ...]
    rows: tuple[UnrolledRow, ...]
    outputs: tuple[str, ...] = ()

    def levels(self) -> list[list[int]]:
        """Row numbers layer by layer: both directions of a layer share a level."""
        levels: list[list[int]] = []
        for i, row in enumerate(self.rows):
            below = self.rows[levels[-1][0]] if levels else None
            if below is not None and below.name == row.name and row.backward != below.backward:
                levels[-1].append(i)
            else:
                levels.append([i])
        return levels


@dataclass(frozen=True, slots=True)
class Unrolled:
    """One side, or an encoder and a decoder; ``attention`` (T_out, T_in). ``known``: states are those of a model."""

    sides: tuple[UnrolledSide, ...]
    attention: NDArray[np.float64] | None = None
    known: bool = False

    @property
    def decodes(self) -> bool:
        return len(self.sides) > 1


def readable(word: str) -> str:
    """A step's name as it can be seen: "␣" for a space, a day without its midnight."""
    if word and not word.strip():
        return "".join({"\n": "⏎", "\t": "⇥"}.get(letter, "␣") for letter in word)
    return word.removesuffix("T00:00:00") if word[:1].isdigit() else word


def readable_trace(trace: Trace) -> Trace:
    """``trace`` with every name as it can be seen."""
    return replace(
        trace,
        steps=tuple(map(readable, trace.steps)),
        output_labels=tuple(map(readable, trace.output_labels)),
        predicted=tuple(map(readable, trace.predicted)),
        output_steps=tuple(map(readable, trace.output_steps)),
    )


def unrolled_trace(trace: Trace) -> Unrolled:
    """The unrolled network with the states and answers of ``trace``."""
    trace = readable_trace(trace)
    reading = tuple(_row(layer) for layer in trace.layers if layer.over != "outputs")
    writing = tuple(_row(layer) for layer in trace.layers if layer.over == "outputs")
    count = len(trace.steps)
    if trace.output_steps or writing:
        written = trace.output_steps
        given = (START, *written[:-1]) if written else ()
        sides = (
            UnrolledSide("Encoder", trace.steps, reading),
            UnrolledSide("Decoder", given, writing, written),
        )
        attention = np.asarray(trace.attention, dtype=np.float64) if trace.attention is not None else None
        return Unrolled(sides, attention, known=True)
    outputs: tuple[str, ...] = ()
    if len(trace.predicted) == count:
        outputs = trace.predicted
    elif len(trace.predicted) == 1:
        outputs = ("",) * (count - 1) + trace.predicted
    return Unrolled((UnrolledSide("", trace.steps, reading, outputs),), known=True)


def _row(layer: LayerTrace) -> UnrolledRow:
    return UnrolledRow(layer.name, layer.direction, np.asarray(layer.states, dtype=np.float64))


def unrolled_structure(
    steps: Sequence[str],
    layers: Iterable[tuple[str, str]],
    *,
    answers: str = "each",
    decoder: Iterable[tuple[str, str]] | None = None,
    targets: Sequence[str] = (),
    attends: bool = False,
) -> Unrolled:
    """The same before there is a model: names and directions of ``layers``, and no values.

    ``answers`` is "each" step, the "last" one, or "none"; ``decoder`` are the layers that write ``targets``.
    """
    named = tuple(steps)
    rows = tuple(UnrolledRow(name, direction or "forward") for name, direction in layers)
    if decoder is not None:
        written = tuple(targets) or tuple(f"y{subscript(i + 1)}" for i in range(3))
        sides = (
            UnrolledSide("Encoder", named, rows),
            UnrolledSide(
                "Decoder",
                (START, *written[:-1]),
                tuple(UnrolledRow(name, direction or "forward") for name, direction in decoder),
                written,
            ),
        )
        even = np.full((len(written), len(named)), 1.0 / max(1, len(named))) if attends else None
        return Unrolled(sides, even)
    count = len(named)
    outputs: tuple[str, ...] = ()
    if answers == "each":
        outputs = tuple(f"y{subscript(i + 1)}" for i in range(count))
    elif answers == "last" and count:
        outputs = ("",) * (count - 1) + ("y",)
    return Unrolled((UnrolledSide("", named, rows, outputs),))


def steps_of(record: Record) -> tuple[str, ...]:
    """Names for the steps of a record: its tokens or words, its letters, or numbers where it has neither."""
    tokens: Any = getattr(record, "tokens", None)
    if tokens is None:
        words: Any = getattr(record, "words", None)
        if words is not None:
            return tuple(str(word) or "·" for word in words)
        source: Any = getattr(record, "source", None)
        tokens = source.split() if isinstance(source, str) else None
    if tokens is not None:
        return tuple(str(token) for token in tokens)
    text = getattr(record, "text", None)
    size = record.size()
    if isinstance(text, str):
        split = text.split()
        if len(split) == size:
            return tuple(split)
        if len(text) == size:
            return tuple("␣" if letter == " " else letter for letter in text)
        return tuple(split)
    return tuple(f"x{subscript(i + 1)}" for i in range(size))


def targets_of(record: Record) -> tuple[str, ...]:
    """The words of a pair's target, where the record is one."""
    target: Any = getattr(record, "target", None)
    return tuple(target.split()) if isinstance(target, str) else ()


def subscript(number: int) -> str:
    """₁₂ for 12."""
    return str(number).translate(_SUBSCRIPTS)
