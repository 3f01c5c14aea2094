"""The generic scan: a cell says what one step does, unit by unit, and gets the forward and backward pass over time.

A step is one or more :class:`Stage`: matrix products of what is known so far, then work in which each unit is by
itself ("pointwise"). That covers every published cell with gates; its matrices, sizes and number of stages are free.
From this description the scan has, without a line of hand-written gradient:

- a forward pass that records nothing: a product and the pointwise operations for each step;
- a backward pass whose loop does only what truly depends on the step after it. Because the work between products is
  pointwise, what each derivative needs besides the arriving gradient is found for a whole block of steps at once (by
  autograd, over arrays with a time axis), and a step is then a multiplication for each path and a product for each
  matrix. The gradient of a matrix, Σₜ δₜᵀ sₜ, is one product for all steps of a block;
- a second derivative: with ``create_graph=True`` the plain loop is replayed under autograd, so double backward is
  exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply

BLOCK = 1 << 18
"""Values of a block in the backward pass: what stays in the cache."""

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
        """The order of the tensors :func:`scan` takes."""
        return (*self.inputs, *(before for before, _ in self.carried), *self.matrices, *self.vectors)


def scan(program: Program, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Every carried register after each step, (T, B, ·) each; ``tensors`` by ``program.names``."""
    found: tuple[Tensor, ...] = apply(_Scan, program, *(tensors[name] for name in program.names))
    return found


def _parts(stage: Stage, total: Tensor | None) -> tuple[Tensor, ...]:
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
            note, *_parts(stage, total), *(registers[name] for name in (*stage.reads, *stage.vectors))
        )
        registers.update(zip(stage.writes, values, strict=True))
    return registers


def unrolled(program: Program, tensors: Mapping[str, Tensor], note: Note = unnoted) -> tuple[Tensor, ...]:
    """:func:`scan` as a loop that autograd records; ``note`` is told every gate of every step."""
    registers, found = dict(tensors), [list[Tensor]() for _ in program.carried]
    for step in range(tensors[program.inputs[0]].shape[0]):
        registers.update({name: tensors[name][step] for name in program.inputs})
        after = one_step(program, registers, note)
        for values, (before, name) in zip(found, program.carried, strict=True):
            registers[before] = after[name]
            values.append(after[name])
    return tuple(torch.stack(values) for values in found)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, program: Program, *given: Tensor) -> tuple[Tensor, ...]:
        tensors = dict(zip(program.names, given, strict=True))
        keep = any(ctx.needs_input_grad)
        states, kept = _forward(program, tensors, keep)
        after = tuple(values[1:] for values in states)
        ctx.program, ctx.states, ctx.kept = program, states, kept
        # the states are saved as the outputs they are, so that torch notices a change in place
        ctx.save_for_backward(*given, *after)
        return after

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        program: Program = ctx.program
        given = ctx.saved_tensors[: len(program.names)]
        if torch.is_grad_enabled():
            return (None, *_replay(ctx, program, given, gradients))
        tensors = dict(zip(program.names, given, strict=True))
        found = _Backward(program, tensors, ctx.states, ctx.kept, gradients).run()
        return (None, *(found[name] for name in program.names))


