"""What the training loop costs over the bare torch calls, measured on the same batches, turn by turn."""

from __future__ import annotations

import time
from dataclasses import dataclass

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
    """Take the first ``steps`` of an epoch ``rounds`` times, each once by the trainer and once by bare calls.

    The bare side has an optimiser of its own over the same weights and the same batches, collated before, and does
    forward, loss, backward, clip, step and nothing else. The two alternate step by step, so that whatever else the
    machine does falls on both; on one CPU thread the process's own time is taken, else the wall's.
    """
    model = trainer.model
    plan = trainer.batches.epoch(1)
    steps = min(steps, len(plan) // trainer.options.accumulate)
    collate = trainer.collate
    batches = [collate(model.codec, plan[i]) for i in range(steps * trainer.options.accumulate)]
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = build_optimizer(model, trainer.options)
    alone = trainer.device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    spent = [0.0, 0.0]
    model.train()
    try:
        for turn in range(rounds + 1):
            prepared = iter(batches)
            trainer.collate = lambda *_, prepared=prepared: next(prepared)
            trainer.state.cursor = 0
            for step in range(steps):
                for side in ((0, 1), (1, 0))[step % 2]:
                    started = clock()
                    if side == 0:
                        trainer.step(plan)
                        trainer.between_steps(plan)
                    else:
                        _bare_step(trainer, batches, step, parameters, optimizer)
                    if turn:  # the first round warms both
                        spent[side] += clock() - started
    finally:
        trainer.collate = collate
        trainer.state.cursor = 0
    return Overhead(spent[0], spent[1], steps * rounds)


def _bare_step(
    trainer: Trainer,
    batches: list[Batch],
    step: int,
    parameters: list[torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> None:
    accumulate = trainer.options.accumulate
    for batch in batches[step * accumulate : (step + 1) * accumulate]:
        loss = trainer.model.loss(batch.to(trainer.device))
        (loss.total / loss.count / accumulate).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(parameters, trainer.options.clip_norm or float("inf"))
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
