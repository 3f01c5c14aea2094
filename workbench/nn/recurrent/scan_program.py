"""What a cell says of its step: stages of products and pointwise work, and the plain loop over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Note = Callable[[str, Tensor], Tensor]
"""``note(name, value)`` returns the value; a trace keeps it by its name."""


def unnoted(name: str, value: Tensor) -> Tensor:
    return value


@dataclass(frozen=True, slots=True)
class Stage:
    """Products, then pointwise work.

    ``compute(note, *total, *reads, *vectors)`` → one value (…, W) for each of ``writes``. The total (…, G·W) is what
    stands at the input ``add`` plus, for each of ``products``, a register (…, S) times the transposed matrix (G·W, S);
    it comes as ``gates`` = G parts (…, W). ``reads`` are registers or inputs (…, W) and ``vectors`` parameters (W,).
    Unit u of what is written may depend only on unit u of each of these, and nothing is changed in place.

    What passes through one value on its way to several (h and c through c in an LSTM) is best written by a stage and
    read by the next: derivatives then go through it once.
    """

    compute: Callable[..., tuple[Tensor, ...]]
    writes: tuple[str, ...]
    products: tuple[tuple[str, str], ...] = ()
    gates: int = 1
    add: str = ""
    reads: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A step: its ``stages`` in order, and what is carried to the next, as (name before, name after).

    ``inputs`` (T, B, ·) are given for all steps, ``carried`` registers (B, ·) at the start, ``matrices`` and
    ``vectors`` for the whole scan. No register is written twice.
    """

    stages: tuple[Stage, ...]
    carried: tuple[tuple[str, str], ...] = (("h", "h'"),)
    inputs: tuple[str, ...] = ("x",)
    matrices: tuple[str, ...] = ("U",)
    vectors: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The order of the tensors :func:`~workbench.nn.recurrent.scan.scan` takes."""
        return (*self.inputs, *(before for before, _ in self.carried), *self.matrices, *self.vectors)


def parts_of(stage: Stage, total: Tensor | None) -> tuple[Tensor, ...]:
    if total is None:
        return ()
    return (total,) if stage.gates == 1 else total.chunk(stage.gates, dim=-1)


def one_step(program: Program, tensors: Mapping[str, Tensor], note: Note = unnoted) -> dict[str, Tensor]:
    """All registers after one step; ``tensors`` holds the inputs (B, ·) of this step alone."""
    registers = dict(tensors)
    for stage in program.stages:
        total = registers[stage.add] if stage.add else None
        for source, matrix in stage.products:
            product = registers[source] @ registers[matrix].t()
            total = product if total is None else total + product
        values = stage.compute(
            note, *parts_of(stage, total), *(registers[name] for name in (*stage.reads, *stage.vectors))
        )
        registers.update(zip(stage.writes, values, strict=True))
    return registers


def unrolled(program: Program, tensors: Mapping[str, Tensor], note: Note = unnoted) -> tuple[Tensor, ...]:
    """The scan as a loop that autograd records; ``note`` is told every gate of every step."""
    registers, found = dict(tensors), [list[Tensor]() for _ in program.carried]
    for step in range(tensors[program.inputs[0]].shape[0]):
        registers.update({name: tensors[name][step] for name in program.inputs})
        after = one_step(program, registers, note)
        for values, (before, name) in zip(found, program.carried, strict=True):
            registers[before] = after[name]
            values.append(after[name])
    return tuple(torch.stack(values) for values in found)
