"""A sequence of one step leaves a recurrent network nothing to remember: it is a feed-forward network, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from contract_subjects import contributions, loaded, name_of, small_sizes, traits_of

from workbench.api import Architecture, Trait, validate
from workbench.api.events import Warning as WarningEvent
from workbench.engine.compose import compose
from workbench.engine.data import ListSource
from workbench.engine.notes import foresee
from workbench.engine.training import train
from workbench.nn.contract import Encoder
from workbench.runs.config import RunConfig, parse_config
from workbench.runs.folder import RunFolder
from workbench.runs.journal import read_journal
from workbench.testing import dataset

SEQUENCES = [
    one
    for one in contributions(Architecture)
    if Trait.SEQUENCE in one.accepts and Trait.DECODER not in one.accepts and one.fitting == "gradient"
]
of_each = pytest.mark.parametrize("architecture", SEQUENCES, ids=name_of)


def built(architecture: Architecture) -> Encoder:
    torch.manual_seed(5)
    params = validate(architecture.params, small_sizes(architecture.params))
    network = architecture.factory.resolve()(params, 3)
    assert isinstance(network, Encoder)
    return network.double().eval()


@of_each
def test_no_state_comes_in_and_the_answer_is_the_state(architecture: Architecture) -> None:
    network = built(architecture)
    x = torch.randn(4, 1, 3, dtype=torch.float64)
    encoded = network(x, torch.ones(4, dtype=torch.int64))
    torch.testing.assert_close(encoded.final, encoded.states[:, 0])
    if Trait.CAUSAL in traits_of(architecture, small_sizes(architecture.params)):
        alone, _ = network.step(x[:, 0], None)
        torch.testing.assert_close(alone, encoded.final)


@of_each
def test_weights_that_multiply_a_state_have_no_gradient(architecture: Architecture) -> None:
    network = built(architecture)

    def reached(steps: int) -> set[str]:
        network.zero_grad()
        x = torch.randn(4, steps, 3, dtype=torch.float64)
        network(x, torch.full((4,), steps)).states.square().sum().backward()
        named = network.named_parameters()
        return {name for name, p in named if p.grad is not None and bool(p.grad.any())}

    once, often = reached(1), reached(6)
    assert once <= often
    recurrent = {name for name, _ in network.named_parameters() if "_hh" in name and "weight" in name}
    assert not recurrent & once
    if recurrent:
        assert recurrent <= often


def test_an_rnn_of_one_step_is_a_layer_with_a_bend() -> None:
    network = built(next(one for one in SEQUENCES if one.id == "rnn"))
    weights = dict(network.named_parameters())
    (read,) = (p for name, p in weights.items() if "weight_ih" in name)
    biases = [p for name, p in weights.items() if "bias" in name]
    x = torch.randn(4, 1, 3, dtype=torch.float64)
    expected = torch.tanh(x[:, 0] @ read.T + sum(biases))
    torch.testing.assert_close(network(x, torch.ones(4, dtype=torch.int64)).final, expected)


def configuration(task: str) -> RunConfig:
    return parse_config(
        {
            "task": {"id": task},
            "architecture": {"id": "gru", "params": {"hidden_size": 8}},
            "data": {"dataset": "generated"},
            "training": {"max_epochs": 1, "device": "cpu", "threads": 1},
        }
    )


@pytest.mark.parametrize(("task", "said"), [("generated_vector", True), ("generated_text", False)])
def test_the_model_stage_is_told(task: str, said: bool) -> None:
    catalogue, config = loaded().catalogue, configuration(task)
    records = dataset(catalogue.task(task).record, train=20, validation=5)
    model = compose(config, catalogue, records=records["train"])
    _bytes, notes = foresee(model, ListSource(records), config.data, config.training)
    assert any("feed-forward network" in note for note in notes) is said


def test_the_run_is_told(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, configuration("generated_vector"))
    records = dataset("generated_vector", train=20, validation=5)
    assert train(run, records, loaded().catalogue).reason == "completed"
    told = [event.what for event in read_journal(run.journal_path) if isinstance(event, WarningEvent)]
    assert any("feed-forward network" in what for what in told)
