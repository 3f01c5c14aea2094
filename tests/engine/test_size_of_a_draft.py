"""What the next Train would not find room for is refused while it is only described; a trained model is still used."""

from __future__ import annotations

import pytest

from workbench.api import WorkbenchError
from workbench.engine.compose import compose
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
