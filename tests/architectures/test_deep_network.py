"""Deep stacks in whole runs: they learn, come back and can be looked into; what does not fit is refused before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from workbench_plugins.architectures.deep import DEEP, DeepParams

from workbench.api import Architecture, Catalogue, LayerTrace, Ref, WorkbenchError, validate
from workbench.api.events import EpochMetrics
from workbench.engine.compose import compose
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import LoadedPlugins, load_plugins
from workbench.nn.contract import Encoded, Encoder
from workbench.runs.config import RunConfig, parse_config
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal
from workbench.testing import dataset
from workbench.testing.tasks import GeneratedTasks

SMALL = {"hidden_size": 12, "dropout": 0.1}
PYRAMID = [{**SMALL, "direction": "both"}, {**SMALL, "cell": "gru", "direction": "both", "subsampling": 2}]
TAGGER = [{**SMALL, "direction": "both"}, {**SMALL, "direction": "both_summed", "residual": True, "layer_norm": True}]
WRITER = [{**SMALL, "weight_dropout": 0.3}, {**SMALL, "residual": True, "weight_dropout": 0.3}]
KINDS = {"generated_text": "labelled_text", "tagging": "tagged_tokens", "generated_stream": "text"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def plugins() -> LoadedPlugins:
    return load_plugins(extra=[("generated", GeneratedTasks())])


def config(task: str, stack: list[dict[str, Any]], architecture: str = "deep") -> RunConfig:
    return parse_config(
        {
            "task": {"id": task, "params": {}},
            "architecture": {"id": architecture, "params": {"stack": stack} if architecture == "deep" else {}},
            "data": {"dataset": "generated"},
            "training": {
                "max_epochs": 4,
                "patience": 0,
                "learning_rate": 0.01,
                "batch_tokens": 128,
                "device": "cpu",
                "threads": 1,
                "checkpoint_every": 0,
            },
        }
    )


def records(task: str) -> dict[str, Any]:
    kind = KINDS[task]
    few = 8 if kind == "text" else 36
    return dataset(kind, train=few, validation=6, test=6)


@pytest.mark.parametrize(
    ("task", "stack"), [("generated_text", PYRAMID), ("tagging", TAGGER), ("generated_stream", WRITER)]
)
def test_a_stack_learns_comes_back_and_is_traced(task: str, stack: list[dict[str, Any]], tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, config(task, stack))
    finished = train(run, records(task), plugins().catalogue)
    assert finished.reason == "completed", finished.error
    losses = [event.train_loss for event in read_journal(run.journal_path) if isinstance(event, EpochMetrics)]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < losses[0]
    predictor = load_bundle(run.path, plugins().catalogue, device="cpu")
    record = records(task)["test"][0]
    trace = predictor.trace(record, gradient=True)
    steps = len(trace.steps)
    assert {layer.states.shape[0] for layer in trace.layers} == {steps}
    directions = [2 if "both" in layer.get("direction", "") else 1 for layer in stack]
    assert [layer.name for layer in trace.layers if layer.name != "output"] == [
        f"layer {i + 1}" for i, count in enumerate(directions) for _ in range(count)
    ]
    for values in trace.gradient_through_time.values():
        assert values.shape[1] == steps
        assert np.isfinite(values).all()
        assert values.any()


def test_a_stack_with_fewer_states_than_inputs_is_refused_before_training() -> None:
    with pytest.raises(WorkbenchError, match="Deep stack cannot learn") as refused:
        compose(config("tagging", PYRAMID), plugins().catalogue, records=records("tagging")["train"])
    assert "fewer states than inputs" in refused.value.why
    assert "Change the options" in refused.value.fix


def test_a_stack_that_reads_ahead_is_refused_for_what_comes_next() -> None:
    with pytest.raises(WorkbenchError) as refused:
        compose(config("generated_stream", TAGGER), plugins().catalogue, records=records("generated_stream")["train"])
    assert "right to left" in refused.value.why


class EverySecond(Encoder):
    """An encoder of a plugin that says how it subsamples, and nothing in its contribution."""

    subsampling = 2

    def __init__(self, params: Any, input_size: int) -> None:
        super().__init__()
        self.output_size = input_size

    def forward(self, x: Tensor, lengths: Tensor, state: Any = None) -> Encoded:
        return Encoded(x[:, ::2], (lengths + 1) // 2, x[:, 0])

    def trace(self, x: Tensor, length: int) -> tuple[LayerTrace, ...]:
        return ()


class OneArchitecture:
    """The catalogue with one architecture put in place of all."""

    def __init__(self, catalogue: Catalogue, architecture: Architecture) -> None:
        self._catalogue, self._architecture = catalogue, architecture

    def architecture(self, id: str) -> Architecture:
        return self._architecture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogue, name)


def test_an_encoder_that_only_says_it_subsamples_is_refused_too() -> None:
    silent = replace(DEEP, traits=None, factory=Ref(f"{__name__}:EverySecond"))
    catalogue: Any = OneArchitecture(plugins().catalogue, silent)
    with pytest.raises(WorkbenchError, match="one state for every 2 inputs"):
        compose(config("tagging", [SMALL]), catalogue, records=records("tagging")["train"])
    compose(config("generated_text", [SMALL]), catalogue, records=records("generated_text")["train"])


@pytest.mark.parametrize("preset", [one for one in DEEP.presets if "GNMT" not in one.title], ids=lambda one: one.title)
def test_every_preset_builds_what_it_says(preset: Any) -> None:
    params = validate(DeepParams, dict(preset.values))
    encoder = DEEP.factory.resolve()(params, 40)
    lengths = torch.tensor([9, 3])
    encoded = encoder(torch.randn(2, 9, 40), lengths)
    assert encoded.states.shape == (2, -(-9 // encoder.subsampling), encoder.output_size)
    if "AWD" in preset.title:
        assert encoder.output_size == 400
        assert sum(p.numel() for p in encoder.parameters()) == pytest.approx(20e6, rel=0.2)
    if "listener" in preset.title:
        assert encoder.subsampling == 8
        assert encoded.lengths.tolist() == [2, 1]
    assert preset.note.endswith(".")


def test_a_stack_larger_than_the_machine_is_refused_with_the_memory_it_needs() -> None:
    stack = [{"hidden_size": 8192, "direction": "both", "subsampling": 16}] * 16
    with pytest.raises(WorkbenchError, match="GB to be trained"):
        compose(config("generated_text", stack), plugins().catalogue, records=records("generated_text")["train"])
