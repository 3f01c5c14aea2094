"""How fast a language model trains: the engine beside a plain PyTorch script, and the adaptive softmax beside the full.

The plain script has the same model, the same weights at the start, the same batches, the same fused Adam and clipping,
and nothing else: no journal, no controls, no telemetry. Both sides take their steps in turns in one process, so that
whatever else the machine does falls on both, and their losses must agree step by step.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from workbench.api import Catalogue, Text
from workbench.cli.benchmarks import specification
from workbench.cli.benchmarks.common import data_files, default_catalogue, machine, table, trainer_in_turns

if TYPE_CHECKING:
    from workbench.engine.loop import Trainer

ROWS, CHUNK = 20, 35
HIDDEN = 256
TARGET_RATIO, TARGET_ADAPTIVE = 0.95, 1.8
LOSS_TOLERANCE = 0.01
"""Nats by which the two sides' losses may differ at any step: sums in another order drift apart as learning goes on."""


class _Side(Protocol):
    losses: list[float]

    def run(self, steps: int) -> float:
        """Train so many steps; the seconds they took."""
        ...


def measure(
    catalogue: Catalogue | None = None,
    *,
    data: Path | str | None = None,
    threads: int = 1,
    turns: int = 7,
    steps: int = 12,
    sentences: int = 0,
    hidden_size: int = HIDDEN,
) -> dict[str, Any]:
    """Words per second of both sides with the full and the adaptive softmax over PTB's 10,000 words.

    ``ratio`` is the engine's speed over the plain script's, the smaller of both softmaxes; ``adaptive`` how much faster
    the engine trains with the adaptive softmax. Both are medians over ``turns`` of ``steps`` each. On one thread the
    process's own time is taken, else the wall's. ``sentences`` takes only so many of the corpus (0: all).
    """
    catalogue = catalogue or default_catalogue()
    records = _records(data, sentences)
    clock = time.process_time if threads == 1 else time.perf_counter
    names = ("engine, full", "plain, full", "engine, adaptive", "plain, adaptive")
    with ExitStack() as stack:
        sides: list[_Side] = []
        for softmax in ("full", "adaptive"):
            trainer = stack.enter_context(_trainer(catalogue, records, softmax, threads, hidden_size))
            plain = _Plain(trainer, clock)  # before the engine's first step changes the weights it copies
            sides += [_Engine(trainer, clock), plain]
            words = ROWS * CHUNK
            vocabulary = len(trainer.model.task.output_labels(trainer.model.codec))
        spent: list[list[float]] = [[] for _ in sides]
        for turn in range(-1, turns):
            order = list(range(len(sides)))
            for index in order[turn % len(order) :] + order[: turn % len(order)]:
                seconds = sides[index].run(steps)
                if turn >= 0:  # the first turn warms all
                    spent[index].append(seconds)
    ratios = {
        softmax: statistics.median(b / a for a, b in zip(spent[first], spent[first + 1], strict=True))
        for softmax, first in (("full", 0), ("adaptive", 2))
    }
    adaptive = statistics.median(a / b for a, b in zip(spent[0], spent[2], strict=True))
    apart = max(
        abs(a - b) for first in (0, 2) for a, b in zip(sides[first].losses, sides[first + 1].losses, strict=True)
    )
    rates = [words * steps / statistics.median(seconds) for seconds in spent]
    ratio = min(ratios.values())
    result: dict[str, Any] = {
        "benchmark": "language_model",
        "protocol": (
            f"Training steps of an LSTM of {hidden_size} units over {vocabulary:,} words of PTB, {ROWS} rows of "
            f"{CHUNK} steps, Adam (fused on both sides), clipping, no dropout, float32, {threads} thread(s), "
            f"{'CPU' if threads == 1 else 'wall'} time; {turns} turns of {steps} steps, the four sides in turns."
        ),
        "threads": threads,
        "ratio": round(ratio, 3),
        "ratio_full": round(ratios["full"], 3),
        "ratio_adaptive": round(ratios["adaptive"], 3),
        "adaptive": round(adaptive, 2),
        "largest_loss_difference": apart,
        "same_loss_curve": apart <= LOSS_TOLERANCE,
        "words_per_second": dict(zip(names, (round(rate) for rate in rates), strict=True)),
        "losses": {name: side.losses for name, side in zip(names, sides, strict=True)},
        "target_ratio": TARGET_RATIO,
        "target_adaptive": TARGET_ADAPTIVE,
        "met": ratio >= TARGET_RATIO and adaptive >= TARGET_ADAPTIVE and apart <= LOSS_TOLERANCE,
        "machine": machine(),
    }
    rows = [
        [name, rate, side.losses[0], side.losses[-1]] for name, rate, side in zip(names, rates, sides, strict=True)
    ]
    rows += [
        ["engine over plain, full", ratios["full"], None, None],
        ["engine over plain, adaptive", ratios["adaptive"], None, None],
        ["adaptive over full, engine", adaptive, None, None],
    ]
    result["table"] = table(rows, ["training a language model", "words/s", "first loss", "last loss"])
    return result


