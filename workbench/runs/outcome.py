"""What became of a run, in words: whether it failed and of what, and why it has no model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.api import WorkbenchError
from workbench.api.events import FinishReason
from workbench.runs.folder import RunFolder, list_runs
from workbench.runs.state import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED: Mapping[str, str] = {
    FinishReason.FAILED.value: "failed",
    FinishReason.OUT_OF_MEMORY.value: "ran out of memory",
    FinishReason.DIVERGED.value: "diverged",
}
"""Reasons of a run that ended against its will, as a sentence says them."""
_ENDED: Mapping[str, str] = {
    FinishReason.COMPLETED.value: "completed",
    FinishReason.STOPPED.value: "stopped",
    FinishReason.DISCARDED.value: "discarded",
}


def outcome(state: RunState) -> str:
    """A word or two: "running", "completed", "stopped", "discarded", "failed", "diverged", "interrupted" …"""
    if state.status != "finished":
        return state.status
    return FAILED.get(state.reason) or _ENDED.get(state.reason, state.reason.replace("_", " "))


def failure(state: RunState) -> WorkbenchError | None:
    """What ended a run that failed, as its journal tells it; None of a run that did not."""
    if state.status != "finished" or state.reason not in FAILED:
        return None
    if state.error:
        return WorkbenchError.from_dict(state.error)
    return WorkbenchError(f"The training {FAILED[state.reason]}.", fix="Train it again.")


def no_model(path: Path) -> WorkbenchError:
    """Why there is no model in the run at ``path``: it failed (and of what), was discarded, has only begun …

    Where another run of the same folder has a model, the newest of them is named.
    """
    run = RunFolder(path.parent if path.name == "model" else path)
    path = run.path if run.config_path.is_file() else path
    what = "There is no finished model here"
    if not run.config_path.is_file():
        return WorkbenchError(
            f"{what}.", why="This is no run, or another folder.", fix="Choose a folder with manifest.json.", file=path
        )
    state = run.state()
    failed = failure(state)
    if failed is not None:
        why, fix = f"{failed.what} {failed.why}".strip(), failed.fix or "Train it again."
        what = f"{what}: the run {FAILED[state.reason]}"
    else:
        said, why, fix = _of(state, path)
        what = f"{what}: {said}"
    others = [one for one in list_runs(path.parent) if (one.model_folder / "manifest.json").is_file()]
    if others:
        fix += f" Another run of this project has a model: {others[-1].path}"
    return WorkbenchError(f"{what}.", why=why, fix=fix, file=path, details=failed.details if failed else "")


def _of(state: RunState, path: Path) -> tuple[str, str, str]:
    """What, why and fix of a run that did not fail."""
    if state.alive:
        return "the run is still being trained", "It keeps its first model at its first validation.", "Wait for it."
    if state.status == "queued":
        return "the run was never started", "", f"Start it: recurra train {path / 'run.toml'}"
    if state.status == "interrupted":
        return "the run was interrupted", state.reason, f"Go on with it: recurra resume {path}"
    if state.reason == FinishReason.DISCARDED.value:
        return "the run was discarded", "Nothing of it was kept.", "Train it again."
    why = "Its model was taken away, or it was stopped before it had learned anything."
    return f"the run {'was ' if state.reason == 'stopped' else ''}{outcome(state)}", why, "Train it again."
