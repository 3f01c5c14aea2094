"""How fast a tagger trains: our own loop, beside flair's SequenceTagger of the same sizes, in turns in one run."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import Catalogue, TaggedTokens, WorkbenchError
from workbench.api.schemes import spans
from workbench.cli.benchmarks import specification
from workbench.cli.benchmarks.common import DATASET, default_catalogue, import_data, machine, table

if TYPE_CHECKING:
    from workbench.engine.loop import Trainer

PEER_VARIABLE = "RECURRA_PEER_PYTHON"
SIZES = {"word_size": 100, "character_size": 25, "character_features": 50, "hidden_size": 200}
BATCH_SENTENCES = 32
"""flair's own default; our batches hold as many tokens on average."""
TARGET, AIM = 3.0, 4.0


def measure(
    catalogue: Catalogue | None = None,
    *,
    peer_python: str = "",
    data: Path | str | None = None,
    threads: int = 1,
    turns: int = 7,
    steps: int = 40,
    sentences: int = 4000,
    batch_sentences: int = BATCH_SENTENCES,
    seed: int = 7,
) -> dict[str, Any]:
    """Tokens per second of both sides; ``ratio`` is the median over ``turns`` of ``steps`` optimiser steps each.

    ``peer_python`` (or the variable RECURRA_PEER_PYTHON) is a Python that has flair; without it only ours is measured.
    """
    peer_python = peer_python or os.environ.get(PEER_VARIABLE, "") or _own_if_it_has_flair()
    with _trainer(catalogue or default_catalogue(), data, threads, sentences, batch_sentences, seed) as trainer:
        ours = _Ours(trainer)
        parameters = sum(p.numel() for p in trainer.model.parameters())
        pairs: list[tuple[dict[str, float], dict[str, float]]] = []
        alone: list[dict[str, float]] = []
        peer_facts: dict[str, Any] = {}
        if peer_python:
            job = {**SIZES, "threads": threads, "seed": seed, "learning_rate": 0.003}
            job["batch_sentences"] = batch_sentences
            with _Flair(peer_python, {**job, **_sentences(trainer)}) as peer:
                peer_facts = peer.facts
                for turn in range(-1, turns):
                    if turn % 2:
                        theirs, mine = peer.run(steps), ours.run(steps)
                    else:
                        mine, theirs = ours.run(steps), peer.run(steps)
                    if turn >= 0:  # the first turn warms both
                        pairs.append((mine, theirs))
        else:
            for turn in range(-1, turns):
                found = ours.run(steps)
                if turn >= 0:
                    alone.append(found)
    mine_all = [mine for mine, _ in pairs] or alone
    result: dict[str, Any] = {
        "benchmark": "tagger",
        "protocol": (
            f"Training steps of a BiLSTM-CRF ({SIZES['hidden_size']} units a direction, words {SIZES['word_size']}, "
            f"character LSTM {SIZES['character_features']}) on the first {sentences:,} training sentences "
            f"of CoNLL-2003, {batch_sentences} sentences a step on average, Adam, float32, {threads} thread(s); "
            f"{turns} turns of {steps} steps each, the sides in turns; ratio: median over the turns."
        ),
        "threads": threads,
        "parameters": parameters,
        "tokens_per_second": round(statistics.median(_rate(m) for m in mine_all)),
        "tokens_per_cpu_second": round(statistics.median(_rate(m, "cpu_seconds") for m in mine_all)),
        "machine": machine(),
    }
    rows: list[list[object]] = [["Recurra", float(result["tokens_per_second"]), float(result["tokens_per_cpu_second"])]]
    if pairs:
        ratio = statistics.median(_rate(mine) / _rate(theirs) for mine, theirs in pairs)
        cpu_ratio = statistics.median(
            _rate(mine, "cpu_seconds") / _rate(theirs, "cpu_seconds") for mine, theirs in pairs
        )
        theirs_wall = statistics.median(_rate(theirs) for _, theirs in pairs)
        theirs_cpu = statistics.median(_rate(theirs, "cpu_seconds") for _, theirs in pairs)
        result["peer"] = {
            **peer_facts,
            "tokens_per_second": round(theirs_wall),
            "tokens_per_cpu_second": round(theirs_cpu),
        }
        result |= {"ratio": round(ratio, 2), "cpu_ratio": round(cpu_ratio, 2), "target": TARGET, "aim": AIM}
        result["met"] = ratio >= TARGET
        rows.append([f"flair {peer_facts.get('flair', '')}", theirs_wall, theirs_cpu])
        rows.append(["ratio", ratio, cpu_ratio])
    else:
        result["peer"] = None
        result["note"] = f"flair was not measured: name a Python that has it with {PEER_VARIABLE}."
    result["table"] = table(rows, ["training a tagger", "tokens/s", "tokens/CPU-s"])
    return result


def loop(
    catalogue: Catalogue | None = None,
    *,
    data: Path | str | None = None,
    threads: int = 1,
    steps: int = 40,
    rounds: int = 5,
    sentences: int = 4000,
) -> dict[str, Any]:
    """What the engine's loop adds to the bare torch calls on the same batches of the same tagger."""
    from workbench.engine.bench import measure_loop_overhead

    with _trainer(catalogue or default_catalogue(), data, threads, sentences, 70, 7) as trainer:
        found = measure_loop_overhead(trainer, steps=steps, rounds=rounds)
    result: dict[str, Any] = {
        "benchmark": "loop",
        "overhead_percent": round(100 * found.share, 2),
        "target_percent": 5.0,
        "met": found.share <= 0.05,
        "loop_seconds": found.loop_seconds,
        "bare_seconds": found.bare_seconds,
        "steps": found.steps,
        "threads": threads,
        "machine": machine(),
    }
    rows = [["engine's loop", found.loop_seconds], ["bare torch calls", found.bare_seconds]]
    result["table"] = table([*rows, ["overhead %", 100 * found.share]], [f"{found.steps} steps", "seconds"])
    return result


