"""Every stage as a picture: empty, filled and in error, in every theme. For eyes, and for the tests that look too."""

from __future__ import annotations

import json
import math
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from workbench.api import WorkbenchError, events
from workbench.shell import still
from workbench.shell.actions import STAGES
from workbench.shell.app import make_application
from workbench.shell.session import Session
from workbench.shell.theme import Theme
from workbench.shell.window import MainWindow

THEMES = ("light", "dark", "high_contrast")
STATES = ("empty", "filled", "error")
SIZE = (1280, 800)
SENTENCES = 400


def render_all(
    out: Path, *, themes: tuple[str, ...] = THEMES, size: tuple[int, int] = SIZE, scale: float = 1.0
) -> list[Path]:
    """Write ``STAGE-STATE-THEME.png`` for every stage, and the welcome page, into ``out``; the paths written.

    ``size`` is the window's in pixels; ``scale`` the text's, 2.0 being twice as large.
    """
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with scene() as stage_scene:
        stage_scene.window.session.theme.set_scale(scale)
        stage_scene.window.resize(*size)
        for state in STATES:
            stage_scene.show_state(state)
            for name in ("welcome", *(name for name, _ in STAGES)):
                if name == "welcome" and state != "empty":
                    continue
                stage_scene.window.show_stage(name)
                for theme in themes:
                    stage_scene.window.session.theme.set(theme)
                    settle(stage_scene.is_quiet)
                    path = out / f"{name}-{state}-{theme}.png"
                    stage_scene.window.grab().save(str(path))
                    written.append(path)
    return written


def settle(quiet: Callable[[], bool] = lambda: True, *, seconds: float = 5.0, at_least: float = 0.06) -> None:
    """Let the event loop run until ``quiet`` says nothing is under way (or time is up)."""
    loop = QEventLoop()
    begun = time.monotonic()

    def look() -> None:
        gone = time.monotonic() - begun
        if (gone >= at_least and quiet()) or gone >= seconds:
            loop.quit()

    timer = QTimer()
    timer.setInterval(15)
    timer.timeout.connect(look)
    timer.start()
    loop.exec()
    timer.stop()


class Scene:
    """A window over a project that can be emptied, filled, and put into error."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.folder = folder
        self._project = folder / "news-entities"

    def is_quiet(self) -> bool:
        session = self.window.session
        if session.size.value is None and session.config is not None and session.size.error is None:
            return False
        return not session._tasks and (session._live is None or not session._live._timer.isActive())

    def show_state(self, state: str) -> None:
        session = self.window.session
        session.close_project()
        self.window.notices.clear()
        if state == "empty":
            return
        if not self._project.exists():
            self._make_project()
        session.open_project(self._project)
        failed = state == "error"
        runs = session.runs()
        session.set_run(runs[0] if failed else runs[-1])
        settle(self.is_quiet)
        if failed:
            session.notice.emit(
                WorkbenchError(
                    "Line 1204 has 3 columns where the lines before it have 4.",
                    why="The file may have been cut off, or a separator is missing.",
                    fix="Mend the line and import the file again; nothing was imported.",
                    file="eng.train",
                    line=1204,
                )
            )

    def _make_project(self) -> None:
        from workbench.api import compatibility
        from workbench.data.importing import import_records
        from workbench.project import Project

        session = self.window.session
        sample = next(sample for sample in session.catalogue.samples() if sample.task == "tagging")
        records = []
        for i, record in enumerate(sample.factory.resolve()()):
            if i >= SENTENCES:
                break
            records.append(record)
        project = Project.create(self._project, "news-entities", record_types=session.record_types())
        with project:
            import_records(project.store, "UNER English", sample.record, records)
        session.open_project(self._project)
        task = session.catalogue.task(sample.task)
        assert session.project is not None
        names = [one.id for one in session.catalogue.architectures() if compatibility(task, one)]
        for i, reason in enumerate(("diverged", "completed")):
            session.set_draft(
                task=sample.task,
                task_params=dict(sample.run.get("task", {}).get("params", {})),
                architecture=names[i % len(names)],
                inputs=sample.inputs,
            )
            assert session.config is not None
            run = session.project.new_run(session.config)
            write_story(run, reason)
            if reason == "completed":
                leave_model(run)
        session.close_project()


def leave_model(run: Any) -> None:
    """What a finished run leaves behind, as far as the stages look: a model's folder and an evaluation."""
    run.model_folder.mkdir()
    evaluations = run.path / "evaluations"
    evaluations.mkdir(exist_ok=True)
    (evaluations / "validation.json").write_text(json.dumps(still.report().to_json()), encoding="utf-8")


