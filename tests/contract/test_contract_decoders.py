"""Every architecture that writes, with every option: teacher forced equals step by step, batches change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from contract_subjects import families, name_of

from workbench.api import Architecture, Trait, validate
from workbench.nn.contract import EncoderDecoder, PairInputs

INPUT_SIZE, TARGET_SIZE = 5, 4
SOURCES = torch.tensor([6, 1, 4])
TARGETS = torch.tensor([3, 5, 1])
TOLERANCE = 1e-6

pytestmark = pytest.mark.parametrize(("architecture", "options"), families(Trait.DECODER), ids=name_of)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        yield


@pytest.fixture
def network(architecture: Architecture, options: dict[str, Any]) -> EncoderDecoder:
    params = validate(architecture.params, options)
    built = architecture.factory.resolve()(params, INPUT_SIZE, target_size=TARGET_SIZE)
    assert isinstance(built, EncoderDecoder)
    return built.double().eval()


def padded(lengths: torch.Tensor, size: int) -> torch.Tensor:
    values = torch.randn(len(lengths), int(lengths.max()), size, dtype=torch.float64)
    for row, length in zip(values, lengths.tolist(), strict=True):
        row[length:] = 1000.0
    return values


@pytest.fixture
def inputs() -> PairInputs:
    return PairInputs(padded(SOURCES, INPUT_SIZE), padded(TARGETS, TARGET_SIZE), TARGETS)


def row_of(inputs: PairInputs, row: int) -> PairInputs:
    source, target = int(SOURCES[row]), int(TARGETS[row])
    assert inputs.targets is not None
    return PairInputs(
        inputs.source[row : row + 1, :source], inputs.targets[row : row + 1, :target], torch.tensor([target])
    )


def test_a_batch_of_pairs_answers_as_its_pairs_one_by_one(network: EncoderDecoder, inputs: PairInputs) -> None:
    together = network(inputs, SOURCES)
    assert together.states.shape == (3, 5, network.output_size)
    assert together.memory is not None
    for row, length in enumerate(TARGETS.tolist()):
        alone = network(row_of(inputs, row), SOURCES[row : row + 1])
        torch.testing.assert_close(together.states[row, :length], alone.states[0], rtol=0, atol=TOLERANCE)
        assert not together.states[row, length:].any()
        if together.attention is not None:
            source = int(SOURCES[row])
            shares = together.attention[row, :length]
            torch.testing.assert_close(shares[:, :source], alone.attention[0, :length], rtol=0, atol=TOLERANCE)
            assert not shares[:, source:].any(), "nothing is looked at beyond the source"
            torch.testing.assert_close(shares.sum(-1), torch.ones(length, dtype=torch.float64))


def test_writing_step_by_step_is_what_teacher_forcing_does(network: EncoderDecoder, inputs: PairInputs) -> None:
    whole = network(inputs, SOURCES)
    memory = network.read(inputs.source, SOURCES)
    state = network.decoder.start(memory)
    assert inputs.targets is not None
    for t in range(int(TARGETS.max())):
        output, state, attention = network.decoder.step(inputs.targets[:, t], state, memory)
        for row in (t < TARGETS).nonzero().flatten().tolist():
            torch.testing.assert_close(output[row], whole.states[row, t], rtol=0, atol=TOLERANCE)
            if whole.attention is not None:
                assert attention is not None
                torch.testing.assert_close(attention[row], whole.attention[row, t], rtol=0, atol=TOLERANCE)


def test_a_beam_keeps_the_rows_it_chooses_and_nothing_of_the_others(
    network: EncoderDecoder, inputs: PairInputs
) -> None:
    memory = network.read(inputs.source, SOURCES)
    state = network.decoder.start(memory)
    assert inputs.targets is not None
    _, state, _ = network.decoder.step(inputs.targets[:, 0], state, memory)
    rows = torch.tensor([2, 0, 0])
    chosen, kept = network.decoder.select(state, rows), network.decoder.select_memory(memory, rows)
    y = torch.randn(3, TARGET_SIZE, dtype=torch.float64)
    output, _, _ = network.decoder.step(y, chosen, kept)
    mixed = torch.empty_like(y)
    mixed[2], mixed[0], mixed[1] = y[0], y[1], y[2]
    expected, _, _ = network.decoder.step(mixed, state, memory)
    torch.testing.assert_close(output[0], expected[2], rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(output[1], expected[0], rtol=0, atol=TOLERANCE)


def test_gradients_are_finite_and_padding_has_none(network: EncoderDecoder, inputs: PairInputs) -> None:
    inputs.source.requires_grad_()
    assert inputs.targets is not None
    inputs.targets.requires_grad_()
    network.train()
    network(inputs, SOURCES).states.square().sum().backward()
    for values, lengths in ((inputs.source, SOURCES), (inputs.targets, TARGETS)):
        assert values.grad is not None
        assert bool(torch.isfinite(values.grad).all())
        for row, length in zip(values.grad, lengths.tolist(), strict=True):
            assert not row[length:].any()
    for name, parameter in network.named_parameters():
        assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all()), name


def test_without_targets_it_only_reads(network: EncoderDecoder, inputs: PairInputs) -> None:
    read = network(PairInputs(inputs.source), SOURCES)
    assert read.memory is not None
    torch.testing.assert_close(read.states, network.read(inputs.source, SOURCES).states)


def test_a_trace_tells_what_was_read_and_what_was_written(network: EncoderDecoder, inputs: PairInputs) -> None:
    with torch.no_grad():
        layers = network.trace(row_of(inputs, 0), int(SOURCES[0]))
    assert layers
    assert any(layer.over == "outputs" for layer in layers)
    assert len({(layer.name, layer.direction) for layer in layers}) == len(layers)
    for layer in layers:
        assert layer.states.shape[0] == (int(TARGETS[0]) if layer.over == "outputs" else int(SOURCES[0]))
