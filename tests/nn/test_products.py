"""Products by oneDNN are torch's own within rounding, with the same gradients, and go that way only where they may."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from workbench.nn import products
from workbench.nn.products import Repeated, add_outer, linear, product
from workbench.nn.recurrent.cells import make_layer

ROUNDING = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture
def by_onednn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """oneDNN for products of every size, whatever the processor; the list fills with what it was asked for."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch comes without oneDNN")
    asked: list[str] = []
    real = products._by_onednn

    def noted(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        asked.append("with bias" if bias is not None else "plain")
        return real(rows, weight, bias)

    monkeypatch.setattr(products, "_by_onednn", noted)
    monkeypatch.setattr(products, "available", lambda: True)
    for limit in ("PIECE", "STEP", "ROWS"):
        monkeypatch.setattr(products, limit, 1)
    monkeypatch.setattr(products, "UNITS", (4, 2))
    monkeypatch.setattr(products, "LARGEST", 4)
    monkeypatch.setattr(products, "ROUND", 2)
    return asked


@pytest.mark.parametrize("shape", [(7, 5), (4, 5), (3, 4, 5), (2, 1, 3, 5)])
@pytest.mark.parametrize("biased", [True, False])
def test_linear_has_torchs_values_and_gradients_of_both_orders(
    shape: tuple[int, ...], biased: bool, by_onednn: list[str]
) -> None:
    torch.manual_seed(0)
    parts = [torch.randn(shape), torch.randn(6, 5), *([torch.randn(6)] if biased else [])]

    def answer(function: Any) -> list[Tensor]:
        leaves = [part.clone().requires_grad_() for part in parts]
        found = function(*leaves)
        first = torch.autograd.grad(found.sin().sum(), leaves, retain_graph=True)
        again = torch.autograd.grad(found.sin().sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in again), leaves)  # type: ignore[arg-type]
        return [found, *first, *again, *second]

    for ours, theirs in zip(answer(linear), answer(functional.linear), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6 * max(10.0, float(theirs.detach().abs().max())), rtol=1e-5)
    assert by_onednn


def test_only_the_gradients_that_are_wanted_are_made(by_onednn: list[str]) -> None:
    x, weight = torch.randn(4, 5), torch.randn(6, 5, requires_grad=True)
    linear(x, weight).sum().backward()
    assert x.grad is None
    assert weight.grad is not None
    assert len(by_onednn) == 2, "forwards, and for the weights"


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("rows", [1, 4, 11])
def test_products_in_pieces_are_torchs(rows: int, turned: bool, by_onednn: list[str]) -> None:
    left, right, matrix = torch.randn(rows, 6), torch.randn(rows, 5), torch.randn(6, 7)
    if turned:
        left, right, matrix = torch.randn(6, rows).t(), torch.randn(5, rows).t(), torch.randn(7, 6).t()
    torch.testing.assert_close(product(left, matrix), left @ matrix, **ROUNDING)
    bias, total = torch.randn(7), torch.randn(6, 5)
    torch.testing.assert_close(product(left, matrix, bias), left @ matrix + bias, **ROUNDING)
    torch.testing.assert_close(add_outer(total.clone(), left, right), total + left.t() @ right, **ROUNDING)
    assert len(by_onednn) == 3 * {1: 0, 4: 1, 11: 3}[rows]


def test_a_gradient_that_is_one_number_spread_out(by_onednn: list[str]) -> None:
    x, weight = torch.randn(8, 5, requires_grad=True), torch.randn(6, 5, requires_grad=True)
    ours = torch.autograd.grad(linear(x, weight).sum(), (x, weight))
    for found, wanted in zip(ours, torch.autograd.grad((x @ weight.t()).sum(), (x, weight)), strict=True):
        torch.testing.assert_close(found, wanted, **ROUNDING)
    assert by_onednn


