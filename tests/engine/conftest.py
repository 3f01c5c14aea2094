"""A run of the toy task in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import toy

from workbench.runs.config import RunConfig, parse_config
from workbench.runs.folder import RunFolder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def catalogue() -> Any:
    return toy.ToyCatalogue()


@pytest.fixture
def records() -> dict[str, list[Any]]:
    return {"train": toy.texts(120, 1), "validation": toy.texts(30, 2), "test": toy.texts(30, 3)}


def toy_config(**training: Any) -> RunConfig:
    values = {"max_epochs": 3, "batch_tokens": 64, "threads": 1, "device": "cpu", **training}
    sections = {name: values.pop(name) for name in ("task_params", "net_params", "inputs") if name in values}
    return parse_config(
        {
            "task": {"id": "toy", "params": sections.get("task_params", {})},
            "architecture": {"id": "toynet", "params": sections.get("net_params", {})},
            "data": {"dataset": "letters"},
            "training": values,
            "inputs": sections.get("inputs", ()),
        }
    )


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    def make(**training: Any) -> RunFolder:
        return RunFolder.create(tmp_path / "runs", toy_config(**training))

    return make
