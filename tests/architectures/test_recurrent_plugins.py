"""The recurrent architecture plugins: cheap to register, and each builds what its options say."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
import torch

from workbench.api import Architecture, IOShape, Task, Text, Trait, WorkbenchError, compatibility, describe, validate
from workbench.api.params import Params
from workbench.api.refs import Ref
from workbench.nn.contract import Encoder

FORWARD = ("rnn", "lstm", "gru", "mogrifier", "min_gru", "ind_rnn")
NAMES = (*FORWARD, "birnn")


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


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "mogrifier", "min_gru", "min_lstm", "ind_rnn"])
@pytest.mark.parametrize(("merge", "size"), [("concatenate", 16), ("sum", 8)])
def test_a_bidirectional_network_is_of_any_cell(cell: str, merge: str, size: int) -> None:
    architecture = _architecture("birnn")
    params = validate(architecture.params, {"cell": cell, "merge": merge, "hidden_size": 8, "layers": 2})
    encoder = architecture.factory.resolve()(params, 4)
    assert encoder.output_size == size
    assert [trace.direction for trace in encoder.trace(torch.randn(1, 3, 4), 3)] == ["forward", "backward"] * 2


@pytest.mark.parametrize(
    ("name", "values", "kind", "size"),
    [
        ("lstm", {}, "LstmLayer", 8),
        ("lstm", {"peepholes": True}, "LstmOptionsLayer", 8),
        ("lstm", {"projection": 3, "layers": 2}, "LstmOptionsLayer", 3),
        ("lstm", {"chrono": 100}, "LstmLayer", 8),
        ("gru", {"reset": "after"}, "GruLayer", 8),
        ("gru", {"reset": "before"}, "GruBeforeLayer", 8),
        ("min_gru", {"cell": "min_lstm", "candidate": "positive"}, "MinLstmLayer", 8),
        ("mogrifier", {"rounds": 3, "rank": 2}, "MogrifierLayer", 8),
        ("ind_rnn", {"nonlinearity": "tanh", "recurrent_bound": 0.9}, "IndRnnLayer", 8),
    ],
)
def test_options_choose_the_layer(name: str, values: dict[str, Any], kind: str, size: int) -> None:
    architecture = _architecture(name)
    encoder = architecture.factory.resolve()(validate(architecture.params, {"hidden_size": 8, **values}), 4)
    layers = [type(layer).__name__ for layer in encoder.forwards]
    assert layers == [kind] * len(layers)
    assert encoder.output_size == size
    x = torch.randn(2, 3, 4)
    output, state = encoder.eval().step(x[:, 0], None)
    torch.testing.assert_close(encoder(x, torch.tensor([3, 1])).states[:, 0], output)
    assert encoder.step(x[:, 1], state)[0].shape == (2, size)


def test_a_projection_that_is_no_shorter_is_refused_with_the_bound() -> None:
    with pytest.raises(WorkbenchError, match=r"projection.*smaller than the hidden size, 8"):
        validate(_architecture("lstm").params, {"hidden_size": 8, "projection": 8})


@pytest.mark.parametrize("name", NAMES)
def test_gates_and_cell_that_symbols_point_to_are_in_the_trace(name: str) -> None:
    architecture = _architecture(name)
    shown: set[str] = set()
    cells = ("min_gru", "min_lstm") if name == "min_gru" else ("lstm",) if name == "birnn" else (None,)
    for cell in cells:
        params = validate(architecture.params, {"hidden_size": 8} | ({"cell": cell} if cell else {}))
        (trace, *_) = architecture.factory.resolve()(params, 4).trace(torch.randn(1, 3, 4), 3)
        shown |= {"states", *(f"gate:{gate}" for gate in trace.gates)} | ({"cell"} if trace.cell is not None else set())
    pointed = {symbol.trace for symbol in architecture.symbols} - {""}
    assert pointed <= shown
    if name != "birnn":
        assert shown <= pointed, "every value of a trace is explained by a symbol"


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
    assert all(compatibility(writing, _architecture(name)) for name in FORWARD)
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
