"""A small language model, fitted and trained in a moment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from workbench.api import Text
from workbench.engine.predict import Predictor, load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder

RHYMES = (
    "the cat sat on the mat .",
    "the dog sat on the log .",
    "the bird sat in the tree .",
    "a cat and a dog ran home .",
)


@cache
def catalogue() -> Any:
    return load_plugins(safe_mode=True).catalogue


def rhymes(count: int) -> list[Text]:
    return [Text(RHYMES[i % len(RHYMES)]) for i in range(count)]


def plays(count: int) -> list[Text]:
    """Records of several lines, as paragraphs are imported."""
    return [Text(f"{'ROMEO' if i % 2 else 'JULIET'}:\n{RHYMES[i % 4]}") for i in range(count)]


def trained(folder: Path, records: Sequence[Text], epochs: int = 6, **params: Any) -> tuple[Predictor, Any]:
    """A model that knows ``records`` by heart, and its run."""
    config = parse_config(
        {
            "task": {"id": "language_modelling", "params": {"embedding_size": 24, "chunk": 16, **params}},
            "architecture": {"id": "lstm", "params": {"hidden_size": 48, "dropout": 0.0}},
            "data": {"dataset": "made"},
            "training": {
                "max_epochs": epochs,
                "patience": 0,
                "learning_rate": 0.02,
                "batch_tokens": 128,
                "device": "cpu",
                "threads": 1,
            },
        }
    )
    run = RunFolder.create(folder, config)
    few = max(2, len(records) // 10)
    finished = train(
        run, {"train": list(records), "validation": list(records)[:few], "test": list(records)[:few]}, catalogue()
    )
    assert finished.reason == "completed", finished.error
    return load_bundle(run.path, catalogue(), device="cpu"), run