class _Ours:
    """Steps of the engine's own loop: batching, collation, forward, loss, backward, clipping, optimiser, telling."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.epoch = 1
        self.plan = trainer.batches.epoch(1)
        trainer.model.train()

    def run(self, steps: int) -> dict[str, float]:
        trainer = self.trainer
        tokens = 0
        began, began_cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            if trainer.state.cursor >= len(self.plan):
                self.epoch += 1
                self.plan = trainer.batches.epoch(self.epoch)
                trainer.state.cursor = 0
            tokens += int(trainer.train.lengths[self.plan[trainer.state.cursor]].sum())
            trainer.step(self.plan)
            trainer.between_steps(self.plan)
        return {
            "tokens": tokens,
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - began_cpu,
        }


class _Flair:
    """The peer in a process of its own; :meth:`run` has it train so many steps."""

    def __init__(self, python: str, job: dict[str, Any]) -> None:
        script = Path(__file__).with_name("flair_peer.py")
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                [python, str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(job["threads"]), "PYTHONPATH": ""},
            )
        except OSError as error:
            self._errors.close()
            raise WorkbenchError(
                f"{python} cannot be run.", why=str(error), fix=f"Name a Python that has flair with {PEER_VARIABLE}."
            ) from error
        self._job = job
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> _Flair:
        try:
            self.facts = self._ask(json.dumps(self._job))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def run(self, steps: int) -> dict[str, float]:
        return self._ask(str(steps))

    def _ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._process.wait(10)
            self._errors.seek(0)
            told = self._errors.read()
            raise WorkbenchError(
                "flair could not be measured.",
                why=(told.strip().splitlines() or ["It ended without a word."])[-1],
                fix=f"Name a Python that has flair with {PEER_VARIABLE}.",
                details=told,
            )
        found: dict[str, Any] = json.loads(answer)
        return found


@contextmanager
def _trainer(
    catalogue: Catalogue, data: Path | str | None, threads: int, sentences: int, batch_sentences: int, seed: int
) -> Iterator[Trainer]:
    """The engine's trainer on CoNLL-2003, ready for its first step; nothing of it is kept afterwards."""
    import torch

    from workbench.engine.checkpoint import CheckpointFolder
    from workbench.engine.compose import compose, make_task
    from workbench.engine.controls import Controls
    from workbench.engine.data import StoreSource, prepare
    from workbench.engine.evaluate import Metrics
    from workbench.engine.loop import Trainer
    from workbench.project import Project
    from workbench.runs import ControlReader, JournalWriter
    from workbench.runs.config import parse_config

    section = specification("conll2003")["data"]
    section = {**section, "files": {"train": section["files"]["train"]}}
    before = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="recurra-benchmark-") as folder:
        project = Project.create(Path(folder) / "project", "speed")
        try:
            import_data(project.store, catalogue, section, data)
            config = parse_config(_config(threads, seed, sentences, batch_sentences))
            spec, task = make_task(config, catalogue)
            prepared = prepare(StoreSource(project.store, DATASET), config.data, task)
            mean = float(prepared.train.lengths.mean())
            training = config.training.model_copy(update={"batch_tokens": round(mean * batch_sentences)})
            config = config.model_copy(update={"training": training})
            run = project.new_run(config)
            torch.manual_seed(seed)
            torch.set_num_threads(threads)
            with JournalWriter(run.journal_path, run.id) as journal:
                yield Trainer(
                    config=config,
                    model=compose(config, catalogue, prepared.codec),
                    train=prepared.train,
                    validation=None,
                    metrics=Metrics.of(spec.metrics, catalogue),
                    journal=journal,
                    controls=Controls(ControlReader(run.control_path), journal),
                    checkpoints=CheckpointFolder(run.checkpoints),
                )
        finally:
            torch.set_num_threads(before)
            project.close()


def _config(threads: int, seed: int, sentences: int, batch_sentences: int) -> dict[str, Any]:
    return {
        "task": {
            "id": "tagging",
            "params": {
                "layer": "ner",
                "head": "crf",
                "word_embedding_size": SIZES["word_size"],
                "characters": "lstm",
                "character_embedding_size": SIZES["character_size"],
                "character_features": SIZES["character_features"],
                "casing_embedding_size": 0,
            },
        },
        "architecture": {
            "id": "birnn",
            "params": {"cell": "lstm", "hidden_size": SIZES["hidden_size"], "dropout": 0.0},
        },
        "data": {"dataset": DATASET, "limit": sentences},
        "training": {"learning_rate": 0.003, "seed": seed, "threads": threads, "checkpoint_every": 0.0},
    }


def _sentences(trainer: Trainer) -> dict[str, Any]:
    """The same sentences for the peer: tokens, and entities as (start, end, label)."""
    found = [r for r in trainer.train.source.get(trainer.train.ids.tolist()) if isinstance(r, TaggedTokens)]
    return {"tokens": [list(r.tokens) for r in found], "spans": [spans(r.layers["ner"]) for r in found]}


def _rate(turn: dict[str, float], clock: str = "seconds") -> float:
    return turn["tokens"] / turn[clock] if turn[clock] else 0.0


def _own_if_it_has_flair() -> str:
    import importlib.util

    return sys.executable if importlib.util.find_spec("flair") is not None else ""
