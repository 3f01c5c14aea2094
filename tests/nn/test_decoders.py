"""Decoders: vectorised equals step by step, a batch equals its rows, and what training feeds back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from workbench.api import WorkbenchError
from workbench.nn.contract import EncoderDecoder, PairInputs
from workbench.nn.decoders import Memory, RecurrentDecoder, RecurrentEncoderDecoder, SourceEncoder, forcing_ratio
from workbench.nn.protocols import Scheduled
from workbench.nn.recurrent import RecurrentEncoder
from workbench.nn.recurrent.cells import CELLS

D, E, H = 5, 4, 6
SOURCES, TARGETS = torch.tensor([7, 1, 4, 7]), torch.tensor([3, 6, 1, 5])
TOLERANCE = 1e-6
CELL_NAMES = tuple(CELLS)
LOOKS = ("none", "general", "dot", "additive", "concat")
CONFIGURATIONS = [
    {"cell": cell, "attention": attention, "feeding": feeding, "coverage": coverage, "layers": layers}
    for cell, attention, feeding, coverage, layers in [
        *itertools.product(CELL_NAMES, ("none", "general"), ("none",), (False,), (2,)),
        *itertools.product(("lstm", "gru"), LOOKS[1:], ("none", "input", "context"), (False, True), (1,)),
        ("lstm", "none", "context", False, 2),
        ("rnn", "additive", "context", True, 2),
        ("gru", "general", "input", True, 2),
    ]
]


def _name(value):
    return "-".join(str(part) for part in value.values()) if isinstance(value, dict) else str(value)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        yield


def build(cell="lstm", reads="bidirectional", bridge="tanh", layers=1, **options) -> RecurrentEncoderDecoder:
    encoder = (
        SourceEncoder(D)
        if reads == "none"
        else RecurrentEncoder(
            cell, D, H // 2 if reads == "bidirectional" else H, layers=layers, bidirectional=reads == "bidirectional"
        )
    )
    decoder = RecurrentDecoder(cell, E, H, encoder.output_size, layers=layers, bridge=bridge, **options)
    network = RecurrentEncoderDecoder(encoder, decoder, carries=bridge == "copy").double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "coverage" in name:
                parameter.fill_(0.7)
    return network


def batch():
    source = torch.randn(len(SOURCES), int(SOURCES.max()), D, dtype=torch.float64)
    targets = torch.randn(len(TARGETS), int(TARGETS.max()), E, dtype=torch.float64)
    for values, lengths in ((source, SOURCES), (targets, TARGETS)):
        for row, length in zip(values, lengths.tolist(), strict=True):
            row[length:] = 1000.0  # loud padding
    return source, targets


def stepped(network, source, lengths, targets):
    memory = network.read(source, lengths)
    state, outputs, looked = network.decoder.start(memory), [], []
    for t in range(targets.shape[1]):
        output, state, weights = network.decoder.step(targets[:, t], state, memory)
        outputs.append(output)
        looked.append(weights)
    return torch.stack(outputs, 1), None if looked[0] is None else torch.stack(looked, 1)


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=_name)
def test_all_steps_at_once_are_the_steps_one_by_one(options):
    network = build(**options)
    source, targets = batch()
    together = network(PairInputs(source, targets, TARGETS), SOURCES)
    outputs, looked = stepped(network, source, SOURCES, targets)
    for row, length in enumerate(TARGETS.tolist()):
        torch.testing.assert_close(together.states[row, :length], outputs[row, :length], rtol=0, atol=TOLERANCE)
        assert not together.states[row, length:].any()
        torch.testing.assert_close(together.final[row], outputs[row, length - 1], rtol=0, atol=TOLERANCE)
        if looked is not None:
            torch.testing.assert_close(together.attention[row, :length], looked[row, :length], rtol=0, atol=TOLERANCE)
            assert not together.attention[row, length:].any()
    assert (together.attention is None) == (options["attention"] == "none")


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=_name)
def test_a_batch_answers_as_its_pairs_one_by_one(options):
    network = build(**options)
    source, targets = batch()
    together = network(PairInputs(source, targets, TARGETS), SOURCES)
    for row, (reads, writes) in enumerate(zip(SOURCES.tolist(), TARGETS.tolist(), strict=True)):
        one = slice(row, row + 1)
        pair = PairInputs(source[one, :reads], targets[one, :writes], TARGETS[one])
        alone = network(pair, SOURCES[one])
        torch.testing.assert_close(together.states[row, :writes], alone.states[0], rtol=0, atol=TOLERANCE)
        if alone.attention is not None:
            torch.testing.assert_close(
                together.attention[row, :writes, :reads], alone.attention[0], rtol=0, atol=TOLERANCE
            )
            torch.testing.assert_close(alone.attention[0].sum(1), torch.ones(writes).double())
            assert not together.attention[row, :, reads:].any(), "padding is never looked at"


@pytest.mark.parametrize("options", CONFIGURATIONS, ids=_name)
def test_every_parameter_is_reached_by_a_finite_gradient_and_padding_by_none(options):
    network = build(**options, dropout=0.2, input_dropout=0.1).train()
    source, targets = batch()
    source.requires_grad_()
    targets.requires_grad_()
    network(PairInputs(source, targets, TARGETS), SOURCES).states.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    for values, lengths in ((source, SOURCES), (targets, TARGETS)):
        for row, length in zip(values.grad, lengths.tolist(), strict=True):
            assert not row[length:].any()


@pytest.mark.parametrize("feeding", ["none", "input", "context"])
def test_rows_of_a_beam_share_a_memory_as_if_each_had_its_own(feeding):
    network = build(attention="additive", feeding=feeding, coverage=True, layers=2)
    source, _ = batch()
    decoder, memory = network.decoder, network.read(source, SOURCES)
    rows = torch.arange(len(SOURCES)).repeat_interleave(3)
    shared = decoder.select(decoder.start(memory), rows)
    copies, own = decoder.select_memory(memory, rows), decoder.select(decoder.start(memory), rows)
    for _ in range(3):
        y = torch.randn(len(rows), E, dtype=torch.float64)
        output, shared, weights = decoder.step(y, shared, memory)
        wanted, own, looked = decoder.step(y, own, copies)
        torch.testing.assert_close(output, wanted)
        torch.testing.assert_close(weights, looked)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_reordering_a_beam_takes_every_part_of_the_state_along(cell):
    network = build(cell=cell, attention="general", feeding="input", coverage=True, layers=2)
    source, targets = batch()
    memory = network.read(source, SOURCES)
    decoder, state = network.decoder, network.decoder.start(memory)
    for t in range(2):
        _, state, _ = decoder.step(targets[:, t], state, memory)
    rows = torch.tensor([2, 0, 0, 3])
    picked = decoder.select(state, rows)
    assert torch.equal(picked["feed"], state["feed"][rows])
    assert torch.equal(picked["coverage"], state["coverage"][rows])
    for before, after in zip(state["layers"], picked["layers"], strict=True):
        parts = zip(before, after, strict=True) if isinstance(before, tuple) else [(before, after)]
        for old, new in parts:
            assert torch.equal(new, old[rows])


def test_a_memory_brings_its_keys_and_mask_along():
    network = build(attention="additive")
    memory = network.read(batch()[0], SOURCES)
    assert isinstance(memory, Memory)
    rows = torch.tensor([1, 1, 3])
    picked = network.decoder.select_memory(memory, rows)
    assert torch.equal(picked.keys, memory.keys[rows])
    assert torch.equal(picked.mask, memory.mask[rows])
    assert picked.lengths.tolist() == [1, 1, 7]


# --- bridges and sources


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_copied_states_are_those_after_each_last_step(cell):
    network = build(cell=cell, reads="forward", bridge="copy", layers=2)
    source, _ = batch()
    start = network.decoder.start(network.read(source, SOURCES))["layers"]
    for row, length in enumerate(SOURCES.tolist()):
        encoder, state = network.encoder, None
        for t in range(length):
            _, state = encoder.step(source[row : row + 1, t], state)
        for mine, theirs in zip(start, state, strict=True):
            parts = zip(mine, theirs, strict=True) if isinstance(mine, tuple) else [(mine, theirs)]
            for ours, wanted in parts:
                torch.testing.assert_close(ours[row], wanted[0], rtol=0, atol=TOLERANCE)


def test_states_that_do_not_fit_are_not_copied():
    with pytest.raises(WorkbenchError, match="cannot be copied"):
        build(reads="bidirectional", bridge="linear").decoder.__class__(
            "lstm", E, H, H, bridge="copy"
        ).start(SourceEncoder(H)(torch.randn(2, 3, H), torch.tensor([3, 2])))


def test_a_vector_or_the_regions_of_an_image_are_a_memory_without_an_encoder():
    network = build(reads="none", attention="general", layers=2)
    source, targets = batch()
    memory = network.read(source, SOURCES)
    torch.testing.assert_close(memory.states[2, :4], source[2, :4])
    torch.testing.assert_close(memory.final[2], source[2, :4].mean(0))
    vector = network(PairInputs(source[:, :1], targets, TARGETS), torch.ones(4, dtype=torch.int64))
    assert vector.states.shape == (4, 6, H)
    assert torch.equal(vector.attention[0, :3, 0], torch.ones(3).double()), "one place to look at"


def test_without_targets_it_only_reads():
    network = build()
    source, _ = batch()
    read = network(PairInputs(source), SOURCES)
    assert read.states.shape == (4, 7, H)
    assert read.memory is not None


def test_a_decoder_without_a_vocabulary_is_refused():
    with pytest.raises(WorkbenchError, match="needs a vocabulary"):
        RecurrentDecoder("lstm", 0, H, H)
    with pytest.raises(WorkbenchError, match="need an attention"):
        RecurrentDecoder("lstm", E, H, H, attention="none", feeding="input")


# --- coverage, teacher forcing


def test_coverage_is_the_sum_of_the_attention_before_and_changes_where_it_looks():
    network = build(attention="additive", coverage=True)
    source, targets = batch()
    memory, decoder = network.read(source, SOURCES), network.decoder
    state, total = decoder.start(memory), 0.0
    for t in range(3):
        torch.testing.assert_close(state["coverage"], torch.zeros(4, 7).double() + total)
        _, state, weights = decoder.step(targets[:, t], state, memory)
        total = total + weights
    with_coverage = network(PairInputs(source, targets, TARGETS), SOURCES).attention
    with torch.no_grad():
        decoder.attention.of_coverage.zero_()
    without = network(PairInputs(source, targets, TARGETS), SOURCES).attention
    torch.testing.assert_close(with_coverage[:, 0], without[:, 0])
    assert not torch.allclose(with_coverage[0, 2], without[0, 2])


def test_the_coverage_penalty_is_asked_for_in_training_only_and_ignores_padding():
    network = build(attention="additive", coverage_loss=2.0).train()
    source, targets = batch()
    found = network(PairInputs(source, targets, TARGETS), SOURCES)
    each = []
    for row, (reads, writes) in enumerate(zip(SOURCES.tolist(), TARGETS.tolist(), strict=True)):
        one = slice(row, row + 1)
        each.append(network(PairInputs(source[one, :reads], targets[one, :writes], TARGETS[one]), SOURCES[one]).penalty)
    assert found.penalty.item() == pytest.approx(sum(part.item() for part in each), rel=1e-5)
    assert network.eval()(PairInputs(source, targets, TARGETS), SOURCES).penalty is None


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("constant", (1.0, 1.0, 1.0, 1.0)),
        ("linear", (1.0, 0.8, 0.6, 0.2)),
        ("exponential", (1.0, 0.2**0.25, 0.2**0.5, 0.2)),
        ("inverse_sigmoid", (1.0, 0.9645, 0.6, 0.2)),
    ],
)
def test_schedules_go_from_their_start_to_their_end(schedule, wanted):
    found = [forcing_ratio(schedule, 1.0, 0.2, progress) for progress in (0.0, 0.25, 0.5, 1.0)]
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    values = [forcing_ratio(schedule, 0.9, 0.0, step / 50) for step in range(51)]
    assert all(before >= after for before, after in itertools.pairwise(values))
    assert all(0.0 <= value <= 0.9 for value in values)


def test_a_network_is_told_how_far_training_is():
    network = build(schedule="linear", forcing_start=1.0, forcing_end=0.0)
    assert isinstance(network, Scheduled)
    network.at_step(25, 100)
    assert network.decoder.ratio == pytest.approx(0.75)
    network.at_step(500, 100)
    assert network.decoder.ratio == 0.0


@pytest.mark.parametrize("feeding", ["none", "input", "context"])
def test_with_the_teacher_silent_each_step_reads_what_the_model_wrote(feeding):
    network = build(attention="general", feeding=feeding, schedule="linear", forcing_start=0.0, forcing_end=0.0).train()
    source, targets = batch()
    table = torch.randn(9, E, dtype=torch.float64)
    words = torch.randn(H, 9, dtype=torch.float64)

    def feedback(output):
        return table[(output @ words).argmax(-1)]

    found = network(PairInputs(source, targets, TARGETS, feedback), SOURCES)
    memory = network.read(source, SOURCES)
    state, y = network.decoder.start(memory), targets[:, 0]
    for t in range(targets.shape[1]):
        output, state, _ = network.decoder.step(y, state, memory)
        y = feedback(output)
        for row in (t < TARGETS).nonzero()[:, 0].tolist():
            torch.testing.assert_close(found.states[row, t], output[row])
    network.eval()
    forced = network(PairInputs(source, targets, TARGETS, feedback), SOURCES)
    assert not torch.allclose(forced.states[1, 1], found.states[1, 1]), "evaluation is teacher forced"


def test_no_gradient_passes_the_choice_of_a_symbol_and_chance_is_seeded():
    network = build(cell="gru", attention="none", forcing_start=0.5).train()
    source, targets = batch()
    seen = []

    def feedback(output):
        assert not output.requires_grad, "what the model wrote is not differentiated through"
        seen.append(len(output))
        return torch.tanh(output[:, :E])

    def states(seed):
        torch.manual_seed(seed)
        return network(PairInputs(source, targets, TARGETS, feedback), SOURCES).states

    first, again, other = states(1), states(1), states(2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert seen
    network.decoder.ratio = 1.0
    seen.clear()
    states(1)
    assert not seen, "with the teacher always speaking nobody asks the model"


# --- trace


@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("feeding", ["none", "input"])
def test_a_trace_shows_both_halves_as_the_forward_pass_had_them(cell, feeding):
    network = build(cell=cell, layers=2, feeding=feeding)
    source, targets = batch()
    reads, writes = int(SOURCES[0]), int(TARGETS[0])
    pair = PairInputs(source[:1, :reads], targets[:1, :writes], TARGETS[:1])
    layers = network.trace(pair, reads)
    written = [layer for layer in layers if layer.over == "outputs"]
    assert [layer.name for layer in written] == ["decoder 1", "decoder 2"]
    assert {layer.over for layer in layers if layer not in written} == {"steps"}
    memory = network.read(pair.source, SOURCES[:1])
    state = network.decoder.start(memory)
    for t in range(writes):
        _, state, _ = network.decoder.step(targets[:1, t], state, memory)
        for layer, carried in zip(written, state["layers"], strict=True):
            hidden = carried[0] if isinstance(carried, tuple) else carried
            np.testing.assert_allclose(layer.states[t], hidden[0].detach(), atol=1e-6)
            if layer.cell is not None:
                np.testing.assert_allclose(layer.cell[t], carried[1][0].detach(), atol=1e-6)
    first = written[0]
    assert set(first.gates) == set(CELLS[cell].gates), "every gate of the cell is shown"
    for values in first.gates.values():
        assert values.shape == first.states.shape
    if cell in ("lstm", "mogrifier"):
        kept = first.gates["forget"][1:] * first.cell[:-1] + first.gates["input"][1:] * first.gates["candidate"][1:]
        np.testing.assert_allclose(kept, first.cell[1:], atol=1e-6)
        np.testing.assert_allclose(first.gates["output"] * np.tanh(first.cell), first.states, atol=1e-6)
    if cell == "gru":
        update, candidate = first.gates["update"][1:], first.gates["candidate"][1:]
        np.testing.assert_allclose(
            (1 - update) * candidate + update * first.states[:-1], first.states[1:], atol=1e-6
        )
    assert isinstance(network, EncoderDecoder)
    assert [layer.over for layer in network.trace(PairInputs(source[:1]), reads)] == ["steps"] * 4
