"""How fast a translator trains: the engine beside a plain PyTorch script of the same model on the same batches.

The plain script is what one would write by hand: packed bidirectional ``nn.GRU``, ``nn.GRU`` over the target, attention
and softmax over all steps at once, fused Adam and clipping; no journal, no controls, no telemetry. It begins with the
engine's weights and takes the engine's batches from the encoded pairs. Both sides take their steps in turns in one
process, so that whatever else the machine does falls on both, and their losses must agree step by step.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import Catalogue, TextPair
from workbench.cli.benchmarks import specification
from workbench.cli.benchmarks.common import data_folder, default_catalogue, machine, table, trainer_in_turns

if TYPE_CHECKING:
    from workbench.engine.loop import Trainer

HIDDEN = 256
TARGET_RATIO = 0.95
LOSS_TOLERANCE = 0.01
"""Nats by which the two sides' losses may differ at any step: sums in another order drift apart as learning goes on."""


def measure(
    catalogue: Catalogue | None = None,
    *,
    data: Path | str | None = None,
    threads: int = 1,
    turns: int = 7,
    steps: int = 10,
    pairs: int = 12_000,
    hidden_size: int = HIDDEN,
    batch_tokens: int = 1024,
) -> dict[str, Any]:
    """Target symbols per second of both sides on Multi30k; ``ratio`` is the median over ``turns`` of ``steps`` each.

    On one thread the process's own time is taken, else the wall's. ``pairs`` takes only so many of the corpus (0: all).
    """
    catalogue = catalogue or default_catalogue()
    clock = time.process_time if threads == 1 else time.perf_counter
    with _trainer(catalogue, _records(data, pairs), threads, hidden_size, batch_tokens) as trainer:
        plain = _Plain(trainer, clock)  # before the engine's first step changes the weights it copies
        sides: list[_Engine | _Plain] = [_Engine(trainer, clock), plain]
        vocabulary = len(trainer.model.task.output_labels(trainer.model.codec))
        spent: list[list[float]] = [[], []]
        for turn in range(-1, turns):
            for index in (0, 1) if turn % 2 else (1, 0):
                seconds = sides[index].run(steps)
                if turn >= 0:  # the first turn warms both
                    spent[index].append(seconds)
        symbols = sum(plain.written[steps:])
    ratio = statistics.median(b / a for a, b in zip(*spent, strict=True))
    apart = max(abs(a - b) for a, b in zip(sides[0].losses, sides[1].losses, strict=True))
    rates = [symbols / sum(seconds) for seconds in spent]
    names = ("engine", "plain")
    return {
        "benchmark": "translation",
        "protocol": (
            f"Training steps of a GRU encoder-decoder of {hidden_size} units with attention over {vocabulary:,} pieces "
            f"of words, Multi30k German to English, batches of at most {batch_tokens:,} padded symbols, Adam (fused on "
            f"both sides), clipping, no dropout, float32, {threads} thread(s), {'CPU' if threads == 1 else 'wall'} "
            f"time; {turns} turns of {steps} steps, both sides in turns."
        ),
        "threads": threads,
        "ratio": round(ratio, 3),
        "largest_loss_difference": apart,
        "same_loss_curve": apart <= LOSS_TOLERANCE,
        "symbols_per_second": dict(zip(names, (round(rate) for rate in rates), strict=True)),
        "losses": {name: side.losses for name, side in zip(names, sides, strict=True)},
        "target_ratio": TARGET_RATIO,
        "met": ratio >= TARGET_RATIO and apart <= LOSS_TOLERANCE,
        "machine": machine(),
        "table": table(
            [
                *(
                    [name, rate, side.losses[0], side.losses[-1]]
                    for name, rate, side in zip(names, rates, sides, strict=True)
                ),
                ["engine over plain", ratio, None, None],
            ],
            ["training a translator", "target symbols/s", "first loss", "last loss"],
        ),
    }


class _Engine:
    """Steps of the engine's own loop: batching, forward, loss, backward, clipping, optimiser, telling."""

    def __init__(self, trainer: Trainer, clock: Callable[[], float]) -> None:
        self.trainer, self.clock = trainer, clock
        self.plan = trainer.batches.epoch(1)
        self.losses: list[float] = []
        head: Any = trainer.model.head
        own = head.loss

        def told(*arguments: Any) -> Any:
            found = own(*arguments)
            if self._in_step:  # not what is looked at between two steps
                self.losses.append(float(found.total.detach()) / found.count)
            return found

        self._in_step = False
        head.loss = told
        trainer.model.train()

    def run(self, steps: int) -> float:
        began = self.clock()
        for _ in range(steps):
            self._in_step = True
            self.trainer.step(self.plan)
            self._in_step = False
            self.trainer.between_steps(self.plan)
        return self.clock() - began


