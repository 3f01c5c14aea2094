"""The recurrence without a product: in parallel as in steps, and differentiable as often as wanted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from workbench.nn.recurrent import linear_scan
from workbench.nn.recurrent.cells import make_layer
from workbench.nn.recurrent.linear_scan import in_parallel, in_steps, linear_recurrence


def _parts(steps: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(steps)
    a = torch.rand(steps, 3, 4, dtype=dtype, generator=generator)
    b = torch.randn(steps, 3, 4, dtype=dtype, generator=generator)
    return a, b, torch.randn(3, 4, dtype=dtype, generator=generator)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8, 9, 100])
def test_prefixes_by_doubling_equal_one_step_after_the_other(steps: int) -> None:
    a, b, hidden = _parts(steps)
    expected = in_steps(a, b, hidden)
    torch.testing.assert_close(in_parallel(a, b, hidden), expected, atol=1e-12, rtol=0)
    for t in range(steps):
        hidden = a[t] * hidden + b[t]
        torch.testing.assert_close(expected[t], hidden, atol=1e-12, rtol=0)


def test_doubling_stays_right_over_thousands_of_steps_in_float32() -> None:
    a, b, hidden = _parts(5000, torch.float32)
    a = a * 0.2 + 0.8
    expected = in_steps(a.double(), b.double(), hidden.double())
    torch.testing.assert_close(in_parallel(a, b, hidden).double(), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("way", [in_steps, in_parallel])
def test_gradients_of_first_and_second_order(way: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_scan, "_run", way)
    parts = tuple(part.requires_grad_() for part in _parts(5))
    assert torch.autograd.gradcheck(linear_recurrence, parts)
    assert torch.autograd.gradgradcheck(linear_recurrence, parts)


@pytest.mark.parametrize("cell", ["min_gru", "min_lstm"])
@pytest.mark.parametrize("candidate", ["linear", "positive"])
def test_a_minimal_layer_in_parallel_equals_its_own_steps(
    cell: str, candidate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_scan, "_run", in_parallel)
    torch.manual_seed(0)
    layer = make_layer(cell, 3, 4, candidate=candidate)
    x = torch.randn(2, 50, 3)
    states, _ = layer(x, torch.tensor([50, 50]))
    state = layer.zero_state(x)
    for t in range(50):
        h, state = layer.step(x[:, t], state)
        torch.testing.assert_close(states[:, t], h, atol=1e-6, rtol=0)
    if candidate == "positive":
        assert (states > 0).all()


def test_gates_that_are_nearly_shut_still_share() -> None:
    layer = make_layer("min_lstm", 1, 2)
    with torch.no_grad():
        layer.get_parameter("weight_ih").zero_()
        layer.get_parameter("bias").copy_(torch.tensor([-200.0, -201.0, -200.0, -200.0, 1.0, 1.0]))
    found = layer.trace(torch.zeros(2, 1).numpy())
    assert found["forget"][0].tolist() == pytest.approx([0.5, 1 / (1 + 2.718281828)], abs=1e-5)