class _Engine:
    """Steps of the engine's own loop: cutting the stream, forward, loss, backward, clipping, optimiser, telling."""

    def __init__(self, trainer: Trainer, clock: Callable[[], float]) -> None:
        self.trainer, self.clock = trainer, clock
        self.plan = trainer.batches.epoch(1)
        self.losses: list[float] = []
        head: Any = trainer.model.head
        own = head.loss

        def told(*arguments: Any) -> Any:
            found = own(*arguments)
            self.losses.append(float(found.total.detach()) / found.count)
            return found

        head.loss = told
        trainer.model.train()

    def run(self, steps: int) -> float:
        began = self.clock()
        for _ in range(steps):
            self.trainer.step(self.plan)
            self.trainer.between_steps(self.plan)
        return self.clock() - began


class _Plain:
    """What one would write by hand: ``nn.Embedding``, ``nn.LSTM``, a linear layer or torch's adaptive softmax, Adam."""

    def __init__(self, trainer: Trainer, clock: Callable[[], float]) -> None:
        import copy

        import torch
        from torch import nn

        model: Any = trainer.model
        self.clock, self.torch = clock, torch
        plan: Any = trainer.batches.epoch(1)
        split: Any = trainer.train
        length = int(plan.bounds[-1])
        rows = [split.stream[start : start + length + 1] for start in plan.starts.tolist()]
        self.data = torch.stack([torch.tensor(row.astype("int64")) for row in rows])
        self.bounds = plan.bounds.tolist()
        self.at, self.losses = 0, list[float]()
        self.embedding = nn.Embedding.from_pretrained(model.embedder.table.weight.detach().clone(), freeze=False)
        self.scale = float(model.embedder.scale)
        core = model.encoder.forwards[0].core
        self.lstm = nn.LSTM(core.input_size, core.hidden_size, batch_first=True)
        self.lstm.load_state_dict(core.state_dict())
        output = model.head.output
        self.adaptive = getattr(output, "adaptive", None) is not None
        self.output = copy.deepcopy(output.adaptive if self.adaptive else output.scores)
        self.parameters = [*self.embedding.parameters(), *self.lstm.parameters(), *self.output.parameters()]
        self.clip = trainer.options.clip_norm
        self.optimizer = torch.optim.Adam(self.parameters, lr=trainer.options.learning_rate, fused=True)
        self.state: Any = None

    def run(self, steps: int) -> float:
        torch = self.torch
        began = self.clock()
        for _ in range(steps):
            first, last = self.bounds[self.at : self.at + 2]
            x, y = self.data[:, first:last], self.data[:, first + 1 : last + 1]
            states, (hidden, cell) = self.lstm(self.embedding(x) * self.scale, self.state)
            self.state = (hidden.detach(), cell.detach())
            flat, target = states.reshape(-1, states.shape[2]), y.reshape(-1)
            if self.adaptive:
                loss = self.output(flat, target).loss
            else:
                loss = torch.nn.functional.cross_entropy(self.output(flat), target)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
            self.optimizer.step()
            self.losses.append(loss.item())
            self.at += 1
        return self.clock() - began


def _records(data: Path | str | None, sentences: int) -> list[Text]:
    section = specification("ptb")["data"]
    ((path, _),) = data_files({**section, "files": {"train": section["files"]["train"]}}, data)
    with path.open(encoding="utf-8") as file:
        lines = (line.strip() for line in file)
        found = [Text(line) for line in lines if line]
    return found[:sentences] if sentences else found


def _trainer(
    catalogue: Catalogue, records: list[Text], softmax: str, threads: int, hidden_size: int
) -> AbstractContextManager[Trainer]:
    """The engine's trainer, ready for its first step; nothing of it is kept afterwards."""
    from workbench.runs.config import parse_config

    params = {"units": "words", "word_boundaries": "spaces", "vocabulary_size": 20_000, "chunk": CHUNK}
    params |= {"embedding_size": hidden_size, "softmax": softmax, "tied": False, "input_dropout": 0.0}
    config = parse_config(
        {
            "task": {"id": "language_modelling", "params": params},
            "architecture": {"id": "lstm", "params": {"hidden_size": hidden_size, "dropout": 0.0}},
            "data": {"dataset": "benchmark"},
            "training": {
                "batch_tokens": ROWS * CHUNK,
                "learning_rate": 0.002,
                "threads": threads,
                "device": "cpu",
                "checkpoint_every": 0,
            },
        }
    )
    return trainer_in_turns(config, catalogue, records)