def _replay(ctx: Any, program: Program, given: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor | None]:
    """Gradients that can themselves be differentiated."""
    needed = ctx.needs_input_grad[1:]
    wanted = [tensor for tensor, need in zip(given, needed, strict=True) if need]
    outputs = unrolled(program, dict(zip(program.names, given, strict=True)))
    found = iter(torch.autograd.grad(outputs, wanted, list(gradients), create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needed]


def _forward(program: Program, tensors: Mapping[str, Tensor], keep: bool) -> tuple[tuple[Tensor, ...], dict[str, Any]]:
    """(T + 1, B, ·) of each carried register, the first its start; and what the backward pass reads again."""
    steps, batch = tensors[program.inputs[0]].shape[:2]
    states: list[Tensor] = []
    state_at: list[Sequence[Tensor]] = []
    for before, _ in program.carried:
        start = tensors[before]
        states.append(start.new_empty(steps + 1, batch, start.shape[1]))
        states[-1][0] = start
        state_at.append(states[-1].unbind())
    fixed = {name: tensors[name] for name in program.vectors}
    transposed = {name: tensors[name].t() for name in program.matrices}
    input_at = {name: tensors[name].unbind() for name in program.inputs}
    carried_after = {after for _, after in program.carried}
    kept: dict[str, list[Tensor]] = {
        name: [] for stage in program.stages for name in stage.writes if name not in carried_after
    }
    totals: list[Tensor | None] = []
    plan: list[tuple[Stage, Sequence[Tensor], tuple[str, ...]]] = []
    for stage in program.stages:
        rows: Tensor | None = None
        if stage.products:
            first = tensors[stage.products[0][1]]
            rows = first.new_empty(steps if keep else 1, batch, first.shape[0])
        totals.append(rows)
        total_at: Sequence[Tensor] = () if rows is None else rows.unbind() if keep else (rows[0],) * steps
        plan.append((stage, total_at, (*stage.reads, *stage.vectors)))
    registers: dict[str, Tensor] = dict(fixed)
    for step in range(steps):
        for name, values_at in input_at.items():
            registers[name] = values_at[step]
        for (before, _), at in zip(program.carried, state_at, strict=True):
            registers[before] = at[step]
        for stage, total_at, read in plan:
            total: Tensor | None = registers[stage.add] if stage.add else None
            for source, matrix in stage.products:
                other, out = registers[source], total_at[step]
                if total is None:
                    total = torch.mm(other, transposed[matrix], out=out)
                else:
                    total = torch.addmm(total, other, transposed[matrix], out=out)
            values = stage.compute(unnoted, *_parts(stage, total), *[registers[name] for name in read])
            for name, value in zip(stage.writes, values, strict=True):
                registers[name] = value
                if keep and name in kept:
                    kept[name].append(value)
        for (_, after), at in zip(program.carried, state_at, strict=True):
            at[step + 1].copy_(registers[after])
    return tuple(states), {"totals": totals, "registers": kept}


class _Backward:
    """The backward pass of one scan. δ of a register is the gradient at it, for all steps (T, B, W)."""

    def __init__(
        self,
        program: Program,
        tensors: Mapping[str, Tensor],
        states: Sequence[Tensor],
        kept: Mapping[str, Any],
        arriving: Sequence[Tensor],
    ) -> None:
        self.program, self.tensors, self.kept = program, tensors, kept
        self.steps, self.batch = tensors[program.inputs[0]].shape[:2]
        self.known: dict[str, Tensor] = {}
        for (old, new), values in zip(program.carried, states, strict=True):
            self.known[old], self.known[new] = values[:-1], values[1:]
        self.stacked: dict[str, Tensor] = {}
        """Registers of the block at hand, as one array each."""
        self.delta: dict[str, Tensor] = {}
        self.found: dict[str, Tensor] = {}
        """The gradient of each of the given tensors."""
        # where the gradient at a register of step t is added up: a register carried in is one written the step before
        self.target: dict[str, list[Tensor]] = {}
        for (old, new), values, gradient in zip(program.carried, states, arriving, strict=True):
            self.delta[new] = gradient.clone(memory_format=torch.contiguous_format)
            self.found[old] = torch.zeros_like(values[0])
            at = list(self.delta[new].unbind())
            self.target[new] = at
            self.target[old] = [self.found[old], *at[:-1]]
        for name, kept_values in kept["registers"].items():
            self.delta[name] = kept_values[0].new_zeros(self.steps, *kept_values[0].shape)
            self.target[name] = list(self.delta[name].unbind())
        uses = [name for stage in program.stages for name in (*stage.reads, *(s for s, _ in stage.products), stage.add)]
        self.own = {stage.add for stage in program.stages if stage.products and uses.count(stage.add) == 1}
        """Inputs that are added to one total and used nowhere else: their gradient is δ of it, made in place."""
        for name in (*program.inputs, *program.matrices, *program.vectors):
            make = torch.empty_like if name in self.own else torch.zeros_like
            self.found[name] = make(tensors[name], memory_format=torch.contiguous_format)

    def run(self) -> dict[str, Tensor]:
        widest = sum(self.delta[stage.writes[0]].shape[2] for stage in self.program.stages)
        width = max(1, BLOCK // (self.batch * widest))
        for first in range((self.steps - 1) // width * width, -1, -width):
            self._block(slice(first, min(first + width, self.steps)))
        return self.found

    def _values(self, name: str, part: slice) -> Tensor:
        """A register or an input for a block of steps."""
        if name in self.known:
            return self.known[name][part]
        if name in self.kept["registers"]:
            if name not in self.stacked:
                self.stacked[name] = torch.stack(self.kept["registers"][name][part])
            return self.stacked[name]
        return self.tensors[name][part]

    def _block(self, part: slice) -> None:
        self.stacked.clear()
        flats = [_FlatStage(self, number, stage, part) for number, stage in enumerate(self.program.stages)]
        order = list(reversed(flats))
        for offset in range(part.stop - part.start - 1, -1, -1):
            for flat in order:
                flat.back(offset)
        for flat in flats:
            flat.finish()


class _FlatStage:
    """One stage over a block of steps: its derivatives unit by unit, then the loop, then the sums over steps."""

    def __init__(self, owner: _Backward, number: int, stage: Stage, part: slice) -> None:
        self.owner, self.stage, self.part = owner, stage, part
        total: Tensor | None = None
        if stage.products:
            total = owner.kept["totals"][number][part]
        elif stage.add:
            total = owner.tensors[stage.add][part]
        with torch.enable_grad():
            self.totals = [piece.detach().requires_grad_() for piece in _parts(stage, total)]
            self.reads = {name: owner._values(name, part).detach().requires_grad_() for name in stage.reads}
            self.vectors = {name: owner.tensors[name].detach().requires_grad_() for name in stage.vectors}
            self.outputs = stage.compute(unnoted, *self.totals, *self.reads.values(), *self.vectors.values())
        self.d_total: Tensor | None = None
        """Derivatives by the total (T, B, G, W); becomes δ of the total in place."""
        if stage.products and total is not None:
            place = owner.found[stage.add][part] if stage.add in owner.own else torch.empty_like(total)
            self.d_total = place.view(*place.shape[:2], stage.gates, -1)
        self._differentiate()

    def _differentiate(self) -> None:
        stage, owner = self.stage, self.owner
        recurrent = [name for name in stage.reads if name in owner.target]
        leaves = [self.reads[name] for name in recurrent]
        if stage.products:
            leaves += self.totals
        self.paths: list[tuple[Sequence[Tensor], Sequence[Tensor], list[Tensor]]] = []
        """(gradient at what is written, derivative, where it goes), for each way from a written to a read register."""
        self.scaled: list[tuple[Sequence[Tensor], Sequence[Tensor]]] = []
        """(gradient at what is written, derivatives by parts of the total), which become δ of those parts in place."""
        self.added: list[tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]] = []
        """The same for a part that another written value depends on too, and where it is added."""
        filled: set[int] = set()
        for name, output in zip(stage.writes, self.outputs, strict=True):
            if not leaves or not output.requires_grad:
                continue
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                output, leaves, output.new_ones(()).expand_as(output), retain_graph=True, allow_unused=True
            )
            arriving = owner.target[name][self.part]
            for read, factor in zip(recurrent, found, strict=False):
                if factor is not None:
                    self.paths.append((arriving, factor.unbind(), owner.target[read][self.part]))
            if self.d_total is not None:
                wide = [at.unsqueeze(1) for at in arriving]
                fresh = [
                    g for g, factor in enumerate(found[len(recurrent) :]) if factor is not None and g not in filled
                ]
                for gate, factor in enumerate(found[len(recurrent) :]):
                    if factor is None:
                        continue
                    if gate in filled:
                        self.added.append((arriving, factor.unbind(), self.d_total[:, :, gate].unbind()))
                    else:
                        self.d_total[:, :, gate] = factor
                for first, last in _runs(fresh):
                    self.scaled.append((wide, self.d_total[:, :, first : last + 1].unbind()))
                filled.update(fresh)
        if self.d_total is not None:
            for gate in set(range(stage.gates)) - filled:
                self.d_total[:, :, gate] = 0.0
            self.total_at = self.d_total.view(*self.d_total.shape[:2], -1).unbind()
        self.products = [
            (owner.target[source][self.part], owner.tensors[matrix])
            for source, matrix in stage.products
            if source in owner.target
        ]

    def back(self, offset: int) -> None:
        """From the gradients at what this stage wrote at a step to those at what it read."""
        for arriving, factor, target in self.paths:
            target[offset].addcmul_(arriving[offset], factor[offset])
        for arriving, factor in self.scaled:
            factor[offset].mul_(arriving[offset])
        for arriving, factor, parts in self.added:
            parts[offset].addcmul_(arriving[offset], factor[offset])
        for target, matrix in self.products:
            target[offset].addmm_(self.total_at[offset], matrix)

    def finish(self) -> None:
        """The sums over steps, now that every gradient of the block is known."""
        owner, stage, part = self.owner, self.stage, self.part
        if self.d_total is not None:
            d_total = self.d_total.flatten(2)
            flat = d_total.flatten(0, 1)
            for source, matrix in stage.products:
                values = owner._values(source, part)
                owner.found[matrix].addmm_(flat.t(), values.reshape(-1, values.shape[2]))
                if source not in owner.target:  # an input that is multiplied at every step
                    owner.found[source][part] += d_total @ owner.tensors[matrix]
            if stage.add and stage.add not in owner.own:
                owner.found[stage.add][part] += d_total
        leaves = {name: leaf for name, leaf in self.reads.items() if name not in owner.target} | self.vectors
        pieces = self.totals if stage.add and not stage.products else []
        rest = [*leaves.values(), *pieces]
        if not rest:
            return
        written = [(o, n) for o, n in zip(self.outputs, stage.writes, strict=True) if o.requires_grad]
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            [output for output, _ in written], rest, [owner.delta[name][part] for _, name in written], allow_unused=True
        )
        for name, gradient in zip(leaves, found, strict=False):
            if gradient is not None:
                at = owner.found[name] if name in stage.vectors else owner.found[name][part]
                at += gradient
        for piece, gradient in zip(
            _parts(stage, owner.found[stage.add][part]) if pieces else (), found[len(leaves) :], strict=True
        ):
            if gradient is not None:
                piece += gradient


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending ``numbers`` as stretches without a gap: first and last of each."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
