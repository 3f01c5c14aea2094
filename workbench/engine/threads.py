"""How many CPU threads: measured for a moment on the very model, because two can be many times slower than one.

Threads of small matrix products spin against each other and against whatever else runs; no rule of thumb is right on
a busy machine. The trial changes nothing: weights, buffers, gradients and random states are as they were before.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from workbench.engine.compose import Model
from workbench.engine.devices import usable_cores
from workbench.nn.contract import Batch

TRIAL_SECONDS = 0.3
WORTH_IT = 1.15
"""Several threads must be so many times faster than one: they take cores from the window and from other runs."""


@dataclass(frozen=True, slots=True)
class ThreadChoice:
    """``seconds`` per micro-step for each number of threads tried."""

    threads: int
    reason: str
    seconds: dict[int, float]


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Python's, NumPy's and torch's random states are afterwards what they were."""
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - plugins may use it
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002


def thread_candidates() -> tuple[int, ...]:
    """One, and as many as this process has cores (or OMP_NUM_THREADS allows)."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    cores = usable_cores()
    if limit.isdigit() and int(limit) > 0:
        cores = min(cores, int(limit))
    return (1,) if cores == 1 else (1, cores)


def calibrate_threads(
    model: Model, batches: Sequence[Batch], candidates: Sequence[int] | None = None, budget: float = TRIAL_SECONDS
) -> ThreadChoice:
    """Time forward and backward of ``batches`` with each number of threads, in turns, and choose the fastest.

    Leaves torch set to the chosen number. One thread wins unless several are clearly faster: it disturbs nobody.
    """
    candidates = tuple(candidates or thread_candidates())
    if len(candidates) == 1 or not batches:
        torch.set_num_threads(candidates[0])
        return ThreadChoice(candidates[0], "one core to use" if candidates[0] == 1 else "asked for", {})
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    times: dict[int, list[float]] = {count: [] for count in candidates}
    with preserved_random_state():
        deadline = time.perf_counter() + budget
        _micro_step(model, batches[0])  # the first call of a kernel pays for its own preparation
        turn = 0
        while turn < 12 and (turn == 0 or time.perf_counter() < deadline):
            batch = batches[turn % len(batches)]
            for count in candidates:
                torch.set_num_threads(count)
                times[count].append(_micro_step(model, batch))
                if turn and time.perf_counter() > deadline:
                    break
            turn += 1
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    model.zero_grad(set_to_none=True)
    # the sum over the turns both took part in: batches differ in length
    common = min(len(values) for values in times.values())
    seconds = {count: sum(values[:common]) / common for count, values in times.items()}
    single = min(candidates)
    fastest = min(seconds, key=lambda count: seconds[count])
    threads = fastest if WORTH_IT * seconds[fastest] < seconds[single] else single
    torch.set_num_threads(threads)
    told = ", ".join(f"{count}: {value * 1000:.1f} ms" for count, value in seconds.items())
    return ThreadChoice(threads, f"measured a step with threads {told}", seconds)


def _micro_step(model: Model, batch: Batch) -> float:
    started = time.perf_counter()
    loss = model.loss(batch)
    loss.total.backward()  # type: ignore[no-untyped-call]
    elapsed = time.perf_counter() - started
    model.zero_grad(set_to_none=True)
    return elapsed
