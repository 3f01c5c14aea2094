"""Small pairs, and a model trained on them in seconds."""

from __future__ import annotations

from typing import Any

from workbench_plugins.samples.formats.generate import records

from workbench.api import Catalogue, TextPair
from workbench.engine.compose import Model, compose
from workbench.runs.config import RunConfig, parse_config

SMALL = {"vocabulary": "characters", "vocabulary_size": 0, "joint": True, "embedding_size": 24, "label_smoothing": 0.0}


def dates(split: str = "train", count: int = 200) -> list[TextPair]:
    found = [pair for name, _, pair in records() if name == split]
    return found[:count]


def config(task: dict[str, Any] | None = None, net: dict[str, Any] | None = None, **training: Any) -> RunConfig:
    return parse_config(
        {
            "task": {"id": "translation", "params": {**SMALL, **(task or {})}},
            "architecture": {
                "id": "encoder_decoder",
                "params": {"cell": "gru", "hidden_size": 32, "dropout": 0.0, "attention": "additive", **(net or {})},
            },
            "data": {"dataset": "d"},
            "training": {"threads": 1, "device": "cpu", "seed": 1, **training},
        }
    )


def model_of(catalogue: Catalogue, pairs: list[TextPair] | None = None, **task: Any) -> Model:
    return compose(config(task), catalogue, records=pairs or dates(count=60)).eval()
