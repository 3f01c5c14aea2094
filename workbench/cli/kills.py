"""A benchmark: a small real training killed at random moments (:mod:`workbench.runs.bench`)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from workbench.runs import RunFolder, parse_config
from workbench.runs.bench import measure_kills


def measure(n: int = 20, folder: Path | None = None, sample_id: str = "uner-english-ewt") -> dict[str, Any]:
    """Kill ``n`` trainings on a shipped sample, alternately their worker and their shell; counts of what went wrong."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="recurra-kills-") as temporary:
            return measure(n, Path(temporary), sample_id)
    from workbench.data.importing import import_sample
    from workbench.host import load_plugins
    from workbench.project import Project

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sample = load_plugins().catalogue.sample(sample_id)
    with Project.create(folder / "project", "kills") as project:
        import_sample(project.store, sample, dataset_name=sample.id)
        values = {
            "task": {"id": sample.task, "params": {"word_embedding_size": 16, "character_features": 8}},
            "architecture": {"id": sample.architecture, "params": {"hidden_size": 16}},
            "data": {"dataset": sample.id, "limit": 200},
            "training": {"max_epochs": 6, "patience": 0, "batch_tokens": 256, "threads": 1, "device": "cpu",
                         "checkpoint_every": 0.05},
        }  # fmt: skip
        config = parse_config(values)

        def new_run() -> RunFolder:
            return project.new_run(config)

        return measure_kills(new_run, project.path, n).to_json()
