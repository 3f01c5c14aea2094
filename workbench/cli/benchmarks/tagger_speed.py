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
from contextlib import ExitStack, contextmanager
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
    turns: int = 5,
    steps: int = 25,
    sentences: int = 4000,
    batch_sentences: int = BATCH_SENTENCES,
    seed: int = 7,
) -> dict[str, Any]:
    """Tokens per second of both sides, with a character LSTM and with words alone.

    ``ratio`` is the median over ``turns`` of ``steps`` optimiser steps each, of the case where it is smaller.
    ``peer_python`` (or the variable RECURRA_PEER_PYTHON) is a Python that has flair; without it only ours is measured.
    """
    catalogue = catalogue or default_catalogue()
    peer = peer_python or os.environ.get(PEER_VARIABLE, "") or _own_if_it_has_flair()
    cases = [
        _case(title, size, catalogue, peer, data, threads, turns, steps, sentences, batch_sentences, seed)
        for title, size in (("words and characters", SIZES["character_features"]), ("words alone", 0))
    ]
    result: dict[str, Any] = {
        "benchmark": "tagger",
        "protocol": (
            f"Training steps of a BiLSTM-CRF ({SIZES['hidden_size']} units a direction, words {SIZES['word_size']}, "
            f"character LSTM {SIZES['character_features']} or none) on the first {sentences:,} training sentences "
            f"of CoNLL-2003, {batch_sentences} sentences a step on average, Adam, float32, {threads} thread(s); "
            f"{turns} turns of {steps} steps each, the sides in turns; ratio: median over the turns."
        ),
        "threads": threads,
        "cases": cases,
        "machine": machine(),
    }
    header = [
        "training a tagger",
        "Recurra tokens/s",
        "per CPU-s",
        "flair tokens/s",
        "per CPU-s ",
        "ratio",
        "CPU ratio",
    ]
    rows = []
    for case in cases:
        theirs = case["peer"] or {}
        figures: list[object] = [float(case["tokens_per_second"]), float(case["tokens_per_cpu_second"])]
        figures += [theirs.get("tokens_per_second"), theirs.get("tokens_per_cpu_second")]
        rows.append([case["title"], *figures, case.get("ratio"), case.get("cpu_ratio")])
    if peer:
        result |= {name: min(case[name] for case in cases) for name in ("ratio", "cpu_ratio")}
        result |= {"target": TARGET, "aim": AIM, "met": result["ratio"] >= TARGET}
    else:
        result["note"] = f"flair was not measured: name a Python that has it with {PEER_VARIABLE}."
    result["table"] = table(rows, header)
    return result


def _case(
    title: str,
    character_features: int,
    catalogue: Catalogue,
    peer_python: str,
    data: Path | str | None,
    threads: int,
    turns: int,
    steps: int,
    sentences: int,
    batch_sentences: int,
    seed: int,
) -> dict[str, Any]:
    """One pair of models, step for step in turns; ``peer`` is None where there is none."""
    mine: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    peer_facts: dict[str, Any] = {}
    job: dict[str, Any] = {**SIZES, "character_features": character_features, "threads": threads, "seed": seed}
    job |= {"learning_rate": 0.003, "batch_sentences": batch_sentences}
    with ExitStack() as stack:
        trainer = stack.enter_context(
            _trainer(catalogue, data, threads, sentences, batch_sentences, seed, character_features)
        )
        sides: list[tuple[Any, list[dict[str, float]]]] = [(_Ours(trainer), mine)]
        if peer_python:
            peer = stack.enter_context(_Flair(peer_python, {**job, **_sentences(trainer)}))
            peer_facts = peer.facts
            sides.append((peer, theirs))
        for turn in range(-1, turns):
            for side, found in sides if turn % 2 else reversed(sides):
                figures = side.run(steps)
                if turn >= 0:  # the first turn warms both
                    found.append(figures)
        parameters = sum(p.numel() for p in trainer.model.parameters())
    case: dict[str, Any] = {"title": title, "parameters": parameters, **_rates(mine), "peer": None}
    if theirs:
        case["peer"] = {**{k: v for k, v in peer_facts.items() if k != "ready"}, **_rates(theirs)}
        for name, clock in (("ratio", "seconds"), ("cpu_ratio", "cpu_seconds")):
            ratios = [_rate(ours, clock) / _rate(other, clock) for ours, other in zip(mine, theirs, strict=True)]
            case[name] = round(statistics.median(ratios), 2)
    return case


def _rates(turns: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "tokens_per_second": round(statistics.median(_rate(turn) for turn in turns)),
        "tokens_per_cpu_second": round(statistics.median(_rate(turn, "cpu_seconds") for turn in turns)),
    }


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

    with _trainer(
        catalogue or default_catalogue(), data, threads, sentences, 70, 7, SIZES["character_features"]
    ) as trainer:
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
    catalogue: Catalogue,
    data: Path | str | None,
    threads: int,
    sentences: int,
    batch_sentences: int,
    seed: int,
    character_features: int,
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
            config = parse_config(_config(threads, seed, sentences, character_features))
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


def _config(threads: int, seed: int, sentences: int, character_features: int) -> dict[str, Any]:
    return {
        "task": {
            "id": "tagging",
            "params": {
                "layer": "ner",
                "head": "crf",
                "word_embedding_size": SIZES["word_size"],
                "characters": "lstm" if character_features else "none",
                "character_embedding_size": SIZES["character_size"],
                "character_features": character_features or 2,
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
