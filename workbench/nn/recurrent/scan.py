"""The generic scan: a cell says what one step does, unit by unit, and gets the forward and backward pass over time.

A step is one or more stages (:mod:`~workbench.nn.recurrent.scan_program`): matrix products of what is known so far,
then work in which each unit is by itself ("pointwise"). That covers the published cells with gates; matrices, sizes
and the number of stages are free.
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

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from workbench.nn.functions import apply
from workbench.nn.products import Repeated
from workbench.nn.recurrent.scan_backward import Backward
from workbench.nn.recurrent.scan_program import Note, Program, Stage, one_step, parts_of, unnoted, unrolled

__all__ = ["Note", "Program", "Stage", "one_step", "scan", "unnoted", "unrolled"]


def scan(program: Program, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Every carried register after each step, (T, B, ·) each; ``tensors`` by ``program.names``."""
    found: tuple[Tensor, ...] = apply(_Scan, program, *(tensors[name] for name in program.names))
    return found


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
        found = Backward(program, tensors, ctx.states, ctx.kept, gradients).run()
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
    matrices = {name: Repeated(tensors[name], (batch,) * steps) for name in program.matrices}
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
                total = matrices[matrix].into(total_at[step], registers[source], total)
            values = stage.compute(unnoted, *parts_of(stage, total), *[registers[name] for name in read])
            for name, value in zip(stage.writes, values, strict=True):
                registers[name] = value
                if keep and name in kept:
                    kept[name].append(value)
        for (_, after), at in zip(program.carried, state_at, strict=True):
            at[step + 1].copy_(registers[after])
    return tuple(states), {"totals": totals, "registers": kept}
