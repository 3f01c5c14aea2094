"""What the stages ask about the selected run: is there a model, is it still learning, and what did it do inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import ClassProbabilities, Forecast, Result, TokenLabels, Trace, Translation, WorkbenchError
from workbench.api.events import RunFinished, RunStarted
from workbench.runs.outcome import FAILED

if TYPE_CHECKING:
    from workbench.shell.session import Session
    from workbench.shell.widgets import EmptyState

_RESULTS: dict[str, type[Result]] = {
    cls.KIND: cls for cls in (TokenLabels, ClassProbabilities, Translation, Forecast)
}


def is_live(session: Session) -> bool:
    """Whether the selected run is the one being trained (its present weights answer)."""
    training = session.training_run
    return session.run is not None and training is not None and training.path == session.run.path


def has_model(session: Session) -> bool:
    """Whether the selected run can answer: it is being trained, or it left a model or a best checkpoint."""
    run = session.run
    if run is None:
        return False
    return is_live(session) or (run.path / "model").is_dir() or answers_from_checkpoint(session)


def answers_from_checkpoint(session: Session) -> bool:
    """Whether the selected run left no model (it was interrupted) but a best checkpoint, which then answers."""
    run = session.run
    if run is None or is_live(session) or (run.path / "model").is_dir():
        return False
    checkpoints = run.path / "checkpoints"
    return (checkpoints / "start.json").is_file() and (checkpoints / "best" / "state.json").is_file()


def model_title(session: Session) -> str:
    """The selected run in words: its name or id, and that it is learning."""
    run = session.run
    if run is None:
        return "No model"
    name = getattr(run.config, "name", "") or run.id
    if answers_from_checkpoint(session):
        ended = ended_badly(session)
        return f"{name}, {FAILED[ended.reason] if ended is not None else 'interrupted'}: its best checkpoint answers"
    return f"{name}, in training" if is_live(session) else name


def ended_badly(session: Session) -> RunFinished | None:
    """How the selected run ended, if that was against its will: it failed, diverged or ran out of memory."""
    for event in reversed(session.events):
        if isinstance(event, RunFinished):
            return event if event.reason in FAILED else None
        if isinstance(event, RunStarted):  # it goes on
            return None
    return None


def say_why_empty(session: Session, empty: EmptyState, title: str = "") -> None:
    """Let a stage without a model say of what its run failed; else ``title``, and what the stage is for."""
    ended = ended_badly(session) if not is_live(session) else None
    title, text = title or empty.accessibleName(), empty.accessibleDescription()
    if ended is not None:
        error = WorkbenchError.from_dict(ended.error) if ended.error else WorkbenchError("Its error was not kept.")
        title = f"This run {FAILED[ended.reason]} and left no model"
        text = " ".join(part for part in (error.what, error.why, error.fix) if part)
    empty.title.setText(title)
    empty.text.setText(text)


def title_of_run(session: Session, run: Any) -> str:
    """The architecture of a run in words; the run's id where its plugin is gone."""
    try:
        return str(session.catalogue.architecture(run.config.architecture.id).title)
    except WorkbenchError:
        return str(getattr(run, "id", "run"))


def name_of_run(run: Any) -> str:
    """The name of a run, or its id."""
    try:
        return str(getattr(run.config, "name", "") or run.id)
    except WorkbenchError:
        return str(run.id)


def result_from(kind: str, values: Any) -> Any:
    """The typed result of a job's JSON; kinds of a plugin's own come as they are, for its view to read."""
    cls = _RESULTS.get(kind)
    return cls.from_json(values) if cls is not None else values


def ask_model(
    session: Session,
    on_result: Callable[[Mapping[str, Any]], object],
    on_error: Callable[[WorkbenchError], object],
    *,
    texts: Sequence[str] | None = None,
    inputs: Sequence[Mapping[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Ask the model of the selected run; the handle of the job, or None where there is no model."""
    run = session.run
    if run is None or not has_model(session):
        return None
    job: dict[str, Any] = {"job": "predict", "run": str(run.path), "options": dict(options or {})}
    if inputs is not None:
        job["inputs"] = [dict(one) for one in inputs]
    else:
        job["texts"] = list(texts or ())
    return session.submit({**job, "live": is_live(session)}, on_result, on_error)


def summary_of(result: Any) -> str:
    """One line of text for a result of any kind."""
    if isinstance(result, Mapping):  # of a plugin's own kind
        return str(result.get("text", result))
    summary = getattr(result, "summary", None)
    return str(summary()) if callable(summary) else str(result)


def read_trace(value: Mapping[str, Any]) -> Trace:
    """The trace a worker left in a file, which is deleted; :class:`WorkbenchError` when it cannot be read."""
    import numpy as np  # here: the stages that never trace need not wait for it

    path = Path(str(value["arrays"]))
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError) as error:
        raise WorkbenchError("The trace cannot be read.", why=str(error), fix="Try again.", file=path) from error
    finally:
        path.unlink(missing_ok=True)
    return Trace.from_arrays(value["description"], arrays)
