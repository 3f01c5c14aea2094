"""What a training will take of the memory: measured on a few small records, scaled to the largest batch of the run.

What the backward pass needs is what autograd keeps; it is counted while a small batch goes through, tensor by tensor.
For a network that reads, it grows with the (padded) steps of a batch; for one that also writes, with the steps read,
those written and, where it attends, with their product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.api import WorkbenchError
from workbench.engine.batching import evaluation_plan
from workbench.engine.compose import Model, describe_model
from workbench.engine.modes import evaluation_mode
from workbench.engine.splits import Split, StreamSplit
from workbench.engine.threads import preserved_random_state
from workbench.nn.attention import AdditiveAttention
from workbench.nn.contract import Batch, EncoderDecoder
from workbench.runs.config import TrainingParams

TRIAL_STEPS = 256
"""Steps of a batch that is tried."""
PEAK = 1.3
"""What is at work beside what is kept: the gradients of the largest tensors, buffers of the kernels."""
GIBIBYTE = 2**30


@dataclass(frozen=True, slots=True)
class Load:
    """A padded batch: ``records`` of ``steps`` read and ``written`` steps each (0 for a network that only reads)."""

    records: int
    steps: int
    written: int = 0

    @property
    def linear(self) -> int:
        return self.records * (self.steps + self.written)

    @property
    def product(self) -> int:
        return self.records * self.steps * self.written


@dataclass(frozen=True, slots=True)
class Costs:
    """Bytes that are kept: for each step, for each pair of a step read and one written, and whatever the batch."""

    step: float
    product: float = 0.0
    fixed: float = 0.0

    def of(self, load: Load) -> float:
        return self.fixed + self.step * load.linear + self.product * load.product


def measure_costs(model: Model, split: Split) -> Costs | None:
    """Try a smaller and a larger batch of ``split``; None where even its shortest records are too long to be tried."""
    batches = [split.batch(model.codec, chosen) for chosen in _trials(model, split)]
    loads = [load_of(model, batch) for batch in batches]
    if not loads or loads[-1].linear > 8 * TRIAL_STEPS:
        return None
    kept = [kept_bytes(model, batch.to(model.device)) for batch in batches]
    (a, c), (first, last) = (loads[0].linear, loads[-1].linear), (kept[0], kept[-1])
    if loads[-1].product:
        # two equations: what both keep for a step, and what the longer one keeps beyond that for its pairs
        b, d = loads[0].product, loads[-1].product
        determinant = a * d - b * c
        found = (a * last - c * first) / determinant if determinant else 0.0
        # short records hardly tell what their pairs cost
        product = max(found, _attention_bytes(model, batches[0]))
        return Costs(max(last - product * d, 0.5 * last) / c, product)
    if c > a and last > first:
        step = (last - first) / (c - a)
        return Costs(step, fixed=max(0.0, last - step * c))
    return Costs(last / max(1, c))


def _attention_bytes(model: Model, batch: Batch) -> float:
    """What attention keeps at least for each pair of steps: its scores and weights, and the units between."""
    units = [module.score.numel() for module in model.modules() if isinstance(module, AdditiveAttention)]
    if units:
        return 4.0 * (max(units) + 3)
    with evaluation_mode(model):
        _, encoded = model(batch.to(model.device))
    return 12.0 if encoded.attention is not None else 0.0


def _trials(model: Model, split: Split) -> list[NDArray[np.int64]]:
    """A smaller and a larger batch: of a network that writes, one short and one longer record; else fewer and more."""
    if isinstance(split, StreamSplit):
        return [split.trial(TRIAL_STEPS // 4), split.trial(TRIAL_STEPS)]
    order = np.argsort(split.lengths, kind="stable").astype(np.int64)
    fitting = order[split.lengths[order] <= TRIAL_STEPS]
    if not len(fitting):
        return []
    if isinstance(model.encoder, EncoderDecoder):
        return [fitting[:1], fitting[-1:]]
    middle = fitting[len(fitting) // 2 :]
    count = min(len(middle), max(1, TRIAL_STEPS // int(split.lengths[middle[0]])))
    return [middle[: max(1, count // 4)], middle[:count]]


def kept_bytes(model: Model, batch: Batch) -> int:
    """Bytes autograd keeps of the forward pass and the loss of ``batch``, without the weights; nothing is changed."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    was = [(module, module.training) for module in model.modules()]
    model.train()
    try:
        with preserved_random_state(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = model.loss(batch)
        del loss
    finally:
        for module, training in was:
            module.training = training
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
    return sum(kept.values())


def load_of(model: Model, batch: Batch) -> Load:
    """How large ``batch`` is, its padding counted."""
    steps = int(batch.lengths.max())
    if not isinstance(model.encoder, EncoderDecoder):
        return Load(batch.size, steps)
    widths = [value.shape[1] for value in batch.fields.values() if value.ndim > 1]
    others = [width for width in widths if width != steps]
    return Load(batch.size, steps, max(others, default=steps))


def heaviest_loads(model: Model, split: Split, budget: int) -> list[Load]:
    """The batches among which the largest of a training is."""
    if isinstance(split, StreamSplit):
        spans = split.largest(budget)
        return [Load(len(spans), int(spans[0, 1] - spans[0, 0]))]
    longest = int(split.lengths.max())
    if not isinstance(model.encoder, EncoderDecoder):
        fill = min(int(split.lengths.sum()), budget)
        return [Load(1, max(longest, fill))]
    plan = evaluation_plan(split.lengths, budget)
    widest = int(np.argmax(_widths(split)))
    batch_of = np.zeros(len(split), dtype=np.int64)
    batch_of[plan.order] = np.repeat(np.arange(len(plan)), np.diff(plan.bounds))
    chosen = {0, int(batch_of[widest])}
    return [load_of(model, split.batch(model.codec, plan[i])) for i in sorted(chosen)]


def _widths(split: Split) -> NDArray[np.int64]:
    """The longest array of every example: a target may be longer than its source."""
    return np.array([max(len(array) for array in encoding.values()) for encoding in split.encodings], dtype=np.int64)


def training_bytes(model: Model, training: TrainingParams, costs: Costs | None, loads: Sequence[Load]) -> int:
    """Weights, gradients and the optimiser's copies exactly; what is kept of the largest of ``loads`` as measured."""
    if costs is None:
        longest = max((load.linear for load in loads), default=0)
        return describe_model(model, training, tokens=longest).bytes
    kept = max((costs.of(load) for load in loads), default=0.0)
    return describe_model(model, training, tokens=0).bytes + int(PEAK * kept)


def available_bytes(device: torch.device) -> int:
    """Memory that is free on ``device``: of a GPU, or of this machine and of what this process may have of it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        cached = _cached(Path("/sys/fs/cgroup/memory.stat").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return free
    return min(free, max(0, limit - used + cached))


def _cached(statistics: str) -> int:
    """Bytes of files that the system would give back."""
    return sum(int(line.split()[1]) for line in statistics.splitlines() if line.startswith("inactive_file "))


def refuse_too_large(model: Model, split: Split, training: TrainingParams) -> None:
    """:class:`WorkbenchError`, with the estimate, for a training whose largest batch does not fit the memory."""
    loads = heaviest_loads(model, split, training.batch_tokens)
    costs = measure_costs(model, split)
    needed, free = training_bytes(model, training, costs, loads), available_bytes(model.device)
    if needed <= free:
        return
    largest = max(loads, key=lambda load: (costs or Costs(1.0)).of(load))
    fixed = describe_model(model, training, tokens=0).bytes
    raise WorkbenchError(
        f"This training would take about {gibibytes(needed)} of memory, and {gibibytes(free)} are free.",
        why=_why(model, split, training, largest, fixed, needed),
        fix=_fix(split, training, fixed, free),
    )


def _why(model: Model, split: Split, training: TrainingParams, load: Load, fixed: int, needed: int) -> str:
    if fixed > needed / 2:
        count = sum(p.numel() for p in model.parameters())
        return f"Its {count:,} weights, their gradients and the optimiser's copies alone take {gibibytes(fixed)}."
    longest = int(split.lengths.max())
    if longest > training.batch_tokens:
        steps, written = (load.steps, f" and {load.written:,} to write") if load.written else (longest, "")
        return f"The longest record has {steps:,} steps{written}, and every one is kept for the way back."
    return f"A batch of {training.batch_tokens:,} steps is kept whole for the way back."


def _fix(split: Split, training: TrainingParams, fixed: int, free: int) -> str:
    if fixed > free:
        return "Choose a smaller network."
    if int(split.lengths.max()) > training.batch_tokens:
        return "Cut or leave out the longest records, choose a smaller network, or close other programs."
    return f"Lower batch_tokens below {training.batch_tokens:,}, choose a smaller network, or close other programs."


def gibibytes(size: int) -> str:
    return f"{size / GIBIBYTE:,.1f} GiB" if size >= GIBIBYTE / 10 else f"{max(1, round(size / 2**20)):,} MiB"
