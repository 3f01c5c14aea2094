"""The gradient of a trace: of the loss of one step, against the right label, and whole after the pipe."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from workbench.api import TaggedTokens, Trace
from workbench.engine import trace_gradient
from workbench.engine.compose import Model, compose
from workbench.engine.tracing import trace_record
from workbench.host import load_plugins
from workbench.nn.recurrent import hidden_gradient_norms
from workbench.runs.config import parse_config

TRAINING = [
    TaggedTokens(("Ann", "lives", "in", "New", "York", "."), {"ner": ("B-PER", "O", "O", "B-LOC", "I-LOC", "O")}),
    TaggedTokens(("Bob", "saw", "Ann"), {"ner": ("B-PER", "O", "B-PER")}),
]


def model_of(architecture: str, head: str = "softmax", **params: Any) -> Model:
    config = parse_config(
        {
            "task": {"id": "tagging", "params": {"layer": "ner", "head": head}},
            "architecture": {"id": architecture, "params": {"hidden_size": 6, **params}},
            "data": {"dataset": "none"},
        }
    )
    return compose(config, load_plugins(safe_mode=True).catalogue, records=TRAINING).eval()


@pytest.mark.parametrize("head", ["softmax", "crf"])
@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru", "birnn"])
def test_the_last_row_is_the_gradient_of_that_step_s_loss(architecture: str, head: str) -> None:
    model, record = model_of(architecture, head), TRAINING[0]
    trace = trace_record(model, record, gradient=True)
    both = architecture == "birnn"
    assert list(trace.gradient_through_time) == (["forward", "backward"] if both else ["forward"])
    assert trace.gradient_steps is not None
    np.testing.assert_array_equal(trace.gradient_steps, np.arange(6))
    assert "gold" in trace.gradient_note
    batch = model.codec.collate([model.codec.encode(record)])
    wanted = batch.fields["labels"][0]
    x = model.embedder(batch)
    for s in (2, 5):

        def loss(encoded: Any, s: int = s) -> Tensor:
            return functional.cross_entropy(model.head(encoded, batch)[0, s], wanted[s])

        together = hidden_gradient_norms(model.encoder, x, batch.lengths, loss)[0]  # type: ignore[arg-type]
        found = np.sqrt(sum(rows[s].astype(float) ** 2 for rows in trace.gradient_through_time.values()))
        np.testing.assert_allclose(found, together, rtol=1e-4, atol=1e-8)
    assert trace.gradient is not None
    np.testing.assert_allclose(trace.gradient, together, rtol=1e-4, atol=1e-8)


def test_without_labels_the_target_is_what_the_model_says() -> None:
    model = model_of("lstm")
    plain = TaggedTokens(TRAINING[0].tokens)
    said = trace_record(model, plain).outputs.argmax(-1)  # type: ignore[union-attr]
    trace = trace_record(model, plain, gradient=True)
    assert "model itself" in trace.gradient_note
    batch = model.codec.collate([model.codec.encode(plain)])
    states = model.encoder(model.embedder(batch), batch.lengths).states[0].detach()
    emissions = model.head.emissions  # type: ignore[attr-defined]
    for s in range(6):  # at t = s no later step takes part: the gradient of the readout alone
        h = states[s].clone().requires_grad_()
        (slope,) = torch.autograd.grad(functional.cross_entropy(emissions(h), torch.tensor(said[s])), h)
        assert trace.gradient_through_time["forward"][s, s] == pytest.approx(float(slope.norm()), rel=1e-4)


def test_a_gold_label_the_model_does_not_know_counts_as_its_own_answer() -> None:
    model = model_of("gru")
    tokens = TRAINING[1].tokens
    own = trace_record(model, TaggedTokens(tokens), gradient=True)
    strange = trace_record(model, TaggedTokens(tokens, {"ner": ("B-XYZ", "B-XYZ", "B-XYZ")}), gradient=True)
    np.testing.assert_allclose(
        strange.gradient_through_time["forward"], own.gradient_through_time["forward"], rtol=1e-6
    )


def test_a_long_sequence_gets_its_last_step_only(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("birnn")
    whole = trace_record(model, TRAINING[0], gradient=True)
    monkeypatch.setattr(trace_gradient, "MATRIX_STEPS", 5)
    trace = trace_record(model, TRAINING[0], gradient=True)
    assert trace.gradient_steps is not None
    assert trace.gradient_steps.tolist() == [5]
    assert trace.gradient_through_time["forward"].shape == (1, 6)
    np.testing.assert_allclose(
        trace.gradient_through_time["forward"][0], whole.gradient_through_time["forward"][5], rtol=1e-5
    )
    assert "last step" in trace.gradient_note


def test_the_matrix_survives_the_pipe_and_an_old_trace_has_none() -> None:
    trace = trace_record(model_of("birnn"), TRAINING[1], gradient=True)
    description, arrays = trace.to_arrays()
    again = Trace.from_arrays(json.loads(json.dumps(description)), arrays)
    assert again.gradient_note == trace.gradient_note
    assert list(again.gradient_through_time) == ["forward", "backward"]
    for name, values in trace.gradient_through_time.items():
        np.testing.assert_array_equal(again.gradient_through_time[name], values)
    np.testing.assert_array_equal(again.gradient_steps, trace.gradient_steps)  # type: ignore[arg-type]
    old = Trace.from_arrays({k: v for k, v in description.items() if not k.startswith("gradient")}, arrays)
    assert old.gradient_through_time == {}
    assert trace_record(model_of("rnn"), TRAINING[1]).gradient_through_time == {}


def test_tracing_leaves_weights_and_their_gradients_alone() -> None:
    model = model_of("lstm")
    before = {name: part.detach().clone() for name, part in model.named_parameters()}
    trace_record(model, TRAINING[0], gradient=True)
    for name, part in model.named_parameters():
        assert part.grad is None
        assert torch.equal(part, before[name])
