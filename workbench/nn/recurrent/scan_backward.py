"""The backward pass of the generic scan: for a block of steps derivatives unit by unit, the loop, then the sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from workbench.nn.products import Repeated, add_outer, product
from workbench.nn.recurrent.scan_program import Program, Stage, parts_of, unnoted

BLOCK = 1 << 20
"""Values of a block. Every stage asks autograd anew for each block, so for cells of many stages few large blocks are
better, though they leave the cache: a Mogrifier's step is 10 to 15 % faster than with a quarter of it, the others' as
fast."""


class Backward:
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
        self.matrices = {name: Repeated(tensors[name].t(), (self.batch,) * self.steps) for name in program.matrices}
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

    def __init__(self, owner: Backward, number: int, stage: Stage, part: slice) -> None:
        self.owner, self.stage, self.part = owner, stage, part
        total: Tensor | None = None
        if stage.products:
            total = owner.kept["totals"][number][part]
        elif stage.add:
            total = owner.tensors[stage.add][part]
        with torch.enable_grad():
            self.totals = [piece.detach().requires_grad_() for piece in parts_of(stage, total)]
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
            (owner.target[source][self.part], owner.matrices[matrix])
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
            matrix.add_to(target[offset], self.total_at[offset])

    def finish(self) -> None:
        """The sums over steps, now that every gradient of the block is known."""
        owner, stage, part = self.owner, self.stage, self.part
        if self.d_total is not None:
            d_total = self.d_total.flatten(2)
            flat = d_total.flatten(0, 1)
            for source, matrix in stage.products:
                values = owner._values(source, part)
                add_outer(owner.found[matrix], flat, values.reshape(-1, values.shape[2]))
                if source not in owner.target:  # an input that is multiplied at every step
                    at = owner.found[source][part]
                    at += product(flat, owner.tensors[matrix]).view(at.shape)
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
            parts_of(stage, owner.found[stage.add][part]) if pieces else (), found[len(leaves) :], strict=True
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