class _Plain:
    """The same model by hand."""

    def __init__(self, trainer: Trainer, clock: Callable[[], float]) -> None:
        import torch
        from torch import nn

        model: Any = trainer.model
        self.clock, self.torch = clock, torch
        self.plan, self.split = trainer.batches.epoch(1), trainer.train
        self.at, self.losses, self.written = 0, list[float](), list[int]()
        embedder, encoder, decoder = model.embedder, model.encoder.encoder, model.encoder.decoder
        width, size = embedder.output_size, decoder.hidden_size
        self.parts: Any = nn.ModuleDict(
            {
                "source": nn.Embedding(len(embedder.words.weight), width, padding_idx=0),
                "target": nn.Embedding(len(embedder.symbols.weight), width, padding_idx=0),
                "encoder": nn.GRU(width, size // 2, batch_first=True, bidirectional=True),
                "bridge": nn.Linear(size, size),
                "decoder": nn.GRU(width, size, batch_first=True),
                "compare": nn.Linear(size, size, bias=False),
                "combine": nn.Linear(2 * size, size, bias=False),
                "output": nn.Linear(size, len(embedder.symbols.weight)),
            }
        )
        parts = self.parts
        forwards, backwards = encoder.forwards[0].core.state_dict(), encoder.backwards[0].core.state_dict()
        parts["encoder"].load_state_dict({**forwards, **{f"{name}_reverse": v for name, v in backwards.items()}})
        parts["decoder"].load_state_dict(decoder.layers[0].core.state_dict())
        compare = decoder.attention.of_memory.weight
        copied: list[tuple[Any, Any]] = [
            (parts["source"].weight, embedder.words.weight),
            (parts["target"].weight, embedder.symbols.weight),
            (parts["bridge"].weight, decoder.bridge.map.weight),
            (parts["bridge"].bias, decoder.bridge.map.bias),
            (parts["compare"].weight, compare),
            (parts["combine"].weight, decoder.combine.weight),
            (parts["output"].weight, model.head.output.scores.weight),
            (parts["output"].bias, model.head.output.scores.bias),
        ]
        with torch.no_grad():
            for mine, theirs in copied:
                mine.copy_(theirs)
        self.parameters = list(parts.parameters())
        self.clip = trainer.options.clip_norm
        self.optimizer = torch.optim.Adam(self.parameters, lr=trainer.options.learning_rate, fused=True)

    def run(self, steps: int) -> float:
        began = self.clock()
        for _ in range(steps):
            self._step(self.plan[self.at])
            self.at += 1
        return self.clock() - began

    def _step(self, indices: Any) -> None:
        torch, parts = self.torch, self.parts
        pad = torch.nn.utils.rnn.pad_sequence
        items = [self.split.encodings[i] for i in indices.tolist()]
        sources = [torch.from_numpy(item["source"].astype("int64")) for item in items]
        targets = [torch.from_numpy(item["target"].astype("int64")) for item in items]
        lengths = torch.tensor([len(source) for source in sources])
        source = pad(sources, batch_first=True)
        start, end = torch.tensor([_START]), torch.tensor([_END])
        given = pad([torch.cat([start, target]) for target in targets], batch_first=True)
        gold = pad([torch.cat([target, end]) for target in targets], batch_first=True)
        packed = torch.nn.utils.rnn.pack_padded_sequence(parts["source"](source), lengths, True, enforce_sorted=False)
        states, final = parts["encoder"](packed)
        memory, _ = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
        first = parts["bridge"](torch.cat([final[0], final[1]], 1)).tanh()
        states, _ = parts["decoder"](parts["target"](given), first.unsqueeze(0))
        scores = torch.bmm(states, parts["compare"](memory).transpose(1, 2))
        hide = torch.arange(source.shape[1]) >= lengths.unsqueeze(1)
        weights = scores.masked_fill(hide.unsqueeze(1), float("-inf")).softmax(2)
        answers = parts["combine"](torch.cat([torch.bmm(weights, memory), states], 2)).tanh()
        logits = parts["output"](answers)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), gold.flatten(), ignore_index=0)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        self.losses.append(loss.item())
        self.written.append(sum(len(target) + 1 for target in targets))


_START, _END = 2, 3


def _records(data: Path | str | None, pairs: int) -> list[TextPair]:
    folder = data_folder(data) / specification("multi30k_de_en")["data"]["folder"]
    sides = [(folder / f"train.{code}").read_text(encoding="utf-8").splitlines() for code in ("de", "en")]
    found = [TextPair(source, target) for source, target in zip(*sides, strict=True)]
    return found[:pairs] if pairs else found


def _trainer(
    catalogue: Catalogue, records: list[TextPair], threads: int, hidden_size: int, batch_tokens: int
) -> AbstractContextManager[Trainer]:
    """The engine's trainer, ready for its first step; nothing of it is kept afterwards."""
    from workbench.runs.config import parse_config

    params = {"vocabulary_size": 4000, "embedding_size": hidden_size, "tied": False, "label_smoothing": 0.0}
    config = parse_config(
        {
            "task": {"id": "translation", "params": params},
            "architecture": {
                "id": "encoder_decoder",
                "params": {"cell": "gru", "hidden_size": hidden_size, "dropout": 0.0, "attention": "general"},
            },
            "data": {"dataset": "benchmark"},
            "training": {
                "batch_tokens": batch_tokens,
                "learning_rate": 0.001,
                "threads": threads,
                "device": "cpu",
                "checkpoint_every": 0,
            },
        }
    )
    return trainer_in_turns(config, catalogue, records)
