"""The memory bench: the longest length at which each architecture solves each problem, in an equal budget.

Equal means: as many weights (within a tenth), as much process time on one thread, the same learning rate and batch
size. A network begins with short sequences and goes on to the next length, with what it has learned, as soon as it
solves the present one; where it stands when its time is up is its result. A network whose readout is solved in closed
form is fitted anew at each length. With several seeds the (lower) median counts, and every seed's length is kept.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor, nn

from workbench.api import (
    Architecture,
    Cancelled,
    Catalogue,
    IOShape,
    Params,
    Task,
    Trait,
    WorkbenchError,
    compatibility,
    validate,
)
from workbench.api.params import describe
from workbench.api.refs import Ref
from workbench.engine.memory_tasks import LADDER, SPAN_TASK, TASKS, MemoryTask, Problem
from workbench.engine.threads import preserved_random_state
from workbench.nn.contract import Encoder
from workbench.nn.protocols import SolvesReadout

SCHEMA_VERSION = 1
WEIGHTS = 8_000
"""Of every network, within a tenth; as near as its sizes allow."""
BUDGET_SECONDS = 4.0
"""Process time for each network and problem."""
BATCH = 64
LEARNING_RATE = 3e-3
CLIP = 1.0
STEPS_BETWEEN_CHECKS = 20
CHECKED_BATCH = 128
SPEED_STEPS = 100
SPEED_SECONDS = 0.4
FITTED_SEQUENCES = 1024
CHUNK = 128
"""Sequences read at once where a readout is solved."""
_SIZE_NAMES = ("hidden_size", "units", "reservoir_size", "reservoir_units")

Progress = Callable[[int, int, str, dict[str, Any]], None]
"""``(cells done, cells in all, what is measured, the result so far)``; it may raise to cancel."""

VARIANTS: Mapping[str, tuple[tuple[str, str, Mapping[str, Any]], ...]] = {
    "rnn": (
        ("rnn", "RNN (tanh)", {}),
        ("rnn-irnn", "RNN (ReLU, identity)", {"nonlinearity": "relu", "initialisation": "identity"}),
    ),
    "ind_rnn": (("ind_rnn", "IndRNN", {"layers": 2}),),
    "min_gru": (
        ("min_gru", "minGRU", {"layers": 2}),
        ("min_gru-lstm", "minLSTM", {"layers": 2, "cell": "min_lstm"}),
    ),
}
"""Architectures that are measured with other options than their defaults, or in several forms: (id, title, options).

