"""The encoder-decoder plugin: every preset and option builds, what does not go together is refused in words."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from workbench_plugins.architectures.encoder_decoder import ENCODER_DECODER, EncoderDecoderParams

from workbench.api import Params, Ref, Task, Trait, WorkbenchError, compatibility, describe, validate
from workbench.api.shapes import IOShape
from workbench.nn.contract import EncoderDecoder, PairInputs

SMALL = {"hidden_size": 8, "decoder_size": 0, "attention_size": 0}
D, E = 5, 4


def build(**options):
    return ENCODER_DECODER.factory.resolve()(validate(EncoderDecoderParams, options), D, target_size=E)


def run(network):
    lengths, target_lengths = torch.tensor([6, 2]), torch.tensor([3, 5])
    pair = PairInputs(torch.randn(2, 6, D), torch.randn(2, 5, E), target_lengths)
    return network(pair, lengths)


@pytest.mark.parametrize("preset", ENCODER_DECODER.presets, ids=lambda preset: preset.title)
def test_every_preset_builds_a_network_that_answers(preset):
    options = {**preset.values}
    options["hidden_size"] = 8
    options.update({name: 6 for name in ("decoder_size", "attention_size") if name in options})
    network = build(**options)
    assert isinstance(network, EncoderDecoder)
    answer = run(network)
    assert answer.states.shape == (2, 5, network.output_size)
    assert (answer.attention is None) == (options.get("attention") == "none")


def test_the_published_sizes_are_those_of_the_papers():
    named = {preset.title: validate(EncoderDecoderParams, dict(preset.values)) for preset in ENCODER_DECODER.presets}
    bahdanau, luong = named["as published: Bahdanau 2015"], named["as published: Luong 2015"]
    assert (bahdanau.hidden_size, bahdanau.decoder_size, bahdanau.attention) == (2000, 1000, "additive")
    assert (luong.layers, luong.hidden_size, luong.feeding, luong.attention) == (4, 1000, "input", "general")


@pytest.mark.parametrize("spec", [s for s in describe(EncoderDecoderParams) if s.kind in ("choice", "bool")])
def test_every_choice_trains(spec):
    for value in spec.choices or (True, False):
        options = {"hidden_size": 8, spec.name: value}
        if (spec.name, value) == ("bridge", "copy"):
            options["encoder"] = "forward"
        network = build(**options).train()
        network.at_step(5, 10)
        run(network).states.sum().backward()
        assert all(p.grad is not None for p in network.parameters()), options


def test_every_option_says_what_it_does():
    for spec in describe(EncoderDecoderParams):
        assert spec.what.endswith(".")
        assert spec.typical
    assert ENCODER_DECODER.summary.endswith(".")
    assert set(ENCODER_DECODER.comparison) == {"key feature", "strengths", "weaknesses", "typical use"}


def test_symbols_stand_in_the_equations_and_edges_join_nodes():
    plain = ENCODER_DECODER.equations.replace("**", "").replace("*", "")
    for symbol in ENCODER_DECODER.symbols:
        assert symbol.name in plain, symbol.name
    nodes = {node.id for node in ENCODER_DECODER.diagram.nodes}
    assert len(nodes) == len(ENCODER_DECODER.diagram.nodes)
    names = {symbol.name for symbol in ENCODER_DECODER.symbols}
    assert all(not node.symbol or node.symbol in names for node in ENCODER_DECODER.diagram.nodes)
    assert all({edge.source, edge.target} <= nodes for edge in ENCODER_DECODER.diagram.edges)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"hidden_size": 7}, "even"),
        ({"bridge": "copy"}, "encoder = forward"),
        ({"attention": "dot", "decoder_size": 6}, "one size"),
        ({"attention": "none", "feeding": "input"}, "needs an attention"),
        ({"attention": "none", "coverage": True}, "needs an attention"),
        ({"attention": "none", "coverage_loss": 1.0}, "needs an attention"),
    ],
)
def test_what_does_not_go_together_is_refused(options, says):
    with pytest.raises(WorkbenchError, match=says):
        build(**{"hidden_size": 8, **options})


def test_without_a_vocabulary_it_is_refused():
    with pytest.raises(WorkbenchError, match="needs a vocabulary") as caught:
        ENCODER_DECODER.factory.resolve()(EncoderDecoderParams(hidden_size=8), D)
    assert caught.value.fix


def test_it_serves_tasks_that_write_and_says_why_not_others():
    def task(shape, needs):
        return Task(id="t", title="T", params=Params, record="text_pair", result="translation", shape=shape,
                    factory=Ref("nowhere:nothing"), needs=frozenset(needs))

    assert compatibility(task(IOShape.MANY_TO_MANY, {Trait.DECODER}), ENCODER_DECODER)
    assert compatibility(task(IOShape.ONE_TO_MANY, {Trait.DECODER}), ENCODER_DECODER)
    assert not compatibility(task(IOShape.MANY_TO_ONE, {Trait.SEQUENCE}), ENCODER_DECODER)
    assert "right to left" in compatibility(task(IOShape.ONE_TO_MANY, {Trait.CAUSAL}), ENCODER_DECODER).reason


def test_registering_imports_neither_torch_nor_qt():
    code = (
        "import sys, workbench_plugins.architectures.encoder_decoder, workbench.testing.pair_tasks\n"
        "print(sorted({'torch', 'PySide6'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "[]"