def test_shapes_are_few_whatever_the_number_of_rows(by_onednn: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: set[tuple[int, int, int]] = set()
    real = products._by_onednn

    def noted(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        shapes.add((*rows.shape, len(weight)))
        return real(rows, weight, bias)

    monkeypatch.setattr(products, "_by_onednn", noted)
    layer = make_layer("gru", 5, 6)
    for steps in range(2, 12):
        for batch in range(1, 5):
            lengths = torch.arange(batch).clamp_max(steps - 1).neg() + steps
            layer(torch.randn(batch, steps, 5), lengths)[0].sum().backward()
    # two sizes of pieces, or of filled steps: of x Wᵀ, h Uᵀ, δ U, δᵀ x and δᵀ h (x asks for no gradient)
    assert len(shapes) == 2 * 5, sorted(shapes)


@pytest.mark.parametrize("turned", [False, True])
def test_repeated_products_add_to_what_they_are_given(turned: bool, by_onednn: list[str]) -> None:
    matrix = torch.randn(5, 6).t() if turned else torch.randn(6, 5)
    repeated = Repeated(matrix, (4, 3, 1))
    assert repeated.laid_out is not None
    for count in (4, 3, 1):
        rows, total = torch.randn(count, 5), torch.randn(count, 6)
        expected = total + rows @ matrix.t()
        into = torch.empty(count, 6)
        for given, wanted in ((None, rows @ matrix.t()), (total, expected)):
            assert repeated.into(into, rows, given) is into
            torch.testing.assert_close(into, wanted, **ROUNDING)
        torch.testing.assert_close(repeated.into(into, rows, total, 2), 2 * expected, **ROUNDING)
        repeated.add_to(total, rows)
        torch.testing.assert_close(total, expected, **ROUNDING)


def test_other_types_small_products_and_other_processors_keep_to_torchs_own(
    by_onednn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, weight = torch.randn(4, 5), torch.randn(6, 5)
    linear(x.double(), weight.double())
    assert Repeated(weight.double(), (4, 4)).laid_out is None
    with torch.autocast("cpu", torch.bfloat16):
        assert linear(x, weight).dtype == torch.bfloat16
    monkeypatch.setattr(products, "PIECE", 4 * 5 * 6 + 1)
    monkeypatch.setattr(products, "STEP", 4 * 5 * 6 + 1)
    linear(x, weight)
    assert Repeated(weight, (4, 4)).laid_out is None
    monkeypatch.setattr(products, "PIECE", 1)
    monkeypatch.setattr(products, "STEP", 1)
    monkeypatch.setattr(products, "available", lambda: False)
    linear(x, weight)
    assert Repeated(weight, (4, 4)).laid_out is None
    assert not by_onednn


def test_too_few_rows_do_not_pay_for_laying_a_matrix_out(by_onednn: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "STEP", 3 * 30)
    monkeypatch.setattr(products, "ROWS", 7)
    weight = torch.randn(6, 5)
    assert Repeated(weight, (3, 3, 2, 2)).laid_out is None, "six rows in products that are large"
    repeated = Repeated(weight, (4, 3, 2))
    assert repeated.laid_out is not None
    repeated.add_to(torch.zeros(2, 6), torch.randn(2, 5))
    assert not by_onednn, "a small product is torch's own all the same"


@pytest.mark.parametrize(
    ("cell", "options"),
    [("rnn", {"nonlinearity": "tanh"}), ("rnn", {"nonlinearity": "relu"}), ("gru", {})],
    ids=["tanh", "relu", "gru"],
)
@pytest.mark.parametrize("hidden", [6, 300])  # with 300 units and 4 rows tanh is had by the sigmoid
@pytest.mark.parametrize("lengths", [[9, 9, 9, 9], [7, 1, 4, 9]], ids=["full", "mixed"])
def test_a_layer_has_the_same_states_and_gradients_either_way(
    cell: Any, options: dict[str, Any], hidden: int, lengths: list[int], by_onednn: list[str]
) -> None:
    torch.manual_seed(0)
    layer, given = make_layer(cell, 5, hidden, **options), torch.tensor(lengths)
    x, arriving = torch.randn(4, 9, 5), torch.randn(4, 9, hidden)

    def answer() -> list[Tensor]:
        leaf = x.clone().requires_grad_()
        states, after = layer(leaf, given)
        found = torch.autograd.grad((states * arriving).sum() + after.sum(), [leaf, *layer.parameters()])
        return [states, after, *found]

    quick, layer = answer(), layer.double()
    assert by_onednn
    x, arriving = x.double(), arriving.double()
    for ours, exact in zip(quick, answer(), strict=True):
        torch.testing.assert_close(ours.double(), exact, atol=5e-5, rtol=1e-4)
