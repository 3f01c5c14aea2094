"""What the next Train would not find room for is refused while it is only described; a trained model is still used."""

from __future__ import annotations

import pytest
import torch

from workbench.api import WorkbenchError
from workbench.engine.compose import compose, describe_model
from workbench.engine.dry_build import hastily_drawn
from workbench.host import load_plugins
from workbench.runs.config import parse_config
from workbench.testing.datasets import labelled_vectors
from workbench.testing.tasks import GeneratedTasks


def test_a_draft_is_weighed_as_it_would_be_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = load_plugins(extra=[("generated", GeneratedTasks())]).catalogue
    config = parse_config(
        {
            "name": "draft",
            "task": {"id": "generated_vector"},
            "architecture": {"id": "lstm", "params": {"hidden_size": 512}},  # 4 MB of weights, 17 MB in training
            "data": {"dataset": "data"},
        }
    )
    records = labelled_vectors(20, 7)
    room = type("Memory", (), {"total": 10 * 2**20, "available": 10 * 2**20})
    monkeypatch.setattr("psutil.virtual_memory", lambda: room)
    assert compose(config, catalogue, records=records, fresh=False).encoder is not None
    with pytest.raises(WorkbenchError, match="of memory") as refused:
        compose(config, catalogue, records=records, fresh=False, to_train=True)
    assert "optimiser" in refused.value.why


@pytest.mark.parametrize(
    "architecture", ["lstm", "gru", "rnn", "ind_rnn", "min_gru", "mogrifier", "birnn", "deep", "esn"]
)
def test_a_draft_that_is_only_counted_has_the_weights_of_the_real_one(architecture: str) -> None:
    catalogue = load_plugins(extra=[("generated", GeneratedTasks())]).catalogue
    config = parse_config(
        {
            "name": "draft",
            "task": {"id": "generated_vector"},
            "architecture": {"id": architecture, "params": {}},
            "data": {"dataset": "data"},
        }
    )
    records = labelled_vectors(20, 7)
    real = describe_model(compose(config, catalogue, records=records), config.training)
    counted = describe_model(
        compose(config, catalogue, records=records, fresh=False, to_train=True, drawn=False), config.training
    )
    assert counted == real


def test_counting_a_draft_makes_no_matrix_orthogonal() -> None:
    with hastily_drawn():
        weight = torch.nn.init.orthogonal_(torch.empty(30, 50))
        tall = torch.nn.init.orthogonal_(torch.empty(50, 30))
    assert weight.shape == (30, 50)
    assert tall.shape == (50, 30)
    assert bool(torch.isfinite(weight).all() and torch.isfinite(tall).all())
    assert not torch.allclose(weight @ weight.T, torch.eye(30), atol=1e-3), "nothing was worked on"
    again = torch.nn.init.orthogonal_(torch.empty(30, 50))
    assert torch.allclose(again @ again.T, torch.eye(30), atol=1e-4), "outside all is as ever"