Those whose units do not see each other's memory need a second layer to mix them; with one they would only be wide.
"""

_NEEDS = Task(
    id="memory",
    title="the memory bench",
    params=Params,
    record="",
    result="",
    shape=IOShape.MANY_TO_ONE,
    factory=Ref("nowhere:nothing"),
    needs=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
)


@dataclass(frozen=True, slots=True)
class Contestant:
    """An architecture with options, before its size is chosen."""

    id: str
    title: str
    architecture: Architecture
    values: Mapping[str, Any]


def contestants(catalogue: Catalogue) -> tuple[list[Contestant], list[dict[str, str]]]:
    """Who is measured, and who is left out: ``{"id", "title", "reason"}``, the reason in one sentence."""
    found: list[Contestant] = []
    left_out: list[dict[str, str]] = []
    for architecture in catalogue.architectures():
        for id_, title, values in VARIANTS.get(architecture.id, ((architecture.id, architecture.title, {}),)):
            chosen = {**_without_dropout(architecture), **values}
            try:
                answer = compatibility(_NEEDS, architecture, chosen)
                if answer:
                    found.append(Contestant(id_, title, architecture, chosen))
                else:
                    left_out.append({"id": id_, "title": title, "reason": answer.reason})
            except WorkbenchError as error:
                left_out.append({"id": id_, "title": title, "reason": str(error)})
    return found, left_out


def _without_dropout(architecture: Architecture) -> dict[str, Any]:
    names = [spec.name for spec in describe(architecture.params) if spec.kind == "float" and "dropout" in spec.name]
    return dict.fromkeys(names, 0.0)


def measure_memory(
    catalogue: Catalogue,
    *,
    budget: float = BUDGET_SECONDS,
    weights: int = WEIGHTS,
    only: Sequence[str] = (),
    tasks: Sequence[str] = (),
    seed: int = 7,
    seeds: int = 1,
    longest: int = LADDER[-1],
    progress: Progress = lambda done, total, what, so_far: None,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Measure every contestant (or ``only`` those ids) on every problem (or those ``tasks``); a plain JSON object.

    Each is measured with the ``seeds`` seeds from ``seed`` on, ``budget`` process seconds for each of them.

    ``check`` is called between two training steps and may raise to cancel. One thread, on the CPU; the process's
    thread count and random state are afterwards as they were.
    """
    who, left_out = contestants(catalogue)
    who = [one for one in who if not only or one.id in only or one.architecture.id in only]
    chosen = [task for task in TASKS if not tasks or task.id in tasks]
    if not who or not chosen:
        known = ", ".join([one.id for one in contestants(catalogue)[0]] + [task.id for task in TASKS])
        raise WorkbenchError("There is nothing to measure.", fix=f"Networks and problems are: {known}.")
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "memory",
        "budget": budget,
        "weights": weights,
        "seeds": list(range(seed, seed + seeds)),
        "ladder": [length for length in LADDER if length <= longest],
        "tasks": [{"id": t.id, "title": t.title, "what": t.what, "measure": t.measure} for t in chosen],
        "rows": rows,
        "left_out": left_out,
    }
    if seeds < 1:
        raise WorkbenchError("The memory bench needs a seed.", why=f"{seeds} were asked for.", fix="Ask for 1 or more.")
    total, done = len(who) * len(chosen) * seeds, 0
    with _one_thread(), preserved_random_state():
        for one in who:
            row: dict[str, Any] = {
                "id": one.id,
                "title": one.title,
                "architecture": one.architecture.id,
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
                "budget": budget,
                "solved": {},
                "solved_by_seed": {},
                "sizes": {},
            }
            try:
                for task in chosen:
                    lengths: list[int] = []
                    for drawn in result["seeds"]:
                        which = f", seed {drawn}" if seeds > 1 else ""
                        progress(done, total, f"{one.title}: {task.title}{which}", result)
                        torch.manual_seed(drawn)
                        network, size, count = sized(one, task.inputs, weights)
                        row["sizes"][task.id], row["parameters"] = size, count
                        lengths.append(_Climb(network, task, one.architecture, budget, drawn, longest, check).run())
                        done += 1
                    row["solved"][task.id] = statistics.median_low(lengths)
                    row["solved_by_seed"][task.id] = lengths
                row["memory_span"] = row["solved"].get(SPAN_TASK)
                row["steps_per_second"] = _speed(one, weights, check)
            except Cancelled:
                raise
            except WorkbenchError as error:
                left_out.append({"id": one.id, "title": one.title, "reason": str(error)})
                done = (who.index(one) + 1) * len(chosen) * seeds
                continue
            rows.append(row)
            progress(done, total, one.title, result)
    return result


def sized(one: Contestant, inputs: int, weights: int) -> tuple[Encoder, int, int]:
    """The network whose number of weights is nearest to ``weights``, its size, and that number."""
    low, high = 1, 2
    while high < 1 << 14 and _weights_of(_build(one, inputs, high)) < weights:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if _weights_of(_build(one, inputs, middle)) < weights:
            low = middle
        else:
            high = middle
    built = [(size, _build(one, inputs, size)) for size in (low, high)]
    size, network = min(built, key=lambda pair: abs(_weights_of(pair[1]) - weights))
    return network, size, _weights_of(network)


def _build(one: Contestant, inputs: int, size: int) -> Encoder:
    params = validate(one.architecture.params, {**one.values, **_size_values(one, size)})
    with torch.random.fork_rng(devices=[]):
        network = one.architecture.factory.resolve()(params, inputs)
    if not isinstance(network, Encoder):
        raise WorkbenchError(f"{one.title} is no network that reads sequences.")
    return network


def _size_values(one: Contestant, size: int) -> dict[str, Any]:
    """The options that make the network ``size`` units wide."""
    for spec in describe(one.architecture.params):
        if spec.kind == "int" and spec.name in _SIZE_NAMES:
            return {spec.name: max(int(spec.minimum or 1), size)}
        if spec.kind == "rows":
            rows = [dict(row) for row in one.values.get(spec.name, spec.default)]
            for row in rows:
                row.update({name: size for name in _SIZE_NAMES if name in row})
                row.update({name: 0.0 for name in row if "dropout" in name and isinstance(row[name], float)})
            return {spec.name: rows}
    raise WorkbenchError(f"{one.title} has no option that says how large it is.")


def _weights_of(network: nn.Module) -> int:
    """Weights that are trained, and those that are fixed but not zero (a sparse reservoir counts what it uses)."""
    trained = sum(p.numel() for p in network.parameters())
    counted = getattr(network, "fixed_weights", None)
    if isinstance(counted, int):
        return trained + counted
    fixed = 0
    for buffer in network.buffers():
        if buffer.is_floating_point() and buffer.ndim:
            values = buffer.values() if buffer.layout == torch.sparse_csr else buffer
            fixed += int(torch.count_nonzero(values))
    return trained + fixed


