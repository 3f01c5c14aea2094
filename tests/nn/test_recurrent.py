"""Recurrent encoders: the same answer step by step, one by one, in chunks, and whatever stands in the padding."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from workbench.nn.contract import Encoded
from workbench.nn.initialisation import forget_block
from workbench.nn.masks import sequence_mask
from workbench.nn.recurrent import (
    CellKind,
    GruLayer,
    LstmLayer,
    RecurrentEncoder,
    RnnLayer,
    hidden_gradient_norms,
    scans,
)
from workbench.nn.recurrent.scans import gru_scan, plain_gru, plain_rnn, rnn_scan

CELLS: tuple[CellKind, ...] = ("rnn", "lstm", "gru")
LENGTHS = torch.tensor([7, 1, 4, 9])
VARIANTS = [
    pytest.param(cell, layers, both, merge, id=f"{cell}-{layers}-{'both-' + merge if both else 'forward'}")
    for cell, layers, (both, merge) in itertools.product(
        CELLS, (1, 2), ((False, "concatenate"), (True, "concatenate"), (True, "sum"))
    )
]


def _encoder(cell: CellKind, layers: int = 1, both: bool = False, merge: Any = "concatenate") -> RecurrentEncoder:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(cell, 5, 6, layers=layers, bidirectional=both, merge=merge)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "bias" in name:  # not all zero, or a mistake with biases would not show
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return encoder


def _x() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(4, 9, 5)


@pytest.mark.parametrize(("cell", "layers", "both", "merge"), VARIANTS)
def test_a_batch_equals_its_rows_one_by_one_whatever_stands_in_the_padding(
    cell: CellKind, layers: int, both: bool, merge: str
) -> None:
    encoder, x = _encoder(cell, layers, both, merge), _x()
    x[~sequence_mask(LENGTHS, 9)] = 1e3
    together = encoder(x, LENGTHS)
    assert together.states.shape == (4, 9, encoder.output_size)
    assert together.final.shape == (4, encoder.output_size)
    for row, n in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :n], LENGTHS[row : row + 1])
        torch.testing.assert_close(together.states[row, :n], alone.states[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(together.final[row], alone.final[0], atol=1e-6, rtol=0)
        assert together.states[row, n:].abs().sum() == 0


@pytest.mark.parametrize(("cell", "layers", "both", "merge"), VARIANTS)
def test_the_trace_equals_the_forward_states(cell: CellKind, layers: int, both: bool, merge: str) -> None:
    encoder, x = _encoder(cell, layers, both, merge).train(), _x()
    encoded = encoder.eval()(x, LENGTHS)
    for row, n in enumerate(LENGTHS.tolist()):
        traces = encoder.trace(x[row : row + 1], n)
        assert [trace.name for trace in traces] == [
            f"layer {i + 1}" for i in range(layers) for _ in range(2 if both else 1)
        ]
        last = [torch.from_numpy(trace.states) for trace in traces[-2 if both else -1 :]]
        states = last[0] if len(last) == 1 else torch.cat(last, 1) if merge == "concatenate" else last[0] + last[1]
        torch.testing.assert_close(encoded.states[row, :n].detach(), states, atol=1e-5, rtol=0)
        for trace in traces:
            gates = {"rnn": 0, "lstm": 4, "gru": 3}[cell]
            assert len(trace.gates) == gates
            assert (trace.cell is not None) == (cell == "lstm")
            assert all(values.shape == (n, 6) for values in trace.gates.values())


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_equal_torchs_packed_module(cell: CellKind) -> None:
    encoder, x = _encoder(cell, 1, True), _x()
    module = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](5, 6, batch_first=True, bidirectional=True)
    for direction, ending in ((encoder.forwards, ""), (encoder.backwards, "_reverse")):
        for name, parameter in direction[0].core.named_parameters():  # type: ignore[union-attr]
            getattr(module, name + ending).data.copy_(parameter)
    packed = nn.utils.rnn.pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(module(packed)[0], batch_first=True)
    encoded = encoder(x, LENGTHS)
    torch.testing.assert_close(encoded.states, expected, atol=1e-6, rtol=0)
    rows = torch.arange(4)
    final = torch.cat((expected[rows, LENGTHS - 1, :6], expected[:, 0, 6:]), 1)
    torch.testing.assert_close(encoded.final, final, atol=1e-6, rtol=0)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_chunks_with_carried_state_and_single_steps_equal_the_whole(cell: CellKind, layers: int) -> None:
    encoder, x = _encoder(cell, layers), _x()
    full = torch.full((4,), 9)
    whole = encoder(x, full)
    chunks, state = [], None
    for chunk in x.split(4, dim=1):
        encoded = encoder(chunk, torch.full((4,), chunk.shape[1]), state)
        chunks.append(encoded.states)
        state = encoded.state
    torch.testing.assert_close(torch.cat(chunks, 1), whole.states, atol=1e-6, rtol=0)
    stepped, state = [], None
    for t in range(9):
        output, state = encoder.step(x[:, t], state)
        stepped.append(output)
    torch.testing.assert_close(torch.stack(stepped, 1), whole.states, atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_a_carried_state_is_that_of_each_rows_own_last_step(cell: CellKind) -> None:
    encoder, x = _encoder(cell, 2), _x()
    padded = encoder(x, LENGTHS, encoder.zero_state(x)).state
    torch.testing.assert_close(encoder(x, LENGTHS, encoder.zero_state(x)).states, encoder(x, LENGTHS).states)
    for row, n in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :n], LENGTHS[row : row + 1]).state
        for ours, theirs in zip(nn.utils.parameters_to_vector(_flat(padded, row)), _vector(alone), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def _flat(state: Any, row: int) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state[row : row + 1]]
    return [tensor for part in state for tensor in _flat(part, row)]


def _vector(state: Any) -> Tensor:
    return nn.utils.parameters_to_vector(_flat(state, 0))


def test_a_bidirectional_encoder_neither_steps_nor_carries() -> None:
    encoder, x = _encoder("gru", 1, True), _x()
    with pytest.raises(TypeError):
        encoder.step(x[:, 0], None)
    with pytest.raises(TypeError):
        encoder(x, LENGTHS, encoder.zero_state(x))
    assert encoder(x, LENGTHS).state is None


def _scan_inputs(gates: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    shapes = ((5, 3, gates * 4), (3, 4), (gates * 4, 4), (4,))
    parts = [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]
    return parts[0], parts[1], parts[2], parts[3]


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_rnn_gradients_of_first_and_second_order(nonlinearity: Any) -> None:
    pre, initial, weight, _ = _scan_inputs(1)
    scan = lambda *parts: rnn_scan(*parts, nonlinearity)  # noqa: E731
    torch.testing.assert_close(scan(pre, initial, weight), plain_rnn(pre, initial, weight, nonlinearity))
    assert torch.autograd.gradcheck(scan, (pre, initial, weight))
    assert torch.autograd.gradgradcheck(scan, (pre, initial, weight))
    assert torch.autograd.gradcheck(scan, (pre, initial.detach(), weight))


def test_gru_gradients_of_first_and_second_order() -> None:
    parts = _scan_inputs(3)
    torch.testing.assert_close(gru_scan(*parts), plain_gru(*parts))
    assert torch.autograd.gradcheck(gru_scan, parts)
    assert torch.autograd.gradgradcheck(gru_scan, parts)
    assert torch.autograd.gradgradcheck(gru_scan, (parts[0], parts[1].detach(), *parts[2:]))


def test_gru_gradients_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, results = _scan_inputs(3), []
    for block in (1, 2 * 3 * 4, 1 << 16):  # one step, two steps (the last block shorter), all
        monkeypatch.setattr(scans, "BLOCK", block)
        results.append(torch.autograd.grad(gru_scan(*parts).square().sum(), parts))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("cell", CELLS)
def test_parameter_gradients_equal_torchs_module(cell: CellKind) -> None:
    encoder, x = _encoder(cell), _x()
    layer = encoder.forwards[0]
    module = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](5, 6, batch_first=True)
    module.load_state_dict(layer.core.state_dict())  # type: ignore[union-attr, arg-type]
    weights = torch.randn(4, 9, 6)
    (encoder(x, torch.full((4,), 9)).states * weights).sum().backward()
    (module(x)[0] * weights).sum().backward()
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(layer.core.get_parameter(name).grad, parameter.grad, atol=1e-5, rtol=1e-5)  # type: ignore[union-attr, operator]


def test_an_identity_relu_network_remembers_at_first() -> None:
    layer = RnnLayer(3, 8, "relu", "identity")
    state = torch.rand(2, 8)
    states, after = layer(torch.zeros(2, 50, 3), torch.tensor([50, 50]), state)
    torch.testing.assert_close(after, state)
    torch.testing.assert_close(states[:, 0], state)


@pytest.mark.parametrize("layer", [RnnLayer(5, 6), GruLayer(5, 6), LstmLayer(5, 6)], ids=CELLS)
def test_each_gate_starts_orthogonal_and_only_the_forget_gate_open(layer: Any) -> None:
    _, recurrent, bias_ih, bias_hh = layer.weights
    for block in recurrent.split(6):
        torch.testing.assert_close(block @ block.T, torch.eye(6), atol=1e-5, rtol=0)
    bias = bias_ih + bias_hh
    if isinstance(layer, LstmLayer):
        assert torch.equal(forget_block(bias), torch.ones(6))
        bias = torch.cat((bias[:6], bias[12:]))
    assert bias.abs().sum() == 0


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_hidden_gradients_are_total_derivatives(cell: CellKind, both: bool) -> None:
    encoder, x = _encoder(cell, 2, both), _x()

    def loss(encoded: Encoded) -> Tensor:
        return encoded.final.square().sum()

    norms = hidden_gradient_norms(encoder, x, LENGTHS, loss)
    assert norms.shape == (4, 9)
    assert (norms[sequence_mask(LENGTHS, 9).numpy()] > 0).all()  # early states count through later ones
    assert (norms[~sequence_mask(LENGTHS, 9).numpy()] == 0).all()
    recorded = encoder.forward_recorded(x, LENGTHS)[0]
    torch.testing.assert_close(recorded.states, encoder(x, LENGTHS).states, atol=1e-6, rtol=0)
    if not both and cell != "lstm":  # by hand: h at the last step has the gradient of the loss itself
        final = encoder(x, LENGTHS).final
        expected = (2 * final).norm(dim=1)
        got = torch.from_numpy(norms)[torch.arange(4), LENGTHS - 1]
        torch.testing.assert_close(got, expected.detach(), atol=1e-5, rtol=1e-5)


def test_dropout_is_for_training_only_and_locked_over_time() -> None:
    torch.manual_seed(3)
    encoder = RecurrentEncoder("lstm", 5, 40, layers=2, dropout=0.5, output_dropout=0.5, locked=True)
    full, x = torch.full((4,), 9), _x()
    dropped = encoder(x, full).states == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert 0.3 < dropped.float().mean() < 0.7
    encoder.eval()
    assert torch.equal(encoder(x, full).states, encoder(x, full).states)
