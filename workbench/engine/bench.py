"""What the training loop costs over the bare torch calls, measured on the same batches, turn by turn."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import torch

from workbench.engine.loop import Trainer
from workbench.engine.optim import build_optimizer
from workbench.nn.contract import Batch


@dataclass(frozen=True, slots=True)
class Overhead:
    """Seconds of both loops over the same batches; ``share`` is what ours adds (0.03 is 3 %)."""

    loop_seconds: float
    bare_seconds: float
    steps: int

    @property
    def share(self) -> float:
        return self.loop_seconds / self.bare_seconds - 1.0


def measure_loop_overhead(trainer: Trainer, *, steps: int = 40, rounds: int = 5) -> Overhead:
    """Interleave the first ``steps`` of the trainer with the bare calls on the same batches, ``rounds`` times.

    The bare side has its own copy of the optimiser state but the same weights, batches already collated, and does
    forward, loss, backward, clip, step and nothing else; collation is timed for neither side alike: the trainer's
    batches come from the same prepared list. Each side's best round counts, which leaves out other processes.
    """
    model, options = trainer.model, trainer.options
    plan = trainer.batches.epoch(1)
    steps = min(steps, len(plan))
    batches = [trainer.train.batch(model.codec, indices) for indices in islice(plan, steps)]
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = build_optimizer(model, options)
    loop: list[float] = []
    bare: list[float] = []
    model.train()
    for turn in range(rounds + 1):
        pair = (_loop_round(trainer, batches), _bare_round(trainer, batches, parameters, optimizer))
        if turn:  # the first round warms both
            loop.append(pair[0])
            bare.append(pair[1])
    return Overhead(min(loop), min(bare), steps)


def _loop_round(trainer: Trainer, batches: list[Batch]) -> float:
    plan = trainer.batches.epoch(1)
    trainer.state.cursor = 0
    prepared = iter(batches)
    original = trainer.train.batch
    trainer.collate = lambda *_: next(prepared)
    started = time.perf_counter()
    with suppress(StopIteration):
        for _ in batches:
            trainer.step(plan)
            trainer.between_steps(plan)
    elapsed = time.perf_counter() - started
    trainer.collate = original
    return elapsed


def _bare_round(
    trainer: Trainer,
    batches: list[Batch],
    parameters: list[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> float:
    model, limit = trainer.model, trainer.options.clip_norm
    started = time.perf_counter()
    for batch in batches:
        loss = model.loss(batch.to(trainer.device))
        (loss.total / loss.count).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, limit)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return time.perf_counter() - started
