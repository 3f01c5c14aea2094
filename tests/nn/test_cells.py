"""Every cell of the register: against plain NumPy, in gradients of both orders, in batches, in chunks and in traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from workbench.nn.masks import sequence_mask
from workbench.nn.recurrent import RecurrentEncoder, scan, scan_backward
from workbench.nn.recurrent.cells import CELLS, make_layer
from workbench.nn.recurrent.gru_before import GruBeforeLayer
from workbench.nn.recurrent.layers import RecurrentLayer
from workbench.nn.recurrent.lstm import LstmLayer
from workbench.nn.recurrent.lstm_options import LstmOptionsLayer
from workbench.nn.recurrent.scan_layer import ScanLayer

Values = NDArray[np.float64]
D, H, P = 4, 5, 3
LENGTHS = torch.tensor([6, 1, 4, 7])
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn": ("rnn", {}),
    "rnn-relu": ("rnn", {"nonlinearity": "relu"}),
    "lstm": ("lstm", {}),
    "lstm-peepholes": ("lstm", {"peepholes": True}),
    "lstm-projection": ("lstm", {"projection": P}),
    "lstm-both": ("lstm", {"peepholes": True, "projection": P}),
    "gru-after": ("gru", {}),
    "gru-before": ("gru", {"reset": "before"}),
    "mogrifier": ("mogrifier", {}),
    "mogrifier-2": ("mogrifier", {"rounds": 2}),
    "mogrifier-0": ("mogrifier", {"rounds": 0}),
    "mogrifier-low-rank": ("mogrifier", {"rounds": 3, "rank": 2}),
    "min_gru": ("min_gru", {}),
    "min_gru-positive": ("min_gru", {"candidate": "positive"}),
    "min_lstm": ("min_lstm", {}),
    "ind_rnn": ("ind_rnn", {}),
    "ind_rnn-tanh": ("ind_rnn", {"nonlinearity": "tanh"}),
}
each = pytest.mark.parametrize("variant", VARIANTS)


def _layer(variant: str, seed: int = 0) -> RecurrentLayer:
    """In float64, no parameter at the zero it may start from."""
    cell, options = VARIANTS[variant]
    torch.manual_seed(seed)
    layer = make_layer(cell, D, H, **options).double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
            if name == "recurrent":
                parameter.clamp_(-0.95, 0.95)  # at the bound itself there is no derivative
    return layer


def _x(rows: int = 4, steps: int = 7) -> Tensor:
    return torch.randn(rows, steps, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _tensors(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


# --- plain NumPy, written from the papers' equations alone


def _sigma(v: Values) -> Values:
    return 1 / (1 + np.exp(-v))


def _lstm(pre: Values, c: Values, p: Values) -> tuple[Values, Values]:
    a, f, g, o = np.split(pre, 4)
    c_new = _sigma(f + p[1] * c) * c + _sigma(a + p[0] * c) * np.tanh(g)
    return _sigma(o + p[2] * c_new) * np.tanh(c_new), c_new


def _round(w: Mapping[str, Values], name: str) -> Values:
    whole = w[f"mogrify.{name}"]
    return whole @ w.get(f"mogrify.{name}_inner", np.eye(whole.shape[1]))


def _numpy(variant: str, w: Mapping[str, Values], x: Values) -> Values:
    """States (T, O) of one sequence (T, D)."""
    cell, options = VARIANTS[variant]
    h, c, found = np.zeros(P if options.get("projection") else H), np.zeros(H), []
    for v in x:
        if cell == "rnn":
            total = (
                w["core.weight_ih_l0"] @ v + w["core.bias_ih_l0"] + w["core.weight_hh_l0"] @ h + w["core.bias_hh_l0"]
            )
            h = np.maximum(total, 0) if options else np.tanh(total)
        elif cell == "ind_rnn":
            total = w["weight_ih"] @ v + w["bias"] + w["recurrent"] * h
            h = np.tanh(total) if options else np.maximum(total, 0)
        elif cell == "lstm" and not options:
            pre = w["core.weight_ih_l0"] @ v + w["core.bias_ih_l0"] + w["core.weight_hh_l0"] @ h + w["core.bias_hh_l0"]
            h, c = _lstm(pre, c, np.zeros((3, H)))
        elif cell == "lstm":
            h, c = _lstm(w["weight_ih"] @ v + w["bias"] + w["weight_hh"] @ h, c, w.get("peepholes", np.zeros((3, H))))
            h = w["weight_hr"] @ h if "weight_hr" in w else h
        elif cell == "gru" and not options:
            xr, xz, xn = np.split(w["core.weight_ih_l0"] @ v + w["core.bias_ih_l0"], 3)
            hr, hz, hn = np.split(w["core.weight_hh_l0"] @ h + w["core.bias_hh_l0"], 3)
            z = _sigma(xz + hz)
            h = (1 - z) * np.tanh(xn + _sigma(xr + hr) * hn) + z * h
        elif cell == "gru":
            xr, xz, xn = np.split(w["weight_ih"] @ v + w["bias"], 3)
            ur, uz, un = np.split(w["weight_hh"], 3)
            z = _sigma(xz + uz @ h)
            h = (1 - z) * np.tanh(xn + un @ (_sigma(xr + ur @ h) * h)) + z * h
        elif cell == "mogrifier":
            u = v
            for number in range(1, options.get("rounds", 5) + 1):
                if number % 2:
                    u = 2 * _sigma(_round(w, f"Q{number}") @ h) * u
                else:
                    h = 2 * _sigma(_round(w, f"R{number}") @ u) * h
            h, c = _lstm(w["weight_ih"] @ u + w["weight_hh"] @ h + w["bias"], c, np.zeros((3, H)))
        elif cell == "min_gru":
            z, n = np.split(w["weight_ih"] @ v + w["bias"], 2)
            n = np.where(n >= 0, n + 0.5, _sigma(n)) if options else n
            h = (1 - _sigma(z)) * h + _sigma(z) * n
        else:
            f, i, n = np.split(w["weight_ih"] @ v + w["bias"], 3)
            f, i = _sigma(f), _sigma(i)
            h = f / (f + i) * h + i / (f + i) * n
        found.append(h)
    return np.stack(found)


@each
def test_states_are_those_of_plain_numpy(variant: str) -> None:
    layer, x = _layer(variant), _x()
    weights = {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}
    states, _ = layer(x, torch.full((4,), 7))
    for row in range(4):
        expected = _numpy(variant, weights, x[row].numpy())
        np.testing.assert_allclose(states[row].detach().numpy(), expected, atol=1e-10)
    assert states.shape == (4, 7, layer.output_size)


# --- gradients


def _function(layer: RecurrentLayer, state: Any) -> tuple[Callable[..., tuple[Tensor, ...]], tuple[Tensor, ...]]:
    names = [name for name, _ in layer.named_parameters()]
    many = isinstance(state, tuple)
    count = len(_tensors(state))

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        before = rest[:count] if many else rest[0]
        weights = dict(zip(names, rest[count:], strict=True))
        states, after = functional_call(layer, weights, (x, torch.full((len(x),), x.shape[1]), before))
        return (states, *_tensors(after))

    parts = (*_tensors(state), *(parameter.detach() for parameter in layer.parameters()))
    return run, tuple(part.clone().requires_grad_() for part in parts)


@each
def test_gradients_by_finite_differences_and_gradients_of_gradients(variant: str) -> None:
    layer, x = _layer(variant), _x(2, 3).requires_grad_()
    state = layer.zero_state(x)
    state = tuple(torch.randn_like(s) for s in state) if isinstance(state, tuple) else torch.randn_like(state)
    run, rest = _function(layer, state)
    assert torch.autograd.gradcheck(run, (x, *rest))
    # the second order along random directions: the full Jacobian of a gradient has very many entries
    assert torch.autograd.gradgradcheck(run, (x, *rest), fast_mode=True)


@pytest.mark.parametrize("variant", ["lstm-both", "gru-before", "mogrifier", "ind_rnn"])
def test_gradients_do_not_depend_on_the_block(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = _layer(variant), _x()
    found = []
    for block in (1, 2 * 4 * 2 * H, 1 << 18):  # one step; some steps, the last block shorter; all
        monkeypatch.setattr(scan_backward, "BLOCK", block)
        states, _ = layer(x, torch.full((4,), 7))
        found.append(torch.autograd.grad(states.square().sum(), list(layer.parameters())))
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("variant", [name for name, (cell, _) in VARIANTS.items() if cell != "rnn"])
def test_gradients_equal_those_of_the_plain_loop(variant: str) -> None:
    layer, x = _layer(variant), _x()
    weights = torch.randn(4, 7, layer.output_size, dtype=torch.float64)
    whole = torch.autograd.grad((layer(x, torch.full((4,), 7))[0] * weights).sum(), list(layer.parameters()))
    state, states = layer.zero_state(x), []
    for step in x.unbind(1):
        h, state = layer.step(step, state)
        states.append(h)
    loop = torch.autograd.grad((torch.stack(states, 1) * weights).sum(), list(layer.parameters()))
    for ours, theirs in zip(whole, loop, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


# --- batches, chunks, traces


@each
@pytest.mark.parametrize("both", [False, True], ids=["forward", "both"])
def test_a_batch_equals_its_rows_one_by_one_whatever_stands_in_the_padding(variant: str, both: bool) -> None:
    cell, options = VARIANTS[variant]
    torch.manual_seed(0)
    encoder = RecurrentEncoder(cell, D, H, layers=2, bidirectional=both, **options).double().eval()  # type: ignore[arg-type]
    x = _x()
    x[~sequence_mask(LENGTHS, 7)] = 1e3
    together = encoder(x, LENGTHS)
    assert together.states.shape == (4, 7, encoder.output_size)
    for row, n in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :n], LENGTHS[row : row + 1])
        torch.testing.assert_close(together.states[row, :n], alone.states[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(together.final[row], alone.final[0], atol=1e-6, rtol=0)
        assert together.states[row, n:].abs().sum() == 0


@each
def test_chunks_and_single_steps_with_carried_state_equal_the_whole(variant: str) -> None:
    layer, x = _layer(variant), _x()
    whole, _ = layer(x, torch.full((4,), 7))
    state, chunks = layer.zero_state(x), []
    for chunk in x.split(3, dim=1):
        states, state = layer(chunk, torch.full((4,), chunk.shape[1]), state)
        chunks.append(states)
    torch.testing.assert_close(torch.cat(chunks, 1), whole, atol=1e-12, rtol=0)
    state, steps = layer.zero_state(x), []
    for step in x.unbind(1):
        h, state = layer.step(step, state)
        steps.append(h)
    torch.testing.assert_close(torch.stack(steps, 1), whole, atol=1e-10, rtol=0)


@each
def test_the_carried_state_is_that_of_each_rows_own_last_step(variant: str) -> None:
    layer, x = _layer(variant), _x()
    _, after = layer(x, LENGTHS, layer.zero_state(x))
    for row, n in enumerate(LENGTHS.tolist()):
        _, alone = layer(x[row : row + 1, :n], LENGTHS[row : row + 1], layer.zero_state(x[row : row + 1]))
        for ours, theirs in zip(_tensors(after), _tensors(alone), strict=True):
            torch.testing.assert_close(ours[row : row + 1], theirs, atol=1e-12, rtol=0)


@each
def test_the_trace_has_the_states_and_every_gate(variant: str) -> None:
    layer, x = _layer(variant).float(), _x(1).float()
    states, after = layer(x, torch.tensor([7]))
    found = layer.trace(x[0].numpy())
    np.testing.assert_allclose(found["states"], states[0].detach().numpy(), atol=1e-5)
    assert set(found) == {"states", *layer.gates} | ({"cell"} if isinstance(after, tuple) else set())
    for name in layer.gates:
        assert found[name].shape == (7, H)
        if name != "candidate":
            assert (found[name] > 0).all()
            assert (found[name] < 1).all()
    if "cell" in found:
        np.testing.assert_allclose(found["cell"][-1], after[1][0].detach().numpy(), atol=1e-5)


@each
def test_what_is_named_recurrent_weights_can_be_replaced_for_a_call(variant: str) -> None:
    layer, x = _layer(variant), _x()
    full = torch.full((4,), 7)
    for name in layer.recurrent_weights:
        without = {name: torch.zeros_like(layer.get_parameter(name))}
        states, _ = functional_call(layer, without, (x, full))
        assert not torch.allclose(states, layer(x, full)[0])
    assert bool(layer.recurrent_weights) == (VARIANTS[variant][0] not in ("min_gru", "min_lstm"))


# --- the register, options and starts


def test_the_register_names_what_each_layer_shows() -> None:
    for name, entry in CELLS.items():
        layer = make_layer(name, D, H)
        assert layer.gates == entry.gates
        assert layer.hidden_size == layer.output_size == H
        assert len(entry.title) > 2


def test_options_of_other_families_are_ignored_and_unknown_ones_refused() -> None:
    assert isinstance(make_layer("gru", D, H, forget_bias=1.0, rounds=3), RecurrentLayer)
    with pytest.raises(TypeError, match="wings"):
        make_layer("gru", D, H, wings=2)
    with pytest.raises(ValueError, match="no cell named 'elman'"):
        make_layer("elman", D, H)


def test_the_lstm_leaves_the_fused_kernel_only_for_what_it_does_not_have() -> None:
    assert isinstance(make_layer("lstm", D, H), LstmLayer)
    assert isinstance(make_layer("lstm", D, H, chrono=100), LstmLayer)
    assert isinstance(make_layer("lstm", D, H, peepholes=True), LstmOptionsLayer)
    assert isinstance(make_layer("gru", D, H, reset="before"), GruBeforeLayer)
    projected = make_layer("lstm", D, H, projection=P)
    assert (projected.hidden_size, projected.output_size) == (H, P)
    with pytest.raises(ValueError, match="projection"):
        make_layer("lstm", D, H, projection=H)


@pytest.mark.parametrize("options", [{}, {"peepholes": True}], ids=["fused", "scan"])
def test_chrono_spreads_the_forget_gates_over_the_wanted_memory(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = make_layer("lstm", D, 400, chrono=1000, **options)
    bias = layer.weights[2] + layer.weights[3] if isinstance(layer, LstmLayer) else layer.get_parameter("bias")
    admit, keep = bias.detach()[:400], bias.detach()[400:800]
    torch.testing.assert_close(admit, -keep)
    spans = keep.exp()
    assert 0.99 <= float(spans.min()) < 50
    assert 900 < float(spans.max()) <= 1000
    assert bias.detach()[800:].abs().sum() == 0


def test_a_new_mogrifier_without_weights_in_its_rounds_is_an_lstm() -> None:
    layer = _layer("mogrifier")
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.startswith("mogrify"):
                parameter.zero_()
    plain = torch.nn.LSTM(D, H, batch_first=True).double()
    with torch.no_grad():
        plain.weight_ih_l0.copy_(layer.get_parameter("weight_ih"))
        plain.weight_hh_l0.copy_(layer.get_parameter("weight_hh"))
        plain.bias_ih_l0.copy_(layer.get_parameter("bias"))
        plain.bias_hh_l0.zero_()
    torch.testing.assert_close(layer(_x(), torch.full((4,), 7))[0], plain(_x())[0], atol=1e-12, rtol=0)


def test_an_independent_unit_never_multiplies_its_memory_by_more_than_the_bound() -> None:
    layer = make_layer("ind_rnn", D, H, recurrent_bound=0.9)
    assert float(layer.get_parameter("recurrent").detach().abs().max()) <= 0.9
    with torch.no_grad():
        layer.get_parameter("recurrent").fill_(5.0)
        layer.get_parameter("bias").zero_()
    states, _ = layer(torch.zeros(1, 3, D), torch.tensor([3]), torch.ones(1, H))
    torch.testing.assert_close(states[0, -1], torch.full((H,), 0.9**3))


def test_a_new_cell_is_a_description_of_its_step() -> None:
    """What a plugin author writes: here a leaky unit, h' = h + ρ ∘ (tanh(x + U h) − h)."""

    def leak(note: scan.Note, total: Tensor, hidden: Tensor, rate: Tensor) -> tuple[Tensor, ...]:
        return (torch.lerp(hidden, note("candidate", total.tanh()), rate),)

    class LeakyLayer(ScanLayer):
        gates = ("candidate",)
        program = scan.Program(
            (scan.Stage(leak, ("h'",), (("h", "U"),), add="x", reads=("h",), vectors=("rate",)),), vectors=("rate",)
        )

        def __init__(self) -> None:
            super().__init__(H)
            self.input = torch.nn.Linear(D, H)
            self.recurrent = torch.nn.Parameter(torch.randn(H, H) * 0.4)
            self.rate = torch.nn.Parameter(torch.rand(H))

        def flat_inputs(self, x: Tensor) -> Mapping[str, Tensor]:
            return {"x": self.input(x)}

        def tensors(self) -> Mapping[str, Tensor]:
            return {"U": self.recurrent, "rate": self.rate}

    layer = LeakyLayer().double()
    x = _x(2, 4).requires_grad_()
    run, rest = _function(layer, torch.randn(2, H, dtype=torch.float64))
    assert torch.autograd.gradcheck(run, (x, *rest))
    assert torch.autograd.gradgradcheck(run, (x, *rest), fast_mode=True)
    assert layer.trace(x[0].detach().numpy())["candidate"].shape == (4, H)
