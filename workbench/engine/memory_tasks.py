"""Generated problems that ask one thing of a network: how long it can remember. Every batch follows from a generator.

A problem is a sequence (B, T, D) and answers that are scored at some of its steps only. ``length`` is the distance to
be remembered, which is about T. Sources: adding, copying: Hochreiter & Schmidhuber 1997, Arjovsky et al. 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

SYMBOLS = 8
COPIED = 3
COPY_SYMBOLS = 4
DEPTH = 6
LADDER = (3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300, 450, 675, 1000)
"""Lengths tried one after the other, each half as long again."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A batch: ``x`` (B, T, D), ``scored`` (B, T) bool, and the ``wanted`` (M,) answers at the scored steps."""

    x: Tensor
    scored: Tensor
    wanted: Tensor


@dataclass(frozen=True, slots=True)
class MemoryTask:
    """``make(length, batch, generator)``; solved when the share of right answers, or the squared error, says so."""

    id: str
    title: str
    what: str
    inputs: int
    outputs: int
    kind: Literal["classes", "number"]
    make: Callable[[int, int, torch.Generator], Problem]
    right: float = 0.98
    error: float = 0.01

    @property
    def measure(self) -> str:
        return f"{self.right:.0%} right" if self.kind == "classes" else f"squared error below {self.error:g}"

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """Mean over the scored steps; ``outputs`` (M, K)."""
        if self.kind == "classes":
            return functional.cross_entropy(outputs, wanted)
        return functional.mse_loss(outputs[:, 0], wanted)

    def solved(self, outputs: Tensor, wanted: Tensor) -> bool:
        if self.kind == "classes":
            return float((outputs.argmax(-1) == wanted).float().mean()) >= self.right
        return float(functional.mse_loss(outputs[:, 0], wanted)) <= self.error

    def regression_targets(self, wanted: Tensor) -> Tensor:
        """(M, K) for a readout solved by least squares."""
        if self.kind == "classes":
            return functional.one_hot(wanted, self.outputs).double()
        return wanted.double().unsqueeze(1)


def _adding(length: int, batch: int, generator: torch.Generator) -> Problem:
    """The sum of two of many random numbers, marked in the first and in the second half, asked for at the end."""
    values = torch.rand(batch, length, generator=generator)
    marks = torch.zeros(batch, length)
    rows = torch.arange(batch)
    half = length // 2
    first = torch.randint(0, half, (batch,), generator=generator)
    second = torch.randint(half, length, (batch,), generator=generator)
    marks[rows, first] = marks[rows, second] = 1.0
    scored = torch.zeros(batch, length, dtype=torch.bool)
    scored[:, -1] = True
    return Problem(torch.stack([values, marks], -1), scored, values[rows, first] + values[rows, second])


def _copy(length: int, batch: int, generator: torch.Generator) -> Problem:
    """Three symbols, a long pause, a cue, and the same three are asked for in their order."""
    symbols = torch.randint(0, COPY_SYMBOLS, (batch, COPIED), generator=generator)
    steps = length + 2 * COPIED
    read = torch.full((batch, steps), COPY_SYMBOLS)
    read[:, :COPIED] = symbols
    read[:, -COPIED - 1] = COPY_SYMBOLS + 1
    scored = torch.zeros(batch, steps, dtype=torch.bool)
    scored[:, -COPIED:] = True
    return Problem(functional.one_hot(read, COPY_SYMBOLS + 2).float(), scored, symbols.flatten())


def _recall(length: int, batch: int, generator: torch.Generator) -> Problem:
    """Which symbol came with a mark, somewhere in the first quarter, asked for after many others."""
    symbols = torch.randint(0, SYMBOLS, (batch, length), generator=generator)
    at = torch.randint(0, max(1, length // 4), (batch,), generator=generator)
    rows = torch.arange(batch)
    marks = torch.zeros(batch, length, 1)
    marks[rows, at] = 1.0
    scored = torch.zeros(batch, length, dtype=torch.bool)
    scored[:, -1] = True
    return Problem(torch.cat([functional.one_hot(symbols, SYMBOLS).float(), marks], -1), scored, symbols[rows, at])


def _parity(length: int, batch: int, generator: torch.Generator) -> Problem:
    """Whether the ones so far are odd in number, asked for at every step."""
    bits = torch.randint(0, 2, (batch, length), generator=generator)
    scored = torch.ones(batch, length, dtype=torch.bool)
    return Problem((bits * 2.0 - 1.0).unsqueeze(-1), scored, (bits.cumsum(1) % 2).flatten())


def _brackets(length: int, batch: int, generator: torch.Generator) -> Problem:
    """Brackets of two kinds, nested up to six deep: at every step, which one is open (none, round, square)."""
    choices = torch.rand(batch, length, 2, generator=generator).tolist()
    read = torch.zeros(batch, length, dtype=torch.int64)
    wanted = torch.zeros(batch, length, dtype=torch.int64)
    for row, steps in enumerate(choices):
        stack: list[int] = []
        for t, (direction, kind) in enumerate(steps):
            if not stack or (len(stack) < DEPTH and direction < 0.5):
                stack.append(int(kind < 0.5))
                read[row, t] = stack[-1]
            else:
                read[row, t] = 2 + stack.pop()
            wanted[row, t] = 1 + stack[-1] if stack else 0
    return Problem(functional.one_hot(read, 4).float(), torch.ones(batch, length, dtype=torch.bool), wanted.flatten())


TASKS: tuple[MemoryTask, ...] = (
    MemoryTask("adding", "Adding", "add two marked numbers among many", 2, 1, "number", _adding),
    MemoryTask("copy", "Copy", "repeat three symbols after a pause", COPY_SYMBOLS + 2, COPY_SYMBOLS, "classes", _copy),
    MemoryTask("parity", "Parity", "count ones, odd or even", 1, 2, "classes", _parity),
    MemoryTask("recall", "Delayed recall", "name the marked symbol", SYMBOLS + 1, SYMBOLS, "classes", _recall),
    MemoryTask("brackets", "Brackets", "know which bracket is open, up to six deep", 4, 3, "classes", _brackets),
)
SPAN_TASK = "recall"
"""Its longest length is what is called the memory span."""
