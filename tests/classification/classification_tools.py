"""What several tests of text classification need: a few texts, a model of them, and one that has learned."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from workbench_plugins.tasks.classification.codec import ClassificationCodec
from workbench_plugins.tasks.classification.params import ClassificationParams
from workbench_plugins.tasks.classification.task import ClassificationModel

from workbench.api import LabelledText
from workbench.engine.compose import Model, compose
from workbench.engine.predict import Predictor, load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.runs import RunFolder
from workbench.runs.config import parse_config

TEXTS = (
    LabelledText("a fine film, truly", "good"),
    LabelledText("not my cup of tea", "bad"),
    LabelledText("dull and slow", "bad"),
    LabelledText("it works and it shines", "good"),
    LabelledText("fine", "good"),
)


def drawn(count: int, seed: int = 1) -> list[LabelledText]:
    """Texts that are good or bad by one word among others."""
    draw = random.Random(seed)
    others = ["the", "film", "was", "seen", "by", "many", "people", "in", "a", "small", "town", "near", "here"]
    texts = []
    for _ in range(count):
        good = draw.random() < 0.5
        words = draw.sample(others, draw.randint(2, 7))
        words.insert(draw.randrange(len(words) + 1), draw.choice(("great", "lovely") if good else ("awful", "boring")))
        texts.append(LabelledText(" ".join(words), "good" if good else "bad"))
    return texts


def fitted(**options: Any) -> tuple[ClassificationModel, ClassificationCodec]:
    task = ClassificationModel(ClassificationParams(**options))
    return task, task.fit_codec(TEXTS)


def run_values(architecture: str = "lstm", task: dict[str, Any] | None = None, **training: Any) -> dict[str, Any]:
    return {
        "task": {"id": "classification", "params": {"embedding_size": 12, "word_dropout": 0.05, **(task or {})}},
        "architecture": {"id": architecture, "params": {"hidden_size": 12} if architecture != "esn" else {}},
        "data": {"dataset": "texts"},
        "training": {"max_epochs": 12, "learning_rate": 0.02, "batch_tokens": 128, "threads": 1, **training},
    }


def composed(architecture: str = "lstm", **task: Any) -> Model:
    config = parse_config(run_values(architecture, task))
    return compose(config, load_plugins().catalogue, records=TEXTS).eval()


def learned(folder: Path, architecture: str = "lstm", **task: Any) -> Predictor:
    """A model that has learned :func:`drawn` texts through the engine."""
    catalogue = load_plugins().catalogue
    run = RunFolder.create(folder, parse_config(run_values(architecture, task)))
    source = {"train": drawn(160, 1), "validation": drawn(60, 2), "test": drawn(60, 3)}
    finished = train(run, source, catalogue)
    assert finished.reason == "completed", finished.error
    return load_bundle(run.path, catalogue, device="cpu")


def batch_of(model: Model, texts: tuple[LabelledText, ...]) -> Any:
    return model.codec.collate([model.codec.encode(text) for text in texts])


def seeded() -> None:
    torch.manual_seed(3)
