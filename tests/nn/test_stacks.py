"""Stacks put together layer by layer: the same answer alone, in a batch, step by step and in chunks."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from workbench.api import WorkbenchError
from workbench.api.recurrent import LayerParams
from workbench.nn.contract import Encoded
from workbench.nn.masks import sequence_mask
from workbench.nn.recurrent import (
    DeepEncoder,
    RecurrentEncoder,
    build_deep_stack,
    hidden_gradient_norms,
    step_gradient_norms,
)
from workbench.nn.recurrent.cells import CELLS
from workbench.nn.recurrent.stack import stack_weights
from workbench.nn.subsampling import shortened, subsample

LENGTHS = torch.tensor([7, 1, 4, 9])
INPUT_SIZE = 5


def stack(*layers: dict[str, Any], **options: Any) -> DeepEncoder:
    """In double precision and in evaluation mode, no weight exactly 0 or 1."""
    torch.manual_seed(0)
    params = [LayerParams(**{"hidden_size": 6, "dropout": 0.0, **layer}) for layer in layers]
    encoder = DeepEncoder(INPUT_SIZE, params, **options).double().eval()
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "bias" in name or "norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return encoder


def inputs(rows: int = 4, steps: int = 9) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(rows, steps, INPUT_SIZE, dtype=torch.float64)


EACH = [
    *({"cell": cell, "direction": direction} for cell in CELLS for direction in ("forward", "both")),
    *(
        {"direction": d, "residual": r, "layer_norm": n, "subsampling": s, "subsampling_kind": k}
        for d, r, n, (s, k) in itertools.product(
            ("forward", "backward", "both", "both_summed"),
            (False, True),
            (False, True),
            ((1, "concatenate"), (2, "concatenate"), (3, "every")),
        )
    ),
]
STACKS: list[list[dict[str, Any]]] = [
    *([{"cell": "gru"}, layer, {"cell": "rnn", "hidden_size": 4, "residual": True}] for layer in EACH),
    *([layer] for layer in EACH[-48::5]),
    [{"subsampling": 2, "direction": "both"}] * 3,  # a pyramid of 8
    [{"subsampling": 16}, {"subsampling": 2, "subsampling_kind": "every"}],  # more than there are steps
]


def name(layers: list[dict[str, Any]]) -> str:
    return "|".join("-".join(str(value) for value in layer.values()) for layer in layers)


@pytest.mark.parametrize("layers", STACKS, ids=name)
def test_a_batch_equals_its_rows_one_by_one_whatever_stands_in_the_padding(layers: list[dict[str, Any]]) -> None:
    encoder, x = stack(*layers, projection=3), inputs()
    x[~sequence_mask(LENGTHS, 9)] = 1e3
    together = encoder(x, LENGTHS)
    assert together.lengths.tolist() == [-(-n // encoder.subsampling) for n in LENGTHS.tolist()]
    assert together.states.shape == (4, int(together.lengths.max()), 3)
    for row, n in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :n], LENGTHS[row : row + 1])
        m = int(alone.lengths[0])
        torch.testing.assert_close(together.states[row, :m], alone.states[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(together.final[row], alone.final[0], atol=1e-6, rtol=0)
        assert not together.states[row, m:].any()


@pytest.mark.parametrize("layers", STACKS, ids=name)
def test_final_is_the_state_at_the_end_of_the_last_layers_direction(layers: list[dict[str, Any]]) -> None:
    encoder, x = stack(*layers), inputs()
    encoded = encoder(x, LENGTHS)
    rows = torch.arange(4)
    ends, begins = encoded.states[rows, encoded.lengths - 1], encoded.states[:, 0]
    directions = encoder.recorded_directions
    if directions == ("forward",):
        torch.testing.assert_close(encoded.final, ends)
    elif directions == ("backward",):
        torch.testing.assert_close(encoded.final, begins)
    elif layers[-1]["direction"] == "both" and not layers[-1].get("layer_norm"):
        half = encoder.output_size // 2
        torch.testing.assert_close(encoded.final, torch.cat((ends[:, :half], begins[:, half:]), 1))
    assert encoded.final.shape == (4, encoder.output_size)


@pytest.mark.parametrize("kind", ["concatenate", "every"])
@pytest.mark.parametrize("factor", [2, 3, 10])
def test_subsampling_joins_or_keeps_steps_of_the_sequence_itself(kind: Any, factor: int) -> None:
    x = inputs()
    x[~sequence_mask(LENGTHS, 9)] = float("nan")
    found, lengths = subsample(x, LENGTHS, factor, kind)
    assert torch.equal(lengths, shortened(LENGTHS, factor))
    for row, n in enumerate(LENGTHS.tolist()):
        for at in range(int(lengths[row])):
            parts = [x[row, i] if i < n else torch.zeros(INPUT_SIZE) for i in range(at * factor, (at + 1) * factor)]
            expected = torch.cat(parts).double() if kind == "concatenate" else parts[0]
            assert torch.equal(found[row, at], expected)


CAUSAL = [
    *([{"cell": cell, "residual": True}, {"cell": cell, "layer_norm": True}] for cell in CELLS),
    [{}, {"cell": "gru", "residual": True, "layer_norm": True, "hidden_size": 4}, {"cell": "rnn"}],
]


@pytest.mark.parametrize("layers", CAUSAL, ids=name)
def test_single_steps_and_chunks_with_carried_state_equal_the_whole(layers: list[dict[str, Any]]) -> None:
    encoder, x = stack(*layers, projection=3), inputs()
    whole = encoder(x, torch.full((4,), 9)).states
    chunks, state = [], None
    for chunk in x.split(4, dim=1):
        encoded = encoder(chunk, torch.full((4,), chunk.shape[1]), state)
        chunks.append(encoded.states)
        state = encoded.state
    torch.testing.assert_close(torch.cat(chunks, 1), whole, atol=1e-6, rtol=0)
    stepped, state = [], None
    for t in range(9):
        output, state = encoder.step(x[:, t], state)
        stepped.append(output)
    torch.testing.assert_close(torch.stack(stepped, 1), whole, atol=1e-6, rtol=0)


def test_a_carried_state_is_that_of_each_rows_own_last_step() -> None:
    encoder, x = stack({}, {"cell": "gru"}), inputs()
    state = encoder(x, LENGTHS, encoder.zero_state(x)).state
    following = inputs(4, 3)
    after = encoder(following, torch.full((4,), 3), state).states
    for row, n in enumerate(LENGTHS.tolist()):
        joined = torch.cat((x[row, :n], following[row]))[None]
        torch.testing.assert_close(after[row], encoder(joined, torch.tensor([n + 3])).states[0, n:])


@pytest.mark.parametrize(
    ("layer", "words"),
    [({"subsampling": 2}, "joins time steps"), ({"direction": "backward"}, "right to left"),
     ({"direction": "both_summed"}, "right to left")],
)  # fmt: skip
def test_a_stack_that_is_not_causal_neither_steps_nor_carries_and_says_why(layer: dict[str, Any], words: str) -> None:
    encoder, x = stack({}, layer), inputs()
    with pytest.raises(TypeError, match=words + ".*cannot be stepped"):
        encoder.step(x[:, 0], None)
    assert encoder(x, LENGTHS).state is None
    with pytest.raises(TypeError, match="carries no state"):
        encoder(x, LENGTHS, ())


@pytest.mark.parametrize("layers", STACKS, ids=name)
def test_a_trace_shows_each_layer_at_every_input_and_last_what_the_stack_yields(layers: list[dict[str, Any]]) -> None:
    encoder, x = stack(*layers).train(), inputs(1)
    traces = encoder.trace(x, 7)
    assert encoder.training
    states = encoder.eval()(x[:, :7], torch.tensor([7])).states[0].detach()
    states = states.repeat_interleave(encoder.subsampling, 0)[:7]
    last = [t for t in traces if t.name == traces[-1].name]
    found = [torch.from_numpy(np.ascontiguousarray(t.states)).double() for t in last]
    joined = found[0] if len(found) == 1 else torch.cat(found, 1)
    joined = joined if joined.shape == states.shape else sum(found)  # type: ignore[assignment]
    torch.testing.assert_close(joined, states, atol=1e-5, rtol=0)
    names = list(dict.fromkeys(t.name for t in traces))
    assert names[: len(layers)] == [f"layer {i + 1}" for i in range(len(layers))]
    for trace in traces:
        assert all(values.shape[0] == 7 for values in (trace.states, *trace.gates.values()))
    assert all(t.gates.keys() == set(CELLS[layers[0].get("cell", "lstm")].gates) for t in traces if t.name == "layer 1")


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("factor", [1, 2])
def test_the_gradient_of_each_state_is_total_and_at_the_inputs_it_stands_for(direction: str, factor: int) -> None:
    encoder, x = stack({}, {"direction": direction, "subsampling": factor, "residual": True}), inputs()
    encoded, recorded = encoder.forward_recorded(x, LENGTHS)
    torch.testing.assert_close(encoded.states, encoder(x, LENGTHS).states)
    assert {len(part) for part in recorded} == {-(-9 // factor)}

    def loss(encoded: Encoded) -> Tensor:
        return encoded.final.square().sum()

    norms = hidden_gradient_norms(encoder, x, LENGTHS, loss)
    mask = sequence_mask(LENGTHS, 9).numpy()
    assert (norms[mask] > 0).all()
    assert (norms[~mask] == 0).all()
    for row, n in enumerate(LENGTHS.tolist()):
        alone = hidden_gradient_norms(encoder, x[row : row + 1, :n], LENGTHS[row : row + 1], loss)
        np.testing.assert_allclose(norms[row, :n], alone[0], rtol=1e-5)
    found = step_gradient_norms(encoder, x[3:], lambda encoded, rows: encoded.final.square().sum(1), [8])
    assert list(found) == list(encoder.recorded_directions)
    together = np.sqrt(sum(values[0].astype(np.float64) ** 2 for values in found.values()))
    np.testing.assert_allclose(together, norms[3], rtol=1e-5)
    assert {values.shape for values in found.values()} == {(1, 9)}


def test_a_backward_layer_forgets_what_comes_first_last() -> None:
    """∂L/∂h of the last step of a backward scan is largest near the first input, where its scan ends."""
    encoder, x = stack({"cell": "rnn", "direction": "backward"}), inputs(1)
    found = step_gradient_norms(encoder, x, lambda encoded, rows: encoded.final.square().sum(1), [8])["backward"][0]
    assert found[0] > found[8]


def test_locked_dropout_is_constant_over_time_and_reaches_the_final_state() -> None:
    encoder = stack({"hidden_size": 40, "dropout": 0.5}).train()
    encoded = encoder(inputs(), torch.full((4,), 9))
    dropped = encoded.states == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert 0.3 < dropped.double().mean() < 0.7
    torch.testing.assert_close(encoded.final, encoded.states[:, -1])
    plain = stack({"hidden_size": 40, "dropout": 0.5, "dropout_kind": "plain"}).train()
    dropped = plain(inputs(), torch.full((4,), 9)).states == 0
    assert not torch.equal(dropped, dropped[:, :1].expand_as(dropped))


def test_a_residual_layer_of_one_size_adds_its_input_and_another_projects_it() -> None:
    encoder = stack({"hidden_size": INPUT_SIZE, "residual": True}, {"hidden_size": 3, "residual": True})
    first, second = (encoder.levels[0], encoder.levels[1])
    assert first.skip is None
    assert second.skip is not None
    with torch.no_grad():
        for parameter in first.forward_cell.parameters():  # type: ignore[union-attr]
            parameter.zero_()
    x = inputs()
    y, final, _ = first(x, LENGTHS, None)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(final, x[torch.arange(4), LENGTHS - 1])


def test_copies_and_saved_weights_answer_alike(tmp_path: Path) -> None:
    layers = ({"weight_dropout": 0.5, "direction": "both"}, {"residual": True, "layer_norm": True, "subsampling": 2})
    encoder, x = stack(*layers).train(), inputs()
    encoder(x, LENGTHS).states.sum().backward()  # weights were replaced and put back
    encoder.eval()
    expected = encoder(x, LENGTHS).states
    torch.testing.assert_close(copy.deepcopy(encoder)(x, LENGTHS).states, expected)
    save_file(encoder.state_dict(), tmp_path / "stack.safetensors")
    other = stack(*layers)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(load_file(tmp_path / "stack.safetensors"))
    torch.testing.assert_close(other(x, LENGTHS).states, expected)


def test_the_weights_of_a_stack_are_estimated_and_one_too_large_is_refused() -> None:
    layers = [LayerParams(cell="gru", direction="both"), LayerParams(subsampling=2, residual=True), LayerParams()]
    matrices = sum(p.numel() for p in DeepEncoder(INPUT_SIZE, layers).parameters() if p.dim() > 1)
    assert stack_weights(layers, INPUT_SIZE) == matrices
    huge = [LayerParams(hidden_size=8192, direction="both", subsampling=16)] * 16
    with pytest.raises(WorkbenchError, match="does not fit") as refused:
        build_deep_stack(huge, 4096)
    assert "layer 1" in refused.value.fix


def test_a_plain_stack_drops_its_final_state_as_it_drops_its_states() -> None:
    encoder = RecurrentEncoder("gru", INPUT_SIZE, 40, output_dropout=0.5, locked=True).double().train()
    encoded = encoder(inputs(), torch.full((4,), 9))
    torch.testing.assert_close(encoded.final, encoded.states[:, -1])
    assert 0.3 < (encoded.final == 0).double().mean() < 0.7