@dataclass(slots=True)
class _Climb:
    """One network on one problem: from length to length until its time is up."""

    network: Encoder
    task: MemoryTask
    architecture: Architecture
    budget: float
    seed: int
    longest: int
    check: Callable[[], None]
    head: nn.Linear = field(init=False)
    generator: torch.Generator = field(init=False)
    fresh: torch.Generator = field(init=False)
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.head = nn.Linear(self.network.output_size, self.task.outputs)
        self.generator = torch.Generator().manual_seed(self.seed)
        self.fresh = torch.Generator().manual_seed(self.seed + 1)
        self.end = time.process_time() + self.budget

    def run(self) -> int:
        """The longest length solved; 0 for none."""
        ladder = [length for length in LADDER if length <= self.longest]
        closed = self.architecture.fitting == "closed_form" or isinstance(self.network, SolvesReadout)
        return self._fit(ladder) if closed else self._train(ladder)

    @property
    def in_time(self) -> bool:
        return time.process_time() < self.end

    def _outputs(self, problem: Problem) -> Tensor:
        lengths = torch.full((problem.x.shape[0],), problem.x.shape[1])
        outputs: Tensor = self.head(self.network(problem.x, lengths).states[problem.scored])
        return outputs

    def _train(self, ladder: Sequence[int]) -> int:
        parameters = [*self.network.parameters(), *self.head.parameters()]
        optimizer = torch.optim.Adam([p for p in parameters if p.requires_grad], lr=LEARNING_RATE)
        best = 0
        for length in ladder:
            while not self._solves(length):
                for _ in range(STEPS_BETWEEN_CHECKS):
                    self.check()
                    if not self.in_time:
                        return best
                    problem = self.task.make(length, BATCH, self.generator)
                    loss = self.task.loss(self._outputs(problem), problem.wanted)
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()  # type: ignore[no-untyped-call]
                    nn.utils.clip_grad_norm_(parameters, CLIP)
                    optimizer.step()
            best = length
        return best

    @torch.no_grad()
    def _solves(self, length: int) -> bool:
        self.network.eval()
        problem = self.task.make(length, CHECKED_BATCH, self.fresh)
        solved = self.task.solved(self._outputs(problem), problem.wanted)
        self.network.train()
        return solved

    @torch.no_grad()
    def _fit(self, ladder: Sequence[int]) -> int:
        """Least squares at every length, with the ridge that does best on sequences of its own."""
        self.network.eval()
        best = 0
        ridges = getattr(self.network, "ridges", None) or (1e-8, 1e-6, 1e-4, 1e-2)
        for length in ladder:
            gram, moment = self._sums(length)
            if gram is None or not any(self._solve(gram, moment, float(ridge), length) for ridge in ridges):
                return best
            best = length
        return best

    def _sums(self, length: int) -> tuple[Tensor | None, Tensor | None]:
        gram: Tensor | None = None
        moment: Tensor | None = None
        for _ in range(0, FITTED_SEQUENCES, CHUNK):
            self.check()
            if not self.in_time:
                return None, None
            problem = self.task.make(length, CHUNK, self.generator)
            lengths = torch.full((CHUNK,), problem.x.shape[1])
            states = self.network(problem.x, lengths).states[problem.scored].double()
            states = torch.cat([states, states.new_ones(len(states), 1)], 1)
            targets = self.task.regression_targets(problem.wanted)
            gram = states.T @ states if gram is None else gram.addmm_(states.T, states)
            moment = states.T @ targets if moment is None else moment.addmm_(states.T, targets)
        return gram, moment

    def _solve(self, gram: Tensor, moment: Tensor | None, ridge: float, length: int) -> bool:
        assert moment is not None
        scale = float(gram.diagonal().mean())
        factor, failed = torch.linalg.cholesky_ex(gram + ridge * scale * torch.eye(len(gram), dtype=gram.dtype))
        if int(failed):
            return False
        solution = torch.cholesky_solve(moment, factor).float()
        self.head.weight.copy_(solution[:-1].T)
        self.head.bias.copy_(solution[-1])
        return self._solves(length)


def _speed(one: Contestant, weights: int, check: Callable[[], None]) -> float:
    """Sequence steps a second of process time: forward and backward in training, reading alone in closed form."""
    task = TASKS[0]
    network, _size, _count = sized(one, task.inputs, weights)
    problem = task.make(SPEED_STEPS, BATCH, torch.Generator().manual_seed(0))
    lengths = torch.full((BATCH,), SPEED_STEPS)
    trained = any(p.requires_grad for p in network.parameters()) and not isinstance(network, SolvesReadout)

    def once() -> None:
        check()
        if trained:
            network(problem.x, lengths).states.square().mean().backward()
        else:
            with torch.no_grad():
                network(problem.x, lengths)

    once()
    turns, begun = 0, time.process_time()
    while time.process_time() - begun < SPEED_SECONDS:
        once()
        turns += 1
    return round(turns * BATCH * SPEED_STEPS / (time.process_time() - begun), 1)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