def write_story(run: Any, reason: str, *, epochs: int = 7, steps: int = 200) -> None:
    """An invented journal: a loss that falls with noise, answers that get better."""
    from workbench.runs.journal import JournalWriter

    noise = random.Random(7)
    with JournalWriter(run.journal_path, run.id) as journal:
        journal.write(
            events.RunStarted,
            0,
            pid=1,
            device="cpu",
            device_reason="no GPU was found",
            threads=2,
            parameters=388_412,
            steps_per_epoch=steps,
            max_epochs=30,
        )
        best, best_epoch = math.inf, 0
        for epoch in range(1, epochs + 1):
            for i in range(1, steps + 1):
                step = (epoch - 1) * steps + i
                loss = 0.28 + 2.0 * math.exp(-step / 260) + noise.gauss(0, 0.03 + 0.12 * math.exp(-step / 400))
                journal.write(
                    events.StepMetrics,
                    step,
                    epoch=epoch,
                    loss=max(0.02, loss),
                    learning_rate=0.002 * min(1.0, step / 100),
                    gradient_norm=abs(noise.gauss(1.2, 0.4)) + 2 * math.exp(-step / 200),
                    tokens_per_second=11_800 + noise.gauss(0, 250),
                    eta=130.0,
                )
            validation = 0.40 + 1.3 * math.exp(-epoch * steps / 300)
            if reason == "diverged" and epoch == epochs:
                break
            if validation < best:
                best, best_epoch = validation, epoch
            journal.write(
                events.EpochMetrics,
                epoch * steps,
                epoch=epoch,
                train_loss=0.3,
                validation_loss=validation,
                metrics={"entity_f1": 0.75 - 0.6 * math.exp(-epoch / 2)},
                best=best_epoch == epoch,
                epochs_since_best=epoch - best_epoch,
                patience=5,
                seconds=11.0,
            )
            keeps = 0.62 + 0.04 * epoch  # how much of the gradient is left after each step back
            norms = tuple(0.8 * keeps**distance for distance in range(31))
            journal.write(events.GradientFlow, epoch * steps, epoch=epoch, norms=norms)
            journal.write(
                events.SamplePrediction, epoch * steps, epoch=epoch, result_kind="token_labels", results=answers(epoch)
            )
        finished: Mapping[str, Any] | None = None
        if reason == "diverged":
            finished = WorkbenchError(
                "The loss is no longer a number: training diverged at step 1,391.",
                why="The learning rate is too high for this model, or gradients exploded.",
                fix="Halve the learning rate and resume from the last good checkpoint.",
            ).to_dict()
        journal.write(
            events.RunFinished,
            epochs * steps,
            reason=reason,
            seconds=130.0,
            metrics={"entity_f1": 0.746},
            best_epoch=best_epoch,
            error=finished,
        )


def answers(epoch: int) -> tuple[dict[str, Any], ...]:
    """What a tagger might say of two sentences after ``epoch``."""
    first = ("John", "lives", "in", "London", "and", "works", "for", "Acme", ".")
    second = ("The", "United", "Nations", "opened", "an", "office", "in", "Baghdad", ".")
    if epoch == 1:
        spans: tuple[tuple[int, int, str, float], ...] = ((3, 4, "PER", 0.44),)
        more: tuple[tuple[int, int, str, float], ...] = ()
    else:
        spans = ((0, 1, "PER", 0.98), (3, 4, "LOC", 0.96), (7, 8, "ORG", 0.71))
        more = ((1, 3, "ORG", 0.88), (7, 8, "LOC", 0.93))
    return tuple(_answer(tokens, found) for tokens, found in ((first, spans), (second, more)))


def _answer(tokens: tuple[str, ...], spans: tuple[tuple[int, int, str, float], ...]) -> dict[str, Any]:
    labels = ["O"] * len(tokens)
    for start, end, label, _ in spans:
        labels[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return {
        "tokens": tokens,
        "labels": labels,
        "probabilities": [0.95] * len(tokens),
        "spans": [{"start": a, "end": b, "label": label, "probability": p} for a, b, label, p in spans],
    }


class StillWorker:
    """Stands where the worker is and answers what the pictures need."""

    def submit(self, job: Mapping[str, Any], on_message: Callable[[Mapping[str, Any]], None]) -> StillWorker:
        value = self.answer(job)
        if value is not None:
            on_message({"kind": "result", "value": value})
        return self

    def answer(self, job: Mapping[str, Any]) -> Any:
        if job.get("job") == "describe":
            return {
                "parameters": 388_412,
                "bytes": 31_000_000,
                "layers": [
                    {"name": "embedder", "shape": "", "parameters": 301_112},
                    {"name": "encoder", "shape": "", "parameters": 85_600},
                    {"name": "head", "shape": "", "parameters": 1_700},
                ],
            }
        if job.get("job") == "predict":
            return {"result_kind": "token_labels", "results": list(answers(7)), "epoch": 7}
        if job.get("job") == "evaluate":
            return still.report(str(job.get("split", "validation"))).to_json()
        if job.get("job") == "trace":
            return still.trace()
        return None

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def detach(self) -> None: ...


@contextmanager
def scene(theme: str = "light") -> Iterator[Scene]:
    """A window of the usual size with the real plugins and no worker, over a folder that goes away."""
    from workbench.host import load_plugins

    application: QApplication = make_application()
    plugins = load_plugins(gui=True)
    shown = Theme(theme)
    shown.apply(application)
    session = Session(
        catalogue=plugins.catalogue, problems=plugins.problems, theme=shown, start_worker=lambda _notice: StillWorker()
    )
    session.device = {"kind": "ready", "device": "cpu", "reason": "no GPU was found", "threads": 2}
    window = MainWindow(session)
    window.resize(*SIZE)
    folder = Path(tempfile.mkdtemp(prefix="recurra-render-"))
    try:
        window.show()
        yield Scene(window, folder)
    finally:
        window.close()
        window.deleteLater()
        shutil.rmtree(folder, ignore_errors=True)
