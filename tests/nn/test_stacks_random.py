"""Any stack whatever: alone as in a batch, padding never leaks, and gradients reach every weight."""

from __future__ import annotations

from typing import Any, get_args

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.api.recurrent import LayerParams
from workbench.nn.recurrent import DeepEncoder

CELLS = get_args(LayerParams.model_fields["cell"].annotation)
DIRECTIONS = get_args(LayerParams.model_fields["direction"].annotation)

layers = st.lists(
    st.fixed_dictionaries(
        {
            "cell": st.sampled_from(CELLS),
            "hidden_size": st.integers(1, 5),
            "direction": st.sampled_from(DIRECTIONS),
            "dropout": st.sampled_from((0.0, 0.5)),
            "dropout_kind": st.sampled_from(("plain", "locked")),
            "residual": st.booleans(),
            "layer_norm": st.booleans(),
            "subsampling": st.sampled_from((1, 1, 1, 2, 3)),
            "subsampling_kind": st.sampled_from(("concatenate", "every")),
        }
    ),
    min_size=1,
    max_size=4,
)
lengths = st.lists(st.integers(1, 11), min_size=1, max_size=5)


def build(stack: list[dict[str, Any]], projection: int) -> DeepEncoder:
    torch.manual_seed(0)
    return DeepEncoder(3, [LayerParams(**layer) for layer in stack], input_dropout=0.3, projection=projection).double()


@settings(max_examples=60, deadline=None)
@given(stack=layers, lengths=lengths, projection=st.sampled_from((0, 2)))
def test_a_batch_equals_its_rows(stack: list[dict[str, Any]], lengths: list[int], projection: int) -> None:
    encoder = build(stack, projection).eval()
    x = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64)
    for row, length in enumerate(lengths):
        x[row, length:] = 1e4
    with torch.no_grad():
        together = encoder(x, torch.tensor(lengths))
        for row, length in enumerate(lengths):
            alone = encoder(x[row : row + 1, :length], torch.tensor([length]))
            steps = int(alone.lengths[0])
            assert steps == int(together.lengths[row])
            torch.testing.assert_close(together.states[row, :steps], alone.states[0], atol=1e-6, rtol=0)
            torch.testing.assert_close(together.final[row], alone.final[0], atol=1e-6, rtol=0)
            assert not together.states[row, steps:].any()


@settings(max_examples=30, deadline=None)
@given(stack=layers, lengths=lengths)
def test_in_training_gradients_are_finite_and_none_is_at_the_padding(
    stack: list[dict[str, Any]], lengths: list[int]
) -> None:
    encoder = build(stack, 0).train()
    x = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64, requires_grad=True)
    encoded = encoder(x, torch.tensor(lengths))
    (encoded.states.square().sum() + encoded.final.square().sum()).backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
    for row, length in enumerate(lengths):
        assert not x.grad[row, length:].any()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


@settings(max_examples=30, deadline=None)
@given(stack=layers, cut=st.integers(1, 8))
def test_a_stack_is_causal_just_when_it_says_so(stack: list[dict[str, Any]], cut: int) -> None:
    encoder = build(stack, 0).eval()
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    full = torch.tensor([9, 9])
    with torch.no_grad():
        whole = encoder(x, full)
        if not encoder.causal:
            assert whole.state is None
            return
        first = encoder(x[:, :cut], torch.tensor([cut, cut]))
        second = encoder(x[:, cut:], torch.tensor([9 - cut, 9 - cut]), first.state)
        torch.testing.assert_close(torch.cat((first.states, second.states), 1), whole.states, atol=1e-6, rtol=0)
        state, outputs = None, []
        for step in x.unbind(1):
            output, state = encoder.step(step, state)
            outputs.append(output)
        torch.testing.assert_close(torch.stack(outputs, 1), whole.states, atol=1e-6, rtol=0)
