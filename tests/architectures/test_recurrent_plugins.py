"""The recurrent architecture plugins: cheap to register, and each builds what its options say."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
import torch

from workbench.api import Architecture, IOShape, Task, Text, Trait, compatibility, describe, validate
from workbench.api.params import Params
from workbench.api.refs import Ref
from workbench.nn.contract import Encoder

NAMES = ("rnn", "lstm", "gru", "birnn")


def _architecture(name: str) -> Architecture:
    found: list[Any] = []

    class Collector:
        def add(self, contribution: Any) -> None:
            found.append(contribution)

    importlib.import_module(f"workbench_plugins.architectures.{name}").register_architectures(Collector())
    (architecture,) = found
    assert isinstance(architecture, Architecture)
    return architecture


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_builds_an_encoder_that_answers(name: str) -> None:
    architecture = _architecture(name)
    assert architecture.id == name
    assert [preset.title for preset in architecture.presets][:3] == ["small", "medium", "large"]
    for preset in architecture.presets:
        params = validate(architecture.params, dict(preset.values))
        encoder = architecture.factory.resolve()(params, 7)
        assert isinstance(encoder, Encoder)
        encoded = encoder(torch.randn(2, 5, 7), torch.tensor([5, 3]))
        assert encoded.states.shape == (2, 5, encoder.output_size)
        assert encoded.final.shape == (2, encoder.output_size)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_does_and_every_architecture_shows_its_equations(name: str) -> None:
    architecture = _architecture(name)
    for spec in describe(architecture.params):
        assert spec.what.endswith(".")
        assert spec.typical
    assert "ₜ" in architecture.equations
    assert architecture.summary.endswith(".")


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("merge", "size"), [("concatenate", 16), ("sum", 8)])
def test_a_bidirectional_network_is_of_any_cell(cell: str, merge: str, size: int) -> None:
    architecture = _architecture("birnn")
    params = validate(architecture.params, {"cell": cell, "merge": merge, "hidden_size": 8, "layers": 2})
    encoder = architecture.factory.resolve()(params, 4)
    assert encoder.output_size == size
    assert [trace.direction for trace in encoder.trace(torch.randn(1, 3, 4), 3)] == ["forward", "backward"] * 2


def test_only_a_forward_network_serves_a_task_that_predicts_what_comes_next() -> None:
    writing = Task(
        id="writing",
        title="Writing",
        params=Params,
        record=Text.KIND,
        result="text",
        shape=IOShape.MANY_TO_MANY_ALIGNED,
        factory=Ref("nowhere:nothing"),
        needs=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    )
    assert all(compatibility(writing, _architecture(name)) for name in ("rnn", "lstm", "gru"))
    refused = compatibility(writing, _architecture("birnn"))
    assert not refused
    assert "right to left" in refused.reason


def test_registering_imports_neither_torch_nor_qt() -> None:
    code = (
        "import sys, importlib\n"
        f"for name in {NAMES}: importlib.import_module('workbench_plugins.architectures.' + name)\n"
        "print(sorted({'torch', 'PySide6'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
