"""The model of a run that has not ended: its best checkpoint, read as a finished model is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.api import Catalogue, WorkbenchError
from workbench.engine.bundle import MANIFEST, Bundle
from workbench.engine.checkpoint import CheckpointFolder, load_weights
from workbench.engine.compose import compose, make_task
from workbench.runs.folder import CONFIG_NAME, RunFolder
from workbench.runs.outcome import FAILED, failure

START = "start.json"
"""What a run began with (its codec, for one), beside its checkpoints."""
BEST = "best"


def read_start(path: Path) -> Mapping[str, Any]:
    """The values of ``start.json`` at ``path``; OSError, ValueError or KeyError where it is missing or damaged."""
    outer = json.loads(path.read_bytes())
    if digest(outer["start"]) != outer["sha256"]:
        raise ValueError("its checksum does not match")
    values: Mapping[str, Any] = json.loads(outer["start"])
    return values


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def answers_from_checkpoint(path: Path) -> bool:
    """Whether ``path`` is a run without a finished model that has a best checkpoint to answer from."""
    if (path / MANIFEST).is_file() or (path / "model" / MANIFEST).is_file() or not (path / CONFIG_NAME).is_file():
        return False
    checkpoints = path / "checkpoints"
    return (checkpoints / START).is_file() and CheckpointFolder(checkpoints).exists(BEST)


def read_interrupted(path: Path, catalogue: Catalogue) -> tuple[Bundle, str]:
    """The best checkpoint of the run at ``path`` as a model on the CPU, and a notice that says what answers.

    Ask :func:`answers_from_checkpoint` first. :class:`WorkbenchError` when the checkpoint is damaged.
    """
    run = RunFolder.open(path)
    best = CheckpointFolder(run.checkpoints).load(BEST)
    try:
        codec = read_start(run.checkpoints / START)["codec"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(run.checkpoints / START, str(error)) from error
    if best is None:
        raise _damaged(run.checkpoints, "the best checkpoint is not there")
    _, task = make_task(run.config, catalogue)
    model = compose(run.config, catalogue, task.load_codec(codec), fresh=False)
    load_weights(model, best.group("model"), run.checkpoints / BEST)
    epoch = int(best.values.get("epoch", 0))
    manifest = {
        "schema_version": 1,
        "task": run.config.task.id,
        "architecture": run.config.architecture.id,
        "result": model.task_spec.result,
        "record": model.task_spec.record,
        "epoch": epoch,
        "interrupted": True,
    }
    state = run.state()
    failed = failure(state)
    if failed is not None:
        what = f"this run {FAILED[state.reason]} ({failed.what.rstrip('.')})"
    else:
        what = "this run is still being trained" if state.alive else "interrupted run"
    notice = f"{what}: answers from the best checkpoint, epoch {epoch}"
    return Bundle(model.eval(), run.config, dict(best.values.get("metrics", {})), manifest), notice


def _damaged(path: Path, why: str) -> WorkbenchError:
    return WorkbenchError(
        "This run left no finished model, and its best checkpoint cannot be read.",
        why=f"{path.name}: {why}.",
        fix="Train it again from the beginning.",
        file=path,
    )
